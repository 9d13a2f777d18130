"""Compression identified exemplars: votes, ties, distances and over-representation by hand."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.auditing.remedies.identified_exemplars import exemplar_table, find_exemplars
from pbias.auditing.remedies.over_representation import over_representation
from pbias.errors import UserError
from pbias.files.logits import Logits, select_rows

MakeLogits = Callable[..., Logits]
NAMES = np.array(list("abcdefgh"))


def runs(votes: Sequence[Sequence[int]], size: float = 1.0) -> list[Logits]:
    """Make one file per run, with one attribute: `size` or its negative."""
    z = [(2 * np.array(run, np.float32)[:, None] - 1) * np.float32(size) for run in votes]
    y = np.zeros((len(votes[0]), 1), np.int8)
    return [Logits(x, y, ("Hat",), ids=NAMES[: len(x)], path=f"{i}.npz") for i, x in enumerate(z)]


@pytest.mark.parametrize(
    ("dense", "sparse", "modal", "tied", "distance"),
    [
        ([1, 1, 1], [0, 0, 0], True, False, 2.0),
        ([1, 1, 0], [0, 0, 1], True, False, 2 / 3),
        ([1, 1, 0], [1, 0, 1], False, False, 0.0),
        ([1, 1, 1], [1, 1, 0], False, False, 2 / 3),
        ([1, 0], [0, 0], False, True, 1.0),  # dense runs are tied: not an exemplar
        ([1, 1], [1, 0], False, True, 1.0),
        ([1, 1], [0, 0, 1], True, False, 4 / 3),  # sides of different size
        ([1], [0], True, False, 2.0),
    ],
)
def test_votes_by_hand(
    dense: list[int], sparse: list[int], modal: bool, tied: bool, distance: float
) -> None:
    found = find_exemplars(runs([[v] for v in dense]), runs([[v] for v in sparse]), num_top=1)
    assert (found.modal.item(), found.tied.item()) == (modal, tied)
    assert found.taxicab.item() == pytest.approx(distance)
    assert found.top.item() == (distance > 0)


def test_the_largest_distances_come_first_then_the_gap_in_probability() -> None:
    dense = runs([[1, 1, 1, 1, 0], [1, 1, 1, 1, 0]])
    sparse = runs([[0, 0, 1, 1, 0], [1, 0, 1, 0, 0]])
    sparse[1].logits[3] = -3.0  # by votes d is as far as a, and further by probability
    order = [NAMES[i] for i in (1, 3, 0)]
    for num in range(4):
        found = exemplar_table(find_exemplars(dense, sparse, num_top=num))
        tops = [record["id"] for record in found.records() if record["top"]]
        assert tops == order[:num]
    assert find_exemplars(dense, sparse, num_top=5).top.sum() == 3  # equal votes are not exemplars


def test_one_percent_of_the_samples_unless_asked(make_logits: MakeLogits) -> None:
    dense, sparse = make_logits(num=300), make_logits(num=300, noise=2.0)
    assert find_exemplars([dense], [sparse]).top.sum(axis=1).tolist() == [3, 3, 3]


def test_a_row_says_what_both_sides_say_of_whom(make_logits: MakeLogits) -> None:
    dense, sparse = make_logits(), make_logits(noise=2.0)
    others = make_logits(noise=1.0)
    table = exemplar_table(find_exemplars([dense], [sparse, others], num_top=2))
    assert dense.ids is not None and len(table) > 6
    p = [1 / (1 + np.exp(-run.logits.astype(float))) for run in (dense, sparse, others)]
    for record in table.records():
        row = dense.ids.tolist().index(record["id"])
        at = (row, dense.targets.index(record["attribute"]))
        assert record["dense_probability"] == pytest.approx(p[0][at])
        assert record["sparse_probability"] == pytest.approx((p[1][at] + p[2][at]) / 2)
        votes = [run.logits[at] > 0 for run in (sparse, others)]
        assert record["sparse_share"] == sum(votes) / 2
        assert record["label"] == (None if dense.labels[at] < 0 else dense.labels[at])
        code = dense.groups[row, 1]
        assert record["Skin"] == ("" if code < 0 else ("I", "II", "III")[code])
    assert list(table.columns)[-2:] == ["Male", "Skin"]


def test_rows_are_ranked_and_every_exemplar_is_there_once(make_logits: MakeLogits) -> None:
    found = find_exemplars([make_logits()], [make_logits(noise=2.0)])
    table = exemplar_table(found)
    assert list(table.columns["taxicab"]) == sorted(table.columns["taxicab"], reverse=True)
    pairs = set(zip(table.columns["id"], table.columns["attribute"], strict=True))
    assert len(pairs) == len(table) == (found.modal | found.top).sum()


def test_one_run_a_side_is_churn_and_says_so(
    make_logits: MakeLogits, caplog: pytest.LogCaptureFixture
) -> None:
    dense, sparse = make_logits(), make_logits(noise=1.0)
    found = find_exemplars([dense], [sparse])
    table = audit([sparse], [dense], Options(groups=[], metrics=["churn"], num_folds=1))
    churn = [row["value"] for row in table.records() if row["attribute"]]
    assert found.modal.mean(axis=1) == pytest.approx(churn)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "(churn)" in record.getMessage()


def test_ties_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pbias")
    find_exemplars(runs([[1, 1, 1], [0, 1, 1]]), runs([[0, 0, 1], [0, 0, 1]]), num_top=2)
    said = "of 3 predictions 1 are modal exemplars (1 are ties and are none), 2 taxicab"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_runs_in_any_order_of_rows_and_of_files(make_logits: MakeLogits) -> None:
    files = [make_logits(noise=noise) for noise in (0.5, 1.0, 1.5, 2.0)]
    expected = exemplar_table(find_exemplars(files[:2], files[2:]))
    back = [select_rows(run, np.arange(60)[::-1]) for run in files]
    found = exemplar_table(find_exemplars(files[:2], back[2:][::-1]))
    np.testing.assert_equal(found.columns, expected.columns)


def test_thresholds_decide_votes(make_logits: MakeLogits) -> None:
    dense = make_logits()
    never = replace(dense, thresholds=np.full(3, np.inf))
    found = find_exemplars([dense], [never])
    np.testing.assert_array_equal(found.modal, dense.logits.T > 0)


def test_attributes_can_be_chosen(make_logits: MakeLogits) -> None:
    found = find_exemplars([make_logits()], [make_logits(noise=1.0)], ["Young", "Smiling"])
    assert found.logits.targets == ("Young", "Smiling") and found.modal.shape == (2, 60)


def test_other_samples_are_refused(make_logits: MakeLogits) -> None:
    with pytest.raises(UserError, match="were they predicted on the same split"):
        find_exemplars([make_logits()], [make_logits(num=50)])


# Over-representation: 8 samples, group 0 0 0 0 1 1 1 unknown.


def small(exemplars: str, group: Sequence[int] = (0, 0, 0, 0, 1, 1, 1, -1)) -> list[list[Logits]]:
    """Make dense and sparse files that differ in the named samples."""
    votes = [int(name in exemplars) for name in NAMES]
    codes = np.array(group, np.int16)[:, None]
    return [
        [replace(run, groups=codes, group_names=("Male",), group_values=(("0", "1"),))]
        for run in (*runs([[0] * 8]), *runs([votes]))
    ]


def row(exemplars: str, value: str, **changes: Any) -> dict[str, Any]:
    table = over_representation(find_exemplars(*small(exemplars, **changes)))
    (found,) = table.where(kind="modal", attribute="Hat", contrast=value)
    return found


def test_over_representation_by_hand() -> None:
    found = row("aefh", "1")  # h has no known group: of a, e, f two have 1, against 3 of 7
    assert found["value"] == pytest.approx((2 / 3) / (3 / 7) - 1)
    assert (found["share"], found["base"]) == (pytest.approx(2 / 3), pytest.approx(3 / 7))
    assert (found["n"], found["n_exemplars"], found["n_ties"]) == (7, 3, 0)
    assert found["status"] == "low_power" and found["low"] < found["value"] < found["high"]
    assert row("ef", "0")["value"] == -1.0


@pytest.mark.parametrize(
    ("exemplars", "group", "value", "reason"),
    [
        ("", (0, 0, 0, 0, 1, 1, 1, -1), "1", "no exemplars with a known group value"),
        ("h", (0, 0, 0, 0, 1, 1, 1, -1), "0", "no exemplars with a known group value"),
        ("ab", (0, 0, 0, 0, 0, 0, 0, -1), "1", "no samples in group"),
    ],
)
def test_what_is_undefined_has_a_reason(
    exemplars: str, group: tuple[int, ...], value: str, reason: str
) -> None:
    found = row(exemplars, value, group=group)
    assert (found["status"], found["reason"]) == ("undefined", reason)
    assert all(math.isnan(found[name]) for name in ("value", "low", "high"))


@pytest.fixture(scope="module")
def table_and_files(make_logits: MakeLogits) -> Any:
    dense, sparse = make_logits(num=1500), make_logits(num=1500, noise=2.0)
    return over_representation(find_exemplars([dense], [sparse])), dense, sparse


def test_all_values_of_a_group_make_up_the_whole(table_and_files: Any) -> None:
    table = table_and_files[0]
    keys = itertools.product(("modal", "taxicab"), ("", "Smiling", "Young"), ("Male", "Skin"))
    for kind, attribute, group in keys:
        rows = table.where(kind=kind, attribute=attribute, group=group)
        assert sum(r["share"] for r in rows) == pytest.approx(1)
        assert sum(r["base"] for r in rows) == pytest.approx(1)
        assert sum(r["base"] * r["value"] for r in rows) == pytest.approx(0, abs=1e-12)


def test_all_attributes_together_are_their_sum(table_and_files: Any) -> None:
    table = table_and_files[0]
    for kind in ("modal", "taxicab"):
        rows = table.where(kind=kind, group="Skin", contrast="II")
        assert rows[0]["attribute"] == "" and len(rows) == 4
        assert rows[0]["n_exemplars"] == sum(r["n_exemplars"] for r in rows[1:])


def test_an_interval_is_that_of_a_ratio_of_rates(table_and_files: Any) -> None:
    """Compare with the textbook: the delta method for a multinomial."""
    table, dense, sparse = table_and_files
    differ = (dense.logits[:, 0] > 0) != (sparse.logits[:, 0] > 0)
    known, male = dense.groups[:, 0] >= 0, dense.groups[:, 0] == 1
    n, c, g, both = (int(x.sum()) for x in (known, known & differ, male, male & differ))
    se = math.sqrt(_delta_variance(n, c, g, both))
    (row,) = table.where(kind="modal", attribute="Smiling", group="Male", contrast="1")
    ratio = row["value"] + 1
    assert row["status"] == "ok" and ratio == pytest.approx((both / c) / (g / n))
    assert math.log((row["high"] + 1) / ratio) == pytest.approx(1.97 * se, rel=0.15)
    assert math.log(ratio / (row["low"] + 1)) == pytest.approx(1.97 * se, rel=0.15)


def _delta_variance(n: int, c: int, g: int, both: int) -> float:
    """Return the variance of log(both n / (c g)) from the four cells of a multinomial."""
    cells = np.array([both, c - both, g - both, n - c - g + both]) / n
    slope = np.array([n / both - n / c - n / g, -n / c, -n / g, 0.0])
    return float((cells * slope**2).sum() - (cells * slope).sum() ** 2) / n


def test_groups_can_be_targets_and_intersections(make_logits: MakeLogits) -> None:
    found = find_exemplars([make_logits()], [make_logits(noise=1.0)])
    table = over_representation(found, ["Young", "Male:Skin"])
    assert set(table.columns["group"]) == {"Young", "Male:Skin"}
    assert {r["contrast"] for r in table.where(group="Male:Skin")} >= {"0:I", "1:III"}


def test_without_groups_there_is_no_summary() -> None:
    with pytest.raises(UserError, match="has no groups; name columns with `groups`"):
        over_representation(find_exemplars(runs([[0, 1]]), runs([[1, 1]])))


def test_chosen_classes_are_predicted_among_all() -> None:
    """The third class is the largest output of both rows, so the first two never get a vote."""
    z = np.array([[2.0, 1.0, 3.0], [1.0, 2.0, 3.0]], np.float32)
    y, names = np.zeros((2, 3), np.int8), ("a", "b", "c")
    side = [
        Logits(outputs, y, names, activation="softmax", path=f"{i}.npz")
        for i, outputs in enumerate((z, z[::-1].copy()))
    ]
    assert not find_exemplars(side[:1], side[1:], ["a", "b"]).modal.any()
    alone = [replace(one, activation="sigmoid", logits=one.logits - 1.5) for one in side]
    assert find_exemplars(alone[:1], alone[1:], ["a", "b"]).modal.all()
