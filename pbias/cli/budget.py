"""How many predictions an option may spend: `5%` of all, or `500`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pbias.errors import UserError


@dataclass(frozen=True)
class Budget:
    """A share in percent, or a count."""

    number: float
    percent: bool

    def of(self, total: int) -> int:
        """As a count, at most `total`.

        >>> Budget(5.0, True).of(1000), Budget(500.0, False).of(400)
        (50, 400)
        """
        return min(round(total * self.number / 100) if self.percent else int(self.number), total)


def parse_budget(text: str) -> Budget:
    """`5%`, `0.5%` or `500`; raises UserError for anything else, and for more than 100 %.

    >>> parse_budget("0.5%")
    Budget(number=0.5, percent=True)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip().replace(" ", ""), re.ASCII)
    if found is None or ("." in found[1] and not found[2]) or (found[2] and float(found[1]) > 100):
        raise UserError(
            f"'{text}' is no budget; give a share of all predictions such as 5%, or a count such "
            "as 500"
        )
    return Budget(float(found[1]), bool(found[2]))
