"""Whether an attribute that a model no longer predicts was lost beyond chance.

A model that is no worse than its reference gains as many predictions as it loses on average. So
each sample on which the two differ is a loss with a chance of one half, and that all of them are
losses has the p-value of a sign test, exact and two-sided (McNemar 1947).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


def p_of_loss(num: float) -> float:
    """Return the p-value of `num` changed predictions that all go one way.

    >>> p_of_loss(0), p_of_loss(1), p_of_loss(6)
    (1.0, 1.0, 0.03125)
    """
    return float(min(1.0, 2.0 ** (1.0 - num)))


def is_beyond_chance(num: float, error: float) -> bool:
    """Return whether losing all of `num` predictions is; an unknown number (NaN) is taken as such.

    >>> [num for num in range(20) if is_beyond_chance(num, 0.05)][0]
    6
    """
    return num != num or p_of_loss(num) <= error


def num_lost(record: Record, share: float = 1.0) -> float:
    """Return how many predictions a row of the table lost, all of which went one way.

    A model without any predictions of a value differs from the reference wherever that predicts it.
    `share`: in how many of the pairs of runs it is so, over whose number the table takes means.
    """
    return float(record["n_discordant"]) / share


def counted(num: float, total: float) -> str:
    """Return how often the reference predicted what is lost.

    >>> counted(1, 120), counted(1.5, 120), counted(1234, 5000)
    ('1 of 120', '1.5 of 120', '1234 of 5000')
    """
    return f"{count_of(num)} of {count_of(total)}"


def count_of(num: float) -> str:
    """Format a count, which may be a mean over runs.

    >>> count_of(1234.0), count_of(2.25)
    ('1234', '2.2')
    """
    return f"{num:.1f}".removesuffix(".0")
