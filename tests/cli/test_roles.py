"""Files that do not fit their role in a command: forgotten sides, swapped sides, copies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import Logits, read_logits, write_logits

Run = Callable[..., CompletedProcess[str]]
FAST = ("--metrics", "accuracy", "--groups", "", "--no-intervals")
IN_BLOCKS = ("--in-memory", "0")

pytestmark = pytest.mark.usefixtures("audit_files")


def write(name: str, source: str, **changes: object) -> None:
    write_logits(replace(read_logits(source), **changes), name)  # type: ignore[arg-type]


def moved(name: str, source: str) -> None:
    write(name, source, logits=read_logits(source).logits + np.float32(0.25))


@pytest.mark.parametrize("how", [(), IN_BLOCKS])
def test_a_forgotten_ref_is_refused(pbias: Run, how: tuple[str, ...]) -> None:
    done = pbias("metrics", "s90.npz", "dense.npz", *FAST, *how)
    assert (done.returncode, done.stdout) == (2, "")
    said = "the runs differ in sparsity (0, 0.9); did you mean --ref dense.npz?"
    assert done.stderr == f"pbias: error: {said}\n"


@pytest.mark.parametrize(
    "command",
    [
        ("metrics", "s90.npz", "--ref", "*[ey].npz", *FAST),
        ("exemplars", "--dense", "dense.npz", "--sparse", "s9*.npz"),
    ],
)
def test_each_side_has_one_sparsity(pbias: Run, command: tuple[str, ...]) -> None:
    shutil.copy("s99.npz", "mistaken-y.npz")
    done = pbias(*command)
    assert done.returncode == 2 and "differ in sparsity" in done.stderr
    assert "name runs of one sparsity" in done.stderr


def test_runs_that_reached_almost_one_sparsity_are_runs(pbias: Run) -> None:
    moved("again.npz", "s99.npz")
    write("again.npz", "again.npz", meta={"sparsity": 0.9902})
    done = pbias("metrics", "s99.npz", "again.npz", *FAST)
    assert (done.returncode, done.stderr) == (0, "")


def test_runs_of_unknown_sparsity_are_warned_of(pbias: Run) -> None:
    write("foreign.npz", "s90.npz", meta={}, logits=read_logits("s99.npz").logits)
    done = pbias("metrics", "s90.npz", "foreign.npz", *FAST)
    assert done.returncode == 0
    assert "warning: foreign.npz: sparsity unknown, 0.9 in the other runs" in done.stderr


@pytest.mark.parametrize("how", [(), IN_BLOCKS])
def test_the_same_network_twice_is_no_two_runs(pbias: Run, how: tuple[str, ...]) -> None:
    shutil.copy("s90.npz", "copy.npz")
    done = pbias("metrics", "s90.npz", "copy.npz", *FAST, *how)
    assert "s90.npz and copy.npz have the same logits" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("metrics", "dense.npz", "--ref", "s90.npz", *FAST),
        ("metrics", "dense.npz", "--ref", "s90.npz", *FAST, *IN_BLOCKS),
        ("exemplars", "--dense", "s90.npz", "--sparse", "dense.npz"),
        ("flag", "s90.npz", "--evaluate", "dense.npz"),
    ],
)
def test_swapped_sides_are_warned_of(pbias: Run, command: tuple[str, ...]) -> None:
    done = pbias(*command)
    assert done.returncode == 0
    said = "the reference is sparser (0.9) than the audited model (0); swapped?"
    assert f"pbias: warning: {said}\n" in done.stderr


def test_flags_of_a_pruned_model_are_noted(pbias: Run) -> None:
    said = "s90.npz is of a pruned model (sparsity 0.9)"
    assert said in pbias("flag", "s90.npz", "--summary").stderr
    assert "pruned" not in pbias("flag", "dense.npz", "--summary").stderr


@pytest.mark.parametrize("how", [(), IN_BLOCKS])
@pytest.mark.parametrize(
    ("option", "side"), [("--thresholds", "audited"), ("--ref-thresholds", "reference")]
)
def test_thresholds_of_one_side_are_warned_of(
    pbias: Run, write_thresholds: Callable[..., None], option: str, side: str, how: tuple[str, ...]
) -> None:
    names = ("Smiling", "Wearing_Hat", "Young")
    write_thresholds("cut.csv", dict.fromkeys(names, 0.5))
    sides = ("metrics", "s90.npz", "--ref", "dense.npz", *FAST, *how)
    said = f"warning: only the {side} side has thresholds: the change holds calibration and pruning"
    assert said in pbias(*sides, option, "cut.csv").stderr
    both = pbias(*sides, "--thresholds", "cut.csv", "--ref-thresholds", "cut.csv")
    assert (both.returncode, both.stderr) == (0, "")


def test_runs_with_and_without_thresholds_are_warned_of(
    pbias: Run, make_logits: Callable[..., Logits]
) -> None:
    moved("cut.npz", "s90.npz")
    write("cut.npz", "cut.npz", thresholds=np.full(3, 0.5))
    done = pbias("metrics", "s90.npz", "cut.npz", *FAST)
    assert "warning: only 1 of 2 runs have thresholds (cut.npz)" in done.stderr
