"""How many predictions an option may spend: `5%` of all, or `500`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbias.auditing.risk.flagging import Budget


def parse_budget(option: str, text: str) -> Budget:
    """`5%`, `0.5%` or `500`; raises UserError for anything else, and for more than 100 %.

    >>> parse_budget("--budget", "0.5%")
    Budget(amount=0.5, percent=True)
    """
    from pbias.auditing.risk.flagging import Budget
    from pbias.errors import UserError

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text, re.ASCII)
    amount, percent = (float(found[1]), bool(found[2])) if found else (-1.0, False)
    if not (0 <= amount <= 100 if percent else amount >= 0 and amount.is_integer()):
        raise UserError(
            f"{option} {text} is no number; write a whole one, as 500, or a percentage of all, "
            "as 5%"
        )
    return Budget(amount, percent)
