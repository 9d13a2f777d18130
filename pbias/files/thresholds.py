"""Threshold files: CSV with the columns `attribute` and `threshold` (logits)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.files.streams import read_bytes, write_text

COLUMNS = ["attribute", "threshold"]


def read_thresholds(path: str, targets: Sequence[str]) -> NDArray[np.float64]:
    """The logit threshold of each target, float64 [A]; inf: never predicted, -inf: always.

    Raises UserError for a missing column or target, a number that is none, or a target twice.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one") from error
    found: dict[str, float] = {}
    for number, line in enumerate(lines, start=2):
        name, threshold = _entry(path, number, line)
        if name in found:
            raise UserError(f"{path}, line {number}: '{name}' stands there twice; remove one")
        found[name] = threshold
    missing = [name for name in targets if name not in found]
    if missing:
        raise UserError(
            f"{path} has no threshold for {len(missing)} of {len(targets)} attributes "
            f"(first: {missing[0]}); add a line for each"
        )
    return np.array([found[name] for name in targets])


def _entry(path: str, number: int, line: Mapping[str, str]) -> tuple[str, float]:
    if any(line.get(column) is None for column in COLUMNS):
        raise UserError(f"{path}, line {number}: needs the columns {' and '.join(COLUMNS)}")
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


def write_thresholds(path: str, thresholds: Mapping[str, float]) -> None:
    """Write one line a target, in full precision."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((name, repr(float(value))) for name, value in thresholds.items())
    write_text(path, buffer.getvalue())
