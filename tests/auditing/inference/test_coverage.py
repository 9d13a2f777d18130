"""Simulations through the whole audit that check intervals, p-values and gates.

They use fewer draws than bench/coverage.py, whose tables docs/inference.md shows. Their bounds
allow 3.5 standard errors of this smaller number of draws.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from simulation import Found, Row, World, audits
from verdicts import verdicts

from pbias.auditing.engine import Options, audit

pytestmark = pytest.mark.slow

DID = [Row(f"did_{rate}", "1-0") for rate in ("tpr", "fpr", "accuracy")]
RATES = [Row(rate, value) for rate in ("tpr", "ppv", "accuracy", "churn") for value in ("1", "1-0")]
BA = [Row("excess_ba"), Row("bias_amplification"), Row("bias_amplification", change=True)]
AUC = [Row("auc", value, change) for value in ("1", "1-0") for change in (False, True)]
NULL = {"noise": 0.0, "loss": (0.0, 0.0), "run_noise": 0.5}


def assert_covers(found: dict[Row, Found], conservative: tuple[str, ...] = ()) -> None:
    """Require 93.5 % or more, and 96.5 % or less except for few counts and conservative methods."""
    for row, one in found.items():
        assert one.num > 0, row
        assert one.coverage >= 0.935 - 3.5 * one.error, (row, one.coverage)
        if row.metric not in conservative and np.nanmean(one.few) < 0.05:
            assert one.coverage <= 0.965 + 3.5 * one.error, (row, one.coverage)


@pytest.mark.parametrize(
    "world",
    [
        World(num=1000, prevalence=(0.4, 0.3), separation=1.0),
        World(num=2000, shares=(0.9, 0.1), prevalence=(0.05, 0.1)),
        World(num=2000, prevalence=(0.2, 0.3), cluster=20),
    ],
    ids=["many counts", "few counts", "clusters"],
)
def test_intervals_of_rates_amplification_and_auc_cover(world: World) -> None:
    assert_covers(audits(world, [*DID, *RATES, *BA, *AUC], draws=150), conservative=("auc",))


@pytest.mark.parametrize("loss", [(0.0,) * 3, (0.0, 0.3, 1.0)], ids=["equal", "apart"])
def test_largest_gaps_are_covered_whether_there_is_one_or_not(loss: tuple[float, ...]) -> None:
    world = World(num=1000, shares=(0.5, 0.3, 0.2), prevalence=(0.2,) * 3, loss=loss)
    rows = [Row(name, "max-min") for name in ("tpr", "accuracy", "eod")]
    found = audits(world, rows, draws=100)
    assert (found[rows[0]].truth == 0).all() == (loss[-1] == 0)
    assert_covers(found, conservative=tuple(row.metric for row in rows))


@pytest.mark.parametrize("num_runs", [3, 5])
def test_several_runs_cover(num_runs: int) -> None:
    world = World(num=1000, runs=num_runs, run_noise=0.3, run_shift=0.15, prevalence=(0.4, 0.4))
    world = replace(world, attributes=25)
    assert_covers(audits(world, [*DID, Row("accuracy", "1", change=True)], draws=50))


def test_means_over_correlated_attributes_cover() -> None:
    """The last attributes are almost never predicted."""
    world = World(num=500, prevalence=(0.4, 0.4), attributes=4, shared=0.6, fade=3.0)
    rows = [row._replace(mean=True) for row in (*DID, *BA, Row("ppv", "1"), Row("tcb", "1"))]
    assert_covers(audits(world, rows, draws=45), conservative=("ppv",))


def test_p_values_of_permuted_groups_are_uniform() -> None:
    """The model's errors are fixed; membership in the groups is drawn 150 times."""
    rng = np.random.default_rng(0)
    world = World(num=1000, prevalence=(0.4, 0.4), attributes=2)
    sides = [
        replace(
            one,
            groups=rng.permuted(np.tile(one.groups, 150), axis=0),
            group_names=tuple(f"permuted_{i}" for i in range(150)),
            group_values=one.group_values * 150,
            train_counts=None,
        )
        for (one,) in world.population.files(rng)[:1]
    ]
    table = audit(sides, (), Options(metrics=["tpr", "fpr", "auc"]))
    for metric in ("tpr", "fpr", "auc"):
        rows = table.where(metric=metric, attribute="draw_0", contrast="1-0")
        assert len(rows) == 150
        assert stats.kstest([row["p"] for row in rows], "uniform").pvalue > 0.001, metric


@pytest.mark.parametrize("cluster", [1, 10])
def test_p_values_are_uniform_where_nothing_changed(cluster: int) -> None:
    """Both models err equally and independently."""
    world = World(num=5000, cluster=cluster, prevalence=(0.4, 0.4), **NULL)
    rows = [Row("did_fpr", "1-0"), Row("did_accuracy", "1-0"), Row("accuracy", "1", change=True)]
    for row, one in audits(world, rows, draws=150, null=True).items():
        assert not one.few.any(), row
        assert stats.kstest(one.p, "uniform").pvalue > 0.001, row


def test_exact_p_values_reject_at_most_as_often_as_they_say() -> None:
    world = World(num=1000, prevalence=(0.05, 0.05), **NULL)
    rows = [Row("did_tpr", "1-0"), Row("tpr", "1", change=True)]
    for row, one in audits(world, rows, draws=150, null=True).items():
        assert np.mean(one.few) > 0.9, row
        assert np.mean(one.p <= 0.05) <= 0.05 + 3.5 * one.error, row


@pytest.mark.parametrize(("metric", "num_rows"), [("did_tpr", 1), ("did_tpr", 10), ("churn", 10)])
def test_a_gate_whose_true_value_is_at_its_bound_rarely_fails(metric: str, num_rows: int) -> None:
    num_gates = 200 if num_rows == 1 else 30
    found = verdicts(World(num=1000), metric, num_rows, [1.0], num_gates)[1.0]
    error = np.sqrt(0.05 * 0.95 / found.total())
    assert found["fail"] / found.total() <= 0.05 + 3.5 * error
    assert found["pass"] / found.total() <= 0.05 + 3.5 * error


def test_a_gate_well_inside_passes_and_one_well_outside_fails() -> None:
    world = World(num=10_000, prevalence=(0.4, 0.4), loss=(0.0, 0.6), attributes=20)
    found = verdicts(world, "did_tpr", 10, [2.0, 0.3], 2)
    assert set(found[2.0]) == {"pass"} and set(found[0.3]) == {"fail"}
