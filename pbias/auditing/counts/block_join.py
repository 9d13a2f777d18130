"""Join files that are read in blocks; the samples must have the same order in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.folds import fold_rows, folds_of_hashes, hash_owners
from pbias.auditing.counts.join import check_same, select_targets, sizes_differ, warn_of_position
from pbias.auditing.counts.reduction import say_how_many_folds
from pbias.errors import UserError
from pbias.files.logits import UNKNOWN, Logits
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.logits.checks import check_ids

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Folds:
    """The folds of a file's rows and their number; `assigned` [N] if rows have owners."""

    num: int
    num_rows: int
    assigned: NDArray[np.uint16] | None = None

    @classmethod
    def of(cls, file: LogitsBlocks, ids: Hashes | None, num_folds: int) -> Folds:
        """Assign folds by cluster, by id (their hashes) or by row, as `join_sides` does."""
        if num_folds == 1:
            return cls(1, len(file))
        owners = _hashes(file, "clusters") if file.clustered else ids
        if owners is None:
            _, found = fold_rows(0, 0, len(file), num_folds)
            assigned = None
        else:
            folds, found = folds_of_hashes(owners, num_folds)
            assigned = folds.astype(np.uint16)
        say_how_many_folds(found)
        return cls(found, len(file), assigned)

    def rows(self, start: int, stop: int) -> NDArray[np.intp]:
        """Return the folds of some rows, int [n]."""
        if self.num == 1:
            return np.zeros(stop - start, np.intp)
        if self.assigned is not None:
            return self.assigned[start:stop].astype(np.intp)
        return fold_rows(start, stop, self.num_rows, self.num)[0].astype(np.intp)


@dataclass(frozen=True)
class JoinedBlocks(LogitsBlocks):
    """The blocks of a file, `pair[1]`, joined to those of another one, `pair[0]`."""

    pair: tuple[LogitsBlocks, ...] = ()

    def blocks(self) -> Iterator[Logits]:
        """Yield the rows with the targets and labels of the other; raises UserError as `align`."""
        check_lengths(self.pair)
        join, row = BlockJoin(self.targets), 0
        for pair in zip(*(file.blocks() for file in self.pair), strict=True):
            yield list(join(pair, row))[1]
            row += len(pair[0])


def join_blocks(file: LogitsBlocks, to: LogitsBlocks) -> JoinedBlocks:
    """Return a file whose samples are checked against those of another one, block by block."""
    head = select_targets(file.head, to.targets, because=f" but {to.path} does")
    pair = tuple(same_rows([to, file]))
    return JoinedBlocks(**{**vars(pair[1]), "head": head}, pair=pair)


def same_rows(files: Sequence[LogitsBlocks]) -> list[LogitsBlocks]:
    """Return files with blocks of the same number of rows; those of wide rows are the smallest."""
    rows = min(file.block_rows for file in files)
    return [replace(file, block_rows=rows) for file in files]


def check_lengths(files: Sequence[LogitsBlocks]) -> None:
    """Raise UserError for files with different numbers of rows; warn about missing ids."""
    first = files[0]
    for file in files[1:]:
        if len(file) != len(first):
            raise sizes_differ(file, first)
        if not ("ids" in file.npz.members and "ids" in first.npz.members):
            warn_of_position(file.path, first.path)


def hash_ids(files: Sequence[LogitsBlocks]) -> Hashes | None:
    """Hash the ids of the first file, if it has any; raises UserError for repeated ids.

    The ids of the other files must equal them, block by block. If the first file has no ids, those
    of the others are checked for repetition, too.
    """
    if "ids" in files[0].npz.members:
        return _unique_hashes(files[0])
    for file in files[1:]:
        if "ids" in file.npz.members:
            _unique_hashes(file)
    return None


def _unique_hashes(file: LogitsBlocks) -> Hashes:
    hashes = _hashes(file, "ids")
    distinct, counts = np.unique(hashes, return_counts=True)
    if len(distinct) < len(hashes):
        again = distinct[counts > 1]
        texts = [ids[np.isin(hash_owners(ids), again)] for ids in file.column("ids")]
        check_ids(file.path, np.concatenate(texts))
    return hashes


def _hashes(file: LogitsBlocks, name: str) -> Hashes:
    return np.concatenate([hash_owners(texts) for texts in file.column(name)])


@dataclass
class BlockJoin:
    """Joins successive blocks of several files, with the attributes `targets`."""

    targets: Sequence[str]
    labeled: dict[str, set[bool]] = field(default_factory=dict)

    def __call__(self, blocks: Sequence[Logits], first_row: int) -> Iterator[Logits]:
        """Yield blocks with the same targets, labels and groups; UserError as in `align`."""
        first = select_targets(blocks[0], self.targets)
        yield first
        for block in blocks[1:]:
            other = select_targets(block, self.targets, because=f" but {first.path} does")
            _check_order(other, first, first_row)
            yield self._checked(other, first, first_row)

    def _checked(self, other: Logits, first: Logits, first_row: int) -> Logits:
        """Return a checked file; without any labels, it takes those of the first."""
        if (first.labels != UNKNOWN).any():
            known = bool((other.labels != UNKNOWN).any())
            seen = self.labeled.setdefault(other.path, set())
            seen.add(known)
            if len(seen) > 1:
                raise UserError(
                    f"{other.path} and {first.path} disagree on labels: of the rows to "
                    f"{first_row + len(first)}, {other.path} has some without any; "
                    "predict both with the same labels.csv"
                )
            if not known:
                other = replace(other, labels=first.labels)
        check_same(other, first, first_row)
        return other


def _check_order(other: Logits, first: Logits, first_row: int) -> None:
    if other.ids is None or first.ids is None:
        return
    differ = np.flatnonzero(other.ids != first.ids)
    if len(differ):
        row = differ[0]
        raise UserError(
            f"{other.path} and {first.path} have different ids in row {first_row + row} "
            f"({other.ids[row]} and {first.ids[row]}), which cannot be joined in blocks; "
            "predict both on the same split in the same order, or use 'pbias metrics --in-memory'"
        )
