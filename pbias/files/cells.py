"""What the text of a cell means, the same for every reader of labels, groups and clusters.

The table of unknowns by file and column stands in docs/files.md.
"""

from __future__ import annotations

UNKNOWN = -1
# Beside these, NaN in any spelling of its case. "NA" and "None" may be values.
UNKNOWN_TEXTS = frozenset({"", "-1", "-1.0", "nan"})
# pandas writes 0.0 and 1.0 in a column of whole numbers as soon as one cell is empty.
BINARY = {
    "0": 0, "1": 1, "": UNKNOWN, "0.0": 0, "1.0": 1, "-1": UNKNOWN, "-1.0": UNKNOWN,
    "nan": UNKNOWN, "NaN": UNKNOWN, "NAN": UNKNOWN,
}  # fmt: skip


def is_unknown_text(cell: str) -> bool:
    """Whether a cell says that its value is unknown.

    >>> [is_unknown_text(cell) for cell in ("", "-1", "-1.0", "NaN", "NA", "0")]
    [True, True, True, True, False, False]
    """
    return cell in UNKNOWN_TEXTS or (len(cell) == 3 and cell.casefold() == "nan")


def canonical(cell: str) -> str:
    """A cell without the `.0` that pandas gives whole numbers beside empty cells; "" if unknown.

    >>> [canonical(cell) for cell in ("3.0", "0.5", "nan", "-1")]
    ['3', '0.5', '', '']
    """
    if is_unknown_text(cell):
        return ""
    whole = cell.removesuffix(".0")
    return whole if whole.isdecimal() else cell
