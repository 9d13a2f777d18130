"""Strata: partitions of the samples by group, and the contrasts between their values."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument, did_you_mean, listed
from pbias.files.logits import UNKNOWN, Logits

MAX_COMBINATIONS = 250  # of the values of several groups

log = logging.getLogger(__name__)

BINARY = ("0", "1")


@dataclass(frozen=True)
class Partition:
    """The samples by the values of one group; codes int16 [N], -1 unknown; name "" is everyone."""

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int16]

    @property
    def binary(self) -> bool:
        """Whether the values are 0 and 1, contrasted as `1-0`."""
        return self.values == BINARY

    def keep(self, values: tuple[str, ...]) -> Partition:
        """Return the partition of these values alone; samples with others are unknown."""
        if values == self.values:
            return self
        place = {value: code for code, value in enumerate(values)}
        codes = np.array([*(place.get(v, UNKNOWN) for v in self.values), UNKNOWN], np.int16)
        return Partition(self.name, values, codes[self.codes])


class Stratum(NamedTuple):
    """One set of samples: everyone (both empty), a group value, or the rest without it."""

    group: str
    value: str
    rest: bool = False


class Contrast(NamedTuple):
    """A signed difference between two strata, by their indices."""

    group: str
    label: str
    plus: int
    minus: int


@dataclass(frozen=True)
class Strata:
    """All strata of an audit, as sums over the P values of all partitions, laid end to end."""

    partitions: tuple[Partition, ...]

    @classmethod
    def of(cls, logits: Logits, groups: Sequence[str]) -> Strata:
        """Create strata of everyone and each non-empty group; UserError as in `build_strata`."""
        everyone = Partition("", ("",), np.zeros(len(logits), np.int16))
        partitions = [_partition(logits, name) for name in groups]
        return cls((everyone, *(p for p in partitions if p.values)))

    @cached_property
    def rows(self) -> list[Stratum]:
        """The S strata: the P values in order, then the rests that contrasts need."""
        values = [Stratum(p.name, value) for p in self.partitions for value in p.values]
        rests = [Stratum(p.name, value, rest=True) for p in self._many for value in p.values]
        return values + rests

    @cached_property
    def sums(self) -> NDArray[np.int64]:
        """0/1 [S, P]: the values that make up each stratum."""
        values = [row for row in self.rows if not row.rest]
        return np.array(
            [
                [row.group == v.group and (row.value == v.value) != row.rest for v in values]
                for row in self.rows
            ],
            dtype=np.int64,
        )

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """`1-0` for groups of 0 and 1, else `VALUE-rest` for every value."""
        index = {row: i for i, row in enumerate(self.rows)}
        found = []
        for p in self.partitions[1:]:
            if p.binary:
                plus, minus = (index[Stratum(p.name, value)] for value in ("1", "0"))
                found.append(Contrast(p.name, "1-0", plus, minus))
                continue
            for value in p.values:
                plus, minus = (index[Stratum(p.name, value, rest)] for rest in (False, True))
                found.append(Contrast(p.name, f"{value}-rest", plus, minus))
        return found

    @cached_property
    def ranges(self) -> list[tuple[str, list[int]]]:
        """Groups with three values or more, and the indices of their strata, for `max-min`."""
        return [(p.name, self.values_of(p.name)) for p in self._many if len(p.values) > 2]

    def values_of(self, group: str) -> list[int]:
        """Return the indices of the strata of one group's values."""
        return [i for i, row in enumerate(self.rows) if row.group == group and not row.rest]

    def mask(self, stratum: Stratum) -> NDArray[np.bool_]:
        """Return which samples are in a stratum, bool [N]."""
        partition = next(p for p in self.partitions if p.name == stratum.group)
        code = partition.values.index(stratum.value)
        if stratum.rest:
            return np.asarray((partition.codes != code) & (partition.codes != UNKNOWN))
        return np.asarray(partition.codes == code)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of rows of each of the P values."""
        counted = [np.bincount(p.codes[p.codes >= 0], None, len(p.values)) for p in self.partitions]
        return np.concatenate(counted).astype(np.int64)

    def like(self, other: Strata) -> Strata:
        """Return the partitions of another one, whose values these have; others are unknown."""
        own = {p.name: p for p in self.partitions}
        return Strata(tuple(own[p.name].keep(p.values) for p in other.partitions))

    @property
    def _many(self) -> list[Partition]:
        return [p for p in self.partitions[1:] if not p.binary]


def build_strata(logits: Logits, groups: Sequence[str] | None = None) -> Strata:
    """Create strata of everyone and each group: a group or target column, or `A:B` (intersection).

    By default every group of the file is used; one without any values is left out with a warning.
    Raises UserError for a name that no column has.
    """
    names = logits.group_names if groups is None else groups
    found = Strata.of(logits, names)
    kept = [partition.name for partition in found.partitions]
    for name in names:
        if name not in kept:
            log.warning("%s: nobody has a known '%s': left out", logits.path, name)
    return found


def _partition(logits: Logits, name: str) -> Partition:
    if name not in logits.group_names and name not in logits.targets and ":" in name:
        parts = name.split(":")
        if len(set(parts)) < len(parts):
            raise UserError(f"the intersection '{name}' names a part twice; name each part once")
        return _intersection(name, [_column(logits, part) for part in parts])
    return _column(logits, name)


def _column(logits: Logits, name: str) -> Partition:
    if name in logits.group_names:
        index = logits.group_names.index(name)
        return Partition(name, logits.group_values[index], logits.groups[:, index])
    if name in logits.targets:
        labels = logits.labels[:, logits.targets.index(name)]
        return Partition(name, BINARY, labels.astype(np.int16))
    known = [*logits.group_names, *logits.targets]
    hint = did_you_mean(name, known, f"it has: {', '.join(known[:12])}")
    raise UserError(f"{logits.path} has no group or target column '{name}'; {hint}")


def _intersection(name: str, parts: list[Partition]) -> Partition:
    num = prod(len(part.values) for part in parts)
    if num > MAX_COMBINATIONS:
        raise UserError(
            f"the intersection '{name}' has {num:,} combinations of values; use at most "
            f"{MAX_COMBINATIONS}, as of fewer or coarser groups"
        )
    codes = np.zeros(len(parts[0].codes), np.int16)
    unknown = np.zeros(len(codes), bool)
    for part in parts:
        codes = codes * len(part.values) + part.codes
        unknown |= part.codes == UNKNOWN
    codes[unknown] = UNKNOWN
    values = tuple(":".join(combination) for combination in product(*(p.values for p in parts)))
    return Partition(name, values, codes)


def small_values(
    rows: NDArray[np.int64], everyone: int, min_cell: int, *, whole: bool
) -> NDArray[np.bool_]:
    """Which values of a group are dropped, bool [V]; all of an intersection if any is small.

    Those of fewer rows than `min_cell`, and the next smallest while the difference to everyone
    would tell what a dropped value was. Values without any rows stay.
    """
    small = (rows > 0) & (rows < min_cell)
    if not small.any():
        return small
    if whole:
        return np.ones(len(rows), bool)
    for value in np.argsort(rows, kind="stable"):
        if everyone - rows[~small].sum() >= min_cell:
            break
        small[value] |= rows[value] > 0
    return small if (~small).sum() > 1 else np.ones(len(rows), bool)


def drop_small_values(
    strata: Strata,
    rows: NDArray[np.int64],
    first: Logits,
    min_cell: int,
    targets: Sequence[str],
) -> tuple[Strata, Logits]:
    """Return the strata without small values, and the file without what training says of these.

    `rows` int [P] of each value; `targets` are those of the file, of which `first` may have some.
    Logs what is dropped; raises UserError for fewer rows in all.
    """
    check_size(int(rows[0]), min_cell)
    kept, start = [strata.partitions[0]], 1
    training = None if first.train_counts is None else first.train_counts.copy()
    for partition in strata.partitions[1:]:
        place = slice(start, start + len(partition.values))
        start, column = place.stop, partition.name in first.group_names
        intersection = not column and partition.name not in targets
        gone = small_values(rows[place], int(rows[0]), min_cell, whole=intersection)
        values = list(zip(partition.values, gone.tolist(), strict=True))
        say_dropped(partition.name, [value for value, small in values if small], min_cell)
        if training is not None and column:
            group = first.group_names.index(partition.name)
            trained = training[:, group].sum(-1)
            if gone.any() or ((trained > 0) & (trained < min_cell)).any():
                training[:, group] = 0
        if not gone.all():
            kept.append(partition.keep(tuple(value for value, small in values if not small)))
    return Strata(tuple(kept)), replace(first, train_counts=training)


def check_size(rows: int, min_cell: int) -> None:
    """Refuse samples that are fewer than what is dropped."""
    if rows < min_cell:
        raise UserError(
            f"there are {rows} rows in all, fewer than {argument('min_cell', min_cell)}; "
            "nothing is left"
        )


def say_dropped(group: str, values: Sequence[str], min_cell: int) -> None:
    """Warn about values of a group that are dropped, if there are any."""
    if values:
        log.warning(
            "%s=%s: dropped, with fewer than %d rows or to hide such a value",
            group, listed(values, 5), min_cell,
        )  # fmt: skip
