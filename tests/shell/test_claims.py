"""`examples/claims.py`: tables of an audit, side by side."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.files.logits import Logits, write_logits

SCRIPT = Path(__file__).parents[2] / "examples" / "claims.py"


METRICS = (
    "accuracy,auc,uncertainty,interdependence,tcb,never_predicted,bias_amplification"  # as there
)


@pytest.fixture
def cells(
    pbias: Callable[..., CompletedProcess[str]], make_logits: Callable[..., Logits]
) -> dict[str, list[str]]:
    """Return the rows of the table by name."""
    for name, noise in (("dense", 0.0), ("s90", 0.5), ("s99", 2.0)):
        write_logits(make_logits(num=900, noise=noise), f"{name}.npz")
    for name in ("s90", "s99"):
        options = ("--ref", "dense.npz", "--metrics", METRICS, "-o", f"{name}.csv")
        assert pbias("metrics", f"{name}.npz", *options).returncode == 0
    command = [sys.executable, str(SCRIPT), "s90.csv", "s99.csv"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_each_file_is_a_column_of_changes_beside_the_reference(cells: dict[str, list[str]]) -> None:
    with Path("s99.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["metric"] == "accuracy")
    assert cells["accuracy"][0] == f"{float(row['reference']):.3f}"
    change, low, high = (float(row[name]) for name in ("change", "change_low", "change_high"))
    assert cells["accuracy"][2] == f"{change:+.3f} [{low:+.3f}, {high:+.3f}]"


def test_amplification_has_a_row_a_group_and_says_over_how_many_attributes(
    cells: dict[str, list[str]],
) -> None:
    with Path("s90.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "bias_amplification"]
    mean = next(row for row in rows if row["group"] == "Male" and not row["attribute"])
    assert cells["bias amplification (Male)"][1].startswith(f"{float(mean['change']):+.3f}")
    tested = [r for r in rows if r["group"] == "Male" and r["attribute"] and r["p_adjusted"]]
    said = cells["attributes with changed amplification (Male)"][1]
    assert said.endswith(f"of {len(tested)}")


def test_common_are_attributes_that_a_fifth_have_and_a_fifth_have_not(tmp_path: Path) -> None:
    lines = ["image,split,Smiling,Bald,No_Beard,Wavy_Hair,Male"]
    lines += [f"{k}.jpg,train,{k % 2},0,{int(k > 0)},{int(k < 2)},{k % 2}" for k in range(10)]
    lines += [f"v{k}.jpg,valid,1,1,0,1,1" for k in range(30)]  # other splits do not count
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    command = [sys.executable, str(SCRIPT), "--common", str(tmp_path / "labels.csv")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "Smiling,Wavy_Hair\n"
