"""Completions for bash, zsh and fish: static scripts that know commands, options and choices."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.cli.tree import Command, Parameter

HEADER = "# Completions of pbias, made from its command tree by `python -m pbias.docs`.\n"


def bash(commands: Sequence[Command]) -> str:
    """For share/bash-completion/completions/pbias."""
    names = " ".join(c.name for c in commands)
    cases = "".join(map(_bash_options, commands))
    values = "".join(_bash_values(c) for c in commands)
    return f"""{HEADER}_pbias() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{names} -h --help -V --version" -- "$word"))
        return
    fi
    case "$command $before" in
{values}    esac
    if [[ $word == -* ]]; then
        case $command in
{cases}        esac
        return
    fi
    COMPREPLY=($(compgen -f -- "$word"))
}}
complete -o filenames -F _pbias pbias
"""


def _bash_options(command: Command) -> str:
    words = " ".join(name for option in command.options for name in option.names)
    return f'            {command.name}) COMPREPLY=($(compgen -W "{words}" -- "$word")) ;;\n'


def _bash_values(command: Command) -> str:
    lines = ""
    for option in command.options:
        if option.choices:
            pattern = "|".join(f'"{command.name} {name}"' for name in option.names)
            words = " ".join(option.choices)
            lines += (
                f'        {pattern}) COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;\n'
            )
    return lines


def zsh(commands: Sequence[Command]) -> str:
    """For share/zsh/site-functions/_pbias."""
    described = "\n".join(f"        {_quoted(f'{c.name}:{c.summary}')}" for c in commands)
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
    case $command in
{cases}    esac
}}
_pbias "$@"
"""


def _zsh_case(command: Command) -> str:
    specs = [_zsh_option(option) for option in command.options]
    specs += ["'*:file:_files'"] if command.arguments else []
    joined = " \\\n            ".join(specs)
    return f"        {command.name}) _arguments \\\n            {joined} ;;\n"


def _zsh_option(option: Parameter) -> str:
    help_ = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    value = ""
    if option.choices:
        value = f":value:({' '.join(option.choices)})"
    elif option.metavar:
        value = f":{option.metavar.lower().replace(':', '_')}:{'_files' if option.file else ' '}"
    specs = [_quoted(f"{name}[{help_}]{value}") for name in option.names]
    return " ".join(specs)


def fish(commands: Sequence[Command]) -> str:
    """For share/fish/vendor_completions.d/pbias.fish."""
    lines = [HEADER.rstrip()]
    for command in commands:
        start = "complete -c pbias -n __fish_use_subcommand -f"
        lines.append(f"{start} -a {command.name} -d {_quoted(command.summary)}")
    for command in commands:
        lines += [_fish_option(command.name, option) for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_option(command: str, option: Parameter) -> str:
    words = [f"complete -c pbias -n '__fish_seen_subcommand_from {command}'"]
    words += [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names]
    if option.choices:
        words.append(f"-x -a {_quoted(' '.join(option.choices))}")
    elif option.metavar:
        words.append("-r" if option.file else "-x")
    return " ".join([*words, f"-d {_quoted(option.help)}"])


def _quoted(text: str) -> str:
    """In single quotes, for any of the three shells."""
    return "'" + " ".join(text.split()).replace("'", "’") + "'"
