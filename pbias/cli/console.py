"""What goes to standard error: notes, warnings and errors, one line each, behind `pbias: `."""

from __future__ import annotations

import contextlib
import logging
import os
import sys

from pbias.files.escaping import message

LEVELS = {logging.WARNING: "warning: ", logging.ERROR: "error: "}
VERDICT = 35  # a result, not a complaint: shown with -q, without a word before it
logger = logging.getLogger("pbias")
debug = False
safe_csv = False


class _Lines(logging.Handler):
    """Every record as one line on the standard error of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        if is_other_process() and not _is_own_error(record):
            return
        text = message(record.getMessage())
        # Closed (`2>&-`), a broken pipe or a full disk: nobody is left to tell.
        if sys.stderr is not None:
            with contextlib.suppress(OSError):
                print(f"pbias: {LEVELS.get(record.levelno, '')}{text}", file=sys.stderr, flush=True)


def is_other_process() -> bool:
    """Whether `torchrun` started this process and it is not the first, which speaks for all."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK", "0") != "0"


def _is_own_error(record: logging.LogRecord) -> bool:
    """What is wrong before the processes meet is wrong in all of them, and said by the first."""
    room = sys.modules.get("pbias.training.processes")
    return record.levelno >= logging.ERROR and room is not None and room.processes().size > 1


def start() -> None:
    """Send what the rooms log to standard error; of several processes the first one speaks."""
    set_debug(False)
    set_safe_csv(False)
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


def set_safe_csv(asked: bool) -> bool:
    """--safe-csv: CSV for spreadsheets, of whatever table this command writes."""
    global safe_csv  # noqa: PLW0603
    safe_csv = asked
    return asked


def set_debug(shown: bool) -> bool:
    """--debug: errors of users with their traceback, and details."""
    global debug  # noqa: PLW0603
    debug = shown
    if shown:
        logger.setLevel(logging.DEBUG)
    return shown
