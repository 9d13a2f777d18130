"""Files read in blocks give the same results, and the same errors, as whole files."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbias.auditing.counts.ranks.bucketed_scores import BucketedScores
from pbias.auditing.counts.scores import score_rows
from pbias.auditing.counts.strata import build_strata
from pbias.auditing.counts.totals import predictions
from pbias.auditing.engine import Options, audit
from pbias.errors import UserError
from pbias.files.logits import UNKNOWN, Logits, select_rows, write_logits
from pbias.files.logits.blocks import LogitsBlocks, open_blocks
from pbias.files.logits.npz import Npz
from pbias.files.table import Table

Make = Callable[..., Logits]
OPENED: list[Npz] = []


def rounded(logits: Logits) -> Logits:
    """Round logits so that each has its own bucket and nothing is lost."""
    return replace(logits, logits=np.round(logits.logits * 8) / 8)


def in_blocks(logits: Logits, folder: Path, rows: int = 25, **options: Any) -> LogitsBlocks:
    path = folder / f"{logits.path}.blocks.npz"
    write_logits(logits, str(path))
    OPENED.append(Npz(str(path)))
    return open_blocks(OPENED[-1], block_rows=rows, **options)


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    """Close the files of a test, which the error that it expects may keep open."""
    yield
    while OPENED:
        OPENED.pop().__exit__()


def assert_same(found: Table, expected: Table) -> None:
    for name, theirs in expected.columns.items():
        ours = found.columns[name]
        if isinstance(theirs[0], str):
            assert ours == theirs, name
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.fixture
def pair(make_logits: Make) -> tuple[Logits, Logits]:
    noisy = make_logits(num=120, noise=1.0, path="s95.npz")
    return rounded(noisy), rounded(make_logits(num=120, path="dense.npz"))


@pytest.mark.parametrize("rows", [13, 1000])
def test_values_are_those_of_the_whole_file(
    pair: tuple[Logits, Logits], tmp_path: Path, rows: int
) -> None:
    options = Options(groups=["Male", "Skin", "Young", "Male:Skin"], num_folds=1)
    expected = audit([pair[0]], [pair[1]], options)
    blocks = [in_blocks(logits, tmp_path, rows) for logits in pair]
    assert_same(audit(blocks[:1], blocks[1:], options), expected)


def test_intervals_are_those_of_the_whole_file(pair: tuple[Logits, Logits], tmp_path: Path) -> None:
    options = Options(num_folds=20, metrics=["did_tpr", "churn", "tpr", "excess_ba", "tcb", "ece"])
    expected = audit([pair[0]], [pair[1]], options)
    blocks = [in_blocks(logits, tmp_path) for logits in pair]
    assert_same(audit(blocks[:1], blocks[1:], options), expected)


@pytest.mark.parametrize("owners", ["ids", "clusters", "rows", "few rows"])
def test_folds_are_those_of_the_whole_file(make_logits: Make, tmp_path: Path, owners: str) -> None:
    logits = make_logits(num=90 if owners == "few rows" else 300)
    if owners == "clusters":
        logits = replace(logits, clusters=np.arange(300) // 7)
    elif owners != "ids":
        logits = replace(logits, ids=None)
    options = Options(metrics=["accuracy", "uncertainty"], num_folds=100)
    assert_same(audit([in_blocks(logits, tmp_path)], [], options), audit([logits], [], options))


def test_of_a_softmax_the_largest_output_is_predicted(make_logits: Make, tmp_path: Path) -> None:
    logits = rounded(make_logits(activation="softmax"))
    options = Options(metrics=["accuracy", "auc", "brier", "uncertainty"], num_folds=1)
    assert_same(audit([in_blocks(logits, tmp_path)], [], options), audit([logits], [], options))


def test_several_runs_a_side(make_logits: Make, tmp_path: Path) -> None:
    files = [make_logits(noise=n, path=f"{n}.npz") for n in (0.0, 0.3, 0.6, 0.9, 1.2)]
    options = Options(metrics=["churn", "did_fpr", "brier"], num_folds=20)
    expected = audit(files[2:], files[:2], options)
    blocks = [in_blocks(logits, tmp_path) for logits in files]
    assert_same(audit(blocks[2:], blocks[:2], options), expected)


def test_the_auc_is_within_its_stated_error(make_logits: Make) -> None:
    logits = make_logits(num=3000)
    strata, folds = build_strata(logits), np.zeros(3000, np.intp)
    found, labels_an = predictions(logits), np.ascontiguousarray(logits.labels.T)
    exact = score_rows(found, labels_an, strata, folds, 1)
    sums = BucketedScores(sum(len(p.values) for p in strata.partitions), 3, 1)
    sums.add(found, labels_an, strata, folds)
    scores, error = sums.scores(strata)
    assert 0 < np.abs(scores.auc - exact.auc).max() <= error < 1e-3
    np.testing.assert_allclose(scores.calibration, exact.calibration, atol=0.002)


def test_wide_buckets_show_nearly_the_error_of_the_auc(make_logits: Make, tmp_path: Path) -> None:
    files = [make_logits(num=3000, noise=noise, path=f"{noise}.npz") for noise in (0.5, 0.0)]
    options = Options(metrics=["auc"], num_folds=100)
    expected = audit(files[:1], files[1:], options).columns
    blocks = [in_blocks(logits, tmp_path, 1000) for logits in files]
    found = audit(blocks[:1], blocks[1:], options).columns
    for name in ("low", "high", "change_low", "change_high"):
        assert np.nanmax(np.abs(np.subtract(found[name], expected[name]))) < 0.01
    ratio = np.divide(found["detectable"], expected["detectable"])
    assert np.nanmedian(ratio) == pytest.approx(1.0, abs=0.02)


def test_a_file_sorted_by_logit_has_the_intervals_of_any_other(
    make_logits: Make, tmp_path: Path
) -> None:
    logits = make_logits(num=3000)
    options = Options(metrics=["auc", "calibration_error_debiased"], num_folds=50)
    expected = audit([in_blocks(logits, tmp_path, 100)], [], options)
    cut = select_rows(logits, np.argsort(logits.logits[:, 0]))
    assert_same(audit([in_blocks(cut, tmp_path, 100)], [], options), expected)


def test_logits_in_a_single_wide_bucket_have_no_intervals_rather_than_wrong_ones(
    make_logits: Make, tmp_path: Path
) -> None:
    logits = make_logits(num=3000)
    narrow = replace(logits, logits=logits.logits * np.float32(1e-3) - np.float32(8))
    options = Options(metrics=["calibration_error_debiased"], num_folds=50)
    table = audit([in_blocks(narrow, tmp_path)], [], options)
    row = table.where(attribute=logits.targets[0], group="")[0]
    assert row["status"] == "ok" and math.isnan(row["low"])


def test_wide_buckets_show_nearly_the_error_of_the_calibration(make_logits: Make) -> None:
    logits = make_logits(num=5000)
    strata, folds = build_strata(logits), np.arange(5000) % 100
    found, labels_an = predictions(logits), np.ascontiguousarray(logits.labels.T)
    exact = score_rows(found, labels_an, strata, folds, 100).calibration
    sums = BucketedScores(sum(len(p.values) for p in strata.partitions), 3, 100)
    sums.add(found, labels_an, strata, folds)
    near = sums.scores(strata)[0].calibration
    spread, expected = (np.square(x[1:] - x[0]).sum(axis=0) for x in (near, exact))
    ratio = np.sqrt(spread / expected)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02) and np.abs(ratio - 1).max() < 0.25


def refusal(logits: Logits, folder: Path, *references: Logits, **options: Any) -> str:
    files = [in_blocks(file, folder, **options) for file in (logits, *references)]
    with pytest.raises(UserError) as caught:
        audit(files[:1], files[1:])
    said = str(caught.value)
    del caught  # whose traceback would keep this frame, and with it the open files
    return said


def test_a_logit_that_is_none_is_named_by_its_row(make_logits: Make, tmp_path: Path) -> None:
    logits = make_logits()
    logits.logits[40, 1] = np.nan
    assert "row 40, target 1" in refusal(logits, tmp_path)


def test_an_id_that_stands_in_two_blocks_is_refused(make_logits: Make, tmp_path: Path) -> None:
    logits = make_logits()
    assert logits.ids is not None
    logits.ids[50] = logits.ids[3]
    assert "1 ids occur more than once (first: images/0003.png)" in refusal(logits, tmp_path)


def test_a_wrong_label_in_a_late_block_is_refused(make_logits: Make, tmp_path: Path) -> None:
    logits = make_logits()
    logits.labels[55, 0] = 2
    assert "'labels' runs from" in refusal(logits, tmp_path)


def test_probabilities_are_refused_unless_they_are_said_to_be(
    make_logits: Make, tmp_path: Path
) -> None:
    given = make_logits()
    p = replace(given, logits=1 / (1 + np.exp(-given.logits)))
    assert "add `probabilities=True`" in refusal(p, tmp_path)
    assert "leave out `probabilities=True`" in refusal(given, tmp_path, probabilities=True)
    options = Options(metrics=["brier"], num_folds=1)
    found = audit([in_blocks(p, tmp_path, probabilities=True)], [], options)
    brier = audit([given], [], options).columns["value"]
    np.testing.assert_allclose(found.columns["value"], brier, rtol=1e-6)


def test_labels_may_be_absent_in_blocks(make_logits: Make, tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    np.savez(path, logits=make_logits().logits)
    (block,) = open_blocks(Npz(path)).blocks()
    assert block.labels.shape == (60, 3) and (block.labels == UNKNOWN).all()


def test_a_block_within_0_and_1_is_no_reason_to_refuse(make_logits: Make, tmp_path: Path) -> None:
    logits = make_logits()
    logits.logits[:25] = np.random.default_rng(0).random((25, 3))
    assert len(audit([in_blocks(logits, tmp_path)], [], Options(num_folds=1)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"logits": np.zeros((60, 3), int)}, "'logits' is int64 [60, 3]; it must be floating"),
        ({"logits": np.zeros((0, 3))}, "'logits' is float64 [0, 3]"),
        ({"labels": np.zeros((59, 3), int)}, "'logits' is [60, 3] and 'labels' [59, 3]"),
        ({"ids": np.array(["a"])}, "and 'ids' [1]; save one row per sample"),
    ],
)
def test_headers_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    arrays = {"logits": np.zeros((60, 3)), "labels": np.zeros((60, 3), int)} | changes
    path = str(tmp_path / "a.npz")
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(UserError) as caught:
        open_blocks(Npz(path))
    assert said in str(caught.value)


def test_samples_in_another_order_are_refused_with_the_remedy(
    make_logits: Make, tmp_path: Path
) -> None:
    dense = make_logits(path="dense.npz")
    assert dense.ids is not None
    other = replace(make_logits(), ids=dense.ids[::-1])
    message = refusal(other, tmp_path, dense)
    assert "different ids in row 0" in message and "'pbias metrics --in-memory'" in message


def test_files_of_different_lengths_are_refused(make_logits: Make, tmp_path: Path) -> None:
    message = refusal(make_logits(), tmp_path, make_logits(num=50, path="dense.npz"))
    assert "has 50 rows" in message and "has 60" in message


def test_other_labels_are_refused_by_row(make_logits: Make, tmp_path: Path) -> None:
    dense = make_logits(path="dense.npz", ids=None)
    dense.labels[40] = 1 - np.maximum(dense.labels[40], 0)
    message = refusal(make_logits(ids=None), tmp_path, dense)
    assert "disagree on" in message and "sample 40" in message


def test_labels_that_a_reference_lacks_here_and_there_are_refused(
    make_logits: Make, tmp_path: Path
) -> None:
    dense = make_logits(path="dense.npz")
    dense.labels[:25] = -1
    assert "disagree on labels" in refusal(make_logits(), tmp_path, dense)


@pytest.mark.parametrize(("start", "where"), [(0, ""), (25, " from row 25 on")])
def test_rows_without_labels_are_named_where_the_reference_has_some(
    make_logits: Make, tmp_path: Path, start: int, where: str
) -> None:
    audited = make_logits()
    audited.labels[start:] = -1
    message = refusal(audited, tmp_path, make_logits(path="dense.npz"))
    assert f"run0.npz.blocks.npz has no labels{where} but " in message


def test_a_reference_without_labels_takes_those_of_the_audited(
    pair: tuple[Logits, Logits], tmp_path: Path
) -> None:
    dense = replace(pair[1], labels=np.full_like(pair[1].labels, -1))
    blocks = [in_blocks(logits, tmp_path) for logits in (pair[0], dense)]
    options = Options(metrics=["did_tpr"], num_folds=1)
    expected = audit([pair[0]], [pair[1]], options)
    assert_same(audit(blocks[:1], blocks[1:], options), expected)


def test_without_ids_rows_are_joined_by_position_with_one_warning(
    make_logits: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = [in_blocks(make_logits(ids=None, path=p), tmp_path) for p in ("a.npz", "b.npz")]
    with caplog.at_level(logging.WARNING):
        audit(files[:1], files[1:], Options(metrics=["churn"], num_folds=1))
    assert [record.getMessage().count("by position") for record in caplog.records] == [1]
