"""Join the same samples of two files: rows by id, attributes by name; or refuse with the reason."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument, did_you_mean
from pbias.files.logits import UNKNOWN, Logits, select_rows

log = logging.getLogger(__name__)


class Samples(Protocol):
    """A file with rows."""

    @property
    def path(self) -> str:
        """The file."""

    def __len__(self) -> int:
        """Return the number of samples."""


def align(other: Logits, to: Logits) -> Logits:
    """Return `other` with the rows and targets of `to`, in its order.

    Rows are joined by id, or by position (with a warning) if a file has no ids. Raises UserError
    with the numbers if ids, targets, labels or group values differ.
    """
    other = select_targets(other, to.targets, because=f" but {to.path} does")
    rows = _rows(other, to)
    joined = other if rows is None else select_rows(other, rows)
    if (joined.labels == UNKNOWN).all():
        joined = replace(joined, labels=to.labels)
    check_same(joined, to)
    return _sharing(joined, to)


def _sharing(joined: Logits, to: Logits) -> Logits:
    """Return it with the arrays of `to` where they are equal, so that many runs store them once."""
    same: dict[str, Any] = {"labels": to.labels}
    if joined.ids is not None and to.ids is not None:
        same["ids"] = to.ids
    if joined.group_names == to.group_names and joined.group_values == to.group_values:
        same["groups"] = to.groups
    return replace(joined, **same)


def check_same(joined: Logits, to: Logits, first_row: int = 0) -> None:
    """Raise UserError for differing labels and groups; rows without ids count from `first_row`."""
    _same_labels(joined, to, first_row)
    _same_groups(joined, to, first_row)


def select_targets(logits: Logits, targets: Sequence[str], because: str = "") -> Logits:
    """Return the columns `targets`, in that order; UserError names the first missing one."""
    if tuple(targets) == logits.targets:
        return logits
    for name in targets:
        if name not in logits.targets:
            hint = did_you_mean(name, logits.targets, f"choose with {argument('attributes')}")
            if _are_numbers(targets) != _are_numbers(logits.targets):
                hint = "classes have numbers in one file and names in the other; use the same names"
            raise UserError(f"{logits.path} has no attribute '{name}'{because}; {hint}")
    columns = [logits.targets.index(name) for name in targets]
    return replace(
        logits,
        targets=tuple(targets),
        logits=logits.logits[:, columns],
        probabilities=None if logits.probabilities is None else logits.probabilities[:, columns],
        labels=logits.labels[:, columns],
        train_counts=None if logits.train_counts is None else logits.train_counts[columns],
        thresholds=None if logits.thresholds is None else logits.thresholds[columns],
    )


def _are_numbers(targets: Sequence[str]) -> bool:
    return all(name.isdecimal() for name in targets)


def _rows(other: Logits, to: Logits) -> NDArray[np.intp] | None:
    """Return where each sample of `to` is in `other`; None if the order is the same."""
    if other.ids is None or to.ids is None:
        warn_of_position(other.path, to.path)
        if len(other) != len(to):
            raise sizes_differ(other, to)
        return None
    if len(other) == len(to) and (other.ids == to.ids).all():
        return None
    place = {sample: row for row, sample in enumerate(other.ids.tolist())}
    rows = np.array([place.get(sample, -1) for sample in to.ids.tolist()], np.intp)
    missing = to.ids[rows < 0]
    if len(missing):
        raise UserError(_missing(other, to, len(missing), str(missing[0])))
    if len(other) > len(to):
        known = set(to.ids.tolist())
        extra = next(sample for sample in other.ids.tolist() if sample not in known)
        raise UserError(_missing(to, other, len(other) - len(to), extra))
    return rows


def warn_of_position(path: str, to: str) -> None:
    """Warn that only the order of rows shows that they are the same samples."""
    log.warning("joining %s to %s by position, for ids are missing", path, to)


def sizes_differ(a: Samples, b: Samples) -> UserError:
    """Return the error that two files cannot have the same samples."""
    return UserError(f"{_sizes(a, b)}; were they predicted on the same split?")


def _sizes(a: Samples, b: Samples) -> str:
    return f"{a.path} has {len(a)} rows but {b.path} has {len(b)}"


def _missing(short: Logits, long: Logits, count: int, first: str) -> str:
    what = f"{count} ids of {long.path} are not in {short.path} (first missing id: {first})"
    return f"{_sizes(short, long)}, and {what}; were they predicted on the same split?"


def _same_labels(joined: Logits, to: Logits, first_row: int) -> None:
    differ = joined.labels != to.labels
    if not differ.any():
        return
    if (to.labels == UNKNOWN).all():
        where = f" from row {first_row} on" if first_row else ""
        raise UserError(
            f"{to.path} has no labels{where} but {joined.path} has; predict both with the same "
            f"labels.csv, or name it in {argument('labels')}, which adds them"
        )
    row, column = np.argwhere(differ)[0]
    name = first_row + row if to.ids is None else to.ids[row]
    remedy = "predict both with the same labels.csv"
    if to.ids is None or joined.ids is None:
        remedy = "rows are joined by position, so save ids in both, which join them"
    raise UserError(
        f"{joined.path} and {to.path} disagree on {int(differ.sum())} labels "
        f"(first: sample {name}, {to.targets[column]}: {joined.labels[row, column]} against "
        f"{to.labels[row, column]}); {remedy}"
    )


def _same_groups(joined: Logits, to: Logits, first_row: int) -> None:
    for index, name in enumerate(to.group_names):
        if name not in joined.group_names:
            continue
        other = joined.group_names.index(name)
        ours, theirs = decoded(to, index), decoded(joined, other)
        if (ours != theirs).any():
            row = int(np.flatnonzero(ours != theirs)[0])
            sample = first_row + row if to.ids is None else to.ids[row]
            raise UserError(
                f"{joined.path} and {to.path} disagree on group '{name}' of "
                f"{int((ours != theirs).sum())} samples (first: {sample}); predict both with the "
                "same labels.csv"
            )


def decoded(logits: Logits, index: int) -> NDArray[np.str_]:
    """Return the value of one group for each sample, str [N]; "" if it is unknown."""
    values = np.array([*logits.group_values[index], ""])
    return np.asarray(values[logits.groups[:, index]])


def group_columns(
    logits: Logits, rows: NDArray[np.intp], taken: Collection[str]
) -> dict[str, list[str]]:
    """Return group values of samples, by group; a group named like a column `taken` gets a mark."""
    return {
        f"group {name}" if name in taken else name: decoded(logits, index)[rows].tolist()
        for index, name in enumerate(logits.group_names)
    }
