"""Logits files (`.npz`): a model's output for each sample, with labels, groups and ids.

Shapes: N samples, A targets, G groups, V the largest number of values of a group.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.files.logits.checks import (
    ACTIVATIONS,
    SCHEMA,
    LabelSigns,
    Reader,
    check_ids,
    check_labels,
    check_logits,
    check_present,
    check_probabilities,
    parse_meta,
)
from pbias.files.logits.npz import KNOWN, Npz
from pbias.files.streams import write_bytes

_OPTIONAL = ("ids", "groups", "clusters", "train_counts", "thresholds")


@dataclass(frozen=True)
class Logits:
    """Logits of a model with labels, groups and ids of the samples, checked on construction.

    Only `logits`, `labels` and `targets` are required. `from_arrays` requires less and takes group
    values as they are. Raises UserError for invalid arrays: wrong shapes or kinds, NaN or infinite
    logits, labels other than 0, 1 and -1, duplicate ids, codes outside of `group_values`, counts
    below 0. Arrays of the right type are not copied; later changes to them are not checked.

    `probabilities` are optional: the values that the logits were computed from. Bins, ranks and
    margins use them, because logits do not reproduce them to the last digit.

    Shapes: logits float32 or float64 [N, A]; probabilities float64 [N, A]; labels int8 [N, A], -1
    unknown; ids str [N]; groups int16 [N, G] codes into `group_values`, -1 unknown; clusters str
    [N]; train_counts int64 [A, G+1, V+1, 2]; thresholds float64 [A] (an attribute is predicted if
    its logit is above).
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.int8]
    targets: tuple[str, ...]
    ids: NDArray[np.str_] | None = None
    groups: NDArray[np.int16] = field(default_factory=lambda: np.empty((0, 0), np.int16))
    group_names: tuple[str, ...] = ()
    group_values: tuple[tuple[str, ...], ...] = ()
    clusters: NDArray[Any] | None = None
    train_counts: NDArray[np.int64] | None = None
    activation: str = "sigmoid"
    thresholds: NDArray[np.float64] | None = None
    split: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    probabilities: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Check every array against the others, and convert it to its type."""
        logits = check_logits(self.path, np.asarray(self.logits))
        num_rows, num_targets = logits.shape
        optional = (self.ids, self.groups, self.clusters, self.train_counts, self.thresholds)
        arrays = {
            name: np.asarray(array)
            for name, array in zip(_OPTIONAL, optional, strict=True)
            if array is not None
        }
        if arrays["groups"].shape == (0, 0):
            arrays["groups"] = np.empty((num_rows, 0), np.int16)
        for name in ("targets", "group_names"):
            arrays[name] = _strings(getattr(self, name))
        check = Reader(self.path, arrays)
        names = check.names("group_names", None) or ()
        values = check.values_of(names, self.group_values)
        ids = check_ids(self.path, check.text("ids", num_rows))
        activation = check.word("activation", self.activation, ACTIVATIONS)
        checked = {
            "logits": logits,
            "probabilities": check_probabilities(self.path, self.probabilities, logits, activation),
            "labels": check_labels(self.path, np.asarray(self.labels), logits.shape),
            "targets": check.names("targets", num_targets),
            "ids": ids,
            "groups": check.groups(num_rows, names, values),
            "group_names": names,
            "group_values": values,
            "clusters": check.clusters(num_rows, ids),
            "train_counts": check.counts("train_counts", counts_shape(num_targets, values)),
            "activation": activation,
            "thresholds": check.floats("thresholds", (num_targets,)),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_arrays(
        cls,
        logits: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        *,
        probabilities: ArrayLike | None = None,
        targets: Sequence[str] | None = None,
        ids: ArrayLike | None = None,
        groups: Mapping[str, ArrayLike] | None = None,
        clusters: ArrayLike | None = None,
        train_counts: ArrayLike | None = None,
        activation: str = "sigmoid",
        thresholds: ArrayLike | None = None,
        split: str = "",
        meta: Mapping[str, Any] | None = None,
        path: str = "",
    ) -> Logits:
        """Make logits from arrays, lists, or columns of a DataFrame.

        `logits` and `labels` are [N, A], or [N] for one target. Labels are 0, 1 and unknown: -1,
        NaN or None. Without `labels`, all are unknown. `groups` maps the name of each group to one
        value per sample: a number or text, or NaN, None or empty if unknown. A sample whose cluster
        is unknown is a cluster of its own. `targets` are `output_0`, ... by default. Messages and
        reports call the logits `path`. `probabilities`, in the shape of the logits, can accompany
        the logits or replace them; the logits are then computed from them. Thresholds are logits in
        both cases. Raises UserError for invalid input.
        """
        from pbias.files.logits.coding import cluster_names, group_codes, known_labels, scores

        array, given = scores(path, logits, probabilities, activation)
        num_rows, num_targets = array.shape
        names = default_targets(num_targets) if targets is None else targets
        codes, values = group_codes(path, groups or {}, num_rows)
        ids = None if ids is None else np.asarray([str(item) for item in np.asarray(ids)])
        return cls(
            logits=array,
            labels=known_labels(path, labels, array.shape, names),
            targets=tuple(names),
            ids=ids,
            groups=codes,
            group_names=tuple(groups or ()),
            group_values=values,
            clusters=None if clusters is None else cluster_names(clusters),
            train_counts=None if train_counts is None else np.asarray(train_counts),
            activation=activation,
            thresholds=None if thresholds is None else np.asarray(thresholds),
            split=split,
            meta=dict(meta or {}),
            path=path,
            probabilities=given,
        )

    def save(self, path: str) -> None:
        """Write a logits file, to standard output for `-`; equal content gives equal bytes."""
        write_bytes(path, pack_logits(self))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.logits)


def counts_shape(num_targets: int, values: Sequence[Sequence[str]]) -> tuple[int, int, int, int]:
    """Return the shape of training counts, [A, G+1, V+1, 2]."""
    return num_targets, len(values) + 1, max(map(len, values), default=0) + 1, 2


def default_targets(num: int) -> tuple[str, ...]:
    """Return default names of outputs: `output_0`, `output_1`, ..."""
    return tuple(f"output_{index}" for index in range(num))


def read_logits(path: str) -> Logits:
    """Read and check a logits file; `-` is standard input.

    Raises UserError that names the file and the array if an array is missing or invalid: wrong
    shapes or kinds, NaN or infinite logits, labels that are not 0, 1, -1 or NaN (or only -1 and 1),
    duplicate ids.
    """
    with Npz(path, KNOWN) as npz:
        return load_logits(npz)


def load_logits(npz: Npz) -> Logits:
    """Read and check the logits of an open archive, like `read_logits`."""
    logits = assemble(npz.path, {name: npz.read(name) for name in npz.members if name in KNOWN})
    signs = LabelSigns(len(logits.targets))
    signs.add(logits.labels)
    signs.check(logits.path, logits.targets, logits.meta)
    return logits


def write_logits(logits: Logits, path: str) -> None:
    """Write a logits file; the same content gives the same bytes."""
    logits.save(path)


def pack_logits(logits: Logits) -> bytes:
    """Return the bytes of a logits file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **_arrays(logits))
    return buffer.getvalue()


def _arrays(logits: Logits) -> dict[str, Any]:
    widest = max((len(values) for values in logits.group_values), default=0)
    padded = [[*values, *[""] * (widest - len(values))] for values in logits.group_values]
    optional = {
        "probabilities": logits.probabilities,
        "ids": logits.ids,
        "clusters": logits.clusters,
        "train_counts": logits.train_counts,
        "thresholds": logits.thresholds,
    }
    return {
        "logits": np.ascontiguousarray(logits.logits),
        "labels": np.ascontiguousarray(logits.labels, np.int8),
        "targets": _strings(logits.targets),
        "groups": np.ascontiguousarray(logits.groups, np.int16).reshape(len(logits), -1),
        "group_names": _strings(logits.group_names),
        "group_values": np.array(padded, dtype=np.str_).reshape(len(padded), widest),
        **{name: array for name, array in optional.items() if array is not None},
        "activation": np.array(logits.activation),
        "split": np.array(logits.split),
        "meta": np.array(json.dumps({"schema": SCHEMA, **logits.meta}, sort_keys=True)),
    }


def _strings(names: tuple[str, ...]) -> NDArray[np.str_]:
    return np.array(names, dtype=np.str_) if names else np.empty(0, "<U1")


def assemble(path: str, arrays: dict[str, NDArray[Any]], first_row: int = 0) -> Logits:
    """Return the arrays of a file, or of its rows from `first_row` on; raise like `read_logits`."""
    check_present(path, arrays)
    logits = check_logits(path, arrays["logits"], first_row)
    num_rows, num_targets = logits.shape
    read = Reader(path, arrays)
    targets = read.names("targets", num_targets) or default_targets(num_targets)
    group_names = read.names("group_names", None) or ()
    values = read.values(group_names)
    ids = check_ids(path, read.text("ids", num_rows))
    return Logits(
        logits=logits,
        labels=check_labels(path, arrays.get("labels"), logits.shape),
        targets=targets,
        ids=ids,
        groups=read.groups(num_rows, group_names, values),
        group_names=group_names,
        group_values=values,
        clusters=read.clusters(num_rows, ids, first_row),
        train_counts=read.counts("train_counts", counts_shape(num_targets, values)),
        activation=read.one_of("activation", ACTIVATIONS),
        thresholds=read.floats("thresholds", (num_targets,)),
        split=read.scalar("split") or "",
        meta=parse_meta(path, read.scalar("meta")),
        path=path,
        probabilities=arrays.get("probabilities"),
    )


def select_rows(logits: Logits, rows: NDArray[np.intp]) -> Logits:
    """Return the samples `rows`, in that order."""
    return replace(
        logits,
        logits=logits.logits[rows],
        probabilities=None if logits.probabilities is None else logits.probabilities[rows],
        labels=logits.labels[rows],
        ids=None if logits.ids is None else logits.ids[rows],
        groups=logits.groups[rows],
        clusters=None if logits.clusters is None else logits.clusters[rows],
    )
