"""Budgets of predictions: `5%` of all, or `500`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument

if TYPE_CHECKING:
    from pbias.auditing.risk.flagging import Budget


def parse_budget(name: str, text: str) -> Budget:
    """Parse `5%`, `0.5%` or `500`; `name` is the argument, for messages.

    Raises UserError for anything else, and for more than 100 %.

    >>> parse_budget("budget", "0.5%")
    Budget(amount=0.5, percent=True)
    """
    from pbias.auditing.risk.flagging import Budget

    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text, re.ASCII)
    amount, percent = (float(match[1]), bool(match[2])) if match else (-1.0, False)
    if not (0 <= amount <= 100 if percent else amount >= 0 and amount.is_integer()):
        raise UserError(
            f"{argument(name, text)} is not a number; write a whole number such as 500, or a "
            "percentage of "
            "all, as 5%"
        )
    return Budget(amount, percent)
