"""`--distill` and `--balance` of train and prune, from the command line."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.files.checkpoint import load_checkpoint
from tests.cli.test_resume import interrupt

Run = Callable[..., CompletedProcess[str]]
TRAIN = "train photos/labels.csv --batch-size 8 --image-size 16 --targets bright,red --groups band"
PRUNE = "prune dense.pt --batch-size 8 --steps 3 --sparsity 0.8"


def test_a_pruned_network_learns_from_the_dense_one(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    done = pbias(*shlex.split(f"{PRUNE} --distill --temperature 2 --balance band -o s.pt"))
    assert done.returncode == 0, done.stderr
    assert "weights are capped at 10; the largest is " in done.stderr
    assert "of training (" in done.stderr and "with --no-augment" in done.stderr
    recipe = load_checkpoint("s.pt").recipe
    kept = ("distill", "temperature", "distill_weight", "balance", "balance_max")
    assert [recipe[name] for name in kept] == [True, 2.0, 0.5, "band", 10.0]
    # A teacher belongs to one run, balancing to the recipe that pruning goes on with.
    done = pbias(*shlex.split("prune s.pt --sparsity 0.9 --steps 2 -o again.pt"))
    again = load_checkpoint("again.pt").recipe
    assert (again["distill"], again["balance"]) == (False, "band"), done.stderr


def test_the_audit_says_that_training_differed(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    pbias(*shlex.split(f"{PRUNE} --distill --no-augment -o s.pt"))
    for name in ("dense", "s"):
        pbias("predict", f"{name}.pt", "photos/labels.csv", "-o", f"{name}.npz")
    said = pbias("metrics", "s.npz", "--ref", "dense.npz").stderr
    assert "distill True, reference False" in said


def test_train_takes_a_teacher(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    options = f"{TRAIN} --epochs 1 --distill --no-augment --teacher"
    done = pbias(*shlex.split(f"{options} dense.pt -o student.pt"))
    assert done.returncode == 0 and "teacher: 44 images in" in done.stderr, done.stderr
    assert load_checkpoint("dense.pt").sha256 in load_checkpoint("student.pt").parents
    done = pbias(*shlex.split(f"{options} dense.pt --targets red -o other.pt"))
    assert done.returncode == 2 and "dense.pt predicts bright, red" in done.stderr
    done = pbias(*shlex.split(f"{options} dense.pt --mean 0,0,0 -o other.pt"))
    assert done.returncode == 2 and "dense.pt takes images prepared as" in done.stderr


def test_settings_are_printed_where_they_have_an_effect(pbias: Run) -> None:
    asked = ("prune", "--recipe", "small", "--sparsity", "0.9", "--print-config")
    plain = pbias(*asked).stdout
    assert "distill" not in plain and "balance" not in plain and "temperature" not in plain
    printed = pbias(*asked, "--distill", "--teacher", "t.pt", "--balance", "a,b").stdout
    wanted = {"distill = true", 'teacher = "t.pt"', "temperature = 4.0", 'balance = "a,b"'}
    assert wanted <= set(printed.splitlines())
    Path("printed.toml").write_text(printed)
    assert pbias("prune", "--config", "printed.toml", "--print-config").stdout == printed


@pytest.mark.slow
def test_a_run_with_all_goes_on_to_the_same_bytes(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    options = f"{PRUNE} --epochs 25 --distill --balance band --group-dro band -o"
    code, said = interrupt(f"{options} a.pt", photos.parent, "a.pt.state", signal.SIGINT)
    assert code == 130, said
    resumed = pbias(*shlex.split(f"{options} a.pt --resume"))
    assert "of 25 epochs are done" in resumed.stderr
    pbias(*shlex.split(f"{options} whole.pt"))
    assert Path("a.pt").read_bytes() == Path("whole.pt").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--temperature 2", "--temperature has no effect without --distill; add it"),
        ("--teacher photos/labels.csv", "--teacher has no effect without --distill; add it"),
        ("--distill", "--distill needs a teacher to learn from; name its checkpoint by --teacher"),
        ("--balance-max 3", "--balance-max has no effect without --balance; add it"),
        ("--balance bnd", "--balance names 'bnd', but the groups are: band; did you mean"),
        ("--group-dro bnd", "--group-dro names 'bnd', but the groups are: band; did you mean"),
        ("--group-dro-step-size 1", "--group-dro-step-size has no effect without --group-dro"),
        ("--group-dro band --group-dro-step-size 0", "a group DRO step size of 0"),
        ("--balance band --balance-max 0.5", "a largest balancing weight of 0.5; use 1 or more"),
        ("--distill --teacher photos/labels.csv", "photos/labels.csv"),
    ],
)
def test_options_without_effect_are_refused(
    pbias: Run, photos: Path, options: str, said: str
) -> None:
    done = pbias(*shlex.split(f"{TRAIN} {options} -o a.pt"))
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("error: ") == 1
    assert not Path("a.pt").exists()


def test_one_shot_refuses_them(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    done = pbias(*shlex.split("prune dense.pt --one-shot --sparsity 0.5 --balance band -o a.pt"))
    assert done.returncode == 2 and "--balance has no effect with --one-shot" in done.stderr
