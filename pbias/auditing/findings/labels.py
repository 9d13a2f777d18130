"""Distinguish group values from contrasts by the labels in the column `contrast`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pbias.auditing.counts.strata import BINARY
from pbias.auditing.metrics.measures import MAX, MIN, SPREAD

OF_TWO, REST = "1-0", "-rest"


def group_values(records: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the values of each group in a table, in its order.

    A label with the ending of a contrast is one only if the group has the value that it names.
    """
    labels: dict[str, dict[str, None]] = {}
    for record in records:
        if record["group"] and record["contrast"]:
            labels.setdefault(record["group"], {})[record["contrast"]] = None
    return {
        group: tuple(label for label in known if not _is_contrast(label, known))
        for group, known in labels.items()
    }


def _is_contrast(label: str, known: Iterable[str]) -> bool:
    if label in (MAX, MIN, SPREAD):
        return True
    if label == OF_TWO:
        return set(BINARY) <= set(known)
    return label.endswith(REST) and label.removesuffix(REST) in known


def other_side(contrast: str, values: Sequence[str]) -> tuple[str, str, bool] | None:
    """Return the value of a contrast, the other side, and whether that side is one value.

    Returns None for a label that is not a contrast, and for the second of two mirrored ones.

    >>> other_side("1-0", ("0", "1")), other_side("f-rest", ("f", "m"))
    (('1', '0', True), ('f', 'm', True))
    >>> other_side("m-rest", ("f", "m")), other_side("II-rest", ("I", "II", "III"))
    (None, ('II', 'the rest', False))
    """
    if contrast in values:
        return None
    if contrast == OF_TWO and set(values) == set(BINARY):
        return "1", "0", True
    value = contrast.removesuffix(REST)
    if value == contrast or value not in values:
        return None
    if len(values) > 2:
        return value, "the rest", False
    return (value, values[-1], True) if len(values) == 2 and value == values[0] else None
