"""The manifest, `labels.csv`: one row an image, with its split, labels, groups and whatever else.

Shapes: N rows, A targets, G groups, V values of the group that has most.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pbias.errors import UserError
from pbias.files.manifest.near_columns import refuse_misspelt, warn_of_almost
from pbias.files.manifest.parsing import (
    SPLITS,
    TRANSFORMS,
    check_ids,
    check_values,
    columns_there,
    draw_splits,
    parse,
)
from pbias.files.provenance import sha256
from pbias.files.streams import STDIO, read_bytes

Int8 = npt.NDArray[np.int8]
Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]

UNKNOWN = -1
# pandas writes 0.0 and 1.0 in a column of whole numbers as soon as one cell is empty.
BINARY = {"0": 0, "1": 1, "": UNKNOWN, "0.0": 0, "1.0": 1}
MAX_GROUP_VALUES = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """A manifest as read: every column in file order, row by row."""

    path: str  # as given
    sha256: str
    root: Path  # the images are relative to it
    ids: list[str]
    splits: list[str]
    transforms: list[str]  # "" where none
    columns: dict[str, list[str]]  # every other column, its text untouched
    attributes: list[str]  # those of 0, 1 and empty cells only
    drawn: bool = False  # splits by a hash of the ids, for want of a column

    def rows(self, split: str) -> Int64:
        """The rows of a split, or of everything for `all`; UserError where there are none."""
        if split == "all":
            return np.arange(len(self.ids))
        found = np.array([i for i, name in enumerate(self.splits) if name == split], np.int64)
        if not len(found):
            counts = ", ".join(f"{self.splits.count(name)} {name}" for name in SPLITS)
            raise UserError(
                f"{self.path} has no rows of split '{split}' (it has {counts}); "
                "name another split or mend its 'split' column"
            )
        return found


@dataclass(frozen=True)
class Labels:
    """What a run needs of a manifest, row by row; -1 is unknown."""

    targets: list[str]
    labels: Int8  # [N, A]
    group_names: list[str]
    groups: Int16  # [N, G] indices into group_values
    group_values: list[list[str]]
    clusters: list[str] | None


def read_manifest(
    path: str, *, image_root: str | None = None, seed: int = 0, allow_outside: bool = False
) -> Manifest:
    """Read a manifest from a file, or from standard input for `-`.

    UTF-8 with or without a byte-order mark, RFC 4180 quoting, any line ends. Without a `split`
    column each row goes to train, valid or test (70/10/20) by a hash of its id and `seed`; the
    commands leave `seed` at 0, so that every run of a manifest has the same test rows. Raises
    UserError for whatever could not be used, naming row, column and what to do: among that, unless
    `allow_outside`, images whose path could lead out of their folder.
    """
    data = read_bytes(path)
    table = parse(path, data)
    ids = table.pop("image")
    check_ids(path, ids, allow_outside=allow_outside)
    splits = table.pop("split", None)
    transforms = table.pop("transform", None)
    drawn = splits is None
    if splits is None:
        splits = draw_splits(path, ids, seed)
    check_values(path, "split", splits, ids, SPLITS)
    if transforms is None:
        transforms = [""] * len(ids)
    check_values(path, "transform", transforms, ids, ("", *TRANSFORMS))
    root = Path(image_root) if image_root else Path() if path == STDIO else Path(path).parent
    attributes = [name for name, column in table.items() if _is_attribute(path, name, column)]
    return Manifest(path, sha256(data), root, ids, splits, transforms, table, attributes, drawn)


def _is_attribute(path: str, name: str, cells: list[str]) -> bool:
    values = set(cells)
    if "-1" in values and values <= {"-1", "1", "+1", ""}:
        raise UserError(
            f"{path}, column '{name}' holds -1 and 1; replace -1 by 0 (unknown labels are empty)"
        )
    return bool(name) and values <= BINARY.keys() and values != {""}


def select(
    manifest: Manifest,
    *,
    targets: Sequence[str] | None,
    groups: Sequence[str] = (),
    cluster: str | None = None,
    group_values: list[list[str]] | None = None,
    strict: bool = True,
) -> Labels:
    """Labels of `targets`, values of `groups` and names of clusters, as codes, row by row.

    `targets` None: every attribute that is no group. The values of a group are sorted,
    numbers by value; those of an attribute are "0" and "1". `group_values` fixes them instead:
    another value is unknown, with a warning. A column that is missing, or a target that is no
    column of 0 and 1, is a UserError; unless `strict`, one that is not misspelt is only warned of.
    """
    groups = list(dict.fromkeys(groups))
    if targets is None:
        targets = _default_targets(manifest, groups)
        known = {*manifest.attributes, *groups, cluster or ""}
        warn_of_almost(manifest.path, manifest.columns, BINARY, known)
    targets = list(dict.fromkeys(targets))
    wanted = [*targets, *groups, *([cluster] if cluster else [])]
    if not strict:
        refuse_misspelt(manifest.path, manifest.columns, manifest.attributes, targets, wanted)
    table = _columns(manifest, wanted, strict)
    labels = np.full((len(manifest.ids), len(targets)), UNKNOWN, np.int8)
    for index, name in enumerate(targets):
        if name in table:
            labels[:, index] = _label_codes(manifest, name)
    if group_values is None:
        group_values = [_group_values(manifest, name, table.get(name)) for name in groups]
    codes = np.full((len(manifest.ids), len(groups)), UNKNOWN, np.int16)
    for index, (name, values) in enumerate(zip(groups, group_values, strict=True)):
        if name in table:
            codes[:, index] = _group_codes(manifest, name, values)
    clusters = None
    if cluster in table:
        # A picture of nobody known belongs with no other.
        pairs = zip(table[cluster], manifest.ids, strict=True)
        clusters = [cell or name for cell, name in pairs]
    return Labels(targets, labels, groups, codes, group_values, clusters)


def _default_targets(manifest: Manifest, groups: Sequence[str]) -> list[str]:
    targets = [name for name in manifest.attributes if name not in groups]
    if not targets:
        raise UserError(
            f"{manifest.path} has no column of 0 and 1 that is no group"
            f"{columns_there('', list(manifest.columns))}; add one, or name it with --targets"
        )
    return targets


def _columns(manifest: Manifest, names: Sequence[str], strict: bool) -> dict[str, list[str]]:
    """The named columns that there are; UserError (a warning unless strict) for the others."""
    missing = [name for name in dict.fromkeys(names) if name not in manifest.columns]
    if missing and strict:
        hint = columns_there(missing[0], list(manifest.columns))
        raise UserError(f"{manifest.path} has no column '{missing[0]}'{hint}; mend the name")
    if missing:
        listed = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        logger.warning("%s: %d columns lacking, unknown: %s", manifest.path, len(missing), listed)
    return {name: manifest.columns[name] for name in names if name not in missing}


def _label_codes(manifest: Manifest, name: str) -> Int8:
    cells = manifest.columns[name]
    try:
        return np.fromiter(map(BINARY.__getitem__, cells), np.int8, len(cells))
    except KeyError as error:
        row = cells.index(error.args[0])
        raise UserError(
            f"{manifest.path}, row {row + 1} ({manifest.ids[row]}): column '{name}' holds "
            f"'{cells[row]}'; a target holds 0, 1 or nothing"
        ) from error


def canonical(cell: str) -> str:
    """Whole numbers without the `.0` that pandas gives them beside empty cells."""
    whole = cell.removesuffix(".0")
    return whole if whole.isdecimal() else cell


def _group_values(manifest: Manifest, name: str, cells: list[str] | None) -> list[str]:
    if cells is None or name in manifest.attributes:
        return ["0", "1"]
    values = {canonical(cell) for cell in set(cells)} - {""}
    if not values or len(values) > MAX_GROUP_VALUES:
        raise UserError(
            f"{manifest.path}, column '{name}' holds {len(values)} different values; "
            f"a group has 1 to {MAX_GROUP_VALUES} (is it a column for --cluster?)"
        )
    try:
        return sorted(values, key=float)
    except ValueError:
        return sorted(values)


def _group_codes(manifest: Manifest, name: str, values: list[str]) -> Int16:
    cells = manifest.columns[name]
    index = {value: code for code, value in enumerate(values)}
    codes = {cell: index.get(canonical(cell), UNKNOWN) for cell in set(cells)}
    strange = sorted(cell for cell, code in codes.items() if code == UNKNOWN and cell)
    if strange:
        listed = ", ".join(strange[:5])
        logger.warning(
            "%s, column '%s': not among the values trained with (%s), taken as unknown: %s",
            *(manifest.path, name, ", ".join(values), listed),
        )
    return np.fromiter(map(codes.__getitem__, cells), np.int16, len(cells))


def train_counts(labels: Labels, rows: Int64) -> Int64:
    """Training counts of (group value, label) by target and group, [A, G+1, V+1, 2].

    V is the most values that a group has, 0 without groups. The third axis is the group's value,
    unknown last; the last group holds everyone, as unknown. `rows` are the training rows.
    Layout: architecture.md, "Logits".
    """
    num_values = max(map(len, labels.group_values), default=0)
    known = labels.labels[rows]
    everyone = np.full((len(rows), 1), UNKNOWN, np.int16)
    codes = np.concatenate([labels.groups[rows], everyone], axis=1)
    codes[codes == UNKNOWN] = num_values
    counts = np.zeros((known.shape[1], codes.shape[1], num_values + 1, 2), np.int64)
    for group, value in np.ndindex(counts.shape[1:3]):
        inside = known[codes[:, group] == value]
        counts[:, group, value, 0] = (inside == 0).sum(axis=0)
        counts[:, group, value, 1] = (inside == 1).sum(axis=0)
    return counts
