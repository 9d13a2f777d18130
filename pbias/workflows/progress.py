"""Progress of a workflow, reported through a function that its caller passes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[int, int], None]  # (done, total)
Watch = Callable[[str], AbstractContextManager[Advance]]  # takes the name of the work


def ignore(done: int, total: int) -> None:
    """Take a step of progress that nobody watches."""


@contextmanager
def silent(label: str) -> Iterator[Advance]:
    """Report nothing; the default of every workflow."""
    yield ignore
