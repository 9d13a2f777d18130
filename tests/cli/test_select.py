"""`pbias select`: a verdict for each, the smallest that passes, and the rule behind it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import pbias as library
from pbias.files.logits import Logits, read_logits, write_logits

Run = Callable[..., CompletedProcess[str]]
GATE = ("--ref", "dense.npz", "--gate", "churn/mean <= 0.2")
ALL = ("s80.npz", "s90.npz", "s99.npz")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, make_logits: Callable[..., Logits]) -> None:
    """Write files with flips of 1, 6 and 30 % in 600 samples."""
    for name, noise, sparsity in (
        ("dense", 0.0, 0.0),
        ("s80", 0.05, 0.8),
        ("s90", 0.3, 0.9),
        ("s99", 3.0, 0.99),
    ):
        logits = make_logits(num=600, noise=noise, meta={"sparsity": sparsity})
        write_logits(logits, str(tmp_path / f"{name}.npz"))


def rows_of(done: CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {row["candidate"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


def change(name: str, meta: dict[str, Any]) -> None:
    write_logits(replace(read_logits(name), meta=meta), name)


def test_the_smallest_that_passes_is_selected_in_any_order_named(pbias: Run) -> None:
    done = pbias("select", *reversed(ALL), *GATE)
    rows = rows_of(done)
    assert done.returncode == 0 and list(rows) == list(ALL)
    assert [row["verdict"] for row in rows.values()] == ["pass", "pass", "fail"]
    assert [row["selected"] for row in rows.values()] == ["0", "1", "0"]
    assert rows["s99.npz"]["decided_by"] == "churn/mean <= 0.2"
    assert [float(row["size"]) for row in rows.values()] == [0.2, 0.1, 0.01]
    assert "selected: s90.npz, 90.0% zeros (2 of 3 pass)" in done.stderr


def test_verdicts_of_a_sequence_are_those_of_metrics(pbias: Run) -> None:
    document = json.loads(pbias("select", *ALL, *GATE, "-f", "json").stdout)
    for record in document["gates"]:
        alone = json.loads(pbias("metrics", record["candidate"], *GATE, "-f", "json").stdout)
        assert {k: v for k, v in record.items() if k != "candidate"} == alone["gates"][0]
    assert document["selected"] == "s90.npz"


def test_thresholds_blocks_and_small_groups_are_read_as_by_metrics(
    pbias: Run, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("attribute,threshold\nSmiling,0.5\nWearing_Hat,1\nYoung,-0.5\n")
    gate = ("--ref", "dense.npz", "--gate", "abs(did_tpr)@Male <= 0.3")
    more = ("--thresholds", "t.csv", "--ref-thresholds", "t.csv", "--in-memory", "0")
    more = (*more, "--min-cell", "30", "-f", "json")
    chosen = pbias("select", "s90.npz", *gate, *more)
    alone = pbias("metrics", "s90.npz", "--metrics", "did_tpr", *gate, *more)
    plain = pbias("metrics", "s90.npz", "--metrics", "did_tpr", *gate, "-f", "json")
    (found,) = json.loads(chosen.stdout)["gates"]
    assert {k: v for k, v in found.items() if k != "candidate"} == json.loads(alone.stdout)[
        "gates"
    ][0]
    assert json.loads(plain.stdout)["gates"] != json.loads(alone.stdout)["gates"]
    refused = pbias("select", "s90.npz", *gate, "--min-cell", "601")
    assert "there are 600 rows in all, fewer than --min-cell 601" in refused.stderr


def test_a_sequence_stops_at_the_first_that_does_not_pass(pbias: Run) -> None:
    done = pbias("select", "s99.npz", "s80.npz", *GATE, "--order", "listed")
    assert done.returncode == 1
    assert "selected: none (1 of 2 pass; the mildest does not): fail" in done.stderr


def test_an_open_candidate_leaves_with_four(pbias: Run) -> None:
    # The churn of s90 on these samples lies within its own interval.
    churn = pbias("metrics", "s90.npz", *GATE[:2], "--metrics", "churn").stdout
    row = next(r for r in csv.DictReader(io.StringIO(churn)) if not r["attribute"] + r["group"])
    gate = ("--ref", "dense.npz", "--gate", f"churn/mean <= {float(row['value']) + 1e-4}")
    done = pbias("select", "s90.npz", "s99.npz", *gate)
    assert done.returncode == 4
    assert [r["verdict"] for r in rows_of(done).values()] == ["inconclusive", "fail"]


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({}, "s90.npz does not say how sparse its network is"),
        ({"sparsity": 0.8}, "s80.npz and s90.npz are of one size"),
        ({"sparsity": 0.9, "model": "a"}, "sizes of several architectures"),
    ],
)
def test_without_an_order_of_sizes_the_level_is_corrected(
    pbias: Run, meta: dict[str, Any], reason: str
) -> None:
    change("s90.npz", meta)
    done = pbias("select", *ALL, *GATE, "-f", "md")
    assert f"98.33 %, corrected for 3 candidates, because {reason}" in done.stdout.replace("\\", "")
    gates = json.loads(pbias("select", *ALL, *GATE, "-f", "json").stdout)["gates"]
    level = ("--level", str(1 - 0.05 / 3))
    alone = json.loads(pbias("metrics", "s99.npz", *GATE, *level, "-f", "json").stdout)["gates"]
    assert next(g for g in gates if g["candidate"] == "s99.npz")["note"] == alone[0]["note"]


def test_int8_counts_a_quarter_of_the_bits(pbias: Run) -> None:
    change("s80.npz", {"sparsity": 0.0, "quantization": {"method": "static"}})
    rows = rows_of(pbias("select", *ALL, *GATE))
    assert list(rows) == list(ALL) and rows["s80.npz"]["size"] == "0.25"


def test_a_quoted_glob_is_the_runs_of_one_candidate(pbias: Run) -> None:
    write_logits(read_logits("s80.npz"), "s81.npz")
    done = pbias("select", "s8*.npz", "s90.npz", *GATE, "-q")
    assert rows_of(done)["s80.npz and 1 more"]["runs"] == "2"


def test_the_library_selects_alike(pbias: Run) -> None:
    runs = {name: read_logits(name) for name in ALL}
    result = library.select(runs, "dense.npz", "churn/mean <= 0.2")
    assert (result.selected, result.verdict) == ("s90.npz", "pass")
    verdicts = [row["verdict"] for row in rows_of(pbias("select", *ALL, *GATE)).values()]
    assert list(result.table["verdict"]) == verdicts


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("s80.npz", "--ref", "dense.npz"), "there are no gates; add some with --gate or"),
        (("s80.npz", "s80.npz", *GATE), "two candidates are called s80.npz"),
        (
            ("s80.npz", *GATE, "--order", "best"),
            "--order best is not an order; choose size, listed,",
        ),
        (("none.npz", *GATE), "none.npz does not exist"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    pbias: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = pbias("select", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and said in done.stderr
