"""What goes to standard error: notes, warnings and errors, one line each, behind `pbias: `."""

from __future__ import annotations

import contextlib
import logging
import sys

LEVELS = {logging.WARNING: "warning: ", logging.ERROR: "error: "}
VERDICT = 35  # a result, not a complaint: shown with -q, without a word before it
logger = logging.getLogger("pbias")
debug = False


class _Lines(logging.Handler):
    """Every record as one line on the standard error of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().splitlines())
        # Closed (`2>&-`), a broken pipe or a full disk: nobody is left to tell.
        if sys.stderr is not None:
            with contextlib.suppress(OSError):
                print(f"pbias: {LEVELS.get(record.levelno, '')}{text}", file=sys.stderr, flush=True)


def start() -> None:
    """Send what the rooms log to standard error."""
    set_debug(False)
    logger.handlers = [_Lines()]
    logger.propagate = False
    logger.setLevel(logging.INFO)


def set_quiet(count: int) -> int:
    """-q: warnings and errors only; -qq: errors only."""
    if count:
        logger.setLevel(min(logging.INFO + 10 * count, logging.ERROR))
    return count


def set_verbose(count: int) -> int:
    """-v: details too."""
    if count:
        logger.setLevel(logging.DEBUG)
    return count


def set_debug(shown: bool) -> bool:
    """--debug: errors of users with their traceback, and details."""
    global debug  # noqa: PLW0603
    debug = shown
    if shown:
        logger.setLevel(logging.DEBUG)
    return shown
