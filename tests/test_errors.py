"""Messages name arguments in the library, and options on the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbias.cli.options.naming import option
from pbias.errors import argument, arguments_named_by


def test_arguments_are_named_as_in_a_call() -> None:
    named = argument("groups"), argument("strict", True), argument("reference", "d.npz")
    assert named == ("`groups`", "`strict=True`", "`reference='d.npz'`")


def test_a_command_line_names_its_options() -> None:
    with arguments_named_by(option):
        named = argument("groups"), argument("strict", True), argument("reference", "d.npz")
    assert named == ("--groups", "--gate-strict", "--ref d.npz")
    assert argument("groups") == "`groups`"


def test_the_names_of_arguments_come_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), arguments_named_by(option):
        raise ValueError("broken")
    assert argument("clusters") == "`clusters`"


def listed_messages() -> list[str]:
    """Return the errors in tests/messages.txt, which `make docs` writes from the code."""
    text = (Path(__file__).parent / "messages.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def test_every_error_says_what_to_do() -> None:
    silent = [m for m in listed_messages() if not re.search(r"; |[?}]$", m)]
    assert len(listed_messages()) > 400
    assert silent == []


def test_errors_are_written_in_the_usual_words() -> None:
    unusual = re.compile(
        r"(?<!there )\b(is|are) no\b(?! longer)"  # "is no number" for "is not a number"
        r"|\b(mend|anew|of which|so many|let be)\b"
    )
    assert [m for m in listed_messages() if unusual.search(m)] == []
