"""Add labels, groups and clusters from a manifest to a logits file, by id."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, listed
from pbias.files.logits import Logits, select_rows
from pbias.files.manifest import Labels, Manifest, select, train_counts

log = logging.getLogger(__name__)


class Relabeling:
    """What a manifest says of the samples of a logits file; put into the file, or its blocks.

    Targets that are columns of the manifest take their labels from it; `groups` that are columns
    there are added to (or replace) those of the file, which keep what is known of them in training.
    A file without training counts gets those of the manifest's training rows, where its splits are
    not drawn.
    """

    def __init__(
        self,
        head: Logits,
        manifest: Manifest,
        groups: Sequence[str] = (),
        cluster: str | None = None,
    ) -> None:
        """Look up the columns; `head` is the file or its first row.

        Raises UserError where the file has no ids, or nothing in the manifest is of the file.
        """
        if head.ids is None:
            raise UserError(f"{head.path} has no ids to look labels up by; save an array 'ids' too")
        targets = [name for name in head.targets if name in manifest.columns]
        added = [name for name in dict.fromkeys(groups) if name in manifest.columns]
        if not (targets or added or cluster):
            raise UserError(
                f"{manifest.path} has no column for any target of {head.path} "
                f"({listed(head.targets, 5)}); save the column names as the array 'targets'"
            )
        self._found = select(manifest, targets=targets, groups=added, cluster=cluster)
        self._columns = [head.targets.index(name) for name in targets]
        self._path, self._manifest = head.path, manifest
        self._place = {name: row for row, name in enumerate(manifest.ids)}
        names = self._found.clusters
        self._clusters = None if names is None else np.array(names)
        one = np.zeros(1, np.intp)  # any row: only the names of groups matter
        self._train_counts = _train_counts(
            with_groups(select_rows(head, one), self._found, one), manifest
        )

    @property
    def has_clusters(self) -> bool:
        """Return whether clusters come from the manifest."""
        return self._clusters is not None

    def check(self, blocks: Iterable[NDArray[np.str_]]) -> None:
        """Raise UserError if the manifest lacks any of the ids, given in blocks."""
        num, missing, first = 0, 0, ""
        for ids in blocks:
            lacking = [name for name in ids.tolist() if name not in self._place]
            first = first or next(iter(lacking), "")
            num, missing = num + len(ids), missing + len(lacking)
        if missing:
            raise UserError(
                f"{self._manifest.path} lacks {missing} of the {num} ids of {self._path} "
                f"(first: {first}); is this the manifest that was predicted?"
            )

    def __call__(self, logits: Logits) -> Logits:
        """Return these rows, whose ids were checked, with what the manifest has for them."""
        assert logits.ids is not None, "the file has ids"
        rows = self._rows(logits.ids)
        labels = logits.labels.copy()
        labels[:, self._columns] = self._found.labels[rows]
        return replace(
            with_groups(logits, self._found, rows),
            labels=labels,
            clusters=logits.clusters if self._clusters is None else self._clusters[rows],
            train_counts=self._train_counts,
        )

    def clusters(self, ids: NDArray[np.str_]) -> NDArray[np.str_]:
        """Return the clusters of samples, str [n], where the manifest has them."""
        assert self._clusters is not None, "a column of clusters was named"
        return np.asarray(self._clusters[self._rows(ids)])

    def _rows(self, ids: NDArray[np.str_]) -> NDArray[np.intp]:
        return np.array([self._place[name] for name in ids.tolist()], np.intp)


def relabel(
    logits: Logits, manifest: Manifest, groups: Sequence[str] = (), cluster: str | None = None
) -> Logits:
    """Return `logits` with the labels, groups and clusters of the manifest.

    As `Relabeling` does; raises UserError also for an id that is not in the manifest.
    """
    found = Relabeling(logits, manifest, groups, cluster)
    assert logits.ids is not None, "checked above"
    found.check([logits.ids])
    return found(logits)


def _train_counts(logits: Logits, manifest: Manifest) -> NDArray[np.int64] | None:
    """Return the training counts of the file, or those of the manifest where it has none."""
    if logits.train_counts is not None or manifest.drawn or "train" not in manifest.splits:
        return logits.train_counts
    known = select(
        manifest,
        targets=logits.targets,
        groups=logits.group_names,
        group_values=[list(values) for values in logits.group_values],
        strict=False,
    )
    counts = train_counts(known, manifest.rows("train"))
    if not counts.any():
        return None
    log.info(
        "training counts of %s are those of the split 'train' of %s", logits.path, manifest.path
    )
    return counts


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
