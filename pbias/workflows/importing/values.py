"""Read the cells of a table of predictions: numbers, labels of 0 and 1, and names.

Errors name the line and the column, and show what a correct cell looks like.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument, listed
from pbias.files.cells import BINARY, UNKNOWN, canonical
from pbias.files.logits import TOLERANCE
from pbias.workflows.importing.source import Source

Floats = NDArray[np.float64]
Int8 = NDArray[np.int8]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
PERCENT = 100.0
LISTED = 5
# The words for 0 and 1 that spreadsheets and pandas write.
TRUTHS = {"true": 1, "false": 0}


def numbers(source: Source, column: str, cells: list[str], decimal: str = ".") -> Floats:
    """Read finite numbers, [N], each as the nearest float64.

    `decimal` is the decimal point or comma. Raises UserError for a cell that is not a number.
    """
    plain = cells if decimal == "." else [_with_point(cell, decimal) for cell in cells]
    for row, cell in enumerate(plain):
        if NUMBER.fullmatch(cell) is None:
            raise UserError(f"{source.where(row, column)} {_fault(cells[row], decimal)}")
    found = np.fromiter(map(float, plain), np.float64, len(plain))
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise UserError(
            f"{source.where(row, column)} holds {cells[row]}, which is too large for float64; "
            "correct it"
        )
    return found


def _with_point(cell: str, decimal: str) -> str:
    return cell if "." in cell else cell.replace(decimal, ".")


def _fault(cell: str, decimal: str) -> str:
    if not canonical(cell) and cell != "-1":
        return "is empty; every row needs a prediction, so take the row out"
    if cell.endswith("%"):
        return f"holds '{cell}', a percentage; write it as a number from 0 to 1"
    if decimal == "." and re.fullmatch(r"[+-]?\d*,\d+", cell):
        return f"holds '{cell}' with a decimal comma; add {argument('decimal')} ,"
    return f"holds '{cell}', which is not a number; fix the cell or name another column"


def probabilities(source: Source, column: str, cells: list[str], decimal: str = ".") -> Floats:
    """Read probabilities, [N]; rounding errors up to 1e-6 beyond [0, 1] are clipped.

    Raises UserError for other numbers, with a hint if they look like percentages or logits.
    """
    found = numbers(source, column, cells, decimal)
    low, high = float(found.min()), float(found.max())
    if low >= -TOLERANCE and high <= 1 + TOLERANCE:
        return found.clip(0.0, 1.0)
    where = f"{source.path}, column '{column}' runs from {low:.9g} to {high:.9g}"
    if low >= 0 and high <= PERCENT + TOLERANCE:
        raise UserError(f"{where}, so it seems to hold percentages; divide it by 100")
    raise UserError(
        f"{where}, so it does not hold probabilities; name logits with {argument('logit')} instead"
    )


def thresholded(values: Floats, logits: Floats, cut: float, threshold: float) -> Floats:
    """Return logits that lie above `cut` exactly where `values` lie above `threshold`.

    `cut` is the logit of `threshold`. Rounding can map neighboring probabilities to one logit.
    """
    above = (values > threshold) & (logits <= cut)
    return np.where(above, np.nextafter(cut, np.inf), logits)


def binary(source: Source, column: str, cells: list[str]) -> Int8:
    """Read labels, int8 [N]: 0, 1, and -1 for unknown; TRUE and FALSE are 1 and 0.

    Raises UserError for other cells, and for -1 and 1 without any 0.
    """
    codes = {cell: _code(cell) for cell in set(cells)}
    odd = sorted(cell for cell, code in codes.items() if code is None)
    if odd:
        row = next(row for row, cell in enumerate(cells) if cell in odd)
        raise UserError(
            f"{source.where(row, column)} holds '{cells[row]}' ({len(odd)} values are not 0, 1, "
            f"TRUE or FALSE: {listed(odd, LISTED)}); name each positive value with "
            f"{argument('positive')}, or the columns of classes with "
            f"{argument('probability', 'p_{class}')}"
        )
    found = np.array([codes[cell] for cell in cells], np.int8)
    signs = {cell.removesuffix(".0") for cell in codes}
    if "-1" in signs and (found == 1).any() and not (found == 0).any():
        raise UserError(
            f"{source.path}, column '{column}' holds -1 and 1; replace -1 by 0 (unknown labels "
            "are empty)"
        )
    return found


def is_binary(cells: list[str]) -> bool:
    """Return whether all cells are labels of 0 and 1, or of TRUE and FALSE."""
    return all(_code(cell) is not None for cell in set(cells))


def decisions(source: Source, column: str, cells: list[str]) -> Int8:
    """Read predictions of 0 and 1, int8 [N]; UserError for other and unknown cells."""
    found = binary(source, column, cells)
    unknown = np.flatnonzero(found == UNKNOWN)
    if len(unknown):
        row = int(unknown[0])
        raise UserError(
            f"{source.where(row, column)} holds '{cells[row]}'; every row needs a prediction of 0 "
            "or 1; fill it in or remove the row"
        )
    return found


def _code(cell: str) -> int | None:
    return BINARY.get(cell, UNKNOWN if canonical(cell) == "" else TRUTHS.get(cell.lower()))
