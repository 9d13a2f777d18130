"""Progress of long work: a bar in a terminal, otherwise a line every 30 seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pbias.cli.console import is_other_process, logger

if TYPE_CHECKING:
    from pbias.workflows.progress import Advance

LINE_EVERY_S = 30.0
SHOW_AFTER_S = 1.0


@contextmanager
def bar(label: str) -> Iterator[Advance]:
    """Provide a function (done, total) that shows the progress of `label`, rate and time left."""
    if not logger.isEnabledFor(logging.INFO) or is_other_process():
        yield lambda done, total: None
    elif sys.stderr.isatty():
        yield from _terminal_bar(label)
    else:
        yield _plain_lines(label)


def _terminal_bar(label: str) -> Iterator[Advance]:
    """Show the bar once the work takes a while, so that short work leaves the terminal alone."""
    start = time.monotonic()
    with ExitStack() as stack:
        shown: list[Advance] = []

        def advance(done: int, total: int) -> None:
            if not shown and time.monotonic() - start >= SHOW_AFTER_S:
                shown.append(stack.enter_context(_shown(label, total, start)))
            for show in shown:
                show(done, total)

        yield advance


@contextmanager
def _shown(label: str, total: int, start: float) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("pbias: {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total, rate="")

        def advance(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - start, 1e-9)
            progress.update(task, completed=done, total=total, rate=f"{rate:,.0f}/s")

        yield advance


def _plain_lines(label: str) -> Advance:
    start = last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            logger.info("%s: %d of %d (%.0f/s)", label, done, total, done / (now - start))

    return advance
