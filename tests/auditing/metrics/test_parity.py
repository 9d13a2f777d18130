"""Parity with the paper's own analysis, and each place where ours differs on purpose."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.auditing.engine import Options, audit
from pbias.auditing.remedies.threshold_fitting import fit_thresholds
from pbias.files.logits import Logits
from pbias.files.table import Table

GROUPS = ("Male", "Young", "Chubby", "Pale_Skin")
OURS = {
    "acc": "accuracy",
    "auc": "auc",
    "predpos": "predicted_positive_rate",
    "uncertainty": "uncertainty",
    "interdependence": "interdependence",
    "ece": "ece",
    "rare_val_underpredict": "tcb",
}
EXACT = 1e-9
VALUES_ALONE = Options(num_folds=1)


@pytest.fixture(scope="module")
def paper(vectors: Path) -> dict[str, dict[str, list[float | None]]]:
    """Return the paper's results: `plain` at threshold 0, `adjusted` with its thresholds."""
    found: dict[str, Any] = json.loads((vectors / "paper_metrics.json").read_text())
    return found


@pytest.fixture(scope="module")
def arrays(vectors: Path) -> dict[str, NDArray[Any]]:
    with np.load(vectors / "paper_metrics.npz") as file:
        return dict(file)


def training_counts(labels: NDArray[Any], groups: list[int]) -> NDArray[np.int64]:
    """Count labels that are all known, [A, G+1, V+1, 2]."""
    counts = np.zeros((labels.shape[1], len(groups) + 1, 3, 2), np.int64)
    for y in (0, 1):
        hits = labels == y
        counts[:, -1, -1, y] = hits.sum(axis=0)
        for index, group in enumerate(groups):
            for value in (0, 1):
                counts[:, index, value, y] = hits[labels[:, group] == value].sum(axis=0)
    return counts


def logits_of(arrays: dict[str, NDArray[Any]], thresholds: list[float | None]) -> Logits:
    names = tuple(arrays["attributes"].tolist())
    columns = [names.index(group) for group in GROUPS]
    labels = arrays["test_labels"].astype(np.int8)
    return Logits(
        arrays["test_logits"],
        labels,
        names,
        groups=labels[:, columns].astype(np.int16),
        group_names=GROUPS,
        group_values=(("0", "1"),) * len(GROUPS),
        train_counts=training_counts(arrays["train_labels"], columns),
        thresholds=np.array(thresholds, np.float64),
    )


@pytest.fixture(scope="module", params=["plain", "adjusted"])
def both(request: Any, paper: Any, arrays: Any) -> tuple[dict[str, list[float | None]], Table]:
    expected = paper[request.param]
    return expected, audit([logits_of(arrays, expected["thresholds"])], (), VALUES_ALONE)


def by_attribute(table: Table, metric: str, group: str = "") -> dict[str, float]:
    rows = table.where(metric=metric, group=group, contrast="")
    return {r["attribute"]: r["value"] for r in rows if r["attribute"]}


@pytest.mark.parametrize("name", OURS)
def test_parity(both: Any, arrays: Any, name: str) -> None:
    expected, table = both
    ours = by_attribute(table, OURS[name])
    assert list(ours) == arrays["attributes"].tolist()
    np.testing.assert_allclose(list(ours.values()), expected[name], rtol=0, atol=EXACT)


@pytest.mark.parametrize("group", GROUPS)
def test_parity_of_bias_amplification(both: Any, arrays: Any, group: str) -> None:
    expected, table = both
    ours = by_attribute(table, "bias_amplification", group)
    theirs = dict(zip(arrays["attributes"].tolist(), expected[f"{group}-bas"], strict=True))
    assert theirs.pop(group) is None and ours.keys() == theirs.keys()  # the group itself has no row
    theirs_or_nan = [math.nan if value is None else value for value in theirs.values()]
    np.testing.assert_allclose(list(ours.values()), theirs_or_nan, rtol=0, atol=EXACT)


def test_the_paper_leaves_out_what_is_undefined_for_the_reasons_we_give(both: Any) -> None:
    expected, table = both
    rows = table.where(metric="bias_amplification", contrast="")
    reasons = {r["reason"] for r in rows if r["attribute"] and r["value"] != r["value"]}
    assert reasons <= {
        "training rates within 10 % of each other",
        "fewer than 10 positives in a group",
    }
    missing = sum(value is None for g in GROUPS for value in expected[f"{g}-bas"])
    assert sum(r["value"] != r["value"] for r in rows) == missing - len(GROUPS)


def one(logits: list[float], labels: list[int], metric: str) -> dict[str, Any]:
    """Return a metric of one attribute over everyone."""
    z = np.array(logits, np.float32)[:, None]
    file = Logits(z, np.array(labels, np.int8)[:, None], ("Hat",), train_counts=None)
    (row,) = audit([file], (), VALUES_ALONE).where(metric=metric, attribute="Hat", group="")
    return row


def test_p_of_1_belongs_to_the_last_bin() -> None:
    """The paper's code opens an eleventh bin for it: 0.5 abs(0.95 - 1) + 0.5 abs(1 - 0) = 0.525."""
    z = float(np.log(0.95 / 0.05))
    row = one([z, 80.0], [1, 0], "ece")
    assert row["value"] == pytest.approx(abs((0.95 + 1) / 2 - 0.5), abs=1e-7)


def test_auc_ranks_logits_and_not_sigmoids_that_tie() -> None:
    """Float64 sigmoids of logits above 36.7 are all 1: pairs would tie, with an AUC of 0.5."""
    assert len({1 / (1 + np.exp(-z)) for z in (38.0, 39.0, 40.0, 41.0)}) == 1
    assert one([41.0, 40.0, 39.0, 38.0], [1, 0, 1, 0], "auc")["value"] == 0.75


def test_auc_of_equal_logits_counts_half() -> None:
    assert one([1.0, 1.0, 0.0], [1, 0, 0], "auc")["value"] == 0.75


def correlated(num: int = 200) -> NDArray[np.float32]:
    """Make three columns of logits that depend on each other, and one that is never positive."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(num, 4)) + rng.normal(size=(num, 1))
    z[:, 3] = -np.abs(z[:, 3]) - 1
    return z.astype(np.float32)


def interdependence(z: NDArray[np.float32]) -> dict[str, tuple[float, str]]:
    targets = tuple("abcdefgh"[: z.shape[1]])
    table = audit([Logits(z, np.zeros(z.shape, np.int8), targets)], (), VALUES_ALONE)
    rows = table.where(metric="interdependence")
    return {r["attribute"]: (r["value"], r["reason"]) for r in rows}


def test_constant_predictions_have_no_interdependence_and_disturb_none() -> None:
    """The paper scores them 1.0, a perfect fit."""
    z = correlated()
    with_constant, without = interdependence(z), interdependence(z[:, :3])
    assert math.isnan(with_constant["d"][0]) and with_constant["d"][1] == "constant predictions"
    for name in "abc":
        assert with_constant[name][0] == pytest.approx(without[name][0], abs=1e-12)
    assert with_constant[""] == (without[""][0], "over 3 of 4, without d")


def test_predictions_that_depend_exactly_have_r_squared_1_and_disturb_none() -> None:
    """`1 - 1/diag(pinv)` of the correlations gives other values for all of them."""
    z = correlated()[:, :3]
    copied = interdependence(np.column_stack([z, z[:, 0], -z[:, 1]]))
    s = (z > 0).astype(float)
    design = np.column_stack([np.ones(len(s)), s[:, :2]])
    residual = s[:, 2] - design @ np.linalg.lstsq(design, s[:, 2], rcond=None)[0]
    assert copied["c"][0] == pytest.approx(1 - residual.var() / s[:, 2].var(), abs=1e-9)
    assert [copied[name][0] for name in "abde"] == [1.0] * 4


def test_an_attribute_that_is_never_predicted_has_no_amplification(arrays: Any) -> None:
    thresholds: list[float | None] = [0.0] * 40
    smiling = arrays["attributes"].tolist().index("Smiling")
    thresholds[smiling] = math.inf
    table = audit([logits_of(arrays, thresholds)], (), VALUES_ALONE)
    for group in GROUPS:
        (row,) = table.where(metric="bias_amplification", attribute="Smiling", group=group)
        assert math.isnan(row["value"]) and row["status"] == "undefined"
        training = "training rates within 10 % of each other"
        assert row["reason"] in ("never predicted", training)
    assert table.where(metric="never_predicted", attribute="Smiling", group="")[0]["value"] == 1


def test_fitted_thresholds_predict_as_many_as_there_are(arrays: Any, paper: Any) -> None:
    """Thresholds lie midway between logits; the paper uses `>` with the k-th and is one short."""
    z, y = arrays["valid_logits"], arrays["valid_labels"].astype(np.int8)
    fitted = fit_thresholds(z.T, y.T).values
    theirs = np.array(paper["adjusted"]["thresholds"])
    for a, (column, labels) in enumerate(zip(z.T, y.T, strict=True)):
        k, ordered = int(labels.sum()), np.sort(column.astype(np.float64))[::-1]
        assert fitted[a] == (ordered[k - 1] + ordered[k]) / 2
        assert (column > fitted[a]).sum() == k
        assert theirs[a] == pytest.approx(ordered[k - 1], rel=1e-6)


def test_no_and_all_positives_have_infinite_thresholds() -> None:
    z = np.array([[0.5, 1.0, 2.0]] * 2, np.float32)
    fitted = fit_thresholds(z, np.array([[0, 0, 0], [1, 1, 1]], np.int8)).values
    assert fitted.tolist() == [math.inf, -math.inf]
