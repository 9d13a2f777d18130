"""Labels, groups and clusters from a manifest, put into a logits file by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pbias.errors import UserError
from pbias.files.logits import Logits
from pbias.files.manifest import read_manifest, select


def relabel(
    logits: Logits, path: str, groups: Sequence[str] | None = None, cluster: str | None = None
) -> Logits:
    """`logits` with the labels, the groups and the clusters that the manifest at `path` has.

    Targets that are columns there take their labels from it; `groups` are added to (or replace)
    those of the file. Raises UserError where the file has no ids, or an id is not in the manifest.
    """
    if logits.ids is None:
        raise UserError(f"{logits.path} has no ids to find labels by; save the array 'ids' too")
    manifest = read_manifest(path)
    place = {name: row for row, name in enumerate(manifest.ids)}
    missing = [name for name in logits.ids.tolist() if name not in place]
    if missing:
        raise UserError(
            f"{path} lacks {len(missing)} of the {len(logits)} ids of {logits.path} "
            f"(first: {missing[0]}); is it the manifest that was predicted?"
        )
    rows = np.array([place[name] for name in logits.ids.tolist()])
    targets = [name for name in logits.targets if name in manifest.columns]
    added = [name for name in groups or [] if name in manifest.columns]
    chosen = select(manifest, targets=targets or None, groups=added, cluster=cluster)
    labels = logits.labels.copy()
    for index, name in enumerate(chosen.targets if targets else []):
        labels[:, logits.targets.index(name)] = chosen.labels[rows, index]
    kept = [i for i, name in enumerate(logits.group_names) if name not in added]
    clusters = logits.clusters
    if chosen.clusters is not None:
        clusters = np.array(chosen.clusters)[rows]
    return replace(
        logits,
        labels=labels,
        groups=np.concatenate([logits.groups[:, kept], chosen.groups[rows]], axis=1),
        group_names=(*(logits.group_names[i] for i in kept), *added),
        group_values=(
            *(logits.group_values[i] for i in kept),
            *(tuple(values) for values in chosen.group_values),
        ),
        clusters=clusters,
        train_counts=None if added else logits.train_counts,
    )
