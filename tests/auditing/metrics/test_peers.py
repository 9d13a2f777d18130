"""The audit against other tools where they are right, and against published definitions elsewhere.

Their other errors are in test_undefined.py and test_parity.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from pbias.auditing.engine import Options, audit
from pbias.files.logits import Logits
from pbias.files.table import Table

Array = NDArray[Any]
VALUES = ("I", "II", "III")


@pytest.fixture(scope="module")
def logits() -> Logits:
    """Make four labels per image, correlated with a group of three values unlike in training."""
    rng = np.random.default_rng(0)
    group = rng.choice(3, 900, p=[0.5, 0.3, 0.2])
    labels = rng.random((900, 4)) < 0.2 + 0.15 * group[:, None] * np.array([1, -0.4, 0.5, 0])
    z = 2.0 * labels - 1 + rng.normal(0, 1.3, labels.shape) + 0.3 * group[:, None]
    positive = rng.integers(20, 80, (4, 2, 4, 1))
    counts = np.concatenate([100 - positive, positive], axis=-1)
    counts[:, 0, 3] = 0
    return Logits(
        z.astype("f4"),
        labels.astype(np.int8),
        ("Hat", "Smiling", "Bald", "Young"),
        groups=group[:, None].astype(np.int16),
        group_names=("Skin",),
        group_values=(VALUES,),
        train_counts=counts,
    )


@pytest.fixture(scope="module")
def table(logits: Logits) -> Table:
    return audit([logits], (), Options(num_folds=1))


def value(table: Table, metric: str, attribute: str, contrast: str) -> float:
    (row,) = table.where(metric=metric, attribute=attribute, group="Skin", contrast=contrast)
    return float(row["value"])


def test_rates_of_groups_and_their_largest_gaps_are_those_of_fairlearn(
    logits: Logits, table: Table
) -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics", reason="fairlearn: pip install .[bench]")
    theirs = {
        "tpr": fairlearn.true_positive_rate,
        "fpr": fairlearn.false_positive_rate,
        "predicted_positive_rate": fairlearn.selection_rate,
        "accuracy": sklearn.accuracy_score,
        "ppv": sklearn.precision_score,
    }
    for index, name in enumerate(logits.targets):
        rows = {"y_true": logits.labels[:, index], "y_pred": logits.logits[:, index] > 0}
        frame = fairlearn.MetricFrame(
            metrics=theirs, **rows, sensitive_features=logits.groups[:, 0]
        )
        for metric in theirs:
            ours = [value(table, metric, name, v) for v in VALUES]
            np.testing.assert_allclose(ours, frame.by_group[metric].to_numpy(float), atol=1e-12)
            gap = value(table, metric, name, "max-min")
            assert gap == pytest.approx(frame.difference()[metric], abs=1e-12)
        odds = fairlearn.equalized_odds_difference(**rows, sensitive_features=logits.groups[:, 0])
        assert value(table, "eod", name, "max-min") == pytest.approx(odds, abs=1e-12)


def test_directional_amplification_of_several_labels_is_that_of_its_paper(
    logits: Logits, table: Table
) -> None:
    """Check Wang and Russakovsky's equation 2, over all pairs of attribute and group value at once.

    A library of this name gives 0.0114 on multi-label data, where this gives 0.0409.
    """
    assert logits.train_counts is not None
    joint_agl = (
        logits.train_counts[:, 0, :3] / logits.train_counts[:, :1, :3].sum((2, 3))[..., None]
    )
    total_a = joint_agl[..., 1].sum(axis=1, keepdims=True)
    y_ag = joint_agl[..., 1] > joint_agl.sum(-1) * total_a
    members = [logits.groups[:, 0] == g for g in range(3)]
    delta_ag = np.array(
        [(logits.logits[m] > 0).mean(0) - logits.labels[m].mean(0) for m in members]
    ).T
    expected = np.where(y_ag, delta_ag, -delta_ag).mean()
    assert abs(expected) > 0.01
    assert value(table, "directional_ba", "", "") == pytest.approx(expected, abs=1e-12)
