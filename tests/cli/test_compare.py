"""`pbias compare`: one row per file, in every format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.auditing.run_comparison import compare
from pbias.files.logits import read_logits, select_rows, write_logits
from pbias.files.table import to_csv

Run = Callable[..., CompletedProcess[str]]
ALL = ("dense.npz", "s90.npz", "s99.npz")

pytestmark = pytest.mark.usefixtures("audit_files")


def rows_of(done: CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_table_is_that_of_the_room(pbias: Run) -> None:
    done = pbias("compare", *ALL)
    assert done.stdout == to_csv(compare([read_logits(name) for name in ALL]))
    assert done.stderr == ""


def test_runs_stand_in_the_order_given(pbias: Run) -> None:
    rows = rows_of(pbias("compare", "s99.npz", "dense.npz"))
    assert [(row["run"], row["sparsity"]) for row in rows] == [("s99", "0.99"), ("dense", "0.0")]


def test_a_quoted_glob_is_every_file(pbias: Run) -> None:
    assert [row["run"] for row in rows_of(pbias("compare", "*.npz"))] == ["dense", "s90", "s99"]


def test_groups_and_attributes_are_chosen(pbias: Run) -> None:
    (row,) = rows_of(pbias("compare", "s90.npz", "--groups", "Skin", "--attributes", "Smiling"))
    assert row["accuracy_over"] == "1"
    assert "bias_amplification_Skin" in row and "bias_amplification_Male" not in row


def test_json_holds_the_same_rows(pbias: Run) -> None:
    document = json.loads(pbias("compare", *ALL, "-f", "json").stdout)
    rows = rows_of(pbias("compare", *ALL))
    assert (document["schema"], document["command"]) == (1, "compare")
    assert document["columns"] == list(rows[0])
    for found, expected in zip(document["rows"], rows, strict=True):
        assert {k: "" if v is None else str(v) for k, v in found.items()} == expected


@pytest.mark.parametrize("form", ["md", "table"])
def test_people_see_shares_and_what_means_run_over(pbias: Run, form: str) -> None:
    text = pbias("compare", *ALL, "-f", form).stdout
    assert "99.0%" in text and "Means over the attributes defined in all runs" in text


def test_other_samples_are_refused(pbias: Run) -> None:
    write_logits(select_rows(read_logits("s99.npz"), np.arange(1, 60)), "s99.npz")
    done = pbias("compare", *ALL, "-o", "runs.md")
    assert done.returncode == 2 and "first missing id: images/0000.png" in done.stderr
    assert not Path("runs.md").exists()


def test_a_run_named_twice_is_refused(pbias: Run) -> None:
    assert "s90.npz is named twice" in pbias("compare", "*.npz", "s90.npz").stderr


def test_a_sparsity_that_is_no_number_is_left_blank(pbias: Run) -> None:
    write_logits(replace(read_logits("s90.npz"), meta={"sparsity": "high"}), "s90.npz")
    assert rows_of(pbias("compare", "s90.npz"))[0]["sparsity"] == ""
    assert pbias("compare", "s90.npz", "-f", "table").returncode == 0
