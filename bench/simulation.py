"""Samples from populations with known truth, and the numbers of their audits.

Every draw goes through the audit like files: labels, groups, clusters and the logits of a dense and
a pruned model. The attributes of a file are independent draws, so that a few files make hundreds.
The truth is the audit's number for the whole population. Whole clusters are drawn; runs add their
own noise to every logit, and shift whole groups.

Shapes: N rows of a file, A attributes (draws), C clusters (rows, if there are none).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.engine import Options, audit
from pbias.auditing.inference.distributions import normal_ppf
from pbias.files.logits import Logits

Array = NDArray[Any]
Files = tuple[list[Logits], list[Logits]]
SCALE = 2.0  # logits per standard deviation
PARTS = 20  # shares of groups are multiples of 1 / PARTS
WITHIN = 0.6  # share of the variance between clusters
RUNS_OF_TRUTH = 200  # stratified, which leaves a thousandth of their spread
LARGE = 400_000  # rows that stand for the population if its rows can only be drawn once
TOGETHER = frozenset({"interdependence"})  # metrics over all attributes at once
# In so small a population, rows that move between bins hide the effect of little noise. That effect
# is of the order of the noise squared, which is negligible beside a sample's error.
BINNED, NO_NOISE = frozenset({"calibration_error_debiased"}), 0.01


class Row(NamedTuple):
    """A number of an audit: of any attribute, or the mean over all; `change`: against dense."""

    metric: str
    contrast: str = ""
    change: bool = False
    mean: bool = False


@dataclass(frozen=True)
class World:
    """A population: its groups, how often and how well it is predicted, and the effect of pruning.

    By group: `shares` of the samples, `prevalence`, and the `loss` that pruning subtracts from
    logits (in standard deviations). `noise` is what pruning adds to logits, and `fade` what it
    subtracts from the last attribute, and proportionally less from earlier ones. Clusters have
    `cluster` rows, or with `zipf` that number divided by their rank, so that a few hold most rows
    (`num` counts full ones). The `runs` of each side (`reference_runs` for the reference, unless 0)
    differ by `run_noise` on every logit and by `run_shift` on all of a group. A `given` reference
    is the dense model itself, which does not vary. A file has `attributes` attributes, which share
    `shared` of the samples.
    """

    num: int = 2000
    shares: tuple[float, ...] = (0.7, 0.3)
    prevalence: tuple[float, ...] = (0.2, 0.2)
    loss: tuple[float, ...] = (0.0, 0.3)
    noise: float = 0.5
    fade: float = 0.0
    separation: float = 1.5
    cluster: int = 1
    zipf: bool = False
    runs: int = 1
    reference_runs: int = 0
    given: bool = False
    run_noise: float = 0.0
    run_shift: float = 0.0
    attributes: int = 50
    shared: float = 0.0

    @property
    def differs(self) -> bool:
        """Whether runs differ."""
        return self.run_noise > 0 or self.run_shift > 0

    @cached_property
    def population(self) -> Population:
        """The whole population, [C, cluster]: the same people in every group, before its effects.

        Thus groups that are treated alike do not differ at all.
        """
        rng = np.random.default_rng(1)
        num_people = (2_000 if self.differs else 20_000) // self.cluster
        copies = np.round(np.array(self.shares) * PARTS).astype(int)
        group = np.repeat(np.arange(len(copies)), copies * num_people)
        labels, errors, added = (
            np.tile(_noise(rng, num_people, self.cluster), (PARTS, 1)) for _ in range(3)
        )
        labels = labels < normal_ppf(self.prevalence)[group][:, None]
        z = self.separation * (2.0 * labels - 1) + errors
        pruned = z + self.noise * added - np.array(self.loss)[group][:, None]
        return Population(self, group, labels.astype(np.int8), SCALE * z, SCALE * pruned)


def _noise(rng: np.random.Generator, num: int, cluster: int) -> Array:
    """Return standard normal noise [num, cluster], correlated within clusters."""
    alone = rng.standard_normal((num, cluster))
    if cluster == 1:
        return alone
    return np.sqrt(WITHIN) * rng.standard_normal((num, 1)) + np.sqrt(1 - WITHIN) * alone


@dataclass(frozen=True)
class Population:
    """Groups [C]; labels and logits of the dense and the pruned model, [C, cluster]."""

    world: World
    group: Array
    labels: Array
    dense: Array
    pruned: Array

    def files(self, rng: np.random.Generator) -> Files:
        """Return runs of the pruned and dense model, [N, A], on samples drawn for each attribute.

        The `shared` part of the samples is the same for all attributes.
        """
        w = self.world
        group = rng.choice(len(w.shares), w.num // w.cluster, p=w.shares)
        chosen = np.empty((len(group), w.attributes), np.intp)
        for value in range(len(w.shares)):
            mine, members = group == value, np.flatnonzero(self.group == value)
            alone = rng.choice(members, (mine.sum(), w.attributes))
            chosen[mine] = np.where(rng.random(alone.shape) < w.shared, alone[:, :1], alone)
        return self._files(rng, group, chosen, rng.standard_normal)

    def truth(self, rows: Sequence[Row]) -> dict[Row, Array]:
        """Return the audit's numbers on everyone, [A]; if runs differ, the mean over many runs."""
        alone = [row for row in rows if row.metric not in TOGETHER]
        found = _truth(self._everyone(), alone) if alone else {}
        if together := [row for row in rows if row.metric in TOGETHER]:
            large = replace(self.world, num=LARGE).population
            found |= _truth([large.files(np.random.default_rng(2))], together)
        # Empty means that this world has no such row.
        truths = {row: found[row] if found[row].size else np.nan for row in rows}
        if self.world.noise < NO_NOISE and not any(self.world.loss):
            truths |= {row: 0.0 for row in rows if row.change and row.metric in BINNED}
        return {row: np.broadcast_to(truths[row], self.world.attributes) for row in rows}

    def _everyone(self) -> Iterator[Files]:
        """Yield all attributes if they differ, otherwise one; or many runs, one per attribute."""
        once = replace(self, world=replace(self.world, runs=1, reference_runs=1))
        rng, at_once = np.random.default_rng(2), 20 if self.world.differs else 1
        columns = self.world.attributes if self.world.fade else at_once

        def stratified(shape: tuple[int, int]) -> Array:
            places = [rng.permutation(shape[1]) + rng.random(shape[1]) for _ in range(shape[0])]
            return normal_ppf(np.array(places) / shape[1])

        for _ in range(RUNS_OF_TRUTH // at_once if self.world.differs else 1):
            chosen = np.arange(len(self.group))[:, None].repeat(columns, axis=1)
            yield once._files(rng, self.group, chosen, stratified)

    def _files(
        self,
        rng: np.random.Generator,
        group: Array,
        chosen: Array,
        normal: Callable[[tuple[int, int]], Array],
    ) -> Files:
        w, num_columns = self.world, chosen.shape[1]
        kept = np.ones((len(group), w.cluster), bool)
        if w.zipf and len(group) < len(self.group):
            kept = np.arange(w.cluster) < w.cluster / np.arange(1, len(group) + 1)[:, None]
            kept = rng.permuted(kept, axis=1)  # any of its rows, because the truth is about all
        sizes = kept.sum(axis=1)
        codes = np.repeat(group, sizes)

        def take(values: Array) -> Array:
            return values[chosen].transpose(0, 2, 1)[kept]

        names = np.char.add(f"{rng.integers(2**40)}-", np.arange(len(codes)).astype(str))
        owners = names[np.cumsum(sizes) - sizes]
        whole = Logits(
            logits=take(self.dense).astype("f4"),
            labels=take(self.labels),
            targets=tuple(f"draw_{column}" for column in range(num_columns)),
            ids=names,
            groups=codes[:, None].astype(np.int16),
            group_names=("Group",),
            group_values=(tuple(map(str, range(len(w.shares)))),),
            clusters=np.repeat(owners, sizes) if w.cluster > 1 else None,
            train_counts=np.tile(self._train_counts(), (num_columns, 1, 1, 1)),
        )

        def run(base: Array) -> Logits:
            shift = w.run_shift * normal((len(w.shares), num_columns))
            noise = w.run_noise * rng.standard_normal(base.shape) if w.run_noise else 0.0
            return replace(whole, logits=(base + SCALE * (shift[codes] + noise)).astype("f4"))

        faded = take(self.pruned) - SCALE * np.linspace(0.0, w.fade, num_columns)
        dense = take(self.dense)
        if w.given:
            references = [replace(whole, logits=dense.astype("f4"))]
        else:
            references = [run(dense) for _ in range(w.reference_runs or w.runs)]
        return [run(faded) for _ in range(w.runs)], references

    def _train_counts(self) -> Array:
        """Return training rates that rise from group value to group value, all below one half."""
        positive = 100 * (1 + np.arange(len(self.world.shares)))
        counts = np.zeros((2, len(positive) + 1, 2), np.int64)
        counts[0, :-1] = np.stack([1200 - positive, positive], axis=1)
        counts[1, -1] = counts[0].sum(axis=0)
        return counts


def _truth(files: Iterator[Files] | list[Files], rows: Sequence[Row]) -> dict[Row, Array]:
    """Return the audits' numbers for each attribute, [A]; for runs, which are alike, their mean."""
    found = defaultdict(list)
    for sides in files:
        table = audit(*sides, Options(num_folds=1, metrics=_metrics(rows)))
        for row in rows:
            found[row].append(_numbers(table.columns, row._replace(mean=False))[:, 0])
    return {r: np.mean(parts) if len(parts) > 1 else parts[0] for r, parts in found.items()}


class Found(NamedTuple):
    """By draw, [draws]: truth, value, ends of its interval, p, and whether power is low."""

    truth: Array
    value: Array
    low: Array
    high: Array
    p: Array
    few: Array

    @property
    def num(self) -> int:
        """The number of draws with a value."""
        return int(np.isfinite(self.value).sum())

    @property
    def coverage(self) -> float:
        """The share of intervals that contain the truth; a value without an interval does not."""
        holds = (self.low <= self.truth + 1e-12) & (self.truth - 1e-12 <= self.high)
        return float(holds.sum() / self.num) if self.num else np.nan

    @property
    def error(self) -> float:
        """The standard error of a coverage of 95 % with this number of draws."""
        return float(np.sqrt(0.05 * 0.95 / self.num)) if self.num else np.nan


def audits(
    world: World,
    rows: Sequence[Row],
    *,
    draws: int,
    seed: int = 0,
    paired: bool = True,
    null: bool = False,
) -> dict[Row, Found]:
    """Audit many draws and return the numbers of each row; a mean counts as one draw per file.

    Without `paired` there is no reference. `null` means that the truth is known to be 0.
    """
    rng, parts = np.random.default_rng(seed), defaultdict(list)
    truth = dict.fromkeys(rows, np.zeros(world.attributes))
    if not null:
        truth = world.population.truth(rows)
    num_files = draws if any(row.mean for row in rows) else -(-draws // world.attributes)
    for _ in range(num_files):
        pruned, dense = world.population.files(rng)
        columns = audit(pruned, dense if paired else [], Options(metrics=_metrics(rows))).columns
        for row in rows:
            of = truth[row]
            if row.mean:
                defined = np.isfinite(_numbers(columns, row._replace(mean=False))[:, 0])
                of = np.array([of[defined].mean() if defined.any() else np.nan])
            numbers = _numbers(columns, row)
            parts[row].append(np.column_stack([of[: len(numbers)], numbers]))
    return {row: Found(*np.concatenate(parts[row]).T) for row in rows}


def _metrics(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.metric for row in rows))


def _numbers(columns: Any, row: Row) -> Array:
    """Return value, low, high, p and whether power is low, [A, 5], or [1, 5] for the mean."""
    keys = zip(columns["metric"], columns["contrast"], columns["attribute"], strict=True)
    wanted = (row.metric, row.contrast, row.mean)
    rows = [i for i, (m, contrast, of) in enumerate(keys) if (m, contrast, of == "") == wanted]
    prefix = "change_" if row.change else ""
    names = ("change" if row.change else "value", f"{prefix}low", f"{prefix}high", "p")
    few = [columns[f"{prefix}status"][i] == "low_power" for i in rows]
    found = [[columns[name][i] for i in rows] for name in names]
    return np.array([*found, few], float).T
