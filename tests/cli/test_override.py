"""`pbias override`: reading and writing files, and the audits of its results."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import read_logits, write_logits
from pbias.files.provenance import sha256

Run = Callable[..., CompletedProcess[str]]
OVERRIDE = ("override", "s99.npz", "--flags", "flags.csv", "--with")

pytestmark = pytest.mark.usefixtures("flagged")


@pytest.fixture
def flagged(audit_files: Path) -> Path:
    """Write `flags.csv` beside the audit's files: all 180 predictions, the last row riskiest."""
    dense = read_logits(str(audit_files / "dense.npz"))
    assert dense.ids is not None
    pairs = [(name, target) for name in dense.ids for target in dense.targets]
    lines = [f"{name},{target},{risk}" for risk, (name, target) in enumerate(pairs)]
    (audit_files / "flags.csv").write_text("\n".join(["id,attribute,risk", *lines]) + "\n")
    return audit_files


def changed(path: str) -> list[int]:
    """Return which predictions differ from those of s99.npz."""
    before, after = read_logits("s99.npz").logits, read_logits(path).logits
    return np.flatnonzero(before != after).tolist()


@pytest.mark.parametrize(("budget", "file"), [("0%", "s99"), ("0", "s99"), ("100%", "dense"),
                                              ("180", "dense"), ("9999", "dense")])  # fmt: skip
def test_nothing_and_everything_are_the_two_files(pbias: Run, budget: str, file: str) -> None:
    assert pbias(*OVERRIDE, "dense.npz", "--budget", budget, "-o", "out.npz").returncode == 0
    with np.load("out.npz") as found, np.load(f"{file}.npz") as expected:
        assert set(found) == set(expected)
        for name in set(found) - {"meta"}:
            np.testing.assert_array_equal(found[name], expected[name], strict=True)


@pytest.mark.parametrize(("budget", "num"), [("5%", 9), ("7", 7), ("2.5 %", 4)])
def test_the_budget_takes_the_riskiest_first(pbias: Run, budget: str, num: int) -> None:
    done = pbias(*OVERRIDE, "dense.npz", "--budget", budget, "-o", "out.npz")
    assert f"pbias: {num} of 180 predictions overridden" in done.stderr
    assert changed("out.npz") == list(range(180 - num, 180))


def test_a_list_shorter_than_the_budget_says_so(pbias: Run) -> None:
    Path("flags.csv").write_text("id,attribute\nimages/0003.png,Young\n")
    done = pbias(*OVERRIDE, "dense.npz", "--budget", "5%", "-o", "out.npz")
    assert "warning: flags.csv lists only 1 of the 9 predictions asked for" in done.stderr
    assert changed("out.npz") == [11]


@pytest.mark.parametrize("budget", ["", "x", "-1", "101%", "1.5", "5%%", "nan", "1e3"])
def test_what_is_no_budget_is_refused(pbias: Run, budget: str) -> None:
    done = pbias(*OVERRIDE, "dense.npz", f"--budget={budget}", "-o", "out.npz")
    assert done.returncode == 2 and "is not a number; write a whole number" in done.stderr
    assert not Path("out.npz").exists()


def test_the_file_says_what_was_done(pbias: Run) -> None:
    assert pbias(*OVERRIDE, "dense.npz", "--budget", "9", "-o", "out.npz").returncode == 0
    meta = read_logits("out.npz").meta
    files = {"logits": "s99.npz", "with": "dense.npz", "flags": "flags.csv"}
    hashes = {name: sha256(Path(path).read_bytes()) for name, path in files.items()}
    record = {"budget": "9", "num_overridden": 9, "sha256": hashes, "with": "logits"}
    assert meta == read_logits("s99.npz").meta | {"override": record}


def test_after_labels_scores_are_undefined_and_the_report_says_why(pbias: Run) -> None:
    done = pbias(*OVERRIDE, "labels", "--budget", "20", "-o", "out.npz")
    assert "flagged predictions have no label and stay as they are" in done.stderr
    command = ("metrics", "out.npz", "--ref", "dense.npz", "--metrics", "auc,accuracy", "-q")
    rows = json.loads(pbias(*command, "-f", "json").stdout)["rows"]
    said = {(row["metric"], row["status"], row["reason"]) for row in rows if not row["group"]}
    assert ("auc", "undefined", "overridden by labels") in said
    assert ("accuracy", "ok", "") in said
    assert "overridden by labels" in pbias(*command, "-f", "table").stdout
    in_blocks = json.loads(pbias(*command, "--in-memory", "0", "-f", "json").stdout)["rows"]
    assert [row["reason"] for row in in_blocks] == [row["reason"] for row in rows]


def test_flags_of_the_command_flag_will_do(pbias: Run) -> None:
    assert pbias("flag", "dense.npz", "-o", "own.csv").returncode == 0
    command = ("override", "s99.npz", "--flags", "own.csv", "--with", "dense.npz", "-o", "out.npz")
    assert pbias(*command).returncode == 0
    with Path("own.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(changed("out.npz")) > 0


def test_rows_are_joined_by_id(pbias: Run) -> None:
    dense = read_logits("dense.npz")
    assert dense.ids is not None
    back = replace(dense, logits=dense.logits[::-1], labels=dense.labels[::-1],
                   groups=dense.groups[::-1], ids=dense.ids[::-1])  # fmt: skip
    write_logits(back, "back.npz")
    for name in ("dense", "back"):
        assert (
            pbias(*OVERRIDE, f"{name}.npz", "--budget", "40", "-o", f"{name}.out").returncode == 0
        )
    found = [read_logits(f"{name}.out").logits for name in ("dense", "back")]
    np.testing.assert_array_equal(*found)


def test_the_curve_in_every_form(pbias: Run) -> None:
    command = (*OVERRIDE, "dense.npz", "--curve")
    for suffix in ("csv", "json", "md", "txt"):
        assert pbias(*command, f"curve.{suffix}").returncode == 0
    rows = json.loads(Path("curve.json").read_text())["rows"]
    with Path("curve.csv").open() as file:
        lines = list(csv.DictReader(file))
    values = [None if row["value"] == "" else float(row["value"]) for row in lines]
    assert values == [row["value"] for row in rows] and len(set(values)) > 50
    assert {row["order"] for row in rows} == {"flags", "random", "uncertainty"}
    table = Path("curve.txt").read_text()
    assert "abs(did_tpr)@Male" in table and " 100%" in table
    assert pbias(*command, "-", "--seed", "1").stdout != Path("curve.csv").read_text()
    assert pbias(*command, "-").stdout == Path("curve.csv").read_text()


def test_both_outputs_at_once_and_the_budget_is_of_one(pbias: Run) -> None:
    command = (*OVERRIDE, "dense.npz", "--budget", "1%", "-o", "out.npz", "--curve", "curve.csv")
    assert pbias(*command).returncode == 0
    assert len(changed("out.npz")) == 2
    assert "flags,1.0,180" in Path("curve.csv").read_text()


def test_short_flags_end_their_curve(pbias: Run) -> None:
    lines = Path("flags.csv").read_text().splitlines()
    Path("flags.csv").write_text("\n".join(lines[:19]) + "\n")
    done = pbias(*OVERRIDE, "dense.npz", "--curve", "curve.csv")
    assert "the flags list 10.0 % of all predictions: their curve ends there" in done.stderr
    with Path("curve.csv").open() as file:
        budgets = [float(r["budget"]) for r in csv.DictReader(file) if r["order"] == "flags"]
    assert max(budgets) == 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dense.npz",), "nothing to write"),
        (("labels", "--curve", "c.csv"), "name its logits with --ref"),
        (("s99.npz", "-o", "out.npz"), "s99.npz is both the audited and the reference file"),
        (("dense.npz", "-o", "out", "--curve", "out"), "both outputs are out"),
        (("none.npz", "-o", "out.npz"), "none.npz does not exist"),
        (("dense.npz", "-o", "no/out.npz"), "the folder no does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_line(pbias: Run, arguments: tuple[str, ...], said: str) -> None:
    done = pbias(*OVERRIDE, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_labels_and_a_reference_give_a_curve(pbias: Run) -> None:
    done = pbias(*OVERRIDE, "labels", "--ref", "dense.npz", "--curve", "-", "-q")
    assert done.returncode == 0 and done.stdout.startswith("order,budget,num_overridden,metric")


def test_it_reads_a_pipe_and_writes_one(pbias: Run, shell: Run) -> None:
    command = "override - --flags flags.csv --with dense.npz --budget 5% -o -"
    piped = shell(f"pbias {command} -q < s99.npz | cat > piped.npz")
    assert piped.returncode == 0, piped.stderr
    named = command.replace(" - ", " s99.npz ").replace("-o -", "-o named.npz")
    assert pbias(*named.split()).returncode == 0
    assert Path("piped.npz").read_bytes() == Path("named.npz").read_bytes()


def test_flags_come_from_a_pipe(pbias: Run, shell: Run) -> None:
    command = "override s99.npz --with dense.npz --budget 9 --flags"
    piped = shell(f"pbias {command} - -o piped.npz -q < flags.csv")
    assert piped.returncode == 0, piped.stderr
    assert pbias(*command.split(), "flags.csv", "-o", "named.npz").returncode == 0
    assert Path("piped.npz").read_bytes() == Path("named.npz").read_bytes()


def test_the_same_run_gives_the_same_bytes(pbias: Run) -> None:
    for name in ("a.npz", "b.npz"):
        assert pbias(*OVERRIDE, "labels", "--budget", "5%", "-o", name).returncode == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
