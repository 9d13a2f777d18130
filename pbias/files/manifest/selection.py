"""Labels, groups and clusters that a run takes from a manifest, as codes.

Shapes: N rows, A targets, G groups, V values of the group that has most.
A label that is not found is unknown, and its metrics or gates would then be silently empty. So this
module looks for columns that were meant as labels, but are misspelled or not quite 0 and 1.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pbias.errors import UserError, argument, listed
from pbias.files.cells import BINARY, UNKNOWN, canonical, in_order
from pbias.files.manifest.parsing import Int64, Manifest, columns_there, owners_of

Int8 = npt.NDArray[np.int8]
Int16 = npt.NDArray[np.int16]

MAX_GROUP_VALUES = 100
ALIKE = 0.85  # a higher value misses "Smilling", a lower one takes "Brown_Hair" for "Blond_Hair"
MAX_OTHER = 0.05  # share of the rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """The labels, groups and clusters of a run, row by row; -1 is unknown."""

    targets: list[str]
    labels: Int8  # [N, A]
    group_names: list[str]
    groups: Int16  # [N, G] indices into group_values
    group_values: list[list[str]]
    clusters: list[str] | None


def select(
    manifest: Manifest,
    *,
    targets: Sequence[str] | None,
    groups: Sequence[str] = (),
    cluster: str | None = None,
    group_values: list[list[str]] | None = None,
    strict: bool = True,
) -> Labels:
    """Return labels of `targets`, values of `groups` and names of clusters, as codes, row by row.

    With `targets` None, every attribute that is not a group is a target. The values of a group are
    sorted, numbers by value; the values of an attribute are "0" and "1". `group_values` fixes the
    values instead: another value is unknown, with a warning. Raises UserError for a missing column,
    or a target that is not a column of 0 and 1. Unless `strict`, a missing column that is not
    misspelled only causes a warning.
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
        clusters = owners_of(table[cluster], manifest.ids)
    return Labels(targets, labels, groups, codes, group_values, clusters)


def _default_targets(manifest: Manifest, groups: Sequence[str]) -> list[str]:
    targets = [name for name in manifest.attributes if name not in groups]
    if not targets:
        raise UserError(
            f"{manifest.path} has no column of 0 and 1 that is not a group"
            f"{columns_there('', list(manifest.columns))}; add one, or name it "
            f"with {argument('targets')}"
        )
    return targets


def _columns(manifest: Manifest, names: Sequence[str], strict: bool) -> dict[str, list[str]]:
    """Return the named columns that exist; UserError (a warning unless strict) for the others."""
    missing = [name for name in dict.fromkeys(names) if name not in manifest.columns]
    if missing and strict:
        hint = columns_there(missing[0], list(manifest.columns))
        raise UserError(f"{manifest.path} has no column '{missing[0]}'{hint}; correct the name")
    if missing:
        logger.warning(
            "%s: %d columns lacking, unknown: %s",
            *(manifest.path, len(missing), listed(missing, 5)),
        )
    return {name: manifest.columns[name] for name in names if name not in missing}


def _label_codes(manifest: Manifest, name: str) -> Int8:
    cells = manifest.columns[name]
    try:
        return np.fromiter(map(BINARY.__getitem__, cells), np.int8, len(cells))
    except KeyError as error:
        row = cells.index(error.args[0])
        raise UserError(
            f"{manifest.path}, row {row + 1} ({manifest.ids[row]}): column '{name}' holds "
            f"'{cells[row]}'; a target is 0, 1 or empty"
        ) from error


def _group_values(manifest: Manifest, name: str, cells: list[str] | None) -> list[str]:
    if cells is None or name in manifest.attributes:
        return ["0", "1"]
    values = {canonical(cell) for cell in set(cells)} - {""}
    if not values or len(values) > MAX_GROUP_VALUES:
        raise UserError(
            f"{manifest.path}, column '{name}' holds {len(values)} different values; "
            f"a group has 1 to {MAX_GROUP_VALUES} (is it a column for "
            f"{argument('clusters')}?)"
        )
    return in_order(values)


def _group_codes(manifest: Manifest, name: str, values: list[str]) -> Int16:
    cells = manifest.columns[name]
    index = {value: code for code, value in enumerate(values)}
    codes = {cell: index.get(canonical(cell), UNKNOWN) for cell in set(cells)}
    strange = sorted(c for c, code in codes.items() if code == UNKNOWN and canonical(c))
    if strange:
        logger.warning(
            "%s, column '%s': not among the values trained with (%s), taken as unknown: %s",
            *(manifest.path, name, ", ".join(values), listed(strange, 5)),
        )
    return np.fromiter(map(codes.__getitem__, cells), np.int16, len(cells))


def train_counts(labels: Labels, rows: Int64) -> Int64:
    """Return training counts of (group value, label) by target and group, [A, G+1, V+1, 2].

    V is the largest number of values in a group, 0 without groups. The third axis is the group's
    value, with unknown last; the last group holds everyone, as unknown. `rows` are the training
    rows. Layout: docs/files.md, "Logits".
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


def refuse_misspelt(
    path: str,
    columns: Collection[str],
    attributes: Sequence[str],
    targets: Sequence[str],
    wanted: Collection[str],
) -> None:
    """Raise UserError for a target without a column if an unused column has a similar name.

    A similar column differs only in case, spaces and underscores, or is an attribute with a similar
    spelling.
    """
    import difflib  # needed only before an error

    plain = {_plain(name): name for name in columns if name not in wanted}
    spare = {_plain(name): name for name in attributes if name not in wanted}
    for target in targets:
        if target in columns:
            continue
        near = difflib.get_close_matches(_plain(target), spare, 1, ALIKE)
        meant = plain.get(_plain(target)) or (spare[near[0]] if near else None)
        if meant is not None:
            raise UserError(
                f"{path} has no column '{target}', which the network predicts; did you mean "
                f"'{meant}'? rename that column"
            )


def warn_of_almost(
    path: str, columns: Mapping[str, Sequence[str]], binary: Collection[str], known: Collection[str]
) -> None:
    """Warn about columns, except `known` ones, that a few other cells keep from being 0 and 1.

    `binary` contains the cells that targets may have.
    """
    for name in columns:
        if name in known:
            continue
        counts = Counter(columns[name])
        other = [cell for cell in counts if cell not in binary]
        num_other = sum(counts[cell] for cell in other)
        if counts["0"] and counts["1"] and 0 < num_other <= MAX_OTHER * len(columns[name]):
            logger.warning(
                "%s: column '%s' is no target, for %d of its cells are neither 0 nor 1 (such as "
                "'%s'); correct them, or name the targets with %s",
                *(path, name, num_other, other[0], argument("targets")),
            )


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
