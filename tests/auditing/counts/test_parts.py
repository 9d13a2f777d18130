"""Counts of parts add up to the counts of the whole, for any division into parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbias.auditing.counts.parts.counting import count_blocks
from pbias.auditing.counts.parts.counts import Counts, drop_small
from pbias.auditing.counts.parts.reading import read_parts
from pbias.auditing.counts.reduction import Wanted
from pbias.auditing.engine import Audit, Options, audit
from pbias.errors import UserError
from pbias.files.counts_file import write_counts
from pbias.files.logits import Logits, select_rows, write_logits
from pbias.files.logits.blocks import LogitsBlocks, open_blocks
from pbias.files.logits.npz import Npz
from pbias.files.table import Table
from tests.auditing.counts.test_streaming import assert_same

Make = Callable[..., Logits]
ALL, UNRANKED, NO_OPTIONS = Wanted(), Wanted(ranked=False), Options()
NUM = 450


def blocks(logits: Logits, folder: Path) -> LogitsBlocks:
    path = str(folder / "part.npz")
    write_logits(logits, path)
    return open_blocks(Npz(path), block_rows=40)


def counted(
    sides: Sequence[Sequence[Logits]],
    folder: Path,
    rows: Any = slice(None),
    groups: list[str] | None = None,
    **options: Any,
) -> Counts:
    """Count some rows of all runs, written to separate files."""
    index = np.arange(NUM)[rows]
    found = []
    for side in sides:
        found.append([])
        for run in side:
            home = folder / f"{len(found)}{len(found[-1])}"
            home.mkdir(exist_ok=True)
            found[-1].append(blocks(select_rows(run, index), home))
    return count_blocks(*found, groups, wanted=options.pop("wanted", UNRANKED), **options)


def summed(parts: Sequence[Counts], folder: Path, wanted: Wanted = UNRANKED) -> Counts:
    paths = [str(folder / f"{place}.counts.npz") for place in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        write_counts(path, part.facts, part.arrays)
    return read_parts(paths, wanted)


def table(counts: Counts, options: Options = NO_OPTIONS) -> Table:
    return Audit(counts, (), options).table()


@pytest.fixture(scope="module")
def pair(make_logits: Make) -> list[list[Logits]]:
    # Rounded, so that every logit has its own bucket.
    runs = [make_logits(num=NUM, noise=noise) for noise in (1.0, 0.0)]
    return [[replace(run, logits=np.round(run.logits * 8) / 8)] for run in runs]


@given(st.lists(st.integers(1, NUM - 1), max_size=5, unique=True), st.randoms())
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_parts_give_the_table_of_the_whole(
    pair: list[list[Logits]], tmp_path: Path, cuts: list[int], random: Any
) -> None:
    order = np.arange(NUM)
    random.shuffle(order)
    rows = np.split(order, sorted(cuts))
    groups = ["Male", "Skin", "Young", "Male:Skin"]
    told = ["did_tpr", "churn", "excess_ba", "tcb", "ece", "interdependence", "fpr"]
    options = Options(groups=groups, metrics=told)
    parts = [counted(pair, tmp_path, part, groups) for part in rows]
    assert_same(table(summed(parts, tmp_path), options), audit(*pair, options))


def test_scores_are_those_of_the_whole_read_in_blocks(
    pair: list[list[Logits]], tmp_path: Path
) -> None:
    options = Options(metrics=["auc", "calibration_error_debiased", "accuracy"])
    whole = audit([blocks(pair[0][0], tmp_path)], [], options)
    parts = [counted([pair[0], []], tmp_path, slice(k, None, 2), wanted=ALL) for k in range(2)]
    assert_same(table(summed(parts, tmp_path, ALL), options), whole)


@pytest.mark.parametrize("num", [(2, 2), (3, 1), (2, 3)])
def test_runs_of_both_sides(make_logits: Make, tmp_path: Path, num: tuple[int, int]) -> None:
    runs = [make_logits(num=NUM, noise=k / 3) for k in range(sum(num))]
    sides = [runs[: num[0]], runs[num[0] :]]
    for groups in (["Male"], ["Male", "Skin"]):
        options = Options(groups=groups, metrics=["churn", "did_fpr", "brier", "tpr"])
        parts = [counted(sides, tmp_path, rows, groups) for rows in (slice(99), slice(99, None))]
        assert_same(table(summed(parts, tmp_path), options), audit(*sides, options))


def test_a_softmax_and_some_of_its_classes(make_logits: Make, tmp_path: Path) -> None:
    sides = [[make_logits(num=NUM, noise=n, activation="softmax")] for n in (1.0, 0.0)]
    parts = [counted(sides, tmp_path, rows) for rows in (slice(200), slice(200, None))]
    for attributes in (None, ["Young", "Smiling"]):
        metrics = ["top1_accuracy", "accuracy", "churn", "uncertainty"]
        options = Options(metrics=metrics, attributes=attributes)
        assert_same(table(summed(parts, tmp_path), options), audit(*sides, options))


def test_chosen_groups_attributes_and_no_intervals(
    pair: list[list[Logits]], tmp_path: Path
) -> None:
    parts = [counted(pair, tmp_path, rows) for rows in (slice(200), slice(200, None))]
    for groups, attributes, folds in ((["Skin"], None, 200), ([], ["Young", "Smiling"], 1)):
        metrics = ["interdependence", "tpr", "bias_amplification", "tcb", "churn"]
        options = Options(groups, attributes, metrics, num_folds=folds)
        assert_same(table(summed(parts, tmp_path), options), audit(*pair, options))


@pytest.mark.parametrize("owners", ["clusters", "rows"])
def test_clusters_and_rows_without_ids(make_logits: Make, tmp_path: Path, owners: str) -> None:
    logits = make_logits(num=NUM)
    if owners == "clusters":
        logits = replace(logits, clusters=np.arange(NUM) * 7 % 220)
    else:
        logits = replace(logits, ids=None)
    options = Options(metrics=["accuracy", "uncertainty", "tpr"])
    parts = [
        counted([[logits], []], tmp_path, slice(a, b), first_row=a) for a, b in ((0, 77), (77, NUM))
    ]
    found = table(summed(parts, tmp_path), options)
    assert_same(found, audit([logits], [], options))


def test_few_clusters_are_as_many_folds(
    make_logits: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logits = replace(make_logits(num=NUM), clusters=np.arange(NUM) % 9)
    options = Options(metrics=["accuracy"])
    found = Audit(summed([counted([[logits], []], tmp_path)], tmp_path), (), options)
    assert found.sides[0].sums.cells.shape[1] <= 1 + 9 and "only" in caplog.text
    assert "fewer than 200 clusters" in caplog.text


def sizes(counts: Counts, group: str) -> list[float]:
    rows = table(counts, Options(metrics=["accuracy"])).where(attribute="Young", group=group)
    return [row["n"] for row in rows if row["contrast"] in ("0", "1", "I", "II", "III")]


def test_small_groups_are_dropped_with_what_would_tell_them(
    make_logits: Make, tmp_path: Path
) -> None:
    logits = make_logits(num=NUM)
    groups = logits.groups.copy()
    groups[:, 0] = np.arange(NUM) < 4  # Male
    groups[:, 1] = np.minimum(np.arange(NUM) // 3, 2)  # I and II have 3 rows each
    small = replace(logits, groups=groups)
    counts = counted([[small], []], tmp_path, groups=["Male", "Skin", "Male:Skin"], wanted=ALL)
    found = drop_small(counts, 5)
    male, skin, both = (group.dropped for group in found.facts.groups)
    # One of two values reveals the other; an intersection drops all; I and II hide each other.
    assert (all(male), all(both), skin) == (True, True, (True, True, True))
    assert not found.arrays["cells"][:, :, 1:].any() and not found.arrays["buckets"][:, 1:].any()
    groups[:, 1] = np.r_[[0] * 3, [1] * 47, np.arange(50, NUM) % 2 + 2]
    skins = (("0", "1"), ("I", "II", "III", "IV"))
    wide = replace(logits, groups=groups, group_values=skins, train_counts=None)
    found = drop_small(counted([[wide], []], tmp_path, groups=["Skin"]), 5)
    assert found.facts.groups[0].dropped == (True, True, False, False)
    assert [g.values for g in found.facts.groups] == [("I", "II", "III", "IV")]
    assert len(sizes(found, "Skin")) == 1  # III; IV is not among the requested names


def test_a_value_that_one_part_dropped_is_not_in_the_sum(
    pair: list[list[Logits]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [counted(pair, tmp_path, rows) for rows in (slice(20), slice(20, None))]
    parts[0] = drop_small(parts[0], 8)
    found = summed(parts, tmp_path)
    assert any(any(g.dropped) for g in found.facts.groups)
    assert "not in the sum, for" in caplog.text
    assert table(found, Options(metrics=["accuracy"])).where(group="", attribute="Young")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"targets": ("Smiling", "Hat", "Young")}, "targets differ (Hat against Wearing_Hat)"),
        ({"group_names": ("Male", "Tone")}, "groups differ (Tone against Skin)"),
        ({"group_values": (("0", "1"), ("I", "III", "II"))}, "values of Skin differ (order I, III"),
        ({"thresholds": np.array([0, 0.5, 0])}, "thresholds of the audited model for Wearing_Hat"),
        ({"activation": "softmax"}, "activations differ (softmax against sigmoid)"),
        ({"clusters": np.arange(NUM) // 2}, "folds differ (by clusters against by ids)"),
        ({"meta": {"sparsity": 0.5}}, "sparsity of the networks of the audited model differ (0.5"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    make_logits: Make, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    first = make_logits(num=NUM, meta={"sparsity": 0.9})
    parts = [
        counted([[logits], []], tmp_path, rows)
        for logits, rows in ((first, slice(50)), (replace(first, **change), slice(50, None)))
    ]
    with pytest.raises(UserError) as caught:
        summed(parts, tmp_path)
    assert said in str(caught.value) and "do not fit together" in str(caught.value)


def test_a_reference_that_one_part_lacks_and_other_metrics_are_refused(
    pair: list[list[Logits]], tmp_path: Path
) -> None:
    first = counted(pair, tmp_path, slice(50))
    alone = counted([pair[0], []], tmp_path, slice(50, None))
    with pytest.raises(UserError, match="reference runs differ"):
        summed([first, alone], tmp_path)
    fewer = counted(pair, tmp_path, slice(50, None), wanted=ALL)
    with pytest.raises(UserError, match="orders of logits differ"):
        summed([first, fewer], tmp_path)


def test_ids_that_occur_twice_in_a_part_are_refused(make_logits: Make, tmp_path: Path) -> None:
    logits = make_logits(num=NUM)
    assert logits.ids is not None
    logits.ids[80] = logits.ids[3]
    with pytest.raises(UserError, match="occur more than once"):
        count_blocks([blocks(logits, tmp_path)], [], None, wanted=ALL)


def test_the_same_counts_twice_are_warned_of(
    pair: list[list[Logits]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part = counted(pair, tmp_path, slice(50))
    assert summed([part, part], tmp_path).facts.rows == 100
    assert "hold the same counts" in caplog.text
