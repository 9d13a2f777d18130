"""`pbias count` from outside: parts in, counts out, and an audit of their sum."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from pbias.files.logits import Logits, read_logits, select_rows, write_logits

Run = Callable[..., CompletedProcess[str]]
NUM = 400


@pytest.fixture
def parts(tmp_path: Path, make_logits: Callable[..., Logits]) -> Path:
    """Write `dense.npz` and `s95.npz`, and both in two parts, `dense-0.npz` and so on."""
    for name, noise, sparsity in (("dense", 0.0, 0.0), ("s95", 1.0, 0.95)):
        logits = make_logits(num=NUM, noise=noise, meta={"sparsity": sparsity})
        write_logits(logits, str(tmp_path / f"{name}.npz"))
        for place, rows in enumerate((np.arange(150), np.arange(150, NUM))):
            write_logits(select_rows(logits, rows), str(tmp_path / f"{name}-{place}.npz"))
    return tmp_path


@pytest.fixture
def counts(parts: Path, pbias: Run) -> Path:
    """Write `0.counts.npz` and `1.counts.npz`, with both models."""
    for place in (0, 1):
        done = pbias(
            *("count", f"s95-{place}.npz", "--ref", f"dense-{place}.npz"),
            *("-o", f"{place}.counts.npz"),
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return parts


def rows_of(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["rows"]
    return found


def test_the_sum_is_audited_as_the_whole_file(counts: Path, pbias: Run) -> None:
    gate = ("--gate", "abs(did_tpr)@Male <= 0.9", "--gate", "churn/mean <= 0.01")
    summed = pbias("metrics", "0.counts.npz", "1.counts.npz", *gate, "-f", "json")
    whole = pbias(
        "metrics", "s95.npz", "--ref", "dense.npz", "--in-memory", "0", *gate, "-f", "json"
    )
    assert summed.returncode == whole.returncode == 1
    assert_same(rows_of(summed.stdout), rows_of(whole.stdout))
    ours, theirs = (json.loads(run.stdout) for run in (summed, whole))
    assert ours["gates"] == theirs["gates"]
    assert ours["audit"]["num_samples"] == NUM
    assert ours["audit"]["groups"] == theirs["audit"]["groups"]
    (file,) = ours["audit"]["audited"]
    assert file == {"path": "s95-0.npz and 1 more", "sparsity": 0.95, "precision": ""}
    assert "AUC from 65,536 buckets of the logit" in summed.stderr


def test_no_row_and_no_id_is_in_the_file(counts: Path) -> None:
    with zipfile.ZipFile(counts / "0.counts.npz") as archive:
        names = set(archive.namelist())
        everything = b"".join(archive.read(name) for name in names)
    assert {"pbias_counts.npy", "cells.npy", "joint.npy"} <= names
    assert not names & {"ids.npy", "logits.npy", "labels.npy", "groups.npy", "clusters.npy"}
    for text in ("images/", "0003.png"):
        assert text.encode() not in everything and text.encode("utf-32-le") not in everything


def test_reports_and_evidence_are_made_of_counts(counts: Path, pbias: Run) -> None:
    files = ("0.counts.npz", "1.counts.npz")
    assert pbias("report", *files, "-o", "audit.html").returncode == 0
    page = (counts / "audit.html").read_text()
    assert "s95-0.npz and 1 more" in page and "heat map" in page.lower()
    assert pbias("evidence", *files, "-o", "pack.md").returncode == 0
    assert "400" in (counts / "pack.md").read_text()
    assert pbias("plot", "forest", *files, "-o", "forest.svg").returncode == 0


def test_counts_come_through_a_pipe(counts: Path, shell: Run) -> None:
    done = shell(
        "pbias count - --ref dense-0.npz -o - < s95-0.npz | pbias metrics - --metrics churn -f json"
    )
    expected = shell("pbias metrics 0.counts.npz --metrics churn -f json")
    assert rows_of(done.stdout) == rows_of(expected.stdout) and done.returncode == 0


def test_small_groups_leave_neither_the_part_nor_the_audit(parts: Path, pbias: Run) -> None:
    done = pbias("count", "s95-0.npz", "--min-cell", "45", "-o", "a.counts.npz")
    assert "Skin=" in done.stderr and "dropped, with fewer than 45 rows" in done.stderr
    pbias("count", "s95-1.npz", "-o", "b.counts.npz")
    summed = pbias("metrics", "a.counts.npz", "b.counts.npz", "--metrics", "tpr", "-f", "json")
    assert "for a.counts.npz dropped it" in summed.stderr
    assert {row["group"] for row in rows_of(summed.stdout)} == {"", "Male"}
    fewer = pbias("metrics", "b.counts.npz", "--min-cell", "100", "--metrics", "tpr", "-f", "json")
    assert "dropped, with fewer than 100 rows" in fewer.stderr
    assert "Skin" not in {row["group"] for row in rows_of(fewer.stdout)}


@pytest.mark.parametrize("in_memory", ["0", "256"])
def test_small_groups_of_logits_are_dropped_as_by_hand(
    parts: Path, pbias: Run, in_memory: str
) -> None:
    """Six rows of Skin=I go, which the rows of unknown Skin hide; an intersection goes whole."""
    (parts / "hand").mkdir()
    for name in ("dense", "s95"):
        run = read_logits(str(parts / f"{name}.npz"))
        assert run.group_names[1] == "Skin" and run.train_counts is not None
        codes, training = run.groups.copy(), run.train_counts.copy()
        codes[np.flatnonzero(codes[:, 1] == 0)[6:], 1] = 2
        assert (codes[:, 1] == -1).sum() > 4
        write_logits(replace(run, groups=codes), str(parts / f"{name}.npz"))
        codes[:, 1] = np.where(codes[:, 1] <= 0, -1, codes[:, 1] - 1)
        training[:, 1] = 0
        by_hand = replace(
            run,
            groups=codes,
            group_values=(run.group_values[0], ("II", "III")),
            train_counts=training[:, :, [0, 1, 3]],
        )
        write_logits(by_hand, str(parts / "hand" / f"{name}.npz"))
    more = ("--in-memory", in_memory, "-f", "json")
    few = ("--min-cell", "10", "--groups", "Male,Skin,Young,Male:Skin")
    done = pbias("metrics", "s95.npz", "--ref", "dense.npz", *few, *more)
    hand = ("hand/s95.npz", "--ref", "hand/dense.npz", "--groups", "Male,Skin,Young")
    expected = pbias("metrics", *hand, *more)
    assert_same(rows_of(done.stdout), rows_of(expected.stdout))
    assert {row["group"] for row in rows_of(done.stdout)} == {"", "Male", "Skin", "Young"}
    said = "dropped, with fewer than 10 rows or to hide such a value"
    assert f"Skin=I: {said}" in done.stderr and "Male:Skin=0:I, 0:II, 0:III, 1:I, " in done.stderr


def test_logits_and_their_counts_drop_the_same_groups(parts: Path, pbias: Run) -> None:
    files = ("s95.npz", "--ref", "dense.npz")
    assert pbias("count", *files, "-o", "all.counts.npz").returncode == 0
    few = ("--min-cell", "110", "-f", "json")
    counted = pbias("metrics", "all.counts.npz", *few)
    done = pbias("metrics", *files, "--in-memory", "0", *few)
    assert_same(rows_of(done.stdout), rows_of(counted.stdout))
    assert (
        [x for x in done.stderr.splitlines() if "dropped" in x]
        == [x for x in counted.stderr.splitlines() if ": dropped, " in x]
        != []
    )


def test_counts_for_some_metrics_are_smaller_and_say_what_lacks(parts: Path, pbias: Run) -> None:
    pbias("count", "s95.npz", "-o", "all.counts.npz")
    pbias("count", "s95.npz", "--metrics", "tpr,accuracy", "-o", "few.counts.npz")
    sizes = [(parts / f"{name}.counts.npz").stat().st_size for name in ("all", "few")]
    assert sizes[1] < sizes[0] / 2
    done = pbias("metrics", "few.counts.npz", "-f", "csv")
    assert done.returncode == 0 and "not counted for auc, " in done.stderr
    assert ",auc," not in done.stdout and not done.stdout.startswith("auc")
    refused = pbias("metrics", "few.counts.npz", "--metrics", "auc")
    assert refused.returncode == 2 and "count them again with --metrics" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("metrics 0.counts.npz 0.counts.npz", "0.counts.npz is named twice"),
        ("metrics 0.counts.npz s95-1.npz", "0.counts.npz is a counts file and s95-1.npz is none"),
        ("metrics 0.counts.npz --ref dense-0.npz", "dense-0.npz is none"),
        ("metrics 0.counts.npz --ref 1.counts.npz", "holds no rows for --ref"),
        ("metrics 0.counts.npz --thresholds t.csv", "holds no rows for --thresholds"),
        ("metrics 0.counts.npz --labels l.csv", "holds no rows for --labels"),
        ("metrics 0.counts.npz --logits", "holds no rows for --logits"),
        ("metrics 0.counts.npz --folds 100", "counts are by 200 folds, not by 100"),
        ("metrics 0.counts.npz --groups Hat", "not by group 'Hat'; they have: Male, Skin"),
        ("metrics 0.counts.npz --groups Male:Skin", "not by group 'Male:Skin'"),
        ("metrics 0.counts.npz --attributes Smilling", "did you mean 'Smiling'?"),
        ("metrics 0.counts.npz --min-cell 1000", "150 rows in all, fewer than --min-cell 1000"),
        (
            "metrics s95.npz --min-cell 1000",
            "there are 400 rows in all, fewer than --min-cell 1000",
        ),
        ("flag 0.counts.npz", "0.counts.npz is a counts file, which holds no rows"),
        ("exemplars --dense 0.counts.npz --sparse 1.counts.npz", "which holds no rows"),
        ("report 0.counts.npz --images . -o a.html", "--images needs rows"),
        ("plot scores 0.counts.npz -o a.svg", "scores needs rows, and counts"),
        ("count 0.counts.npz -o a.npz", "0.counts.npz is a counts file, which holds no rows"),
        (
            "count s95.npz --ref dense-0.npz -o a.npz",
            "dense-0.npz has 150 rows but s95.npz has 400",
        ),
        ("count s95.npz --ref-thresholds t.csv -o a.npz", "t.csv does not exist"),
        ("count s95.npz --groups Mole -o a.npz", "did you mean 'Male'?"),
        ("count s95.npz --min-cell 500 -o a.npz", "400 rows in all, fewer than --min-cell 500"),
        ("count s95.npz -o s95.npz", "s95.npz is an input"),
    ],
)
def test_what_does_not_fit_is_one_line(counts: Path, pbias: Run, arguments: str, said: str) -> None:
    for name in ("t.csv", "l.csv"):
        if "ref-thresholds" not in arguments:
            (counts / name).write_text("attribute,threshold\n")
    done = pbias(*arguments.split())
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert done.returncode == 2 and len(errors) == 1, done.stderr
    assert said in errors[0] and not done.stdout and not list(counts.glob("a.*"))


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            near = pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value
            assert ours[name] == near, (name, ours)


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with np.load(path) as found:
        arrays = dict(found)
    change(arrays)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=True, **arrays)
    path.write_bytes(buffer.getvalue())


def facts(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        given = json.loads(str(arrays["pbias_counts"]))
        arrays["pbias_counts"] = np.array(json.dumps(given | changes))

    return change


def array(name: str, make: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = make(arrays[name])

    return change


def one_more(values: Any) -> Any:
    return np.concatenate([[values[0] + 1], values[1:]]).astype(values.dtype)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (facts(schema=2), "has schema 2, newer than 1; update pbias"),
        (facts(rows=151), "totals do not fit together (151 rows)"),
        (facts(rows=-1), "has no proper rows"),
        (facts(folds=100), "has no proper schema"),
        (facts(targets=["a", "a", "b"]), "has no proper targets"),
        (facts(targets=["x"]), "cells outside of"),
        (facts(targets=[f"t{n}" for n in range(100_000)]), "need "),
        (facts(audited=9), "has no proper audited"),
        (facts(groups=[{}]), "has no proper"),
        (facts(runs=[[]]), "has no proper"),
        (facts(owners="me"), "has no proper owners"),
        (lambda a: a.update(pbias_counts=np.array("[" * 100_000)), "is not JSON"),
        (lambda a: a.update(pbias_counts=np.array([1, 2])), "'pbias_counts' is int64 [2]"),
        (lambda a: a.pop("joint"), "it has no array 'joint'"),
        (array("cells", one_more), "do not fit together"),
        (array("joint", one_more), "(predictions of both models)"),
        (array("gram", one_more), "do not fit together (rows in gram)"),
        (array("buckets", one_more), "do not fit together (buckets)"),
        (array("by_fold", one_more), "do not fit together (buckets by fold)"),
        (array("uncertain", lambda v: v + v.dtype.type(200)), "(uncertain)"),
        (array("squares", lambda v: v * 1e6), "(squares)"),
        (array("squares", lambda v: -v), "(squares)"),
        (array("errors", lambda v: v + 1e5), "(errors)"),
        (array("moments", lambda v: v * 1e9), "(moments)"),
        (array("errors", lambda v: v * np.nan), "'errors' holds nan"),
        (array("squares", lambda v: v * np.inf), "'squares' holds inf"),
        (array("cells", lambda v: -v.astype(np.int64)), "'cells' is int64"),
        (array("cells", lambda v: v[:-1]), "cells at"),
        (array("cells", lambda v: v[:, None]), "'cells' has the shape"),
        (array("cells_at", lambda v: v * 0), "cells outside of"),
        (array("cells_at", lambda v: v.astype(np.uint64) + np.uint64(2**63)), "outside of"),
        (array("cells", lambda v: v.astype(object)), "pickled"),
    ],
)
def test_a_damaged_or_hostile_file_is_one_line(
    counts: Path, pbias: Run, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    rewritten(counts / "0.counts.npz", change)
    done = pbias("metrics", "0.counts.npz", "1.counts.npz")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr, done.stderr[:400]


def test_a_file_that_was_cut_is_one_line(counts: Path, pbias: Run) -> None:
    whole = (counts / "0.counts.npz").read_bytes()
    for size in (200, len(whole) // 2, len(whole) - 10):
        (counts / "0.counts.npz").write_bytes(whole[:size])
        done = pbias("metrics", "0.counts.npz")
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        assert "is not a usable" in done.stderr


def test_without_ids_rows_are_numbered_from_the_first_of_the_part(
    tmp_path: Path, make_logits: Callable[..., Logits], pbias: Run
) -> None:
    logits = replace(make_logits(num=NUM), ids=None)
    write_logits(logits, str(tmp_path / "whole.npz"))
    for name, start, stop in (("a", 0, 90), ("b", 90, NUM)):
        write_logits(select_rows(logits, np.arange(start, stop)), str(tmp_path / f"{name}.npz"))
        pbias("count", f"{name}.npz", "--first-row", str(start), "-o", f"{name}.counts.npz")
    only = ("--metrics", "accuracy,tpr", "-f", "json")
    summed = pbias("metrics", "a.counts.npz", "b.counts.npz", *only)
    whole = pbias("metrics", "whole.npz", *only)
    assert_same(rows_of(summed.stdout), rows_of(whole.stdout))
