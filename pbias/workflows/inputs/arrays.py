"""Runs in memory: from arrays, data frames, Logits or files, with facts about the samples.

Shapes: N samples, A targets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.parts.counts import Counts
from pbias.errors import UserError, argument
from pbias.files.logits import UNKNOWN, Logits, as_logits, read_logits
from pbias.files.logits.coding import cluster_names, group_codes, known_labels
from pbias.files.logits.relabel import relabel, with_groups
from pbias.files.manifest import Labels, Manifest, read_manifest, train_counts
from pbias.workflows.inputs.columns import Columns, Samples, aligned, columns, named_columns
from pbias.workflows.inputs.files import refuse_softmax, with_thresholds


@dataclass(frozen=True)
class Known:
    """The facts that are passed beside the logits of a side, as arguments of the library.

    `labels` are arrays or a data frame, or a manifest or its path; `groups` a mapping or a data
    frame of values, or names of columns; `clusters` values, or the name of the manifest's column;
    `thresholds` numbers, by name if they are a mapping, or the path of a CSV file.
    """

    labels: Any = None
    targets: Sequence[str] | None = None
    ids: Any = None
    groups: Any = None
    clusters: Any = None
    train_counts: Any = None
    train_labels: Any = None
    train_groups: Any = None
    thresholds: Any = None
    probabilities: bool | None = None
    activation: str | None = None

    @property
    def group_names(self) -> list[str] | None:
        """The names of the groups to measure by; None: all groups of the runs."""
        if self.groups is None:
            return None
        if names_only(self.groups):
            return name_list(self.groups)
        return list(named_columns(self.groups, "groups"))

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest with the labels, read once."""
        if isinstance(self.labels, Manifest):
            return self.labels
        return read_manifest(os.fspath(self.labels), labels_only=True)

    @property
    def labels_given(self) -> bool:
        """Whether labels are passed as arrays, not in a manifest."""
        manifest = is_path(self.labels) or isinstance(self.labels, Manifest)
        return self.labels is not None and not manifest

    @property
    def groups_given(self) -> bool:
        """Whether groups are passed as values, not by name."""
        return self.groups is not None and not names_only(self.groups)

    @property
    def by_name(self) -> bool:
        """Whether all facts are given by name: of files, and of columns in them."""
        named = (self.labels, self.thresholds, self.clusters)
        arrays = (self.targets, self.ids, self.train_counts, self.train_labels, self.train_groups)
        return (
            all(value is None or is_path(value) for value in named)
            and all(value is None for value in (*arrays, self.activation))
            and not self.groups_given
        )


def is_path(value: Any) -> bool:
    """Return whether a value is the path of a file."""
    return isinstance(value, str | os.PathLike)


def name_list(names: str | Sequence[str] | None) -> list[str] | None:
    """List names; one may stand alone, and None stays None."""
    return None if names is None else [names] if isinstance(names, str) else list(names)


def names_only(groups: Any) -> bool:
    """Return whether groups are names of columns, not values."""
    if isinstance(groups, str):
        return True
    return isinstance(groups, list | tuple) and all(isinstance(name, str) for name in groups)


def split_runs(source: Any) -> list[Any]:
    """List the runs of a side: a list or tuple of runs, or one run that may itself be a list."""
    if source is None:
        return []
    if isinstance(source, list | tuple) and source and all(map(_is_run, source)):
        return list(source)
    return [source]


def read_sides(
    source: Any, reference: Any, known: Known, reference_thresholds: Any = None
) -> tuple[list[Logits], list[Logits]]:
    """Read the runs of both sides; facts passed as arrays belong to the first audited run.

    The other runs are joined to it later, by id or position. Raises UserError for invalid input.
    """
    runs = read_runs(source, known, "logits")
    targets = known.targets if known.targets is not None else runs[0].targets
    labels = known.labels if known.labels is None or known.labels_given else known.manifest
    other = replace(known, labels=labels, targets=targets, thresholds=reference_thresholds)
    return runs, [_without(run, known) for run in _read_all(reference, other, "reference")]


def read_runs(source: Any, known: Known, name: str) -> list[Logits]:
    """Read the runs of one side and add the facts about the samples to the first of them.

    `name` is the argument, which messages use for runs that are not files. Raises UserError for
    invalid input.
    """
    first, *rest = _read_all(source, known, name)
    if known.targets is not None and tuple(known.targets) != first.targets:
        raise UserError(
            f"{first.path} names its own targets, which {argument('targets')} cannot rename; "
            f"choose some with {argument('attributes')}"
        )
    index = _index(split_runs(source)[0])
    samples = Samples(first.path, len(first), index if first.ids is None else first.ids)
    return [_with_known(first, known, samples), *(_without(run, known) for run in rest)]


def share_known(runs: Sequence[Logits], known: Known) -> list[Logits]:
    """Copy facts that were passed as arrays from the first run to all runs."""
    first, *rest = runs
    given = (known.clusters, known.train_counts, known.train_labels)
    if not (known.labels_given or known.groups_given or any(x is not None for x in given)):
        return list(runs)
    from pbias.auditing.counts.join import align

    shared = {
        name: getattr(first, name)
        for name in ("labels", "groups", "group_names", "group_values", "clusters", "train_counts")
    }
    joined = [run if run.ids is None or first.ids is None else align(run, first) for run in rest]
    return [first, *(replace(run, **shared) for run in joined)]


def _read_all(source: Any, known: Known, name: str) -> list[Logits]:
    sources = split_runs(source)
    names = [name if len(sources) == 1 else f"{name}[{i}]" for i in range(len(sources))]
    read = [_read(run, known, called) for run, called in zip(sources, names, strict=True)]
    runs = [as_logits(run, probabilities=known.probabilities) for run in read]
    cluster = known.clusters if isinstance(known.clusters, str) else None
    if cluster is not None and (known.labels is None or known.labels_given):
        raise UserError(
            f"{argument('clusters')} names a column of {argument('labels')}; give "
            f"{argument('labels')} too"
        )
    if known.labels is not None and not known.labels_given:
        named = [] if known.groups_given else known.group_names or []
        parts = [part for group in named for part in group.split(":")]
        runs = [relabel(run, known.manifest, parts, cluster) for run in runs]
    return _with_thresholds(runs, known.thresholds)


def _is_run(value: Any) -> bool:
    """Return whether an entry of a list is a run, not a row of numbers."""
    if is_path(value) or isinstance(value, Logits | Counts) or hasattr(value, "to_numpy"):
        return True
    return np.ndim(value) > 1


def _read(source: Any, known: Known, name: str) -> Logits:
    """Read one run; ids that were passed apply to runs without ids."""
    if isinstance(source, Logits):
        run = source if source.path else replace(source, path=name)
    elif is_path(source):
        run = read_logits(os.fspath(source))
    else:
        run = _from_columns(columns(source, name), known, name)
    if known.activation not in (None, run.activation):
        raise UserError(
            f"{run.path} was made with a {run.activation}; leave out {argument('activation')}"
        )
    if known.ids is not None and run.ids is None:
        run = replace(run, ids=_ids(known.ids, name, len(run)))
    return run


def _from_columns(given: Columns, known: Known, name: str) -> Logits:
    """Build a run from columns of logits; columns with names are chosen by target."""
    targets = known.targets or given.names or _label_names(known)
    if targets is not None:
        targets = [str(target) for target in targets]
        given = given.take(targets)
    return Logits.from_arrays(
        given.cells if given.cells.dtype.kind == "f" else _numbers(given.cells, name),
        targets=targets,
        ids=given.ids if known.ids is None else None,
        activation=known.activation or "sigmoid",
        path=name,
    )


def _index(source: Any) -> NDArray[np.str_] | None:
    """Return the index of a data frame or Series, which finds labels if there are no ids."""
    return columns(source, "logits").keys if hasattr(source, "to_numpy") else None


def _numbers(cells: NDArray[Any], name: str) -> NDArray[np.float64]:
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{argument(name)} holds a value that is not a number ({error}); convert it"
        ) from error


def _ids(ids: Any, name: str, num: int) -> NDArray[np.str_]:
    listed = [str(one) for one in columns(ids, "ids").cells[:, 0].tolist()]
    if len(listed) != num:
        raise UserError(
            f"{argument('ids')} has {len(listed)} rows but {name} has {num}; give one row per "
            "sample"
        )
    return np.array(listed, np.str_)


def _label_names(known: Known) -> tuple[str, ...] | None:
    """Return the names of the label columns, if labels are a data frame or a Series."""
    return columns(known.labels, "labels").names if known.labels_given else None


def _with_known(run: Logits, known: Known, samples: Samples) -> Logits:
    """Add labels, groups, clusters and training counts that are passed as arrays to a run."""
    if known.labels_given:
        run = replace(run, labels=_labels(run, known.labels, samples))
    if known.groups_given:
        run = _with_groups(run, known, samples)
    if known.clusters is not None and not isinstance(known.clusters, str):
        owners = aligned(columns(known.clusters, "clusters"), samples)[:, 0]
        run = replace(run, clusters=cluster_names(owners))
    if known.train_counts is not None:
        return replace(run, train_counts=np.asarray(known.train_counts))
    return _with_train_counts(run, known)


def _labels(run: Logits, given: Any, samples: Samples) -> NDArray[np.int8]:
    cells = aligned(columns(given, "labels").take(run.targets), samples)
    return known_labels(samples.argument, cells, run.logits.shape, run.targets)


def _with_groups(run: Logits, known: Known, samples: Samples) -> Logits:
    """Add groups that are passed as values to a run, including values only in training."""
    given = named_columns(known.groups, "groups")
    trained = _train_values(known.train_groups)
    for name in given:
        if trained and name not in trained:
            raise UserError(
                f"{argument('train_groups')} has no group '{name}'; give training rows for each of "
                f"{argument('groups')}"
            )
    codes, values = [], []
    for name, column in given.items():
        cells = aligned(column, samples)[:, 0].tolist()
        every = np.array([*cells, *trained.get(name, ())], object)
        found, distinct = group_codes(run.path, {name: every}, len(every))
        codes.append(found[: len(run), 0])
        values.append(list(distinct[0]))
    labels = Labels(
        targets=list(run.targets),
        labels=run.labels,
        group_names=list(given),
        groups=np.stack(codes, axis=1) if codes else np.empty((len(run), 0), np.int16),
        group_values=values,
        clusters=None,
    )
    return with_groups(run, labels, np.arange(len(run)))


def _train_values(groups: Any) -> dict[str, list[Any]]:
    """Return the values of the training rows by group."""
    if groups is None:
        return {}
    given = named_columns(groups, "train_groups")
    return {name: column.cells[:, 0].tolist() for name, column in given.items()}


def _with_train_counts(run: Logits, known: Known) -> Logits:
    """Add the counts of the training rows to a run, if they are passed."""
    if known.train_labels is None:
        if known.train_groups is not None:
            raise UserError(
                f"{argument('train_groups')} without {argument('train_labels')}; give both"
            )
        return run
    given = columns(known.train_labels, "train_labels").take(run.targets)
    trained = _train_values(known.train_groups)
    num = len(given.cells)
    groups = np.full((num, len(run.group_names)), UNKNOWN, np.int16)
    for place, (name, values) in enumerate(zip(run.group_names, run.group_values, strict=True)):
        if name in trained:
            groups[:, place] = _codes(name, trained[name], values, num)
    labels = Labels(
        targets=list(run.targets),
        labels=known_labels("train_labels", given.cells, given.cells.shape, run.targets),
        group_names=list(run.group_names),
        groups=groups,
        group_values=[list(values) for values in run.group_values],
        clusters=None,
    )
    return replace(run, train_counts=train_counts(labels, np.arange(num)))


def _codes(name: str, cells: list[Any], values: Sequence[str], num: int) -> NDArray[np.int16]:
    """Return the codes of the training rows within the values of a group, -1 for others."""
    if len(cells) != num:
        raise UserError(
            f"{argument('train_groups')} has {len(cells)} rows of '{name}' but "
            f"{argument('train_labels')} has {num}; give one row per training sample"
        )
    codes, own = group_codes("train_groups", {name: np.array(cells, object)}, num)
    place = {value: code for code, value in enumerate(values)}
    known = np.array([*(place.get(value, UNKNOWN) for value in own[0]), UNKNOWN], np.int16)
    return np.asarray(known[codes[:, 0]])


def _without(run: Logits, known: Known) -> Logits:
    """Remove the arrays passed for the samples of the first run from a later run."""
    if known.labels_given:
        run = replace(run, labels=np.full_like(run.labels, UNKNOWN))
    if known.groups_given:
        none = np.empty((len(run), 0), np.int16)
        run = replace(run, groups=none, group_names=(), group_values=(), train_counts=None)
    return run


def _with_thresholds(runs: list[Logits], thresholds: Any) -> list[Logits]:
    if thresholds is None:
        return runs
    if is_path(thresholds):
        return with_thresholds(runs, os.fspath(thresholds))
    refuse_softmax(runs, argument("thresholds"))
    return [replace(run, thresholds=_cuts(run, thresholds)) for run in runs]


def _cuts(run: Logits, thresholds: Any) -> NDArray[np.float64]:
    """Return a threshold for each target, float64 [A]: one number for all, a list, or by name."""
    if hasattr(thresholds, "to_dict"):
        thresholds = thresholds.to_dict()
    if isinstance(thresholds, Mapping):
        missing = [name for name in run.targets if name not in thresholds]
        if missing:
            raise UserError(
                f"{argument('thresholds')} has no threshold for '{missing[0]}'; give one per target"
            )
        thresholds = [thresholds[name] for name in run.targets]
    cuts = np.asarray(thresholds, np.float64)
    if cuts.ndim == 0:
        cuts = np.full(len(run.targets), float(cuts))
    if cuts.shape != (len(run.targets),) or np.isnan(cuts).any():
        raise UserError(
            f"{argument('thresholds')} must hold one logit for each of {len(run.targets)} targets; "
            "use inf to never predict a target"
        )
    return cuts
