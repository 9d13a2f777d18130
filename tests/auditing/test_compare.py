"""Runs side by side: the same attributes in every mean, and the number never predicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.auditing.run_comparison import compare
from pbias.errors import UserError
from pbias.files.logits import Logits, select_rows
from pbias.files.table import Table, to_csv, to_json
from pbias.reporting.small_tables import compare_sections

MakeLogits = Callable[..., Logits]
METRICS = ("accuracy", "auc", "uncertainty", "tcb", "interdependence")


@pytest.fixture(scope="module")
def runs(make_logits: MakeLogits) -> list[Logits]:
    """Make a dense model, a worse one, and one that never predicts hats."""
    thresholds = np.array([0.0, np.inf, 0.0])
    changes: list[dict[str, Any]] = [
        {"noise": 0.0, "path": "out/dense.npz"},
        {"noise": 1.0, "path": "s90.npz", "meta": {"sparsity": 0.9}},
        {"noise": 3.0, "path": "s99.npz", "meta": {"sparsity": 0.99}, "thresholds": thresholds},
    ]
    return [make_logits(num=400, **change) for change in changes]


@pytest.fixture(scope="module")
def table(runs: list[Logits]) -> Table:
    return compare(runs)


def values(run: Logits, metric: str, group: str = "") -> dict[str, float]:
    rows = audit([run], (), Options(num_folds=1, metrics=[metric])).where(group=group, contrast="")
    return {r["attribute"]: r["value"] for r in rows if r["attribute"]}


def test_one_row_a_run_with_its_name_and_sparsity(table: Table) -> None:
    assert table.columns["run"] == ["dense", "s90", "s99"]
    assert table.columns["sparsity"] == [None, 0.9, 0.99]


def test_columns_say_which_run_a_row_is_of(runs: list[Logits]) -> None:
    told = {"model": "resnet18", "recipe": {"seed": 23}, "sparsity": 0.9, "parents": ["abc"]}
    meta = {**told, "pruning": {"method": "gradual", "start": "trained"}}
    columns = compare([runs[0], replace(runs[1], meta=meta)]).columns
    assert list(columns)[:5] == ["run", "architecture", "strategy", "sparsity", "seed"]
    found = [columns[name] for name in ("architecture", "strategy", "sparsity", "seed")]
    assert found == [["", "resnet18"], ["", "from-dense"], [None, 0.9], [None, 23]]


def test_people_see_what_differs_and_once_what_is_alike(runs: list[Logits]) -> None:
    meta: dict[str, Any] = {"model": "resnet18", "recipe": {"seed": 0}}
    first, second = (
        replace(run, meta={**meta, "sparsity": s})
        for run, s in zip(runs[:2], (0.5, 0.9), strict=True)
    )
    (section,) = compare_sections(compare([first, second]))
    assert section.header[:3] == ["run", "sparsity", "accuracy"]
    assert section.notes[-1] == "All runs: architecture resnet18, seed 0."
    (section,) = compare_sections(compare(runs))
    assert section.header[:3] == ["run", "sparsity", "accuracy"] and len(section.notes) == 1


def test_accuracy_is_the_mean_over_attributes(runs: list[Logits], table: Table) -> None:
    for run, found in zip(runs, table.columns["accuracy"], strict=True):
        threshold = 0 if run.thresholds is None else run.thresholds
        s, known = run.logits > threshold, run.labels >= 0
        each = [(s == run.labels)[known[:, a], a].mean() for a in range(3)]
        assert found == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_means_run_over_what_is_defined_in_all_runs(
    runs: list[Logits], table: Table, metric: str
) -> None:
    each = [values(run, metric) for run in runs]
    common = [name for name in each[0] if all(one[name] == one[name] for one in each)]
    assert table.columns[f"{metric}_over"] == [len(common)] * 3
    expected = [np.mean([one[name] for name in common]) for one in each]
    assert table.columns[metric] == pytest.approx(expected, abs=1e-12)


def test_an_attribute_undefined_in_one_run_is_left_out_of_all(
    runs: list[Logits], table: Table
) -> None:
    assert table.columns["interdependence_over"] == [2, 2, 2]
    assert table.columns["bias_amplification_Male_over"] == [2, 2, 2]
    whole = values(runs[0], "bias_amplification", "Male")
    expected = (whole["Smiling"] + whole["Young"]) / 2
    assert table.columns["bias_amplification_Male"][0] == pytest.approx(expected, abs=1e-12)


def test_attributes_never_predicted_are_counted(table: Table) -> None:
    assert table.columns["never_predicted"] == [0, 0, 1]


def test_the_order_of_rows_is_no_matter(runs: list[Logits], table: Table) -> None:
    shuffled = [runs[0], *(select_rows(run, np.arange(400)[::-1]) for run in runs[1:])]
    for name, column in compare(shuffled).columns.items():
        assert column == (
            table.columns[name]
            if isinstance(column[0], str | int)
            else pytest.approx(table.columns[name], abs=1e-12)
        )


def test_groups_and_attributes_may_be_chosen(runs: list[Logits]) -> None:
    found = compare(runs[:2], Options(groups=["Young"], attributes=["Smiling"]))
    assert "bias_amplification_Young" in found.columns
    assert not {"bias_amplification_Male", "bias_amplification_Skin"} & found.columns.keys()
    assert found.columns["accuracy_over"] == [1, 1]


def test_other_samples_are_refused(runs: list[Logits]) -> None:
    with pytest.raises(UserError, match=r"1 ids of out/dense\.npz are not in s90\.npz"):
        compare([runs[0], select_rows(runs[1], np.arange(1, 400))])


@pytest.mark.parametrize("sparsity", ["0.9", {"reached": 0.9}, True, float("nan"), -1, None])
def test_a_sparsity_that_is_no_number_is_unknown(runs: list[Logits], sparsity: Any) -> None:
    table = compare([replace(runs[0], meta={"sparsity": sparsity})])
    assert table.columns["sparsity"] == [None]


def test_what_is_undefined_in_every_run_is_an_empty_cell(runs: list[Logits]) -> None:
    table = compare([replace(run, train_counts=None) for run in runs])
    assert table.columns["tcb_over"] == [0, 0, 0]
    assert "nan" not in to_csv(table).lower() and "NaN" not in to_json(table)
