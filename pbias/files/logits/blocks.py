"""Logits files larger than memory: read in blocks of rows, each checked like a whole file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.files.logits import Logits, as_logits, assemble, check_scale
from pbias.files.logits.checks import (
    LabelSigns,
    as_text,
    check_header,
    check_present,
    own_names,
)
from pbias.files.logits.npz import KNOWN, Npz
from pbias.files.logits.relabel import Relabeling
from pbias.files.manifest import Manifest

BLOCK_MIB = 24  # for all arrays by row; processing a block takes about four times as much
MIB = 1 << 20
BY_ROW = ("logits", "probabilities", "labels", "ids", "groups", "clusters")


@dataclass(frozen=True)
class LogitsBlocks:
    """A logits file read in blocks of `block_rows` rows.

    `head` is its first row: what it says of all rows is said there. `thresholds` float64 [A]
    replace those of the file, and `labels` its labels and groups, by id.
    """

    npz: Npz
    head: Logits
    block_rows: int
    probabilities: bool | None = None
    thresholds: NDArray[np.float64] | None = None
    labels: Relabeling | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.npz.members["logits"].shape[0]

    @property
    def path(self) -> str:
        """The path of the file."""
        return self.npz.path

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets."""
        return self.head.targets

    @property
    def activation(self) -> str:
        """The activation: sigmoid or softmax."""
        return self.head.activation

    @property
    def clustered(self) -> bool:
        """Whether samples belong to clusters."""
        return self.head.clusters is not None

    @property
    def first_row(self) -> Logits:
        """The head, with the thresholds in use."""
        if self.thresholds is None:
            return self.head
        return replace(self.head, thresholds=self.thresholds)

    def relabeled(
        self, manifest: Manifest, groups: Sequence[str], cluster: str | None
    ) -> LogitsBlocks:
        """Return the file with labels, groups and clusters of a manifest, as `relabel` does."""
        labels = Relabeling(self.head, manifest, groups, cluster)
        labels.check(self.column("ids"))
        return replace(self, head=labels(self.head), labels=labels)

    def blocks(self) -> Iterator[Logits]:
        """Yield the rows in order, as logits; raises UserError as `read_logits` and `as_logits` do.

        Ids that repeat in different blocks are the exception; use `column` to find them.
        """
        signs = LabelSigns(len(self.targets))
        low, high, row = math.inf, -math.inf, 0
        for block in _blocks(self.npz, self.block_rows):
            low, high = min(low, float(block.logits.min())), max(high, float(block.logits.max()))
            row += len(block)
            signs.add(block.labels)
            if self.probabilities:
                block = as_logits(block, probabilities=True)
            if self.labels is not None:
                block = self.labels(block)
            yield block if self.thresholds is None else replace(block, thresholds=self.thresholds)
        check_scale(self.head, low, high, probabilities=self.probabilities)
        signs.check(self.path, self.targets, self.head.meta)

    def by_targets(self, max_bytes: int) -> Iterator[Logits]:
        """Yield all rows of some targets after the other, with labels and without samples' names.

        The file is read once for as many targets as fit in `max_bytes`.
        """
        num = max(1, max_bytes // max(1, len(self) * (np.dtype(np.float64).itemsize + 1)))
        for start in range(0, len(self.targets), num):
            yield self._all_rows(slice(start, start + num))

    def _all_rows(self, part: slice) -> Logits:
        labels_an = np.empty((len(self.targets[part]), len(self)), np.int8)
        z_an, row = np.empty(0), 0
        for block in self.blocks():
            if not row:
                z_an, cuts = np.empty(labels_an.shape, block.logits.dtype), block.thresholds
            rows = slice(row, row + len(block))
            z_an[:, rows], labels_an[:, rows] = block.logits[:, part].T, block.labels[:, part].T
            row = rows.stop
        return Logits(
            logits=z_an.T,
            labels=labels_an.T,
            targets=self.targets[part],
            activation=self.activation,
            thresholds=None if cuts is None else cuts[part],
            meta=self.head.meta,
            path=self.path,
        )

    def column(self, name: str) -> Iterator[NDArray[np.str_]]:
        """Ids or clusters in blocks of rows, as text."""
        labels = self.labels if name == "clusters" else None
        if labels is not None and labels.has_clusters:
            yield from map(labels.clusters, self.column("ids"))
            return
        names = [name, *(["ids"] if name != "ids" and "ids" in self.npz.members else [])]
        row = 0
        for arrays in zip(*(self.npz.blocks(n, self.block_rows) for n in names), strict=True):
            found, *ids = map(as_text, arrays)
            yield own_names(found, ids[0] if ids else None, row) if name == "clusters" else found
            row += len(found)


def num_mib(npz: Npz) -> float:
    """Return the size of the logits in an open file, in MiB; 0 if there are none."""
    member = npz.members.get("logits")
    return 0.0 if member is None else math.prod(member.shape) * member.dtype.itemsize / MIB


def open_blocks(
    npz: Npz, *, probabilities: bool | None = None, block_rows: int | None = None
) -> LogitsBlocks:
    """Return the blocks of an open file; raises UserError if its headers do not fit together."""
    head = next(_blocks(npz, 1))
    if block_rows is None:
        block_rows = max(1, BLOCK_MIB * MIB // _row_bytes(npz))
    return LogitsBlocks(npz, head, block_rows, probabilities)


def _row_bytes(npz: Npz) -> int:
    members = [npz.members[name] for name in BY_ROW if name in npz.members]
    return sum(member.dtype.itemsize * math.prod(member.shape[1:]) for member in members)


def _blocks(npz: Npz, block_rows: int) -> Iterator[Logits]:
    names = [name for name in BY_ROW if name in npz.members]
    check_present(npz.path, npz.members)
    _check_rows(npz, names)
    rest = (npz.members.keys() & KNOWN) - set(names)
    whole = {name: npz.read(name) for name in rest}
    row = 0
    # `zip` keeps the first tuple that it gave while someone holds it, and with it the first block.
    together = zip(*(npz.blocks(name, block_rows) for name in names), strict=True)
    for arrays in map(list, together):
        rows: dict[str, NDArray[Any]] = dict(zip(names, arrays, strict=True))
        yield assemble(npz.path, whole | rows, first_row=row)
        row += len(rows["logits"])


def _check_rows(npz: Npz, names: list[str]) -> None:
    """Raise UserError unless arrays by sample have as many entries as there are logits."""
    logits = npz.members["logits"]
    check_header(npz.path, logits.shape, logits.dtype)
    for name in names:
        shape = npz.members[name].shape
        if shape[:1] != logits.shape[:1]:
            raise UserError(
                f"{npz.path}: 'logits' is {list(logits.shape)} and '{name}' {list(shape)}; "
                "save one row per sample in both"
            )
