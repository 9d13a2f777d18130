"""`examples/countermeasures.py`: curves and evaluations of several seeds as one table."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.files.logits import Logits, write_logits

SCRIPT = Path(__file__).parents[2] / "examples" / "countermeasures.py"
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def seeds(pbias: Run, make_logits: Callable[..., Logits]) -> Path:
    """Write curves and evaluations of two seeds into the working directory."""
    for seed in (0, 1):
        for name, noise in (("dense", 0.0), ("s0.9", 1.5)):
            write_logits(make_logits(seed=seed, num=400, noise=noise), f"{name}-{seed}.npz")
        dense, sparse = f"dense-{seed}.npz", f"s0.9-{seed}.npz"
        evaluation = ("--budget", "5%", "--evaluate", sparse, "-o", f"evaluation-{seed}.csv")
        curve = ("--flags", f"flags-{seed}.csv", "--with", dense, "--curve", f"curve-{seed}.csv")
        assert pbias("flag", dense, "-o", f"flags-{seed}.csv").returncode == 0
        assert pbias("flag", dense, *evaluation).returncode == 0
        assert pbias("override", sparse, *curve).returncode == 0
    return Path()


def table(*arguments: str) -> list[list[str]]:
    command = [sys.executable, str(SCRIPT), "--group", "Male", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("seeds")
def test_a_point_of_a_curve_is_the_mean_over_seeds_with_its_range() -> None:
    rows = {tuple(row[:2]): row[2:] for row in table("curve-0.csv", "curve-1.csv")}
    values = [
        float(row["value"])
        for path in ("curve-0.csv", "curve-1.csv")
        for row in read(path)
        if (row["order"], row["metric"], row["num_overridden"]) == ("random", "churn", "60")
    ]
    assert rows["metric", "chosen by"][3] == "5 %" and len(values) == 2
    expected = f"{sum(values) / 2:.3f} ({min(values):.3f}-{max(values):.3f})"
    assert rows["churn", "random"][3] == expected
    assert ("abs(did_tpr) (Male)", "flags") in rows and ("abs(did_tpr) (Skin)", "flags") not in rows


@pytest.mark.usefixtures("seeds")
def test_an_evaluation_has_a_column_a_seed() -> None:
    rows = table("--run", "s0.9", "evaluation-0.csv", "evaluation-1.csv")
    assert rows[0] == ["measure", "outcome", "group", "ranking", "evaluation-0", "evaluation-1"]
    found = {tuple(row[:4]): row[4:] for row in rows}
    for seed in (0, 1):
        row = next(r for r in read(f"evaluation-{seed}.csv") if r["measure"] == "precision")
        key = tuple(row[name] for name in ("measure", "outcome", "group", "ranking"))
        value, low, high = (float(row[name]) for name in ("value", "low", "high"))
        assert found[key][seed] == f"{value:.3f} [{low:.3f}, {high:.3f}]"
