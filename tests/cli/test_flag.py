"""`pbias flag`: the list on standard output, the summary on standard error."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.audit.flags import flag_uncertain
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.table import to_csv
from pbias.files.thresholds import write_thresholds

Run = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("audit_files")


def rows_of(done: CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_table_is_that_of_the_room(pbias: Run) -> None:
    assert pbias("flag", "dense.npz").stdout == to_csv(flag_uncertain(read_logits("dense.npz")))


def test_one_line_an_attribute_says_how_many(pbias: Run) -> None:
    done = pbias("flag", "dense.npz")
    rows, lines = rows_of(done), done.stderr.splitlines()
    assert len(lines) == 3
    for line in lines:
        name, count = line.removeprefix("pbias: ").split(" of 60")[0].split(": ")
        assert sum(row["attribute"] == name for row in rows) == int(count)
    assert pbias("flag", "dense.npz", "-q").stderr == ""


def test_the_margin_narrows_the_list(pbias: Run) -> None:
    rows = rows_of(pbias("flag", "dense.npz", "--margin", "0.1"))
    assert 0 < len(rows) < len(rows_of(pbias("flag", "dense.npz")))
    assert all(abs(float(row["probability"]) - 0.5) < 0.1 for row in rows)
    assert rows_of(pbias("flag", "dense.npz", "--margin", "0")) == []


@pytest.mark.parametrize("margin", ["-0.1", "0.6", "nan", "inf", "x"])
def test_a_margin_that_is_none_is_refused(pbias: Run, margin: str) -> None:
    done = pbias("flag", "dense.npz", f"--margin={margin}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "margin" in done.stderr


def test_thresholds_decide_predictions(pbias: Run) -> None:
    names = ("Smiling", "Wearing_Hat", "Young")
    write_thresholds("never.csv", dict.fromkeys(names, np.inf))
    rows = rows_of(pbias("flag", "dense.npz", "--thresholds", "never.csv"))
    assert {row["prediction"] for row in rows} == {"0"}


def test_the_list_can_be_read_back_by_id(pbias: Run) -> None:
    ids = read_logits("dense.npz").ids
    assert ids is not None
    rows = rows_of(pbias("flag", "dense.npz"))
    assert {row["id"] for row in rows} <= set(ids.tolist())
    assert list(rows[0])[-2:] == ["Male", "Skin"]


def test_a_file_of_two_arrays_will_do(pbias: Run) -> None:
    np.savez("bare.npz", logits=np.zeros((2, 1), np.float32), labels=np.zeros((2, 1), np.int8))
    rows = rows_of(pbias("flag", "bare.npz"))
    assert [(row["id"], row["attribute"]) for row in rows] == [("0", "output_0"), ("1", "output_0")]


def test_names_that_need_quoting_are_quoted(pbias: Run) -> None:
    ids = np.array(['a,"b"\r\n.png', "é 名.png"])
    z, y = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.int8)
    write_logits(Logits(z, y, ("a,b",), ids=ids), "odd.npz")
    done = pbias("flag", "odd.npz", "-o", "flags.csv")
    assert done.returncode == 0 and done.stderr.count("\n") == 1
    text = Path("flags.csv").read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == ids.tolist()
