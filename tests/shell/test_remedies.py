"""`examples/remedies.sh` at a small size, and its summary by hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "NUM": "120", "EPOCHS": "1", "PRUNE_EPOCHS": "1", "SEEDS": "0", "OUT": "small",
    "REMEDIES": "fisher fisher-groups", "BOTH": "plain", "SPARSITIES": "0.95", "PBIAS_WORKERS": "1",
}  # fmt: skip


@pytest.fixture
def summary() -> ModuleType:
    spec = importlib.util.spec_from_file_location("remedies", EXAMPLES / "remedies.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_square_of_a_difference_by_hand(summary: ModuleType) -> None:
    labels = np.ones((6, 2), np.int8)
    labels[:, 1] = [1, 0, 0, 1, 1, 1]  # one positive in group 0: left out
    groups = np.array([0, 0, 0, 1, 1, 1], np.int16)
    dense, sparse = np.ones((6, 2), bool), np.ones((6, 2), bool)
    sparse[:, 0] = [False, False, True, True, True, True]
    # Group 0 falls by 2/3, group 1 by 0; the variance of -1, -1, 0 is 1/3, over 3 samples.
    found = summary.squared_did(dense, sparse, labels, groups)
    assert found == pytest.approx((2 / 3) ** 2 - (1 / 3) / 3)


def test_noise_alone_is_worth_nothing(summary: ModuleType) -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, 60).astype(np.int16)
    labels, dense = np.ones((60, 4000), np.int8), np.ones((60, 4000), bool)
    sparse = rng.random((60, 4000)) < 0.8  # the same for both groups
    assert abs(summary.squared_did(dense, sparse, labels, groups)) < 1e-3
    biased = np.where(groups[:, None] == 1, rng.random((60, 4000)) < 0.6, sparse)
    assert summary.squared_did(dense, biased, labels, groups) == pytest.approx(0.04, abs=2e-3)


@pytest.mark.slow
def test_the_script_goes_on_where_it_was(
    quick_shell: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    done = quick_shell(f"bash {EXAMPLES / 'remedies.sh'}", **SMALL)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "## faces, 0.95 of the weights pruned, group Male" in lines
    rows = [line.split(" | ")[0].strip("| ") for line in lines]
    assert (rows.count("plain"), rows.count("fisher"), rows.count("fisher-groups")) == (1, 2, 2)
    for name in ("fisher", "fisher-groups"):  # each by itself, though one name begins the other
        audit = pd.read_csv(tmp_path / "small" / f"faces-0.95-{name}.csv")
        assert set(audit["runs"]) == {"1:1"}
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "small").glob("*.pt")}
    assert len(made) == 4
    again = quick_shell(f"bash {EXAMPLES / 'remedies.sh'}", **SMALL)
    assert again.stdout == done.stdout
    later = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "small").glob("*.pt")}
    assert later == made
