"""Top-1 accuracy of classifiers, against plain loops, and where it has no rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.auditing.engine import Audit, Options, audit
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.verdicts import judge
from pbias.errors import UserError
from pbias.files.logits import Logits
from pbias.files.table import Table

NUM = 400


def classifier(noise: float = 0.0, seed: int = 0) -> Logits:
    """Four classes, one a sample but for a few unknown ones; a group of two values."""
    rng = np.random.default_rng(seed)
    classes, male = rng.integers(0, 4, NUM), rng.integers(0, 2, NUM)
    z = 2.0 * np.eye(4)[classes] + rng.normal(size=(NUM, 4))
    z += noise * np.random.default_rng([seed, 1]).normal(size=z.shape) * (1 + male[:, None])
    labels = np.eye(4, dtype=np.int8)[classes]
    labels[::17] = -1
    return Logits(
        logits=z.astype(np.float32), labels=labels, targets=("a", "b", "c", "d"),
        ids=np.array([f"{i}.png" for i in range(NUM)]), groups=male[:, None].astype(np.int16),
        group_names=("Male",), group_values=(("0", "1"),), activation="softmax", path="x.npz",
    )  # fmt: skip


def right(logits: Logits) -> NDArray[np.bool_]:
    """Which samples of a known class are right; the others are left out by `known`."""
    return np.asarray(logits.logits.argmax(axis=1) == logits.labels.argmax(axis=1))


KNOWN = np.arange(NUM) % 17 != 0


@pytest.fixture(scope="module")
def table() -> Table:
    return audit([classifier(1.0)], [classifier()], Options(metrics=["top1_accuracy"]))


def test_it_is_one_row_without_attribute(table: Table) -> None:
    (row,) = table.where(group="", contrast="")
    s, d = right(classifier(1.0))[KNOWN], right(classifier())[KNOWN]
    assert (row["attribute"], row["value"], row["reference"]) == ("", s.mean(), d.mean())
    assert row["change"] == pytest.approx(s.mean() - d.mean())
    assert row["n"] == KNOWN.sum() and row["n_discordant"] == (s != d).sum()
    assert row["low"] < row["value"] < row["high"] and row["change_high"] < 0 and row["p"] < 0.01


def test_by_group_and_contrast(table: Table) -> None:
    logits = classifier(1.0)
    male = logits.groups[:, 0] == 1
    values = [right(logits)[KNOWN & mask].mean() for mask in (~male, male)]
    for value, expected in zip("01", values, strict=True):
        (row,) = table.where(group="Male", contrast=value)
        assert row["value"] == expected
    (row,) = table.where(group="Male", contrast="1-0")
    assert row["value"] == pytest.approx(values[1] - values[0]) and row["p"] == row["p"]


def test_the_p_of_a_change_is_that_of_its_interval_where_few_samples_are_discordant() -> None:
    """Six lost of six: between the mid-p (0.016) and the exact p (0.031) of McNemar's test."""
    s = classifier()
    logits = s.logits.copy()
    wrong = np.flatnonzero(right(s) & KNOWN)[:6]
    logits[wrong] = np.roll(logits[wrong], 1, axis=1)
    found = audit([replace(s, logits=logits)], [s], Options(metrics=["top1_accuracy"]))
    (row,) = found.where(group="", contrast="")
    assert row["change_status"] == "low_power" and 0.5**6 < row["p"] < 2 * 0.5**6
    assert row["change_high"] < 0


def test_gates_need_no_attribute() -> None:
    whole = Audit([classifier(1.0)], [classifier()], Options(metrics=["top1_accuracy"]))
    table, wide = whole.table(), whole.table(0.999)
    verdicts = {
        text: judge(parse_gate(text), table, wide).verdict
        for text in (
            "top1_accuracy >= 0.3",
            "change(top1_accuracy) >= 0",
            "top1_accuracy@Male >= 1",
        )
    }
    assert list(verdicts.values()) == ["pass", "fail", "fail"]
    with pytest.raises(UserError, match="no attribute 'a'"):
        judge(parse_gate("top1_accuracy/a >= 0.3"), table, wide)


def test_attributes_have_no_such_row() -> None:
    attributes = replace(classifier(), activation="sigmoid")
    assert "top1_accuracy" not in audit([attributes]).columns["metric"]
    with pytest.raises(UserError, match="have no rows here"):
        audit([attributes], (), Options(metrics=["top1_accuracy"]))
