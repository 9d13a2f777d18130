"""Counts files (`.npz`): totals of one part of the samples by fold, without rows and ids.

The totals of parts can be added. `pbias_counts` describes them as JSON. The file contains the
non-zero cells of each array: `NAME` holds them in order, `NAME_at` the distance of each from the
previous one.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, first_repeated
from pbias.files.logits.checks import ACTIVATIONS
from pbias.files.logits.npz import Npz
from pbias.files.signatures import COUNTS, first_bytes, is_counts
from pbias.files.streams import write_bytes

SCHEMA = 1
NUM_FOLDS = 200
SUFFIX = "_at"
MAX_FACTS = 1 << 24  # in characters
MAX_ROWS = 1 << 48
# For the cells of all arrays together, including zeros, unless the file itself is larger.
MAX_BYTES = 1 << 32
MAX_UNFOLDING = 64
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Group:
    """A group: whether it is a column of the training counts, its values, and which are dropped.

    A dropped value had fewer rows than `--min-cell`, or hides a value that had.
    """

    name: str
    values: tuple[str, ...]
    column: bool
    dropped: tuple[bool, ...]


@dataclass(frozen=True)
class Run:
    """A run: the file that was counted, its thresholds if it has any, and how it was trained."""

    file: str
    thresholds: tuple[float, ...] | None
    meta: dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """The description of the totals.

    `rows` is the number of samples; their folds are hashes of their `owners` (clusters, ids or
    rows). The first `audited` of `runs` belong to the audited model, the others to the reference.
    `products` says whether products of predictions were counted, `ranked` whether the order of
    logits was, and `same` whether audited and reference logits are equal.
    """

    rows: int
    owners: str
    targets: tuple[str, ...]
    activation: str
    groups: tuple[Group, ...]
    runs: tuple[Run, ...]
    audited: int
    products: bool
    ranked: bool
    same: bool
    parts: int = 1

    @property
    def references(self) -> int:
        """The number of runs of the reference."""
        return len(self.runs) - self.audited


class Sparse(NamedTuple):
    """The non-zero cells of an array: their positions in ascending order, and their values."""

    at: NDArray[np.int64]
    values: NDArray[Any]
    shape: tuple[int, ...]

    def add_to(self, array: NDArray[Any]) -> None:
        """Add the cells to an array of this shape, in place."""
        array.reshape(-1)[self.at] += self.values

    def sums(self, num_axes: int) -> NDArray[np.float64]:
        """Sum over all but the first `num_axes` axes."""
        cells = math.prod(self.shape[num_axes:])
        size = math.prod(self.shape[:num_axes])
        found = np.bincount(self.at // max(cells, 1), self.values, size)
        return np.asarray(found, np.float64).reshape(self.shape[:num_axes])


def holds_counts(path: str) -> bool:
    """Return whether a file (`-`: standard input, not consumed) was written by `pbias count`."""
    return is_counts(first_bytes(path))


def write_counts(path: str, facts: Facts, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a counts file, to standard output for `-`; equal content gives equal bytes."""
    write_bytes(path, pack_counts(facts, arrays))


def pack_counts(facts: Facts, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a counts file."""
    text = json.dumps({"schema": SCHEMA, "folds": NUM_FOLDS, **_as_json(facts)}, sort_keys=True)
    members: dict[str, Any] = {COUNTS: np.array(text)}
    for name, array in arrays.items():
        members[name], members[name + SUFFIX] = _sparse(array)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **members)
    return buffer.getvalue()


def _as_json(facts: Facts) -> dict[str, Any]:
    """Return the facts as plain data; thresholds as text, because JSON has no infinity."""
    found = asdict(facts)
    for run in found["runs"]:
        if run["thresholds"] is not None:
            run["thresholds"] = list(map(repr, run["thresholds"]))
    return found


def _sparse(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the non-zero cells and the distance of each from the previous one, in small types.

    This works in chunks, because int64 positions would take more memory than the array.
    """
    flat = array.reshape(-1)
    small = flat.dtype
    if small.kind != "f":
        small = np.min_scalar_type(int(flat.max(initial=0)))
    step = np.dtype(np.uint32 if len(flat) < 1 << 32 else np.uint64)
    values, steps, last = [np.empty(0, small)], [np.empty(0, step)], 0
    for start in range(0, len(flat), _CHUNK):
        at = np.flatnonzero(flat[start : start + _CHUNK]) + start
        if len(at):
            values.append(flat[at].astype(small))
            steps.append(np.diff(at, prepend=last).astype(step))
            last = int(at[-1])
    between = np.concatenate(steps)
    return np.concatenate(values), between.astype(np.min_scalar_type(int(between.max(initial=0))))


class CountsFile:
    """An open counts file: its facts, checked, and its arrays, which are read one by one."""

    def __init__(self, path: str, names: Iterable[str]) -> None:
        """Open the file and check the headers of the arrays `names`; UserError for faults."""
        known = {part for name in names for part in (name, name + SUFFIX)}
        self._npz = Npz(path, {COUNTS, *known}, what="counts file", again="count the part again")
        self.path = self._npz.path
        try:
            self.facts = self._read_facts()
        except UserError:
            self._npz.__exit__()
            raise

    def __enter__(self) -> CountsFile:
        """Enter the context that closes the file at its end."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._npz.__exit__(*error)

    @property
    def checksums(self) -> tuple[tuple[int, int], ...]:
        """CRC-32 and size of every array, from the archive."""
        return tuple(self._npz.checksum(name) for name in sorted(self._npz.members))

    def check_sizes(self, sizes: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
        """Raise UserError for arrays of these shapes and types that would fill memory."""
        total = sum(math.prod(shape) * dtype.itemsize for shape, dtype in sizes.values())
        packed = sum(self._npz.packed_size(name) for name in self._npz.members)
        limit = max(MAX_BYTES, MAX_UNFOLDING * packed)
        if total > limit:
            raise UserError(
                f"{self.path}: counts of {len(self.facts.targets):,} targets need {total:,} bytes, "
                f"more than {limit:,}; leave out metrics that need the order of logits or every "
                "pair of targets"
            )

    def read(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Sparse:
        """Return one array, with positions within `shape`; raises UserError for negative counts."""
        at, values = self._column(name + SUFFIX), self._column(name)
        kinds = "f" if dtype.kind == "f" else "u"
        if values.dtype.kind not in kinds or at.dtype.kind != "u":
            raise self.damaged(f"'{name}' is {values.dtype}, at {at.dtype}")
        if len(at) != len(values):
            raise self.damaged(f"'{name}' has {len(values)} cells at {len(at)} places")
        if not len(at):
            return Sparse(np.empty(0, np.int64), np.empty(0, dtype), shape)
        size = math.prod(shape)
        # If the sum as floats is small, each step is below 2^53, and the sum in int64 is exact.
        if float(at.sum(dtype=np.float64)) >= size or (at[1:] == 0).any():
            raise self.damaged(f"'{name}' has cells outside of {list(shape)}")
        if kinds == "f" and not np.isfinite(values).all():
            raise self.damaged(f"'{name}' holds {values[~np.isfinite(values)][0]}")
        largest = MAX_ROWS if kinds == "f" else np.iinfo(dtype).max
        if float(np.abs(values).max()) > largest or (values == 0).any():
            raise self.damaged(f"'{name}' holds a number that no count can be")
        return Sparse(np.cumsum(at.astype(np.int64)), values.astype(dtype), shape)

    def damaged(self, what: str) -> UserError:
        """Return an error that names the damage."""
        return self._npz.damaged(what)

    def _column(self, name: str) -> NDArray[Any]:
        member = self._npz.members.get(name)
        if member is None:
            raise self.damaged(f"it has no array '{name}'")
        if len(member.shape) != 1:
            raise self.damaged(f"'{name}' has the shape {list(member.shape)}")
        return self._npz.read(name)

    def _read_facts(self) -> Facts:
        member = self._npz.members.get(COUNTS)
        if member is None:
            raise self.damaged(f"it has no '{COUNTS}'")
        if member.shape or member.dtype.kind != "U" or member.dtype.itemsize > 4 * MAX_FACTS:
            raise self.damaged(f"'{COUNTS}' is {member.dtype} {list(member.shape)}")
        try:
            given = json.loads(str(self._npz.read(COUNTS)))
        except (ValueError, RecursionError) as error:
            raise self.damaged(f"'{COUNTS}' is not JSON") from error
        schema = given.get("schema") if isinstance(given, dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise UserError(f"{self.path} has schema {schema}, newer than {SCHEMA}; update pbias")
        try:
            return _facts(given)
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(f"'{COUNTS}' has no proper {error.args[0]}") from error


def _facts(given: Any) -> Facts:
    """Check the content of a file; raises ValueError, TypeError or KeyError with the key's name."""
    take = _Take(given)
    if take("schema", _whole) != SCHEMA or take("folds", _whole) != NUM_FOLDS:
        raise ValueError("schema")
    facts = Facts(
        rows=take("rows", _whole),
        owners=take("owners", _one_of("clusters", "ids", "rows")),
        targets=take("targets", _names),
        activation=take("activation", _one_of(*ACTIVATIONS)),
        groups=tuple(_group(_Take(item)) for item in take("groups", _list)),
        runs=tuple(_run(_Take(item)) for item in take("runs", _list)),
        audited=take("audited", _whole),
        products=take("products", _flag),
        ranked=take("ranked", _flag),
        same=take("same", _flag),
        parts=take("parts", _whole),
    )
    if not facts.targets or first_repeated(group.name for group in facts.groups) is not None:
        raise ValueError("targets" if not facts.targets else "groups")
    if not 1 <= facts.audited <= len(facts.runs):
        raise ValueError("audited")
    if any(len(run.thresholds or facts.targets) != len(facts.targets) for run in facts.runs):
        raise ValueError("thresholds")
    if not 1 <= facts.rows <= MAX_ROWS or facts.parts < 1:
        raise ValueError("rows" if facts.parts >= 1 else "parts")
    return facts


class _Take:
    """A reader of values from a JSON object that checks each of them."""

    def __init__(self, given: Any) -> None:
        if not isinstance(given, dict):
            raise TypeError("object")
        self._given = given

    def __call__(self, key: str, check: Callable[[Any], Any]) -> Any:
        """Return the value of a key; raises KeyError, TypeError or ValueError with its name."""
        value = self._given[key]
        try:
            return check(value)
        except (TypeError, ValueError) as error:
            raise ValueError(key) from error


def _group(take: _Take) -> Group:
    values = take("values", _names)
    dropped = tuple(take("dropped", _list))
    if len(dropped) != len(values) or not values or not all(isinstance(d, bool) for d in dropped):
        raise ValueError("dropped")
    name = take("name", _text)
    if not name:
        raise ValueError("name")
    return Group(name, values, take("column", _flag), dropped)


def _run(take: _Take) -> Run:
    def table(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return value

    return Run(take("file", _text), take("thresholds", _thresholds), take("meta", table))


def _thresholds(value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    found = tuple(float(_text(item)) for item in _list(value))
    if any(map(math.isnan, found)):
        raise ValueError
    return found


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half of a surrogate pair cannot be encoded
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _names(value: Any) -> tuple[str, ...]:
    names = tuple(map(_text, _list(value)))
    if first_repeated(names) is not None:
        raise ValueError
    return names


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return check


def run_names(runs: Sequence[Run], parts: int) -> list[str]:
    """Return the names of runs that were counted in several parts."""
    more = f" and {parts - 1} more" if parts > 1 else ""
    return [f"{run.file}{more}" for run in runs]
