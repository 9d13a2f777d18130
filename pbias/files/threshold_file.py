"""Threshold files: CSV with the columns `attribute` and `threshold` (logits)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.files.provenance import sha256
from pbias.files.streams import read_bytes

COLUMNS = ["attribute", "threshold"]


@dataclass(frozen=True)
class Thresholds:
    """Logit thresholds by attribute; inf: never predicted, -inf: always."""

    path: str
    values: Mapping[str, float]
    sha256: str = ""

    def of(self, targets: Sequence[str]) -> NDArray[np.float64]:
        """The threshold of each target, float64 [A]; raises UserError where one is missing."""
        missing = [name for name in targets if name not in self.values]
        if missing:
            raise UserError(
                f"{self.path} has no threshold for {len(missing)} of {len(targets)} attributes "
                f"(first: {missing[0]}); add a line for each"
            )
        return np.array([self.values[name] for name in targets], np.float64)


def read_thresholds(path: str) -> Thresholds:
    """Read a threshold file; `-` is standard input.

    Raises UserError for a missing column, a number that is none, or an attribute twice.
    """
    data = read_bytes(path)
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, strict=True)
        lines = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one") from error
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise UserError(f"{path} needs the columns {' and '.join(COLUMNS)}; add a header line")
    found: dict[str, float] = {}
    for number, line in enumerate(lines, start=2):
        name, threshold = _entry(path, number, line)
        if name in found:
            raise UserError(f"{path}, line {number}: '{name}' stands there twice; remove one")
        found[name] = threshold
    return Thresholds(path, found, sha256(data))


def _entry(path: str, number: int, line: Mapping[str, str]) -> tuple[str, float]:
    if any(line[column] is None for column in COLUMNS):
        raise UserError(f"{path}, line {number} is too short; give attribute and threshold")
    try:
        threshold = float(line["threshold"])
    except ValueError:
        threshold = float("nan")
    if threshold != threshold:
        raise UserError(
            f"{path}, line {number}: '{line['threshold']}' is no threshold; "
            "give a logit, inf (never) or -inf (always)"
        )
    return line["attribute"], threshold
