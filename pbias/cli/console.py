"""Notes, warnings and errors on standard error, one line each, after `pbias: `."""

from __future__ import annotations

import contextlib
import logging
import os
import sys

from pbias.files.escaping import message

LEVELS = {logging.WARNING: "warning: ", logging.ERROR: "error: "}
VERDICT = 35  # a result, not a complaint: shown with -q, without a prefix
logger = logging.getLogger("pbias")
debug = False
safe_csv = False


class _Lines(logging.Handler):
    """A handler that writes each record as one line to the current standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        if is_other_process() and not _is_own_error(record):
            return
        text = message(record.getMessage())
        # Closed (`2>&-`), a broken pipe or a full disk: nobody can be told.
        if sys.stderr is not None:
            with contextlib.suppress(OSError):
                print(f"pbias: {LEVELS.get(record.levelno, '')}{text}", file=sys.stderr, flush=True)


def is_other_process() -> bool:
    """Return whether `torchrun` started this process as one that should not print."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK", "0") != "0"


def _is_own_error(record: logging.LogRecord) -> bool:
    """Return whether a record is an error of this process alone, not one that all share."""
    room = sys.modules.get("pbias.training.processes")
    return record.levelno >= logging.ERROR and room is not None and room.processes().size > 1


def start() -> None:
    """Send the log to standard error; among several processes only the first prints."""
    set_debug(False)
    set_safe_csv(False)
    logger.handlers = [_Lines()]
    logger.propagate = False
    logger.setLevel(logging.INFO)


def set_quiet(count: int) -> int:
    """Handle -q (warnings and errors only) and -qq (errors only)."""
    if count:
        logger.setLevel(min(logging.INFO + 10 * count, logging.ERROR))
    return count


def set_verbose(count: int) -> int:
    """Handle -v: show details."""
    if count:
        logger.setLevel(logging.DEBUG)
    return count


def set_safe_csv(asked: bool) -> bool:
    """Handle --safe-csv: write CSV for spreadsheets, for any table of this command."""
    global safe_csv  # noqa: PLW0603
    safe_csv = asked
    return asked


def set_debug(shown: bool) -> bool:
    """Handle --debug: show tracebacks of user errors, and details."""
    global debug  # noqa: PLW0603
    debug = shown
    if shown:
        logger.setLevel(logging.DEBUG)
    return shown
