"""Manifests (`labels.csv`): one row per image, with its split, labels, groups and other columns."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from pbias.errors import UserError, argument, did_you_mean, first_repeated, listed
from pbias.files.cells import BINARY, UNKNOWN, is_unknown_text
from pbias.files.csv_reader import CsvFile, read_csv
from pbias.files.streams import STDIO

Int64 = npt.NDArray[np.int64]

SPLITS = ("train", "valid", "test")
TRANSFORMS = ("grayscale", "yellow_square")
RESERVED = ("image", "split", "transform")
SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}
LISTED = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """A manifest as read from a file: every column in file order, row by row."""

    path: str  # as messages show it
    sha256: str
    root: Path  # image paths are relative to it
    ids: list[str]
    splits: list[str]
    transforms: list[str]  # "" for none
    columns: dict[str, list[str]]  # all other columns, with unchanged text
    attributes: list[str]  # columns with only 0, 1 and empty cells
    drawn: bool = False  # were splits drawn by a hash of the ids, because there is no column?

    def rows(self, split: str) -> Int64:
        """Return the rows of a split, or all rows for `all`; UserError if there are none."""
        if split == "all":
            return np.arange(len(self.ids))
        found = np.array([i for i, name in enumerate(self.splits) if name == split], np.int64)
        if not len(found):
            counts = ", ".join(f"{self.splits.count(name)} {name}" for name in SPLITS)
            raise UserError(
                f"{self.path} has no rows of split '{split}' (it has {counts}); "
                "name another split or correct the 'split' column"
            )
        return found


def read_manifest(
    path: str,
    *,
    image_root: str | None = None,
    seed: int = 0,
    allow_outside: bool = False,
    cluster: str | None = None,
    labels_only: bool = False,
) -> Manifest:
    """Read a manifest from a file, or from standard input for `-`.

    The file is UTF-8 with or without a byte-order mark, with RFC 4180 quoting and any line ends.
    Without a `split` column, each row goes to train, valid or test (70/10/20) by a hash of `seed`
    and its id, or of its name in the column `cluster`. The commands leave `seed` at 0, so that
    every run on a manifest has the same test rows. Raises UserError for invalid content; the
    message names the row, the column and what to do. Unless `allow_outside` is set, image paths
    that could lead out of their folder are invalid.

    With `labels_only`, images and splits do not matter. The column of ids may then be called `id`,
    ids need not be paths, and no note says that splits were drawn.
    """
    file = read_csv(path)
    root = _root(path, image_root)
    path = file.path
    table = _columns(file, labels_only=labels_only)
    ids = table.pop("image")
    check_ids(path, ids, allow_outside=allow_outside or labels_only)
    splits = table.pop("split", None)
    transforms = table.pop("transform", None)
    drawn = splits is None
    if splits is None:
        owners = owners_of(table[cluster], ids) if cluster in table else ids
        splits = draw_splits(path, owners, seed, cluster or "", quiet=labels_only)
    check_values(path, "split", splits, ids, SPLITS)
    if transforms is None:
        transforms = [""] * len(ids)
    check_values(path, "transform", transforms, ids, ("", *TRANSFORMS))
    attributes = [name for name, column in table.items() if _is_attribute(path, name, column)]
    return Manifest(path, file.sha256, root, ids, splits, transforms, table, attributes, drawn)


def _root(path: str, image_root: str | None) -> Path:
    if image_root:
        return Path(image_root)
    return Path() if path == STDIO else Path(path).parent


def _is_attribute(path: str, name: str, cells: list[str]) -> bool:
    """Return whether a column contains only 0, 1 and unknown cells; warn about -1."""
    values = set(cells)
    known = {cell for cell in values if BINARY.get(cell) != UNKNOWN}
    signs = values & {"-1", "-1.0"}
    if signs and known and known <= {"1", "1.0", "+1"}:
        raise UserError(
            f"{path}, column '{name}' holds -1 and 1; replace -1 by 0 (unknown labels are empty)"
        )
    if not (name and known and known <= BINARY.keys()):
        return False
    if signs:
        num = sum(cell in signs for cell in cells)
        logger.warning("%s, column '%s': %d cells of -1 are read as unknown", path, name, num)
    return True


def _columns(file: CsvFile, *, labels_only: bool) -> dict[str, list[str]]:
    """Return columns by name, in file order: at least `image`, at least one row, equal lengths."""
    header = list(file.header)
    if labels_only and "image" not in header and "id" in header:
        header[header.index("id")] = "image"
    _check_header(file.path, header, "'image' or 'id'" if labels_only else "'image'")
    columns = file.columns()
    if not file.rows:
        raise UserError(
            f"{file.path} holds no rows below its header; did a filter remove all rows?"
        )
    return dict(zip(header, columns, strict=True))


def _check_header(path: str, header: list[str], wanted: str) -> None:
    if not any(header):
        raise UserError(f"{path} is empty; it needs a header with an 'image' column, and rows")
    if "image" not in header and not any(n.strip().casefold() == "image" for n in header):
        raise UserError(
            f"{path} has no {wanted} column{columns_there('image', header)}; "
            f"name the column of image paths {wanted}"
        )
    for name in header:
        meant = name.strip().casefold()
        if meant in RESERVED and meant not in header:
            raise UserError(
                f"{path} has a column '{name}' but no '{meant}'; rename it to '{meant}', or to "
                "another name if it has another meaning"
            )
    twice = first_repeated(header)
    if twice is not None:
        raise UserError(f"{path} has two columns named '{twice}'; rename one of them")


def check_ids(path: str, ids: list[str], *, allow_outside: bool = False) -> None:
    """Raise UserError for ids that repeat, are empty or (unless allowed) leave the image folder."""
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        for number, name in enumerate(ids, 1):
            if name in seen:
                raise UserError(
                    f"{path}, row {number}: image '{name}' is listed twice; keep one of the rows"
                )
            seen.add(name)
    for number, name in enumerate(ids, 1):
        if not name:
            raise UserError(f"{path}, row {number}: the image is empty; fill in its path")
        if not allow_outside and _leads_outside(name):
            raise UserError(
                f"{path}, row {number}: image '{name}' is outside of the image folder; name the "
                f"right folder with {argument('image_root')}, or trust the file with "
                f"{argument('allow_outside', True)}"
            )


def _leads_outside(name: str) -> bool:
    return name[0] == "/" or (".." in name and ".." in PurePosixPath(name).parts)


def check_values(
    path: str, column: str, cells: list[str], ids: list[str], allowed: Sequence[str]
) -> None:
    """Raise UserError for a cell that is not one of `allowed`."""
    unknown = set(cells).difference(allowed)
    if unknown:
        number, cell = next((i, x) for i, x in enumerate(cells) if x in unknown)
        choices = ", ".join(value or "(empty)" for value in allowed)
        raise UserError(
            f"{path}, row {number + 1} ({ids[number]}): {column} '{cell}'; use one of {choices}"
        )


def owners_of(clusters: list[str], ids: list[str]) -> list[str]:
    """Return the cluster of each row, or its id if the cluster is unknown."""
    return [
        name if is_unknown_text(cell) else cell for cell, name in zip(clusters, ids, strict=True)
    ]


def draw_splits(
    path: str, owners: list[str], seed: int, cluster: str = "", *, quiet: bool = False
) -> list[str]:
    """Split 70/10/20 by a hash of seed and owner, independent of order and other rows.

    Owners are ids, or the clusters in a column with this name; the rows of a cluster stay together.
    """
    splits = [hashed_split(name, seed) for name in owners]
    counts = ", ".join(f"{splits.count(name)} {name}" for name in SPLITS)
    by = f"column '{cluster}'" if cluster else "image name"
    if not quiet:
        logger.info("%s has no 'split' column; split 70/10/20 by %s: %s", path, by, counts)
    return splits


def hashed_split(name: str, seed: int, shares: Mapping[str, float] = SHARES) -> str:
    """Return a split, with these shares (of 1), by a hash of seed and name only."""
    import hashlib  # slow to import, and for manifests without splits alone

    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    draw = int.from_bytes(digest, "big") / 2**64
    bounds = accumulate(shares.values())
    return next((n for n, bound in zip(shares, bounds, strict=True) if draw < bound), [*shares][-1])


def columns_there(name: str, known: Sequence[str]) -> str:
    """Return a hint for errors: the column that was probably meant, and the existing columns.

    >>> columns_there("Smilling", ["Male", "Smiling"])
    " (did you mean 'Smiling'? it has: Male, Smiling)"
    """
    said = f"{did_you_mean(name, known, '')} it has: {listed(known, LISTED) or 'no other column'}"
    return f" ({said.lstrip()})"
