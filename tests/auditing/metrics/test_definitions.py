"""Every metric against its definition, recomputed with plain masks and loops on small data.

The data have unknown labels, unknown group values, thresholds, a categorical group, an
intersection, and a group that is itself an attribute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    roc_auc_score,
)

from pbias.auditing.engine import Options, audit
from pbias.auditing.metrics.registry import METRICS
from pbias.files.logits import Logits
from pbias.files.table import Table

Array = NDArray[Any]
GROUPS = ("Male", "Skin", "Young", "Male:Skin")
NAN = math.nan


@dataclass(frozen=True)
class Sample:
    """Rows of one attribute: label (-1 unknown), prediction, probability, logit, and dense ones."""

    y: Array
    s: Array
    p: Array
    z: Array
    d: Array

    def __getitem__(self, mask: Array) -> Sample:
        return Sample(self.y[mask], self.s[mask], self.p[mask], self.z[mask], self.d[mask])


def share(hits: Array, among: Array) -> float:
    return float(hits[among].mean()) if among.any() else NAN


def by_pairs(r: Sample) -> float:
    """Return the share of pairs that are ranked right; ties count half."""
    z, zeros = r.z.astype(float), r.z[r.y == 0].astype(float)
    wins = [(a > zeros).sum() + (a == zeros).sum() / 2 for a in z[r.y == 1]]
    return float(np.sum(wins) / len(zeros) / len(wins)) if wins and len(zeros) else NAN


def ece(r: Sample) -> float:
    total, r = 0.0, r[r.y >= 0]
    for low in range(10):
        inside = (r.p >= low / 10) & ((r.p < (low + 1) / 10) | (low == 9))
        if inside.any():
            total += inside.sum() * abs(r.p[inside].mean() - r.y[inside].mean())
    return total / len(r.y)


def debiased(r: Sample) -> float:
    """Compute it with bins of equal mass; no group here has so few rows that bins are merged."""
    r = r[r.y >= 0]
    order, n, total = np.argsort(r.p), len(r.y), 0.0
    for b in range(10):
        rows = order[[i for i in range(n) if 10 * i // n == b]]
        error = r.p[rows] - r.y[rows]
        total += len(rows) * (error.mean() ** 2 - error.var(ddof=1) / len(rows))
    return total / n


RATES: dict[str, Callable[[Sample], float]] = {
    "accuracy": lambda r: share(r.s == r.y, r.y >= 0),
    "prevalence": lambda r: share(r.y == 1, r.y >= 0),
    "predicted_positive_rate": lambda r: share(r.s, r.s >= 0),
    "auc": by_pairs,
    "uncertainty": lambda r: share(np.abs(r.p - 0.5) < 0.4, r.s >= 0),
    "ece": ece,
    "tpr": lambda r: share(r.s, r.y == 1),
    "fpr": lambda r: share(r.s, r.y == 0),
    "fnr": lambda r: share(1 - r.s, r.y == 1),
    "ppv": lambda r: share(r.y, (r.s == 1) & (r.y >= 0)),
    "f1": lambda r: float(f1_score(r.y[r.y >= 0], r.s[r.y >= 0])),
    "balanced_accuracy": lambda r: (share(r.s, r.y == 1) + share(1 - r.s, r.y == 0)) / 2,
    "churn": lambda r: share(r.s != r.d, r.s >= 0),
    "nfr": lambda r: share((r.s != r.y) & (r.d == r.y), r.y >= 0),
    "pfr": lambda r: share((r.s == r.y) & (r.d != r.y), r.y >= 0),
    "lost_positives": lambda r: share((r.s == 0) & (r.d == 1), r.y == 1),
    "gained_positives": lambda r: share((r.s == 1) & (r.d == 0), r.y == 0),
    "underprediction": lambda r: (
        share(r.s, r.y >= 0) / share(r.y, r.y >= 0) if (r.y == 1).any() else NAN
    ),
    "calibration_gap": lambda r: float((r.p - r.y)[r.y >= 0].mean()),
    "brier": lambda r: float(((r.p - r.y) ** 2)[r.y >= 0].mean()),
    "calibration_error_debiased": debiased,
    "never_predicted": lambda r: float(not r.s.any()),
}
PAIRED_RATES = ("churn", "nfr", "pfr", "lost_positives", "gained_positives")
UNCONTRASTED = ("ece", "never_predicted")


class Case:
    """The two models, and masks of the members of each group."""

    def __init__(self, audited: Logits, dense: Logits) -> None:
        self.targets, self.counts = audited.targets, audited.train_counts
        self.sides = [self._side(audited, dense), self._side(dense, dense)]
        values: dict[str, dict[str, Array]] = {"": {"": np.ones(len(audited), bool)}}
        for i, name in enumerate(audited.group_names):
            codes = audited.groups[:, i]
            values[name] = {v: codes == c for c, v in enumerate(audited.group_values[i])}
        young = audited.labels[:, audited.targets.index("Young")]
        values["Young"] = {"0": young == 0, "1": young == 1}
        values["Male:Skin"] = {
            f"{a}:{b}": m & s for a, m in values["Male"].items() for b, s in values["Skin"].items()
        }
        self.masks = values

    @staticmethod
    def _side(logits: Logits, dense: Logits) -> list[Sample]:
        z, n = logits.logits, len(logits.targets)
        p = 1 / (1 + np.exp(-z.astype(float)))
        s, d = ((f.logits > f.thresholds).astype(int) for f in (logits, dense))
        y = logits.labels.astype(int)
        return [Sample(y[:, a], s[:, a], p[:, a], z[:, a], d[:, a]) for a in range(n)]

    def mask(self, group: str, value: str) -> Array:
        """Return the rows of a group value; for `rest:VALUE`, all others with a known value."""
        if value.startswith("rest:"):
            others = [m for v, m in self.masks[group].items() if v != value[5:]]
            return np.logical_or.reduce(others)
        return self.masks[group][value]

    def rate(self, metric: str, side: int, target: int, group: str, value: str) -> float:
        rows = self.sides[side][target][self.mask(group, value)]
        if metric == "tcb":
            assert self.counts is not None
            negatives, positives = self.counts[target, -1, -1]
            if positives > negatives:
                rows = replace(rows, s=1 - rows.s, y=np.where(rows.y < 0, -1, 1 - rows.y))
            metric = "underprediction"
        return RATES[metric](rows)

    def difference(self, metric: str, side: int, target: int, group: str, contrast: str) -> float:
        plus, _, minus = contrast.rpartition("-")
        minus = f"rest:{plus}" if minus == "rest" else minus
        a, b = (self.rate(metric, side, target, group, value) for value in (plus, minus))
        return a - b

    def largest_gap(self, metric: str, side: int, target: int, group: str) -> float:
        values = [self.rate(metric, side, target, group, v) for v in self.masks[group]]
        return max(values) - min(values) if not any(map(math.isnan, values)) else NAN

    def contrasts(self, group: str) -> list[str]:
        values = list(self.masks[group])
        return ["1-0"] if values == ["0", "1"] else [f"{v}-rest" for v in values]

    def train_rates(self, target: int, group: str) -> list[float] | None:
        """Return P(y=1 given g) in training; None if the file does not count the group."""
        if group not in ("Male", "Skin"):
            return None
        assert self.counts is not None
        index = ("Male", "Skin").index(group)
        counts = self.counts[target, index, : len(self.masks[group])]
        return [ones / (zeros + ones) for zeros, ones in counts.tolist()]


@pytest.fixture(scope="module")
def case(pair: tuple[Logits, Logits]) -> Case:
    return Case(*pair)


@pytest.fixture(scope="module")
def pair(make_logits: Callable[..., Logits]) -> tuple[Logits, Logits]:
    audited = make_logits(num=700, noise=1.5, thresholds=np.array([0.4, 1.0, -0.3]))
    return audited, make_logits(num=700, thresholds=np.array([0.1, 0.5, 0.0]))


@pytest.fixture(scope="module")
def table(pair: tuple[Logits, Logits]) -> Table:
    return audit([pair[0]], [pair[1]], Options(groups=GROUPS))


def cells(table: Table, metric: str, column: str = "value") -> dict[tuple[str, str, str], float]:
    """Return the rows of a metric, except means over attributes."""
    rows = table.where(metric=metric)
    return {(r["attribute"], r["group"], r["contrast"]): r[column] for r in rows if r["attribute"]}


def expected_rates(case: Case, metric: str, side: int) -> dict[tuple[str, str, str], float]:
    """Return it overall, by value, by contrast and, for three or more values, the largest gap."""
    found = {}
    for t, name in enumerate(case.targets):
        for group, masks in case.masks.items():
            for value in masks:
                found[name, group, value] = case.rate(metric, side, t, group, value)
            if not group or metric in UNCONTRASTED:
                continue
            for contrast in case.contrasts(group):
                found[name, group, contrast] = case.difference(metric, side, t, group, contrast)
            if len(masks) > 2:
                found[name, group, "max-min"] = case.largest_gap(metric, side, t, group)
    return found


def assert_close(found: dict[Any, float], expected: dict[Any, float]) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), key


@pytest.mark.parametrize("metric", [*RATES, "tcb"])
def test_rates_by_group_and_contrast(case: Case, table: Table, metric: str) -> None:
    assert_close(cells(table, metric), expected_rates(case, metric, 0))


@pytest.mark.parametrize("metric", sorted({*RATES, "tcb"} - {*PAIRED_RATES}))
def test_references_and_changes(case: Case, table: Table, metric: str) -> None:
    after, before = (expected_rates(case, metric, side) for side in (0, 1))
    assert_close(cells(table, metric, "reference"), before)
    assert_close(cells(table, metric, "change"), {k: after[k] - before[k] for k in after})


@pytest.mark.parametrize("metric", ["tpr", "fpr", "ppv", "accuracy", "predicted_positive_rate"])
def test_difference_in_differences(case: Case, table: Table, metric: str) -> None:
    expected = {}
    for t, name in enumerate(case.targets):
        for group in GROUPS:
            for contrast in case.contrasts(group):
                after, before = (case.difference(metric, i, t, group, contrast) for i in (0, 1))
                expected[name, group, contrast] = after - before
    assert_close(cells(table, f"did_{metric}"), expected)


def test_eod_is_the_largest_difference_of_tpr_or_fpr(case: Case, table: Table) -> None:
    expected = {}
    for t, name in enumerate(case.targets):
        for group in GROUPS:
            gaps = [case.largest_gap(rate, 0, t, group) for rate in ("tpr", "fpr")]
            expected[name, group, "max-min"] = NAN if any(map(math.isnan, gaps)) else max(gaps)
    assert_close(cells(table, "eod"), expected)


def accuracy_gap(case: Case, side: int, target: int, group: str, value: str) -> float:
    """Return the accuracy over rows with a known group, minus that of the value."""
    rows = case.sides[side][target]
    anyone = np.logical_or.reduce(list(case.masks[group].values()))
    return RATES["accuracy"](rows[anyone]) - RATES["accuracy"](rows[case.masks[group][value]])


def test_ceag_by_value_and_the_largest(case: Case, table: Table) -> None:
    expected = {}
    for t, name in enumerate(case.targets):
        for group in GROUPS:
            changes = [
                accuracy_gap(case, 0, t, group, v) - accuracy_gap(case, 1, t, group, v)
                for v in case.masks[group]
            ]
            expected |= {
                (name, group, v): c for v, c in zip(case.masks[group], changes, strict=True)
            }
            expected[name, group, "max"] = max(changes)
    assert_close(cells(table, "ceag"), expected)


def amplification_cases(case: Case, table: Table, metric: str) -> list[tuple[int, str, float]]:
    """Return attribute, group and value of the defined rows, which all have training counts."""
    rows = table.where(metric=metric, contrast="")
    defined = [r for r in rows if r["attribute"] and r["status"] != "undefined"]
    assert {r["group"] for r in defined} == {"Male", "Skin"} and len(defined) >= 5
    return [(case.targets.index(r["attribute"]), r["group"], r["value"]) for r in defined]


def share_of_group(case: Case, rows: Array, group: str, largest: str) -> float:
    known = np.logical_or.reduce(list(case.masks[group].values()))
    return float(case.masks[group][largest][rows & known].mean())


@pytest.mark.parametrize("metric", ["bias_amplification", "excess_ba"])
def test_bias_amplification(case: Case, table: Table, metric: str) -> None:
    for t, group, value in amplification_cases(case, table, metric):
        trained = case.train_rates(t, group)
        assert trained is not None
        largest = list(case.masks[group])[int(np.argmax(trained))]
        r = case.sides[0][t]
        predicted, base = (r.s == 1) & (r.y >= 0), r.y == 1
        if metric == "excess_ba":
            predicted, base = r.s == 1, r.d == 1
        shares = [share_of_group(case, rows, group, largest) for rows in (predicted, base)]
        assert value == pytest.approx(shares[0] - shares[1], abs=1e-12)


def test_directional_bias_amplification(case: Case, table: Table) -> None:
    for t, group, value in amplification_cases(case, table, "directional_ba"):
        assert case.counts is not None
        index, terms = ("Male", "Skin").index(group), []
        counts = case.counts[t, index, : len(case.masks[group])]
        for code, v in enumerate(case.masks[group]):
            joint, p_g = counts[code, 1] / counts.sum(), counts[code].sum() / counts.sum()
            sign = 1 if joint > p_g * counts[:, 1].sum() / counts.sum() else -1
            r = case.sides[0][t][case.masks[group][v] & (case.sides[0][t].y >= 0)]
            terms.append(sign * (r.s.mean() - r.y.mean()))
        assert value == pytest.approx(np.mean(terms), abs=1e-12)


def test_interdependence_is_r_squared_of_a_least_squares_fit(case: Case, table: Table) -> None:
    for column, side in (("value", 0), ("reference", 1)):
        s = np.stack([r.s for r in case.sides[side]], axis=1).astype(float)
        for t, name in enumerate(case.targets):
            design = np.column_stack([np.ones(len(s)), np.delete(s, t, axis=1)])
            residual = s[:, t] - design @ np.linalg.lstsq(design, s[:, t], rcond=None)[0]
            expected = 1 - residual.var() / s[:, t].var()
            found = cells(table, "interdependence", column)
            assert found[name, "", ""] == pytest.approx(expected, abs=1e-10)
            assert len(found) == 3


def test_impact_ratio_is_against_the_largest_share_of_the_group(case: Case, table: Table) -> None:
    for column, side in (("value", 0), ("reference", 1)):
        found = cells(table, "impact_ratio", column)
        for group in GROUPS:
            for t, name in enumerate(case.targets):
                if name == group:
                    continue
                rows = {v: case.sides[side][t][m].s for v, m in case.masks[group].items()}
                shares = {v: s.mean() for v, s in rows.items()}
                for value, own in shares.items():
                    expected = own / max(shares.values())
                    assert found[name, group, value] == pytest.approx(expected, abs=1e-12)
                least = min(shares.values()) / max(shares.values())
                assert found[name, group, "min"] == pytest.approx(least, abs=1e-12)


def test_every_metric_of_the_registry_has_rows(table: Table) -> None:
    of_attributes = [name for name, metric in METRICS.items() if not metric.pooled]
    assert list(dict.fromkeys(table.columns["metric"])) == of_attributes


def test_the_usual_metrics_agree_with_scikit_learn(case: Case, table: Table) -> None:
    for r, name in zip(case.sides[0], case.targets, strict=True):
        known = r[r.y >= 0]
        for metric, expected in {
            "accuracy": accuracy_score(known.y, known.s),
            "auc": roc_auc_score(known.y, known.z),
            "ppv": precision_score(known.y, known.s),
            "brier": brier_score_loss(known.y, known.p),
        }.items():
            assert cells(table, metric)[name, "", ""] == pytest.approx(expected, abs=1e-12)


def members(case: Case, group: str, contrast: str) -> Array:
    """Return the rows behind a number: those of one value, or all with a known value."""
    if contrast in case.masks[group]:
        return case.masks[group][contrast]
    return np.logical_or.reduce(list(case.masks[group].values()))


def test_counts_behind_every_number(case: Case, table: Table) -> None:
    for row in table.records():
        if not row["attribute"]:
            assert all(math.isnan(row[name]) for name in row if name.startswith("n"))
            continue
        r = case.sides[0][case.targets.index(row["attribute"])]
        r = r[members(case, row["group"], row["contrast"])]
        needs_labels = METRICS[row["metric"]].labels
        assert row["n"] == ((r.y >= 0).sum() if needs_labels else len(r.y))
        assert row["n_positive"] == (r.y == 1).sum()
        assert row["n_predicted_positive"] == r.s.sum()
        assert row["n_discordant"] == (r.s != r.d).sum()


def test_means_run_over_the_attributes_defined_in_both(table: Table) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {}
    for r in table.records():
        rows.setdefault((r["metric"], r["group"], r["contrast"]), []).append(r)
    for place, (mean, *each) in rows.items():
        kept = [r for r in each if r["value"] == r["value"] and r["change_status"] != "undefined"]
        for column in ("value", "reference", "change"):
            expected = np.mean([r[column] for r in kept]) if kept else NAN
            assert mean[column] == pytest.approx(expected, abs=1e-12, nan_ok=True), place
        left_out = [r["attribute"] for r in each if r not in kept]
        over = f"over {len(kept)} of {len(each)}, without {', '.join(left_out)}"
        said = (over if left_out else "") if kept else "undefined for every attribute"
        reason = mean["reason"].partition("no interval")[0].removesuffix("; ")
        assert (mean["attribute"], reason) == ("", said)


def test_a_softmax_file_predicts_its_largest_logit() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(0, 2, (300, 4)).astype(np.float32)
    y = np.eye(4, dtype=np.int8)[np.where(rng.random(300) < 0.6, z.argmax(1), 2)]
    targets = ("cat", "dog", "owl", "fox")
    thresholds = np.full(4, 9.0)
    table = audit([Logits(z, y, targets, activation="softmax", thresholds=thresholds)])
    p = np.exp(z.astype(float)) / np.exp(z.astype(float)).sum(1, keepdims=True)
    s = np.eye(4, dtype=int)[z.argmax(1)]
    for t, name in enumerate(targets):
        r = Sample(y[:, t].astype(int), s[:, t], p[:, t], z[:, t], s[:, t])
        for metric in ("accuracy", "tpr", "fpr", "brier", "uncertainty", "ece", "calibration_gap"):
            found = cells(table, metric)[name, "", ""]
            assert found == pytest.approx(RATES[metric](r), abs=1e-6), metric


@pytest.mark.parametrize("threshold", [None, 0.0, 0.1, float(np.float32(0.1)), -math.inf, math.inf])
def test_positive_means_above_the_threshold_in_float64(threshold: float | None) -> None:
    z = np.array([[-1.0], [-0.0], [0.0], [np.float32(0.1)], [0.2]], np.float32)
    thresholds = None if threshold is None else np.array([threshold])
    file = Logits(z, np.ones((5, 1), np.int8), ("Hat",), thresholds=thresholds)
    expected = sum(float(value) > (threshold or 0.0) for value in z[:, 0]) / 5
    assert cells(audit([file], (), Options(num_folds=1)), "tpr")["Hat", "", ""] == expected


def test_several_runs_give_the_mean_of_each(make_logits: Callable[..., Logits]) -> None:
    runs = [make_logits(num=300, noise=noise) for noise in (0.5, 1.0, 2.0)]
    dense, options = [make_logits(num=300)], Options(num_folds=1)
    together = audit(runs, dense, options)
    alone = [audit([run], dense, options) for run in runs]
    for metric in ("accuracy", "auc", "did_tpr", "bias_amplification", "churn", "brier"):
        each = [cells(table, metric) for table in alone]
        for key, value in cells(together, metric).items():
            expected = np.mean([one[key] for one in each])
            assert value == pytest.approx(expected, abs=1e-12, nan_ok=True), (metric, key)
    assert set(together.columns["runs"]) == {"3:1"}


def test_only_the_metrics_attributes_and_groups_asked_for(pair: tuple[Logits, Logits]) -> None:
    options = Options(groups=["Skin"], attributes=["Young", "Smiling"], metrics=["tpr", "churn"])
    table = audit([pair[0]], [pair[1]], options)
    assert list(dict.fromkeys(table.columns["metric"])) == ["tpr", "churn"]
    assert list(dict.fromkeys(table.columns["attribute"])) == ["", "Young", "Smiling"]
    assert set(table.columns["group"]) == {"", "Skin"}


def test_the_selection_does_not_change_the_numbers(
    pair: tuple[Logits, Logits], table: Table
) -> None:
    options = Options(groups=["Skin"], attributes=["Young"], metrics=["tpr", "excess_ba"])
    some = audit([pair[0]], [pair[1]], options)
    assert len(some) > 10
    for metric in ("tpr", "excess_ba"):
        for column in ("value", "low", "high", "change", "change_low", "change_high", "p", "n"):
            whole, part = (cells(one, metric, column) for one in (table, some))
            assert_close(part, {key: whole[key] for key in part})
