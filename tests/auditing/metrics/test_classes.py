"""Top-1 accuracy of classifiers against plain loops, and cases without rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pbias
from pbias.auditing.counts.totals import log_odds, sigmoid
from pbias.auditing.engine import Audit, Options, audit
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.verdicts import judge
from pbias.auditing.risk.prediction_risk import flag_risk
from pbias.errors import UserError
from pbias.files.logits import Logits, write_logits
from pbias.files.table import Table

NUM = 400


def classifier(noise: float = 0.0, seed: int = 0) -> Logits:
    """Make four classes, one per sample except a few unknown ones, and a group of two values."""
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
    """Return which samples of a known class are right; `known` leaves out the others."""
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
    """Six lost of six: p lies between mid-p (0.016) and the exact p (0.031) of McNemar's test."""
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


def values(logits: Logits) -> dict[tuple[object, ...], object]:
    found = audit([logits], (), Options(num_folds=1))
    keys = ("metric", "attribute", "group", "contrast")
    return {tuple(row[k] for k in keys): row["value"] for row in found.where()}


def test_no_number_depends_on_what_the_outputs_of_a_row_share() -> None:
    logits = classifier(1.0)
    # Sixteenths, so that adding whole numbers does not round.
    plain = replace(logits, logits=np.round(logits.logits * 16) / 16)
    shift = np.random.default_rng(5).integers(-500, 500, (NUM, 1)).astype(np.float32)
    before, after = values(plain), values(replace(plain, logits=plain.logits + shift))
    assert before == pytest.approx(after, abs=0, nan_ok=True)
    assert before["auc", "a", "", ""] > 0.8
    for risk in ("margin", "log_odds"):
        found = [
            getattr(flag_risk(one), risk)
            for one in (plain, replace(plain, logits=plain.logits + shift))
        ]
        np.testing.assert_array_equal(*found)


def test_two_outputs_and_the_logit_of_their_difference_give_the_same_audit() -> None:
    logits = classifier(1.0)
    outputs = np.round(logits.logits[:, :2] * 16) / 16
    labels = np.stack([1 - logits.labels[:, 1], logits.labels[:, 1]], axis=1)
    labels[logits.labels[:, :1].repeat(2, axis=1) == -1] = -1
    two = replace(logits, logits=outputs, labels=labels, targets=("no", "b"))
    one = replace(
        two, logits=outputs[:, 1:] - outputs[:, :1], labels=labels[:, 1:], targets=("b",),
        activation="sigmoid",
    )  # fmt: skip
    of_two, of_one = values(two), values(one)
    names = ("accuracy", "tpr", "fpr", "ppv", "auc", "ece", "brier", "uncertainty", "f1",
             "calibration_gap", "calibration_error_debiased", "tcb")  # fmt: skip
    for name in names:
        for key in [key for key in of_one if key[0] == name and key[1] == "b"]:
            assert of_two[key] == pytest.approx(of_one[key], nan_ok=True), key
    assert of_two["top1_accuracy", "", "", ""] == of_one["accuracy", "b", "", ""]


def numbers(logits: Logits, reference: Logits, attributes: list[str] | None) -> dict[str, Any]:
    """Return every number of single classes and of top-1, except adjusted ones."""
    found = audit([logits], [reference], Options(attributes=attributes, num_folds=20)).where()
    names = ("metric", "attribute", "group", "contrast")
    return {
        " ".join(row[name] for name in names): [row[k] for k in row if k != "p_adjusted"]
        for row in found
        if row["attribute"] or row["metric"] == "top1_accuracy"
    }


def test_chosen_classes_are_predicted_among_all() -> None:
    """They are not the largest of the chosen outputs, which would improve every class."""
    counts = np.random.default_rng(0).integers(5, 50, (4, 2, 3, 2))
    sides = [replace(classifier(noise), train_counts=counts) for noise in (1.0, 0.0)]
    whole, some = numbers(*sides, None), numbers(*sides, ["c", "a"])
    assert some.keys() == {key for key in whole if key.split(" ")[1] in ("", "a", "c")}
    for key, row in some.items():
        assert row == pytest.approx(whole[key], nan_ok=True), key
    s = sides[0].logits.argmax(axis=1)[KNOWN] == 2
    true = sides[0].labels[KNOWN, 2] == 1
    assert some["tpr c  "][4] == (s & true).sum() / true.sum()


def test_chosen_classes_of_files_in_blocks(tmp_path: Path) -> None:
    sides = [classifier(1.0), classifier()]
    paths = [str(tmp_path / name) for name in ("s.npz", "d.npz")]
    for side, path in zip(sides, paths, strict=True):
        write_logits(side, path)
    options = {"attributes": ["b"], "metrics": ["tpr", "top1_accuracy"]}
    found = [
        pbias.audit(paths[0], reference=paths[1], in_memory=size, **options).rows.records()
        for size in (0, 256)
    ]
    assert [r["value"] for r in found[0]] == [r["value"] for r in found[1]]
    assert {r["attribute"] for r in found[0]} == {"", "b"}
    with pytest.raises(UserError, match="no attribute 'e'"):
        pbias.audit(paths[0], attributes=["e"])


def test_two_outputs_and_one_logit_have_the_same_intervals_of_changes() -> None:
    ours, theirs = classifier(1.0), classifier()
    columns = ("value", "low", "high", "change", "change_low", "change_high", "p", "n_discordant")

    def binary(logits: Logits, *, two: bool) -> Logits:
        z = np.round(logits.logits[:, :2] * 16) / 16
        positive = logits.labels[:, 1]
        both = np.stack([np.where(positive < 0, -1, 1 - positive), positive], axis=1)
        if two:
            return replace(logits, logits=z, labels=both.astype(np.int8), targets=("no", "b"))
        return replace(
            logits, logits=z[:, 1:] - z[:, :1], labels=both[:, 1:].astype(np.int8), targets=("b",),
            activation="sigmoid",
        )  # fmt: skip

    metrics = ("accuracy", "tpr", "fpr", "ppv", "churn", "did_tpr", "auc", "brier")
    of_two, of_one = (
        audit([binary(ours, two=two)], [binary(theirs, two=two)], Options(metrics=metrics))
        for two in (True, False)
    )
    rows = [row for row in of_two.where() if row["attribute"] == "b"]
    others = [row for row in of_one.where() if row["attribute"] == "b"]
    assert len(rows) == len(others) == 29
    for row, other in zip(rows, others, strict=True):
        for name in columns:
            assert row[name] == pytest.approx(other[name], rel=1e-6, nan_ok=True), (row, name)


def test_top_1_and_the_recall_of_each_class_lead_the_report() -> None:
    result = pbias.audit(classifier(1.5), reference=classifier())
    titles = [section.title for section in result.sections()]
    assert titles[:4] == [
        "Verdict", "Audit", "Recall of each class", "Male: each value, means over classes"
    ]  # fmt: skip
    recall, by_group, means = result.sections()[2:5]
    assert [row[0] for row in recall.rows] == ["a", "b", "c", "d"]
    (found,) = result.rows.where(metric="tpr", attribute="c", group="")
    assert recall.rows[2][1:4] == [
        f"{found['n_positive']}", f"{found['reference']:.3f}", f"{found['value']:.3f}"
    ]  # fmt: skip
    assert [row[0] for row in by_group.rows] == ["top-1"] * 2 + ["TPR"] * 2 + ["FPR"] * 2 + [
        "PPV"
    ] * 2
    assert means.title.startswith("Means over classes")
    assert [row[0] for row in means.rows][:2] == ["top1 accuracy", "tpr"]
    shown = {row[0] for row in means.rows}
    assert not shown & {"accuracy", "interdependence"}  # of one class alone, and of one-hot rows
    assert "accuracy" not in result.findings.metrics
    assert "top-1 accuracy for " in result.verdict


def test_of_many_classes_the_recall_that_fell_most_is_shown() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(1200) % 20
    z = 3.0 * np.eye(20)[classes] + rng.normal(size=(1200, 20))
    worse = z + 0.3 * rng.normal(size=z.shape)
    worse[classes == 17, 17] -= 3
    names = [f"k{i}" for i in range(20)]
    labels = np.eye(20, dtype=int)[classes]
    result = pbias.audit(
        worse, labels, reference=z, targets=names, activation="softmax",
        metrics=["top1_accuracy", "tpr"],
    )  # fmt: skip
    (section,) = [s for s in result.sections() if s.title == "Recall of each class"]
    assert len(section.rows) == 12 and section.rows[0][0] == "k17"
    assert section.notes[1] == "20 classes: -f csv has all."


def test_a_class_that_is_never_predicted_has_no_threshold_to_calibrate() -> None:
    silent = classifier()
    logits = silent.logits.copy()
    logits[:, 3] -= 100
    said = pbias.audit(replace(silent, logits=logits), reference=silent).verdict
    assert "Never predicted: d (120 of 400 before" in said and "calibrate" not in said


def test_log_odds_are_those_of_the_softmax() -> None:
    z = np.array([[3.0, 1.0, -40.0], [1.0, 1.0, 1.0], [2.0, -70.0, 60.0]])  # [A, n]
    e = np.exp(z - z.max(axis=0))
    p = e / e.sum(axis=0)
    np.testing.assert_allclose(sigmoid(log_odds(z)), p, rtol=1e-5)


def test_the_predictions_of_classes_have_no_interdependence() -> None:
    assert "interdependence" not in audit([classifier()]).columns["metric"]
