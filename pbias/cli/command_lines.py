"""Check the options of a command line without running it."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from pbias.errors import UserError


def check_options(argv: Sequence[str]) -> None:
    """Raise UserError for an option with a value that its command refuses; `argv[0]` is pbias."""
    from pbias.cli.app import tree

    group, words = tree(argv[1]), list(argv[1:])
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    known = {name: param for param in group.params for name in (*param.opts, *param.secondary_opts)}
    while words:
        option = words.pop(0)
        if option not in known or (param := known[option]).param_type_name == "argument":
            if option.startswith("--"):
                raise UserError(f"there is no option {option}; see 'pbias {argv[1]} -h'")
            continue
        if param.is_flag:
            if words and not words[0].startswith("-"):
                raise UserError(f"{option} takes no value, not {words[0]}; use true or false")
            continue
        if not words or words[0] in known:
            raise UserError(f"{option} needs a value; see 'pbias {argv[1]} -h'")
        try:
            param.type.convert(words.pop(0), param, None)
        except typer.TyperException as error:
            said = error.format_message().rstrip(".")
            raise UserError(f"{said}; see 'pbias {argv[1]} -h'") from error
