"""Completions for bash, zsh and fish: static scripts that know commands, options and choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pbias.cli.command_table import GROUPS
from pbias.cli.command_tree import Command, Parameter

HEADER = "# Completions of pbias, made from its command tree by `make docs`.\n"
# Column names that no shell would expand, because anyone may have written the file.
HEADER_ROW = (
    "head -c 65536 -- {file} | head -n 1 | tr -d '\\r\"' | tr , '\\n' | grep -xE '[A-Za-z0-9_.-]+'"
)
# Options that take columns of the CSV file on the command line.
COLUMNS = frozenset({"--groups", "--targets", "--classes", "--cluster", "--balance", "--group-dro"})


def bash(commands: Sequence[Command]) -> str:
    """Return the script for share/bash-completion/completions/pbias."""
    names = " ".join(_first_words(commands))
    groups = "".join(_bash_group(name, below) for name, below in _groups(commands).items())
    cases = "".join(map(_bash_options, commands))
    values = "".join(_bash_values(c) for c in commands)
    arguments = "".join(map(_bash_arguments, commands))
    return f"""{HEADER}_pbias() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{names} -h --help -V --version" -- "$word"))
        return
    fi
{groups}    case "$command $before" in
{values}    esac
    if [[ $word == -* ]]; then
        case "$command" in
{cases}        esac
        return
    fi
    case "$command" in
{arguments}    esac
    COMPREPLY=($(compgen -f -- "$word"))
}}
# The last name of a list, with the names before it in front.
_pbias_list() {{
    local last=${{2##*,}}
    COMPREPLY=($(compgen -P "${{2%"$last"}}" -W "$1" -- "$last"))
    compopt -o nospace 2> /dev/null
}}
# The columns of the first CSV file on the command line.
_pbias_columns() {{
    local file
    for file in "${{COMP_WORDS[@]}}"; do
        if [[ $file == *.csv && -f $file ]]; then
            {HEADER_ROW.format(file='"$file"')}
            return
        fi
    done
}}
complete -o filenames -F _pbias pbias
"""


def _first_words(commands: Sequence[Command]) -> list[str]:
    return list(dict.fromkeys(c.group or c.name for c in commands))


def _groups(commands: Sequence[Command]) -> dict[str, list[Command]]:
    """Return the subcommands of each command, by its name."""
    names = dict.fromkeys(c.group for c in commands if c.group)
    return {name: [c for c in commands if c.group == name] for name in names}


def _last_word(command: Command) -> str:
    return command.name.rpartition(" ")[2]


def _bash_group(name: str, commands: Sequence[Command]) -> str:
    words = " ".join(map(_last_word, commands))
    return f"""    if [[ $command == {name} ]]; then
        if [[ $COMP_CWORD -eq 2 ]]; then
            COMPREPLY=($(compgen -W "{words} -h --help" -- "$word"))
            return
        fi
        command+=" ${{COMP_WORDS[2]}}"
    fi
"""


def _bash_options(command: Command) -> str:
    words = " ".join(name for option in command.options for name in option.names)
    return f'            "{command.name}") COMPREPLY=($(compgen -W "{words}" -- "$word")) ;;\n'


def _bash_values(command: Command) -> str:
    lines = ""
    for option in command.options:
        if values := _bash_offer(option):
            pattern = "|".join(f'"{command.name} {name}"' for name in option.names)
            lines += f"        {pattern}) {values}; return ;;\n"
    return lines


def _bash_arguments(command: Command) -> str:
    known = [argument for argument in command.arguments if argument.choices or argument.known]
    return "".join(f'        "{command.name}") {_bash_offer(one)}; return ;;\n' for one in known)


def _bash_offer(parameter: Parameter) -> str:
    """Return the code that fills COMPREPLY with a parameter's values; "" if there are none."""
    if COLUMNS.intersection(parameter.names):
        return '_pbias_list "$(_pbias_columns)" "$word"'
    words = " ".join(parameter.choices or parameter.known)
    if _takes_list(parameter):
        return f'_pbias_list "{words}" "$word"'
    return f'COMPREPLY=($(compgen -W "{words}" -- "$word"))' if words else ""


def _takes_list(parameter: Parameter) -> bool:
    return bool(parameter.known) and "," in parameter.metavar


def zsh(commands: Sequence[Command]) -> str:
    """Return the script for share/zsh/site-functions/_pbias."""
    summaries = {name: GROUPS[name] for name in _groups(commands)}
    summaries |= {c.name: c.line for c in commands if not c.group}
    described = _zsh_described({name: summaries[name] for name in _first_words(commands)}, 8)
    groups = "".join(_zsh_group(name, below) for name, below in _groups(commands).items())
    cases = "".join(map(_zsh_case, commands))
    return f"""#compdef pbias
{HEADER}_pbias() {{
    local -a commands
    commands=(
{described}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
{groups}    case $command in
{cases}    esac
}}
# The columns of the first CSV file on the command line.
_pbias_columns() {{
    local file
    for file in $words; do
        if [[ $file == *.csv && -f $file ]]; then
            _sequence compadd - ${{(f)"$({HEADER_ROW.format(file="$file")})"}}
            return
        fi
    done
}}
_pbias "$@"
"""


def _zsh_described(summaries: Mapping[str, str], indent: int) -> str:
    lines = (" " * indent + _quoted(f"{name}:{text}") for name, text in summaries.items())
    return "\n".join(lines)


def _zsh_group(name: str, commands: Sequence[Command]) -> str:
    described = _zsh_described({_last_word(c): c.line for c in commands}, 12)
    return f"""    if [[ $command == {name} ]]; then
        commands=(
{described}
        )
        if (( CURRENT == 2 )); then
            _describe command commands
            return
        fi
        command="$command $words[2]"
        shift words
        (( CURRENT-- ))
    fi
"""


def _zsh_case(command: Command) -> str:
    specs = [_zsh_option(option) for option in command.options]
    known = [f"({' '.join(a.choices or a.known)})" for a in command.arguments]
    offer = next((words for words in known if words != "()"), "_files")
    specs += [_quoted(f"*:file:{offer}")] if command.arguments else []
    joined = " \\\n            ".join(specs)
    return f"        {_quoted(command.name)}) _arguments \\\n            {joined} ;;\n"


def _zsh_option(option: Parameter) -> str:
    help_ = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    value = ""
    if COLUMNS.intersection(option.names):
        value = ":column:_pbias_columns"
    elif _takes_list(option):
        value = f":value:_sequence compadd - {' '.join(option.known)}"
    elif option.choices or option.known:
        value = f":value:({' '.join(option.choices or option.known)})"
    elif option.metavar:
        value = f":{option.metavar.lower().replace(':', '_')}:{'_files' if option.file else ' '}"
    specs = [_quoted(f"{name}[{help_}]{value}") for name in option.names]
    return " ".join(specs)


# The columns of the first CSV file on the command line.
FISH_COLUMNS = """\
function __pbias_columns
    for file in (commandline -opc)
        if string match -q '*.csv' -- $file; and test -f $file
            HEADER_ROW
            return
        end
    end
end
"""


def fish(commands: Sequence[Command]) -> str:
    """Return the script for share/fish/vendor_completions.d/pbias.fish."""
    columns = FISH_COLUMNS.replace("HEADER_ROW", HEADER_ROW.format(file="$file"))
    lines = [HEADER + columns.rstrip()]
    for name, below in _groups(commands).items():
        start = "complete -c pbias -n __fish_use_subcommand -f"
        lines.append(f"{start} -a {name} -d {_quoted(GROUPS[name])}")
        words = " ".join(map(_last_word, below))
        unless = (
            f"'__fish_seen_subcommand_from {name}; and not __fish_seen_subcommand_from {words}'"
        )
        for command in below:
            shown = f"-a {_last_word(command)} -d {_quoted(command.line)}"
            lines.append(f"complete -c pbias -n {unless} -f {shown}")
    for command in commands:
        if not command.group:
            start = "complete -c pbias -n __fish_use_subcommand -f"
            lines.append(f"{start} -a {command.name} -d {_quoted(command.line)}")
    for command in commands:
        lines += [_fish_option(command.name, option) for option in command.options]
        lines += [_fish_argument(command.name, a) for a in command.arguments if a.known]
    return "\n".join(lines) + "\n"


def _fish_seen(command: str) -> str:
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.split())
    return f"complete -c pbias -n '{seen}'"


def _fish_argument(command: str, argument: Parameter) -> str:
    return f"{_fish_seen(command)} -f -a {_quoted(' '.join(argument.known))}"


def _fish_option(command: str, option: Parameter) -> str:
    words = [_fish_seen(command)]
    words += [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names]
    if COLUMNS.intersection(option.names):
        words.append("-x -a '(__pbias_columns)'")
    elif option.choices or option.known:
        words.append(f"-x -a {_quoted(' '.join(option.choices or option.known))}")
    elif option.metavar:
        words.append("-r" if option.file else "-x")
    return " ".join([*words, f"-d {_quoted(option.help)}"])


def _quoted(text: str) -> str:
    """Put text in single quotes, for any of the three shells."""
    return "'" + " ".join(text.split()).replace("'", "’") + "'"
