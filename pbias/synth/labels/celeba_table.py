"""The frequencies and correlations of CelebA's attributes, which the drawn faces follow.

Source: the training split of CelebA (Liu et al., ICCV 2015), as numbers; no image was used.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

GROUPS = ("Male", "Young", "Chubby", "Pale_Skin")


@dataclass(frozen=True)
class Table:
    """Moments of the attributes: names [A], rates [A], rates given a group [A, G], correlations."""

    names: tuple[str, ...]
    rates: NDArray[np.float64]
    rates_given: NDArray[np.float64]
    correlations: NDArray[np.float64]

    def index(self, names: tuple[str, ...]) -> NDArray[np.intp]:
        """Return the columns of the named attributes."""
        return np.array([self.names.index(name) for name in names])

    def both(self, first: str, second: str) -> float:
        """Return P(first = 1 and second = 1), limited to values that the two rates allow."""
        i, j = self.names.index(first), self.names.index(second)
        p, q = float(self.rates[i]), float(self.rates[j])
        if second in GROUPS:
            return q * float(self.rates_given[i, GROUPS.index(second)])
        covariance = self.correlations[i, j] * np.sqrt(p * (1 - p) * q * (1 - q))
        return float(np.clip(covariance + p * q, max(0.0, p + q - 1), min(p, q)))


@functools.cache
def read_table() -> Table:
    """Return the embedded table: the 39 of CelebA's 40 attributes that an image shows."""
    text = resources.files(__package__).joinpath("celeba.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    num_fixed = 2 + len(GROUPS)
    correlations = np.eye(len(rows))
    for i, row in enumerate(rows):
        correlations[i, :i] = correlations[:i, i] = [float(cell) for cell in row[num_fixed:]]
    return Table(
        names=tuple(header[num_fixed:]),
        rates=np.array([float(row[1]) for row in rows]),
        rates_given=np.array([[float(cell) for cell in row[2:num_fixed]] for row in rows]),
        correlations=correlations,
    )
