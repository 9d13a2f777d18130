"""Errors and exit statuses that users see."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


class UserError(Exception):
    """An error that the user can fix: one line, `WHAT; WHAT TO DO`, no traceback (status 2)."""


class OutputClosed(Exception):
    """The reader of standard output closed the pipe, like `| head` (exit status 141)."""


def _argument(name: str, value: object = None) -> str:
    return f"`{name}`" if value is None else f"`{name}={value!r}`"


_name_argument: Callable[[str, object], str] = _argument


def argument(name: str, value: object = None) -> str:
    """Name an argument of the library in a message; the command line names its option instead.

    >>> argument("groups"), argument("probabilities", True)
    ('`groups`', '`probabilities=True`')
    """
    return _name_argument(name, value)


@contextmanager
def arguments_named_by(style: Callable[[str, object], str]) -> Iterator[None]:
    """Let `style(name, value)` name the arguments in messages; the command line uses it."""
    global _name_argument  # noqa: PLW0603
    before, _name_argument = _name_argument, style
    try:
        yield
    finally:
        _name_argument = before


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the end of an error about an unknown name: the nearest known name, or other advice.

    >>> did_you_mean("Smilling", ["Male", "Smiling"], "choose with --attributes")
    "did you mean 'Smiling'?"
    >>> did_you_mean("Hat", ["Male", "Smiling"], "choose with --attributes")
    'choose with --attributes'
    """
    import difflib  # needed only before an error

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else otherwise


def listed(names: Sequence[object], most: int = 3) -> str:
    """Join the first names of a list, and say how many more there are; a single one is named, too.

    >>> listed(["a", "b", "c", "d"], 2), listed(["a", "b", "c"], 2), listed([])
    ('a, b, and 2 more', 'a, b, c', '')
    """
    most += len(names) == most + 1
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def first_repeated(names: Iterable[T]) -> T | None:
    """Return the first repeated item, in linear time; None if all items differ.

    >>> first_repeated(["a", "b", "b", "a"])
    'b'
    """
    seen: set[T] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


class Status(enum.IntEnum):
    """Exit statuses of every command."""

    DONE = 0
    GATE_FAILED = 1
    USAGE = 2
    BUG = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143
