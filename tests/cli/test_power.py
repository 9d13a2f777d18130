"""`pbias power`: the table, the verdicts on standard error, the report, and refused input."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import pbias as library
from pbias.files.table import to_csv

Run = Callable[..., CompletedProcess[str]]
GATE = "abs(did_tpr)@Male <= 0.3"

pytestmark = pytest.mark.usefixtures("audit_files")


@pytest.fixture
def gates() -> str:
    Path("gates.txt").write_text(f"# groups\n{GATE}\nchange(accuracy)/mean >= -0.5\n")
    return "gates.txt"


def test_a_row_a_gate_and_number_and_status_0(pbias: Run, gates: str) -> None:
    done = pbias("power", gates, "--ref", "dense.npz", "--draws", "3")
    assert done.returncode == 0
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["gate"] for row in rows] == [GATE] * 3 + ["change(accuracy)/mean >= -0.5"]
    assert {row["smallest_group"] for row in rows[:3]} == {"Male=1"}
    assert f"gate '{GATE}': of 3 draws" in done.stderr
    assert "pass in 3" in done.stderr.splitlines()[-1]
    assert "labeled samples of Male=1 would decide it (now " in done.stderr


def test_the_library_has_the_same_numbers(pbias: Run, gates: str) -> None:
    asked = ("power", gates, "--ref", "dense.npz", "--draws", "2", "--seed", "5")
    printed = pbias(*asked, "--discordance", "0.1").stdout
    found = library.power(gates, "dense.npz", draws=2, seed=5, discordance=0.1)
    assert to_csv(found.rows) == printed
    texts = library.power(
        GATE, library.read_logits("dense.npz"), draws=2, seed=5, groups=["Male", "Skin"],
        discordance=0.1,
    )  # fmt: skip
    assert [r["value"] for r in texts.rows.records()] == [
        r["value"] for r in found.rows.where(gate=GATE)
    ]
    assert list(texts.table.columns) == list(found.rows.columns)


def test_the_report_and_json_have_the_verdicts(pbias: Run) -> None:
    asked = ("power", "--gate", GATE, "--ref", "dense.npz", "--draws", "2", "-f", "json")
    document = json.loads(pbias(*asked, "--report", "power.md").stdout)
    assert document["command"] == "power" and document["gates"][0]["draws"] == 2
    report = Path("power.md").read_text()
    assert "What gates can decide" in report and "Drawn 2 times" in report
    assert "Assumed: compression changes 5 % of predictions (--discordance 0.05)" in report


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ref", "dense.npz"), "there are no gates; name a file"),
        (("gates.txt",), "--ref"),
        (("none.txt", "--ref", "dense.npz"), "none.txt does not exist"),
        (("gates.txt", "--ref", "none.npz"), "none.npz does not exist"),
        (("gates.txt", "--ref", "dense.npz", "--discordance", "0"), "--discordance 0.0 is not"),
        (("gates.txt", "--ref", "dense.npz", "--discordance", "2"), "--discordance"),
        (("--gate", "tpr@Age >= 0", "--ref", "dense.npz"), "no group or target column 'Age'"),
        (("--gate", "tpr/Hat >= 0", "--ref", "dense.npz"), "no attribute 'Hat'"),
        (("--gate", "tpr > 0", "--ref", "dense.npz"), "use >= in place of >"),
        (("--gate", "tpt >= 0", "--ref", "dense.npz"), "did you mean 'tpr'"),
    ],
)
def test_what_it_refuses(pbias: Run, gates: str, arguments: tuple[str, ...], said: str) -> None:
    done = pbias("power", *arguments)
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr
