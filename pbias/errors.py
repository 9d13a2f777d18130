"""The errors and exit statuses that users see."""

from __future__ import annotations

import enum


class UserError(Exception):
    """What the user can mend: one line, `WHAT; WHAT TO DO`, without a traceback (status 2)."""


class OutputClosed(Exception):
    """The reader of standard output has gone, as with `| head` (exit status 141)."""


class Status(enum.IntEnum):
    """The exit statuses of every command."""

    DONE = 0
    GATE_FAILED = 1
    USAGE = 2
    BUG = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143
