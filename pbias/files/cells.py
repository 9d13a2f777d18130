"""The meaning of a cell's text, for every reader of labels, groups and clusters.

The table of unknown values by file and column is in docs/files.md.
"""

from __future__ import annotations

import math
from collections.abc import Collection

UNKNOWN = -1
# Also NaN in any case. "NA" and "None" may be values.
UNKNOWN_TEXTS = frozenset({"", "-1", "-1.0", "nan"})
# pandas writes 0.0 and 1.0 in a column of whole numbers if one cell is empty.
BINARY = {
    "0": 0, "1": 1, "": UNKNOWN, "0.0": 0, "1.0": 1, "-1": UNKNOWN, "-1.0": UNKNOWN,
    "nan": UNKNOWN, "NaN": UNKNOWN, "NAN": UNKNOWN,
}  # fmt: skip


def is_unknown_text(cell: str) -> bool:
    """Return whether a cell stands for an unknown value.

    >>> [is_unknown_text(cell) for cell in ("", "-1", "-1.0", "NaN", "NA", "0")]
    [True, True, True, True, False, False]
    """
    return cell in UNKNOWN_TEXTS or (len(cell) == 3 and cell.casefold() == "nan")


def canonical(cell: str) -> str:
    """Remove the `.0` that pandas adds to whole numbers beside empty cells; "" if unknown.

    >>> [canonical(cell) for cell in ("3.0", "0.5", "nan", "-1")]
    ['3', '0.5', '', '']
    """
    if is_unknown_text(cell):
        return ""
    whole = cell.removesuffix(".0")
    return whole if whole.isdecimal() else cell


def in_order(values: Collection[str]) -> list[str]:
    """Sort values: by number if all of them are finite numbers, else as text.

    The order depends on nothing else, so it is the same in every run of a command.

    >>> in_order({"10", "9", "9.0"}), in_order({"10", "9", "inf"})
    (['9', '9.0', '10'], ['10', '9', 'inf'])
    """
    try:
        numbers = {value: float(value) for value in values}
    except ValueError:
        return sorted(values)
    if not all(map(math.isfinite, numbers.values())):
        return sorted(values)
    return sorted(values, key=lambda value: (numbers[value], value))
