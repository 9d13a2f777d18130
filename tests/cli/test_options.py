"""The list of commands and options is an interface: it changes by hand, with the changelog."""

from __future__ import annotations

from pathlib import Path

from pbias.cli.command_tree import commands

FROZEN = Path(__file__).with_name("options.txt")


def test_commands_and_options_are_those_of_the_list() -> None:
    found = [f"{c.name}: {' '.join(n for o in c.options for n in o.names)}" for c in commands()]
    assert found == FROZEN.read_text(encoding="utf-8").splitlines()
