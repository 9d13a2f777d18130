"""The curve of overriding: its ends, its points against full audits, and its baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.auditing.engine import Options, audit
from pbias.auditing.remedies.override_curve import BUDGETS, _orders, override_curve
from pbias.auditing.remedies.overriding import from_labels, from_model, mask_of, override
from pbias.files.logits import Logits
from pbias.files.table import Table

MakeLogits = Callable[..., Logits]
NUM = 400
SIZE = 3 * NUM


@pytest.fixture(scope="module")
def dense(make_logits: MakeLogits) -> Logits:
    return make_logits(num=NUM)


@pytest.fixture(scope="module")
def sparse(make_logits: MakeLogits) -> Logits:
    return make_logits(num=NUM, noise=2.0)


@pytest.fixture(scope="module")
def flags() -> NDArray[np.intp]:
    """Flag a third of all predictions."""
    return np.random.default_rng(0).permutation(SIZE)[: SIZE // 3]


@pytest.fixture(scope="module")
def curve(sparse: Logits, dense: Logits, flags: NDArray[np.intp]) -> Table:
    return override_curve(sparse, dense, from_model(dense, sparse), flags, num_draws=3)


def points(table: Table, order: str, metric: str, group: str = "") -> dict[int, float]:
    rows = table.where(order=order, metric=metric, group=group)
    return {row["num_overridden"]: row["value"] for row in rows}


def of_audit(sparse: Logits, dense: Logits, metric: str, group: str, column: str) -> float:
    """Return the mean of absolute values over all attributes and contrasts."""
    table = audit([sparse], [dense], Options(num_folds=1, metrics=[metric]))
    rows = [r for r in table.where(metric=metric, group=group) if r["attribute"]]
    wanted = ("", "1-0", "I-rest", "II-rest", "III-rest")
    values = np.array([abs(r[column]) for r in rows if r["contrast"] in wanted])
    return float(values[~np.isnan(values)].mean())


CASES = [
    ("accuracy", "", "accuracy", "value"),
    ("churn", "", "churn", "value"),
    ("lost_positives", "", "lost_positives", "value"),
    ("tcb", "", "tcb", "value"),
    ("abs(did_tpr)", "Male", "did_tpr", "value"),
    ("abs(did_tpr)", "Skin", "did_tpr", "value"),
    ("abs(bias_amplification)", "Male", "bias_amplification", "value"),
    ("abs(change(bias_amplification))", "Male", "bias_amplification", "change"),
]


@pytest.mark.parametrize(("metric", "group", "audited", "column"), CASES)
def test_each_point_is_what_an_audit_of_the_mended_file_says(
    sparse: Logits, dense: Logits, flags: NDArray[np.intp], curve: Table,
    metric: str, group: str, audited: str, column: str,
) -> None:  # fmt: skip
    better, found = from_model(dense, sparse), points(curve, "flags", metric, group)
    for num in (0, round(0.05 * SIZE), len(flags)):
        file = override(sparse, better, mask_of(flags[:num], sparse, better))
        assert found[num] == pytest.approx(of_audit(file, dense, audited, group, column))


def test_all_of_the_dense_model_leaves_no_change(curve: Table) -> None:
    for metric in ("churn", "lost_positives"):
        for order in ("random", "uncertainty"):
            assert points(curve, order, metric)[SIZE] == 0 < points(curve, order, metric)[0]
    for metric in ("abs(did_tpr)", "abs(change(bias_amplification))"):
        assert points(curve, "random", metric, "Male")[SIZE] == 0
    assert points(curve, "uncertainty", "abs(tpr_gap)", "Male")[SIZE] > 0


def test_all_labels_leave_no_error(sparse: Logits, dense: Logits) -> None:
    table = override_curve(sparse, dense, from_labels(sparse), np.arange(SIZE), num_draws=1)
    for order in ("flags", "random", "uncertainty"):
        assert points(table, order, "accuracy")[SIZE] == 1
        assert points(table, order, "abs(tpr_gap)", "Male")[SIZE] == 0
    assert points(table, "flags", "churn")[SIZE] > 0


def test_orders_share_their_ends_and_the_flags_end_where_they_end(
    curve: Table, flags: NDArray[np.intp]
) -> None:
    budgets = [round(SIZE * percent / 100) for percent in BUDGETS]
    assert list(points(curve, "random", "churn")) == sorted(set(budgets))
    ours = list(points(curve, "flags", "churn"))
    assert ours == sorted({num for num in budgets if num <= len(flags)} | {len(flags)})
    assert len({points(curve, order, "churn")[0] for order in ("flags", "random")}) == 1


def test_uncertainty_replaces_what_is_nearest_to_the_threshold_first(
    sparse: Logits, dense: Logits
) -> None:
    cuts = np.array([0.4, -0.2, np.inf])
    ours, num = replace(sparse, thresholds=cuts), round(0.05 * SIZE)
    table = override_curve(ours, dense, from_model(dense, ours), np.arange(0), num_draws=1)
    near = np.argsort(np.abs(sparse.logits - cuts), axis=None)[:num]
    better = from_model(dense, ours)
    file = override(ours, better, mask_of(near, ours, better))
    expected = of_audit(file, dense, "churn", "", "value")
    assert points(table, "uncertainty", "churn")[num] == pytest.approx(expected)


def test_random_orders_are_averaged_and_given_by_the_seed(sparse: Logits, dense: Logits) -> None:
    def draw(seed: int, num: int) -> Table:
        better = from_model(dense, sparse)
        return override_curve(sparse, dense, better, np.arange(0), seed=seed, num_draws=num)

    several, again, other = draw(0, 2), draw(0, 2), draw(1, 2)
    assert several.columns["value"] == again.columns["value"] != other.columns["value"]
    rows = several.where(order="random", metric="churn")
    assert rows[0]["sd"] == rows[-1]["sd"] == 0 < rows[8]["sd"]
    assert all(row["sd"] != row["sd"] for row in several.where(order="uncertainty"))
    (one,) = (r for r in draw(0, 1).where(order="random", metric="churn") if r["budget"] == 0.5)
    assert one["sd"] != one["sd"]


def test_a_mean_runs_over_what_is_defined_at_every_point(sparse: Logits, dense: Logits) -> None:
    never = replace(sparse, logits=sparse.logits - np.array([100, 0, 0], np.float32))
    better = from_model(dense, never)
    table = override_curve(never, dense, better, np.arange(SIZE), num_draws=1)
    for metric, over in (("abs(bias_amplification)", 2), ("abs(did_tpr)", 3)):
        assert {row["over"] for row in table.where(metric=metric, group="Male")} == {over}
    never_in = points(table, "flags", "never_predicted")
    assert never_in[0] == pytest.approx(1 / 3) and never_in[SIZE] == 0


def test_without_groups_there_are_metrics_of_everyone(sparse: Logits, dense: Logits) -> None:
    bare = [
        replace(x, groups=np.empty((NUM, 0), np.int16), group_names=(), group_values=(),
                train_counts=None)
        for x in (sparse, dense)
    ]  # fmt: skip
    table = override_curve(*bare, from_model(bare[1], bare[0]), np.arange(SIZE), num_draws=1)
    everyone = {"accuracy", "churn", "lost_positives", "tcb", "never_predicted"}
    assert set(table.columns["metric"]) == everyone
    (row,) = table.where(order="flags", metric="tcb", budget=1.0)  # without training counts
    assert row["over"] == 0 and row["value"] != row["value"]


def test_progress_counts_every_point(sparse: Logits, dense: Logits) -> None:
    seen: list[tuple[int, int]] = []
    better = from_model(dense, sparse)
    override_curve(
        sparse, dense, better, np.arange(2), num_draws=1, progress=lambda *x: seen.append(x)
    )
    total = seen[0][1]
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_the_order_of_classes_does_not_depend_on_what_their_outputs_share(
    sparse: Logits, dense: Logits, flags: NDArray[np.intp]
) -> None:
    """Use sixteenths, so that nothing is rounded. The closest pair of outputs comes first."""
    labels = np.eye(3, dtype=np.int8)[np.arange(NUM) % 3]
    plain, theirs = (
        replace(x, activation="softmax", labels=labels, logits=np.round(x.logits * 16) / 16)
        for x in (sparse, dense)
    )
    shift = np.random.default_rng(0).integers(-99, 99, (NUM, 1)).astype(np.float32)
    moved = replace(plain, logits=plain.logits + shift)
    curves = [
        override_curve(one, theirs, from_model(theirs, one), flags, num_draws=1)
        for one in (plain, moved)
    ]
    for metric in ("accuracy", "churn"):
        assert points(curves[0], "uncertainty", metric) == points(curves[1], "uncertainty", metric)
    two = np.sort(plain.logits, axis=1)[:, 1:]
    closest = np.argmin(two[:, 1] - two[:, 0])
    assert next(iter(_orders(moved, flags, 0, 0)))[0] == "flags"
    order = dict(_orders(moved, flags, 0, 0))["uncertainty"]
    assert order[0] // 3 == closest
