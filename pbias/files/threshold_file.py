"""Threshold files: CSV with the columns `attribute` and `threshold` (logits)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.files.csv_reader import read_csv

COLUMNS = ["attribute", "threshold"]


@dataclass(frozen=True)
class Thresholds:
    """Logit thresholds by attribute; inf means never predicted, -inf always."""

    path: str
    values: Mapping[str, float]
    sha256: str = ""

    def of(self, targets: Sequence[str]) -> NDArray[np.float64]:
        """Return the threshold of each target, float64 [A]; raises UserError if one is missing."""
        missing = [name for name in targets if name not in self.values]
        if missing:
            raise UserError(
                f"{self.path} has no threshold for {len(missing)} of {len(targets)} attributes "
                f"(first: {missing[0]}); add a line for each"
            )
        return np.array([self.values[name] for name in targets], np.float64)


def read_thresholds(path: str) -> Thresholds:
    """Read a threshold file; `-` is standard input.

    Raises UserError for a missing column, a row with missing or extra cells, a threshold that is
    not a number, or a repeated attribute.
    """
    file = read_csv(path)
    path = file.path
    if not set(COLUMNS) <= set(file.header):
        raise UserError(f"{path} needs the columns {' and '.join(COLUMNS)}; add a header line")
    columns = dict(zip(file.header, file.columns(), strict=True))
    found: dict[str, float] = {}
    for line, name, cell in zip(file.lines, *(columns[name] for name in COLUMNS), strict=True):
        threshold = _threshold(path, line, cell)
        if name in found:
            raise UserError(f"{path}, line {line}: '{name}' is listed twice; remove one")
        found[name] = threshold
    return Thresholds(path, found, file.sha256)


def _threshold(path: str, line: int, cell: str) -> float:
    try:
        threshold = float(cell)
    except ValueError:
        threshold = float("nan")
    if threshold != threshold:
        raise UserError(
            f"{path}, line {line}: '{cell}' is not a threshold; "
            "give a logit, inf (never) or -inf (always)"
        )
    return threshold
