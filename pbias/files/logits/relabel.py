"""Add labels, groups and clusters from a manifest to a logits file, by id."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, listed
from pbias.files.logits import Logits
from pbias.files.manifest import Labels, Manifest, select, train_counts

log = logging.getLogger(__name__)


def relabel(
    logits: Logits, manifest: Manifest, groups: Sequence[str] = (), cluster: str | None = None
) -> Logits:
    """Return `logits` with the labels, groups and clusters of the manifest.

    Targets that are columns there take their labels from it; `groups` that are columns there are
    added to (or replace) those of the file, which keep what is known of them in training. A file
    without training counts gets those of the manifest's training rows, where its splits are not
    drawn. Raises UserError where the file has no ids, an id is not in the manifest, or nothing in
    the manifest is of the file.
    """
    rows = _rows(logits, manifest)
    targets = [name for name in logits.targets if name in manifest.columns]
    added = [name for name in dict.fromkeys(groups) if name in manifest.columns]
    if not (targets or added or cluster):
        raise UserError(
            f"{manifest.path} has no column for any target of {logits.path} "
            f"({listed(logits.targets, 5)}); save the column names as the array 'targets'"
        )
    found = select(manifest, targets=targets, groups=added, cluster=cluster)
    labels = logits.labels.copy()
    labels[:, [logits.targets.index(name) for name in targets]] = found.labels[rows]
    regrouped = with_groups(logits, found, rows)
    clusters = logits.clusters if found.clusters is None else np.array(found.clusters)[rows]
    return _counted(replace(regrouped, labels=labels, clusters=clusters), manifest)


def _counted(logits: Logits, manifest: Manifest) -> Logits:
    """With the training counts of the manifest, where the file has none."""
    if logits.train_counts is not None or manifest.drawn or "train" not in manifest.splits:
        return logits
    known = select(
        manifest,
        targets=logits.targets,
        groups=logits.group_names,
        group_values=[list(values) for values in logits.group_values],
        strict=False,
    )
    counts = train_counts(known, manifest.rows("train"))
    if not counts.any():
        return logits
    log.info(
        "training counts of %s are those of the split 'train' of %s", logits.path, manifest.path
    )
    return replace(logits, train_counts=counts)


def _rows(logits: Logits, manifest: Manifest) -> NDArray[np.intp]:
    """Return where each sample is in the manifest."""
    if logits.ids is None:
        raise UserError(f"{logits.path} has no ids to look labels up by; save an array 'ids' too")
    ids = logits.ids.tolist()
    place = {name: row for row, name in enumerate(manifest.ids)}
    missing = [name for name in ids if name not in place]
    if missing:
        raise UserError(
            f"{manifest.path} lacks {len(missing)} of the {len(ids)} ids of {logits.path} "
            f"(first: {missing[0]}); is this the manifest that was predicted?"
        )
    return np.array([place[name] for name in ids], np.intp)


def with_groups(logits: Logits, found: Labels, rows: NDArray[np.intp]) -> Logits:
    """Return `logits` with its groups that are not replaced, then those found for its `rows`."""
    kept = [i for i, name in enumerate(logits.group_names) if name not in found.group_names]
    names = (*(logits.group_names[i] for i in kept), *found.group_names)
    values = (*(logits.group_values[i] for i in kept), *map(tuple, found.group_values))
    return replace(
        logits,
        groups=np.concatenate([logits.groups[:, kept], found.groups[rows]], axis=1),
        group_names=names,
        group_values=values,
        train_counts=train_counts_of(logits, names, values),
    )


def train_counts_of(
    logits: Logits, names: Sequence[str], values: Sequence[tuple[str, ...]]
) -> NDArray[np.int64] | None:
    """Return training counts in the layout of these groups; 0 for new groups and values.

    Layout: docs/files.md, "Logits".
    """
    old = logits.train_counts
    if old is None:
        return None
    counts = np.zeros((len(old), len(names) + 1, max(map(len, values), default=0) + 1, 2), np.int64)
    counts[:, -1, -1] = old[:, -1, -1]
    for new, name in enumerate(names):
        if name in logits.group_names:
            group = logits.group_names.index(name)
            known = logits.group_values[group]
            counts[:, new, -1] = old[:, group, -1]
            for code, value in enumerate(values[new]):
                if value in known:
                    counts[:, new, code] = old[:, group, known.index(value)]
    return counts
