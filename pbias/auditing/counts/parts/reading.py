"""Read counts files, check them, and add them up one after the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.parts.checks import check_fit, check_totals
from pbias.auditing.counts.parts.counts import NAMES, Counts, layout
from pbias.auditing.counts.reduction import Advance, Wanted
from pbias.errors import UserError, listed
from pbias.files.counts_file import CountsFile, Facts

log = logging.getLogger(__name__)

FEW_ROWS = 2


class _Addend(Protocol):
    """An array that is added to another one of its shape, in place."""

    def add_to(self, array: NDArray[Any]) -> None:
        """Add it."""


class _Dense(NamedTuple):
    cells: NDArray[Any]

    def add_to(self, array: NDArray[Any]) -> None:
        array += self.cells


class _Part(NamedTuple):
    path: str
    facts: Facts
    checksums: tuple[tuple[int, int], ...]


def read_parts(
    sources: Sequence[str | Counts], wanted: Wanted, progress: Advance | None = None
) -> Counts:
    """Return the sum of counts, in files or in memory, with the arrays that are wanted.

    Memory: the arrays once, and the cells of one file. Raises UserError for unusable files and for
    parts that do not fit together, naming the difference.
    """
    found: Counts | None = None
    parts: list[_Part] = []
    for done, source in enumerate(sources, 1):
        if isinstance(source, Counts):
            name = "counts" if len(sources) == 1 else f"counts[{done - 1}]"
            part = _checked(_Part(name, source.facts, ()), parts)
            shapes = layout(source.facts, products=wanted.products, ranked=wanted.ranked)
            dense: dict[str, _Addend] = {of: _Dense(source.arrays[of]) for of in shapes}
            found = _add(found, part, dense, wanted)
        else:
            with CountsFile(source, NAMES) as file:
                part = _checked(_Part(file.path, file.facts, file.checksums), parts)
                found = _add(found, part, _read(file, wanted), wanted)
        parts.append(part)
        if progress is not None:
            progress(done, len(sources))
    assert found is not None
    if found.facts.rows < FEW_ROWS:
        raise UserError(f"{parts[0].path} counts a single row; an audit needs more")
    _say_what_was_dropped(parts)
    return found


def _checked(part: _Part, others: Sequence[_Part]) -> _Part:
    """Return the part, if it fits to the first; warn if it is a copy."""
    if others:
        check_fit(part.facts, part.path, others[0].facts, others[0].path)
        _warn_of_copy(part, others)
    return part


def _read(file: CountsFile, wanted: Wanted) -> dict[str, _Addend]:
    shapes = layout(file.facts, products=wanted.products, ranked=wanted.ranked)
    file.check_sizes(shapes)
    read = {name: file.read(name, *of) for name, of in shapes.items()}
    check_totals(file.facts, read, file.damaged)
    return dict(read)


def _add(so_far: Counts | None, part: _Part, read: dict[str, _Addend], wanted: Wanted) -> Counts:
    """Return the counts with those of one more part; the arrays are added to in place."""
    facts = part.facts if so_far is None else _sum(so_far.facts, part.facts)
    arrays = {} if so_far is None else so_far.arrays
    for name, (shape, dtype) in layout(
        facts, products=wanted.products, ranked=wanted.ranked
    ).items():
        if name == "train_counts" and so_far is not None:
            training = np.zeros_like(arrays[name])
            read.pop(name).add_to(training)
            arrays[name] = _agreed(arrays[name], training, part.path)
            continue
        if name not in arrays:
            arrays[name] = np.zeros(shape, dtype)
        elif arrays[name].dtype != dtype:
            arrays[name] = arrays[name].astype(dtype)
        read.pop(name).add_to(arrays[name])
    return Counts(facts, arrays)


def _sum(one: Facts, other: Facts) -> Facts:
    """Combine the facts of both parts; a value that one of them dropped is not in the sum."""
    groups = [
        replace(a, dropped=tuple(x or y for x, y in zip(a.dropped, b.dropped, strict=True)))
        for a, b in zip(one.groups, other.groups, strict=True)
    ]
    return replace(
        one,
        rows=one.rows + other.rows,
        groups=tuple(groups),
        same=one.same and other.same,
        parts=one.parts + other.parts,
    )


def _agreed(ours: NDArray[np.int64], theirs: NDArray[np.int64], path: str) -> NDArray[np.int64]:
    """Return training counts [A, G+1, V+1, 2] on which both agree; 0 for groups that one lacks."""
    found = ours.copy()
    for group in range(ours.shape[1]):
        one, other = ours[:, group], theirs[:, group]
        if not (one.any() and other.any()):
            found[:, group] = 0
        elif (one != other).any():
            raise UserError(
                f"{path} has other training counts than the files before it, so that its "
                "network is another one; audit parts of one network"
            )
    return found


def _warn_of_copy(part: _Part, others: Sequence[_Part]) -> None:
    for other in others:
        if part.checksums and other.checksums == part.checksums:
            log.warning(
                "%s and %s hold the same counts, which are added twice; leave one out if they are "
                "of the same samples", other.path, part.path,
            )  # fmt: skip


def _say_what_was_dropped(parts: Sequence[_Part]) -> None:
    for place, group in enumerate(parts[0].facts.groups):
        who = [part.path for part in parts if any(part.facts.groups[place].dropped)]
        if who:
            gone = sorted(
                {
                    value
                    for part in parts
                    for value, dropped in zip(
                        group.values, part.facts.groups[place].dropped, strict=True
                    )
                    if dropped
                }
            )
            log.warning(
                "%s=%s: not in the sum, for %s dropped it (--min-cell)",
                group.name, listed(gone, 5), listed(who),
            )  # fmt: skip
