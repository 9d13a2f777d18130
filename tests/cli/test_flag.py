"""`pbias flag`: list, summary and evaluation, and options that exclude each other."""

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

import pbias as library
from pbias.auditing.risk.attribute_risk import attribute_risk
from pbias.auditing.risk.evaluation import evaluate
from pbias.auditing.risk.flagging import Budget, flag_samples
from pbias.errors import UserError
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.table import to_csv

Run = Callable[..., CompletedProcess[str]]
Write = Callable[[str, dict[str, float]], None]
NAMES = ("Smiling", "Wearing_Hat", "Young")

pytestmark = pytest.mark.usefixtures("audit_files")


def rows_of(done: CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def refused(done: CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_the_list_is_that_of_the_room(pbias: Run) -> None:
    dense = read_logits("dense.npz")
    assert pbias("flag", "dense.npz").stdout == to_csv(flag_samples(dense))
    few = flag_samples(dense, 0.2, Budget(10, percent=True))
    assert pbias("flag", "dense.npz", "--margin", "0.2", "--budget", "10%").stdout == to_csv(few)


def test_by_group_counts_what_is_usual_in_the_group(pbias: Run) -> None:
    files = [read_logits(f"{name}.npz") for name in ("dense", "s90")]
    listed = pbias("flag", "dense.npz", "--by-group").stdout
    assert listed == to_csv(flag_samples(files[0], by_group=True))
    assert "rare for " in listed and "rare for " not in pbias("flag", "dense.npz").stdout
    asked = ("flag", "dense.npz", "--by-group", "--evaluate", "s90.npz")
    assert pbias(*asked).stdout == to_csv(evaluate(files[0], files[1:], by_group=True))


def test_by_group_needs_groups(pbias: Run) -> None:
    dense = read_logits("dense.npz")
    nobody = np.empty((60, 0), np.int16)
    bare = replace(dense, groups=nobody, group_names=(), group_values=(), train_counts=None)
    write_logits(bare, "bare.npz")
    said = refused(pbias("flag", "bare.npz", "--by-group", "-qq"))
    assert "bare.npz has no groups for --by-group" in said and "--groups" in said
    with pytest.raises(UserError, match="has no groups for `by_group`"):
        library.flag(bare, by_group=True)


def test_the_summary_is_that_of_the_room(pbias: Run) -> None:
    expected = to_csv(attribute_risk(read_logits("dense.npz")))
    assert pbias("flag", "dense.npz", "--summary").stdout == expected


def test_the_evaluation_is_that_of_the_room(pbias: Run) -> None:
    files = [read_logits(f"{name}.npz") for name in ("dense", "s90", "s99")]
    expected = to_csv(evaluate(files[0], files[1:], budget=Budget(20)))
    asked = ("flag", "dense.npz", "--budget", "20", "--evaluate")
    assert pbias(*asked, "s9*.npz").stdout == expected
    assert pbias(*asked, "s90.npz", "--evaluate", "s99.npz").stdout == expected


def test_one_line_says_how_many_and_details_which_attributes(pbias: Run) -> None:
    done = pbias("flag", "dense.npz")
    rows = rows_of(done)
    num_samples = len({row["id"] for row in rows})
    share = f"{len(rows) / 1.8:.1f} %"
    said = f"{len(rows)} of 180 predictions flagged ({share}), of {num_samples} of 60 samples"
    assert done.stderr == f"pbias: {said}\n"
    lines = pbias("flag", "dense.npz", "-v").stderr.splitlines()[-3:]
    for line in lines:
        name, count = line.removeprefix("pbias: ").split(" of 60")[0].split(": ")
        assert sum(row["attribute"] == name for row in rows) == int(count)
    assert pbias("flag", "dense.npz", "-q").stderr == ""


@pytest.mark.parametrize("margin", ["-0.1", "0.6", "nan", "inf", "x"])
def test_a_margin_that_is_none_is_refused(pbias: Run, margin: str) -> None:
    assert "margin" in refused(pbias("flag", "dense.npz", f"--margin={margin}"))


@pytest.mark.parametrize(
    "budget", ["0.05", "-1", "-1%", "101%", "nan", "nan%", "inf", "%", "x", ""]
)
def test_a_budget_that_is_none_is_refused(pbias: Run, budget: str) -> None:
    said = refused(pbias("flag", "dense.npz", f"--budget={budget}"))
    assert "write a whole number such as 500, or a percentage of all, as 5%" in said


@pytest.mark.parametrize(("budget", "count"), [("7", 7), ("5%", 9), ("0", 0), (" 2.5 % ", 4)])
def test_a_budget_is_a_number_or_a_percentage_of_all_predictions(
    pbias: Run, budget: str, count: int
) -> None:
    assert len(rows_of(pbias("flag", "dense.npz", "--budget", budget))) == count


def test_one_dense_file_is_enough(pbias: Run) -> None:
    said = refused(pbias("flag", "dense.npz", "s90.npz"))
    assert "one dense file, but 2 were given (dense.npz, s90.npz)" in said and "--evaluate" in said


@pytest.mark.parametrize(
    "options",
    [
        ["--summary", "--evaluate", "s90.npz"],
        ["--summary", "--budget", "5"],
        ["--summary", "--by-group"],
        ["--evaluate-thresholds", "never.csv"],
    ],
)
def test_what_does_not_go_together_is_refused(
    pbias: Run, options: list[str], write_thresholds: Write
) -> None:
    write_thresholds("never.csv", dict.fromkeys(NAMES, np.inf))
    assert "cannot be combined" in refused(pbias("flag", "dense.npz", *options))


def test_the_dense_file_cannot_be_what_it_is_evaluated_on(pbias: Run) -> None:
    assert "dense.npz is both" in refused(pbias("flag", "dense.npz", "--evaluate", "*.npz"))


def test_other_samples_are_refused(pbias: Run, make_logits: Callable[..., Logits]) -> None:
    write_logits(make_logits(num=59), "short.npz")
    said = refused(pbias("flag", "dense.npz", "--evaluate", "short.npz", "-q"))
    assert "59 rows" in said and "images/0059.png" in said


def test_a_summary_needs_groups(pbias: Run) -> None:
    dense = read_logits("dense.npz")
    nobody = np.empty((60, 0), np.int16)
    bare = replace(dense, groups=nobody, group_names=(), group_values=(), train_counts=None)
    write_logits(bare, "bare.npz")
    said = refused(pbias("flag", "bare.npz", "--summary", "-qq"))
    assert "bare.npz has no groups" in said and "--groups" in said


def test_thresholds_of_the_dense_model_decide_its_predictions(
    pbias: Run, write_thresholds: Write
) -> None:
    write_thresholds("high.csv", dict.fromkeys(NAMES, 30.0))
    done = pbias("flag", "dense.npz", "--thresholds", "high.csv", "--margin", "0.5")
    assert {row["prediction"] for row in rows_of(done)} == {"0"}


def test_thresholds_of_each_side_decide_what_flips(pbias: Run, write_thresholds: Write) -> None:
    """Neither predicts anything, only the dense one does, only the pruned one does."""
    write_thresholds("never.csv", dict.fromkeys(NAMES, np.inf))
    dense, both = ["--thresholds", "never.csv"], ["--evaluate-thresholds", "never.csv"]

    def flips(*options: str) -> int:
        done = pbias("flag", "dense.npz", "--evaluate", "s90.npz", *options)
        (row,) = (r for r in rows_of(done) if (r["measure"], r["outcome"], r["ranking"]) ==
                  ("auc", "flips", "risk"))  # fmt: skip
        return int(row["n_outcome"])

    predicted = [int((read_logits(f"{name}.npz").logits > 0).sum()) for name in ("dense", "s90")]
    assert (flips(*dense, *both), flips(*both), flips(*dense)) == (0, *predicted)


def test_json_has_its_columns_and_null_where_undefined(pbias: Run) -> None:
    done = pbias("flag", "dense.npz", "--evaluate", "s99.npz", "-f", "json", "-q")
    document = json.loads(done.stdout)
    assert (document["schema"], document["command"]) == (1, "flag")
    assert document["columns"][:5] == ["run", "measure", "outcome", "group", "ranking"]
    assert any(row["value"] is None and row["reason"] for row in document["rows"])


@pytest.mark.parametrize("form", ["table", "md"])
@pytest.mark.parametrize("mode", [[], ["--summary"], ["--evaluate", "s99.npz"]])
def test_people_get_titles_and_no_nan(pbias: Run, form: str, mode: list[str]) -> None:
    done = pbias("flag", "dense.npz", *mode, "-f", form, "-q")
    assert done.returncode == 0 and "nan" not in done.stdout.lower()
    assert "Smiling" in done.stdout or "s99: " in done.stdout


def test_the_list_can_be_read_back_by_id(pbias: Run) -> None:
    ids = read_logits("dense.npz").ids
    assert ids is not None
    rows = rows_of(pbias("flag", "dense.npz"))
    assert {row["id"] for row in rows} <= set(ids.tolist())
    assert list(rows[0])[-4:] == ["Male", "Skin", "risk", "reasons"]


def test_a_file_of_two_arrays_will_do(pbias: Run) -> None:
    np.savez("bare.npz", logits=np.zeros((2, 1), np.float32), labels=np.zeros((2, 1), np.int8))
    rows = rows_of(pbias("flag", "bare.npz"))
    assert [(row["id"], row["attribute"]) for row in rows] == [("0", "output_0"), ("1", "output_0")]
    assert {row["risk"] for row in rows} == {"0.5"}


def test_names_that_need_quoting_are_quoted(pbias: Run) -> None:
    ids = np.array(['a,"b"\r\n.png', "é 名.png"])
    z, y = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.int8)
    write_logits(Logits(z, y, ("a,b",), ids=ids), "odd.npz")
    assert pbias("flag", "odd.npz", "-o", "flags.csv", "-q").returncode == 0
    text = Path("flags.csv").read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == ids.tolist()
