"""Arrays, lists, Series and data frames as columns, in the order of the samples.

Shapes: N samples, C columns. This module never imports pandas: a caller with a data frame has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument, did_you_mean, listed

LISTED = 5  # names in a message


@dataclass(frozen=True)
class Columns:
    """Cells [N, C], with names if they have any; `keys` [N] is the index of a frame or Series.

    `numbered` means that the index only numbers the rows.
    """

    argument: str
    cells: NDArray[Any]
    names: tuple[str, ...] | None = None
    keys: NDArray[np.str_] | None = None
    numbered: bool = False

    @property
    def ids(self) -> NDArray[np.str_] | None:
        """The index, unless it only numbers the rows."""
        return None if self.numbered else self.keys

    def take(self, names: Sequence[str]) -> Columns:
        """Return the named columns in that order; the number of unnamed columns must match."""
        if self.names is None:
            if self.cells.shape[1] != len(names):
                raise UserError(
                    f"{argument(self.argument)} has {self.cells.shape[1]} columns but there are "
                    f"{len(names)} targets ({listed(names, LISTED)}); give one column per target"
                )
            return self
        for name in names:
            if name not in self.names:
                hint = did_you_mean(name, self.names, f"it has: {listed(self.names, LISTED)}")
                raise UserError(f"{argument(self.argument)} has no column '{name}'; {hint}")
        places = [self.names.index(name) for name in names]
        return Columns(self.argument, self.cells[:, places], tuple(names), self.keys, self.numbered)


@dataclass(frozen=True)
class Samples:
    """The samples that determine the order of rows: their number, and their ids or index."""

    argument: str
    num: int
    keys: NDArray[np.str_] | None = None


def columns(values: Any, name: str) -> Columns:
    """Read an array, list, Series or data frame that was passed as the argument `name`.

    Raises UserError unless it has one or two dimensions.
    """
    index = getattr(values, "index", None)
    keys = None if index is None or callable(index) else np.array([str(key) for key in index])
    numbered = type(index).__name__ == "RangeIndex"
    if hasattr(values, "columns") and hasattr(values, "to_numpy"):
        names = tuple(str(column) for column in values.columns)
        return Columns(name, np.asarray(values.to_numpy()), names, keys, numbered)
    cells = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if cells.ndim not in (1, 2):
        raise UserError(
            f"{argument(name)} has {cells.ndim} dimensions; use [samples] or [samples, columns]"
        )
    title = getattr(values, "name", None)
    names_of_one = None if title is None or cells.ndim == 2 else (str(title),)
    whole = cells[:, None] if cells.ndim == 1 else cells
    return Columns(name, whole, names_of_one, keys, numbered)


def named_columns(values: Any, name: str) -> dict[str, Columns]:
    """Read a mapping of names to values, a data frame, or a Series with a name.

    Raises UserError for values without a name.
    """
    if isinstance(values, Mapping):
        return {str(key): _single(columns(value, name), str(key)) for key, value in values.items()}
    whole = columns(values, name)
    if whole.names is None:
        raise UserError(f"{argument(name)} has no names; give a dict of names and values")
    return {one: whole.take([one]) for one in whole.names}


def aligned(given: Columns, to: Samples) -> NDArray[Any]:
    """Return the cells [N, C] in the order of the samples: by index or by position.

    The index is used if both have one. An index that only numbers the rows is ignored. Raises
    UserError if rows are missing, or if their number differs from the number of samples.
    """
    if given.ids is not None and to.keys is not None:
        return _by_key(given.cells, given.ids, given.argument, to)
    if len(given.cells) != to.num:
        raise UserError(
            f"{argument(given.argument)} has {len(given.cells)} rows but {to.argument} has "
            f"{to.num}; give one row per sample"
        )
    return given.cells


def _single(given: Columns, name: str) -> Columns:
    if given.cells.shape[1] != 1:
        raise UserError(
            f"{argument(given.argument)}: '{name}' has {given.cells.shape[1]} columns; give one "
            "value per sample"
        )
    return Columns(given.argument, given.cells, (name,), given.keys, given.numbered)


def _by_key(cells: NDArray[Any], ids: NDArray[np.str_], name: str, to: Samples) -> NDArray[Any]:
    assert to.keys is not None, "looked up by the caller"
    place = {key: row for row, key in enumerate(ids.tolist())}
    if len(place) < len(ids):
        raise UserError(f"the index of {argument(name)} has duplicates; give each sample one row")
    rows = np.array([place.get(key, -1) for key in to.keys.tolist()], np.intp)
    missing = to.keys[rows < 0]
    if len(missing):
        raise UserError(
            f"the index of {argument(name)} lacks {len(missing)} of the {to.num} samples of "
            f"{to.argument} (first: {missing[0]}); use the same index in both, or reset both"
        )
    return np.asarray(cells[rows])
