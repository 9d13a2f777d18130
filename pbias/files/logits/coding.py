"""Convert callers' arrays to the content of logits: scores, labels, group codes, clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.errors import UserError
from pbias.files.cells import UNKNOWN, canonical, in_order, is_unknown_text
from pbias.files.logits.checks import (
    LabelSigns,
    at,
    check_header,
    check_labels,
    check_range,
)
from pbias.files.logits.odds import TOLERANCE, logits_of
from pbias.files.manifest import MAX_GROUP_VALUES

BINARY = ("0", "1")


def scores(
    path: str, logits: ArrayLike | None, probabilities: ArrayLike | None, activation: str
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return logits [N, A] (or [N], for one target) and probabilities; one of them may be missing.

    Missing logits are made from the probabilities. Raises UserError without either, and for arrays
    that are not floating point.
    """
    z, p = (_columns(array) for array in (logits, probabilities))
    if z is not None:
        check_header(path, z.shape, z.dtype)
        return z, p
    if p is None:
        raise UserError(f"{at(path)}there are no logits; give logits or probabilities")
    check_header(path, p.shape, p.dtype, "probabilities")
    p = np.asarray(p, np.float64)
    if p.min() >= -TOLERANCE and p.max() <= 1 + TOLERANCE:
        p = p.clip(0.0, 1.0)
    check_range(path, p)
    return logits_of(p, activation), p


def _columns(array: ArrayLike | None) -> NDArray[Any] | None:
    if array is None:
        return None
    found = np.asarray(array)
    return found[:, None] if found.ndim == 1 else found


def known_labels(
    path: str, labels: ArrayLike | None, shape: tuple[int, ...], targets: Sequence[str]
) -> NDArray[np.int8]:
    """Return labels [N, A] (or [N], for one target) as 0, 1 and -1; NaN and None become -1.

    Raises UserError for other values, and for -1 and 1 without any 0.
    """
    if labels is None:
        return np.full(shape, UNKNOWN, np.int8)
    array = np.asarray(labels)
    array = array[:, None] if array.ndim == 1 else array
    if array.dtype.kind == "O":
        array = _numbers(path, array)
    if array.dtype.kind == "f":
        unknown = np.isnan(array)
        if unknown.any():
            return check_labels(path, np.where(unknown, UNKNOWN, array), shape)
    checked = check_labels(path, array, shape)
    signs = LabelSigns(shape[1])
    signs.add(checked)
    signs.check(path, targets, {})
    return checked


def _numbers(path: str, array: NDArray[Any]) -> NDArray[np.float64]:
    """Convert an array of objects to numbers, NaN for unknown ones."""
    try:
        cells = [np.nan if is_unknown(cell) else float(cell) for cell in array.flat]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{at(path)}'labels' holds a value that is not a number ({error}); convert it"
        ) from error
    return np.array(cells).reshape(array.shape)


def group_codes(
    path: str, groups: Mapping[str, ArrayLike], num_rows: int
) -> tuple[NDArray[np.int16], tuple[tuple[str, ...], ...]]:
    """Return codes int16 [N, G], -1 unknown, and the values of each group, in order.

    Values are sorted, numbers by value; a group of 0 and 1 (or booleans) always has both "0" and
    "1". Raises UserError for a group of another length, or with too many values.
    """
    codes = np.full((num_rows, len(groups)), UNKNOWN, np.int16)
    values = []
    for column, (name, given) in enumerate(groups.items()):
        cells = np.asarray(given)
        if cells.shape != (num_rows,):
            raise UserError(
                f"{at(path)}group '{name}' is {list(cells.shape)} but there are {num_rows} "
                "samples; give a value for each"
            )
        texts = ["" if is_unknown(cell) else _text(cell) for cell in cells.tolist()]
        values.append(_values(path, name, set(texts) - {""}))
        index = {value: code for code, value in enumerate(values[-1])} | {"": UNKNOWN}
        codes[:, column] = [index[text] for text in texts]
    return codes, tuple(values)


def _values(path: str, name: str, found: set[str]) -> tuple[str, ...]:
    if found <= set(BINARY):
        return BINARY
    if len(found) > MAX_GROUP_VALUES:
        raise UserError(
            f"{at(path)}group '{name}' holds {len(found)} different values; "
            f"a group has 1 to {MAX_GROUP_VALUES} (is it a column of clusters?)"
        )
    return tuple(in_order(found))


def cluster_names(clusters: ArrayLike) -> NDArray[np.str_]:
    """Return clusters as text; "" for unknown ones, to which `Logits` gives a unique name."""
    cells = np.asarray(clusters).tolist()
    return np.array(["" if is_unknown(cell) else _text(cell) for cell in cells], np.str_)


def is_unknown(cell: Any) -> bool:
    """Return whether a cell is None, NaN, -1, empty text, or missing in pandas."""
    if cell is None or isinstance(cell, str):
        return cell is None or is_unknown_text(cell)
    try:
        return bool(cell != cell or cell == UNKNOWN)
    except TypeError:  # pandas.NA is neither equal nor unequal to itself
        return True


def _text(cell: Any) -> str:
    """Return a value as text: 1 for True and 1.0, as in a manifest."""
    return str(int(cell)) if isinstance(cell, bool) else canonical(str(cell))
