"""Checks of logits and the arrays beside them, with a message for each error.

Messages begin with a path if there is one, because arrays may come from a file or from a caller.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, first_repeated, listed
from pbias.files.cells import UNKNOWN, canonical, is_unknown_text
from pbias.files.logits.odds import disagreement
from pbias.files.manifest import MAX_GROUP_VALUES

SCHEMA = 1
ACTIVATIONS = ("sigmoid", "softmax")
# Kinds of numpy dtypes.
TEXT, TEXT_OR_NUMBERS, INTEGERS, NUMBERS, CODES = "U", "Uiuf", "iu", "fiu", "iubf"
KINDS = {
    TEXT: "text", TEXT_OR_NUMBERS: "text or integers", INTEGERS: "integers", NUMBERS: "numbers",
    CODES: "integers",
}  # fmt: skip

logger = logging.getLogger(__name__)


Array = TypeVar("Array", bound=NDArray[Any])
# Arrays that passed a check, by its name, so that copies by `replace` are not checked again.
_passed: WeakValueDictionary[tuple[str, int], NDArray[Any]] = WeakValueDictionary()


def _pass(check: str, array: Array) -> Array:
    """Return a view of an array that needs no second check, unlike the caller's array."""
    own = array.view()
    _passed[check, id(own)] = own
    return own


def _has_passed(check: str, array: NDArray[Any]) -> bool:
    return _passed.get((check, id(array))) is array


def at(path: str) -> str:
    """Return the prefix of a message."""
    return f"{path}: " if path else ""


def check_present(path: str, names: Collection[str]) -> None:
    """Raise UserError if a logits file has no logits."""
    if "logits" not in names:
        held = f" (only: {', '.join(sorted(names))})" if names else ""
        raise UserError(
            f"{path} holds no array 'logits'{held}; "
            "save it with np.savez(FILE, logits=..., labels=...)"
        )


def check_header(
    path: str, shape: tuple[int, ...], dtype: np.dtype[Any], name: str = "logits"
) -> None:
    """Check logits, or probabilities alone, by shape and type, before their values are known."""
    if dtype.hasobject:
        raise UserError(
            f"{at(path)}'{name}' is {dtype} {list(shape)}; convert it with {name}.astype(float)"
        )
    if len(shape) != 2 or dtype.kind != "f" or 0 in shape:
        raise UserError(
            f"{at(path)}'{name}' is {dtype} {list(shape)}; "
            "it must be floating point [samples, targets], neither of them 0"
        )


def check_logits(path: str, array: NDArray[Any], first_row: int = 0) -> NDArray[np.floating]:
    """Check logits: floating point [N, A], finite; return float32, or float64 if it was wider."""
    if _has_passed("logits", array):
        return array
    check_header(path, array.shape, array.dtype)
    wide = np.float64 if array.dtype.itemsize > np.dtype(np.float32).itemsize else np.float32
    with np.errstate(over="ignore"):
        logits: NDArray[np.floating] = array.astype(wide, copy=False)
    finite = np.isfinite(logits)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise UserError(
            f"{at(path)}'logits' holds {array[row, column]} (row {first_row + row}, "
            f"target {column}; {int((~finite).sum())} in {len(array)} rows); "
            "the model is broken or diverged"
        )
    return _pass("logits", logits)


def check_labels(path: str, array: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Check labels: 0, 1, and -1 or NaN for unknown; return int8, all unknown for None."""
    if array is None:
        return np.full(shape, UNKNOWN, np.int8)
    if array.shape != shape:
        raise UserError(
            f"{at(path)}'labels' is {list(array.shape)} but 'logits' is {list(shape)}; "
            "both must have the same samples and targets"
        )
    if _has_passed("labels", array):
        return array
    if array.dtype.kind not in CODES:
        raise UserError(f"{at(path)}'labels' is {array.dtype}; use integers: 0, 1, and -1 unknown")
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), UNKNOWN, array)
        odd = array[~np.isin(array, (UNKNOWN, 0, 1))]
        if odd.size:
            raise UserError(f"{at(path)}'labels' holds {odd[0]}; use 0, 1, and -1 unknown")
    elif array.dtype.kind != "b":
        low, high = int(array.min()), int(array.max())
        if low < UNKNOWN or high > 1:
            raise UserError(
                f"{at(path)}'labels' runs from {low} to {high}; use 0, 1, and -1 unknown"
            )
    return _pass("labels", array.astype(np.int8, copy=False))


def check_probabilities(
    path: str, array: NDArray[Any] | None, logits: NDArray[np.floating], activation: str
) -> NDArray[np.float64] | None:
    """Check probabilities from 0 to 1 that match the logits; return float64, or None.

    They may differ from the `activation` of the logits as much as rounding to float16 would cause.
    """
    if array is None or _has_passed("probabilities", array):
        return array
    array = np.asarray(array)
    if array.shape != logits.shape or array.dtype.kind != "f":
        raise UserError(
            f"{at(path)}'probabilities' is {array.dtype} {list(array.shape)}; it must be floating "
            f"point {list(logits.shape)}, as the logits"
        )
    check_range(path, array)
    found = disagreement(array, logits, activation)
    if found is not None:
        row, column, meant = found
        raise UserError(
            f"{at(path)}'probabilities' is {array[row, column]:.6g} but 'logits' is "
            f"{logits[row, column]:.6g}, a probability of {meant:.6g} (row {row}, target "
            f"{column}); remove one of the two arrays"
        )
    return _pass("probabilities", array.astype(np.float64, copy=False))


def check_range(path: str, probabilities: NDArray[Any]) -> None:
    """Raise UserError for probabilities outside of [0, 1]."""
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise UserError(
            f"{at(path)}'probabilities' holds values that are not from 0 to 1; leave it out"
        )


def as_text(array: NDArray[Any]) -> NDArray[np.str_]:
    """Convert to text, also numbers; whole ones without the `.0` that pandas adds."""
    if array.dtype.kind == "f":
        return np.array([canonical(str(cell)) for cell in array.tolist()], np.str_)
    return array.astype(np.str_, copy=False)


def own_names(
    names: NDArray[np.str_], ids: NDArray[np.str_] | None, first_row: int = 0
) -> NDArray[np.str_]:
    """Return names of clusters; a row of an unknown one gets its id or row as its own."""
    if _has_passed("clusters", names):
        return names
    unknown = [name for name in set(names.tolist()) if is_unknown_text(name)]
    if unknown:
        rows = range(first_row, first_row + len(names))
        own = np.array([f"row {row}" for row in rows]) if ids is None else ids
        names = np.where(np.isin(names, unknown), own, names)
    return _pass("clusters", names)


def check_ids(path: str, ids: NDArray[np.str_] | None) -> NDArray[np.str_] | None:
    """Return the ids; UserError for repeated ones; None if there are none."""
    if ids is None or _has_passed("ids", ids):
        return ids
    if len(set(ids.tolist())) == len(ids):
        return _pass("ids", ids)
    values, counts = np.unique(ids, return_counts=True)
    raise UserError(
        f"{at(path)}{int((counts > 1).sum())} ids occur more than once (first: "
        f"{values[counts > 1][0]}); give every sample its own id"
    )


class LabelSigns:
    """The values among -1, 0 and 1 in the labels of each target, collected over blocks of rows.

    If labels are -1 and 1 without any 0, they are negatives and positives, but -1 should mean
    unknown.
    """

    def __init__(self, num_targets: int) -> None:
        """Start with no values seen, for `num_targets` targets."""
        self.seen = np.zeros((3, num_targets), bool)

    def add(self, labels: NDArray[np.int8]) -> None:
        """Add the values in labels [N, A]."""
        self.seen |= np.stack([(labels == value).any(axis=0) for value in (-1, 0, 1)])

    def check(self, path: str, targets: Sequence[str], meta: Mapping[str, Any]) -> None:
        """Raise UserError for a file with -1 and 1 but no 0; warn about single targets like that.

        Files that `predict` wrote pass, because -1 means unknown in them. The digests in `meta`
        identify them.
        """
        unknown, negative, positive = self.seen
        if "sha256" in meta or not (doubtful := unknown & positive & ~negative).any():
            return
        if not negative.any():
            raise UserError(
                f"{at(path)}'labels' holds -1 and 1 but no 0; replace -1 by 0 (-1 is for unknown "
                "labels)"
            )
        logger.warning(
            "%s: labels of -1 and 1 but no 0, with -1 taken as unknown: %s; if it is negative, "
            "replace it by 0",
            *(path, listed(np.array(targets)[doubtful].tolist(), 5)),
        )


def parse_meta(path: str, text: str | None) -> dict[str, Any]:
    """Return the JSON object in `meta`, if its schema is known."""
    try:
        meta = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: 'meta' is not JSON ({error}); leave it out") from error
    if not isinstance(meta, dict):
        raise UserError(f"{path}: 'meta' is not a JSON object; leave it out")
    schema = meta.get("schema", SCHEMA)
    if not isinstance(schema, int):
        raise UserError(f"{path}: 'meta' has schema {json.dumps(schema)}; it is a number: {SCHEMA}")
    if schema > SCHEMA:
        raise UserError(f"{path} has schema {schema}, newer than {SCHEMA}; update pbias")
    return meta


class Reader:
    """Reads the optional arrays, checking each against the shape that the others imply."""

    def __init__(self, path: str, arrays: dict[str, NDArray[Any]]) -> None:
        self.at = at(path)
        self.arrays = arrays

    def _get(self, name: str, kinds: str, shape: tuple[int | None, ...]) -> NDArray[Any] | None:
        array = self.arrays.get(name)
        if array is None:
            return None
        fits = array.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        # An empty list saved by numpy is float64, so empty arrays may have any kind.
        if not fits or (array.size and array.dtype.kind not in kinds):
            raise UserError(
                f"{self.at}'{name}' is {_kind(array)} {_shape(array.shape)}; "
                f"it must be {KINDS[kinds]} {_shape(shape)}"
            )
        return array

    def names(self, name: str, length: int | None) -> tuple[str, ...] | None:
        """Return distinct names, or None."""
        array = self._get(name, TEXT, (length,))
        if array is None:
            return None
        if not all(map(str, array)):
            raise UserError(f"{self.at}'{name}' holds an empty name; give each a name")
        return self.distinct(f"'{name}'", [str(item) for item in array])

    def text(self, name: str, length: int) -> NDArray[np.str_] | None:
        """Return text [N], or None; numbers become text, whole ones without the `.0` of pandas."""
        array = self._get(name, TEXT_OR_NUMBERS, (length,))
        return None if array is None else as_text(array)

    def clusters(
        self, length: int, ids: NDArray[np.str_] | None, first_row: int = 0
    ) -> NDArray[np.str_] | None:
        """Return names of clusters [N], or None; a row of an unknown cluster is its own cluster."""
        names = self.text("clusters", length)
        return None if names is None else own_names(names, ids, first_row)

    def values(self, group_names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Return the values of each group, without padding; "0" and "1" by default."""
        array = self._get("group_values", TEXT, (len(group_names), None))
        if array is None:
            return (("0", "1"),) * len(group_names)
        return tuple(
            self._unpadded(name, row.tolist()) for name, row in zip(group_names, array, strict=True)
        )

    def _unpadded(self, group: str, cells: list[str]) -> tuple[str, ...]:
        values = [cell for cell in cells if cell]
        if values != cells[: len(values)]:
            raise UserError(
                f"{self.at}'group_values' of {group} holds an empty value before "
                f"'{values[-1]}'; empty cells are padding and must come last"
            )
        if len(values) > MAX_GROUP_VALUES:
            raise UserError(
                f"{self.at}group '{group}' has {len(values)} values; a group has 1 to "
                f"{MAX_GROUP_VALUES} (is it a column of clusters?)"
            )
        return self.distinct(f"'group_values' of {group}", values)

    def distinct(self, what: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return names; UserError for repeated ones."""
        twice = first_repeated(names)
        if twice is not None:
            raise UserError(f"{self.at}{what} holds '{twice}' twice; rename one of them")
        return tuple(names)

    def groups(
        self, num_rows: int, names: tuple[str, ...], values: tuple[tuple[str, ...], ...]
    ) -> NDArray[np.int16]:
        """Return codes int16 [N, G] within the values of each group."""
        given = self.arrays.get("groups")
        if given is None:
            if names:
                raise UserError(f"{self.at}'group_names' without 'groups'; save both")
            return np.empty((num_rows, 0), np.int16)
        if given.ndim == 2 and given.shape[1] != len(names):
            raise UserError(
                f"{self.at}'groups' has {given.shape[1]} columns but 'group_names' names "
                f"{len(names)}; save one name per column"
            )
        array = self._get("groups", CODES, (num_rows, len(names)))
        assert array is not None, "looked up above"
        if array.dtype.kind == "b":
            array = array.astype(np.int8)
        if array.dtype.kind == "f":
            array = self._whole(array)
        for column, name, allowed in zip(array.T, names, values, strict=True):
            if column.min() < UNKNOWN or column.max() >= len(allowed):
                raise UserError(
                    f"{self.at}'groups' of {name} runs from {column.min()} to {column.max()} "
                    f"but has {len(allowed)} values; use their codes from 0, and -1 unknown"
                )
        return array.astype(np.int16, copy=False)

    def _whole(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """Return whole codes from floating-point ones of pandas, with NaN for unknown."""
        codes = np.where(np.isnan(codes), UNKNOWN, codes)
        odd = codes[~np.isfinite(codes) | (codes != np.round(codes))]
        if odd.size:
            raise UserError(f"{self.at}'groups' holds {odd[0]}; use codes from 0, and -1 unknown")
        return np.asarray(codes, np.int64)

    def counts(self, name: str, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
        """Return int64 counts of this shape, none below 0, or None."""
        array = self._get(name, INTEGERS, shape)
        if array is not None and array.size and array.min() < 0:
            raise UserError(
                f"{self.at}'{name}' holds counts below 0; counts of samples cannot be negative"
            )
        return None if array is None else array.astype(np.int64, copy=False)

    def floats(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
        """Return float64 of this shape without NaN, or None."""
        array = self._get(name, NUMBERS, shape)
        if array is not None and np.isnan(array.astype(np.float64)).any():
            raise UserError(f"{self.at}'{name}' holds NaN; use inf for 'never predicted'")
        return None if array is None else array.astype(np.float64, copy=False)

    def values_of(
        self, names: tuple[str, ...], values: Sequence[Sequence[str]]
    ) -> tuple[tuple[str, ...], ...]:
        """Return the values of each group as the caller gave them; "0" and "1" by default."""
        if not values:
            return (("0", "1"),) * len(names)
        if len(values) != len(names):
            raise UserError(
                f"{self.at}'group_values' holds the values of {len(values)} groups but "
                f"'group_names' names {len(names)}; give the values of every group"
            )
        return tuple(
            self._unpadded(name, [str(value) for value in own])
            for name, own in zip(names, values, strict=True)
        )

    def scalar(self, name: str) -> str | None:
        """Return a single text, or None."""
        array = self._get(name, TEXT, ())
        return None if array is None else str(array)

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words, by default the first."""
        return self.word(name, self.scalar(name) or allowed[0], allowed)

    def word(self, name: str, value: str, allowed: tuple[str, ...]) -> str:
        """Return a word that is one of the allowed ones; UserError for others."""
        if value not in allowed:
            raise UserError(f"{self.at}'{name}' is '{value}'; use {' or '.join(allowed)}")
        return value


def _kind(array: NDArray[Any]) -> str:
    return {"U": "text", "S": "bytes"}.get(array.dtype.kind, str(array.dtype))


def _shape(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
