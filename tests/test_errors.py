"""Messages name arguments of the library, and options where the command line speaks."""

from __future__ import annotations

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
