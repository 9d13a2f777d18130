"""Remedies in training and pruning, such as `--distill`, from the command line."""

from __future__ import annotations

import csv
import re
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
    # A teacher belongs to one run; balancing belongs to the recipe with which pruning continues.
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
    assert done.returncode == 2 and "dense.pt prepares images as" in done.stderr


def test_settings_are_printed_where_they_have_an_effect(pbias: Run) -> None:
    asked = ("prune", "--recipe", "small", "--sparsity", "0.9", "--print-config")
    plain = pbias(*asked).stdout
    assert "distill" not in plain and "balance" not in plain and "temperature" not in plain
    printed = pbias(*asked, "--distill", "--teacher", "t.pt", "--balance", "a,b").stdout
    wanted = {"distill = true", 'teacher = "t.pt"', "temperature = 4.0", 'balance = "a,b"'}
    assert wanted <= set(printed.splitlines())
    Path("printed.toml").write_text(printed)
    assert pbias("prune", "--config", "printed.toml", "--print-config").stdout == printed


def test_a_bound_is_about_what_the_audit_measures(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 2 --precision fp32 -o dense.pt"))
    texts = ("ceag@band <= 0.02", "ceag@band:red/bright <= 0.5")
    bounds = " ".join(f"--constrain '{text}'" for text in texts)
    done = pbias(*shlex.split(f"{PRUNE} --epochs 1 --precision fp32 {bounds} -o s.pt"))
    assert done.returncode == 0, done.stderr
    assert load_checkpoint("s.pt").recipe["constrain"] == list(texts)
    assert "NO EPOCH KEEPS THE BOUNDS" in done.stderr or "keeps the bounds" in done.stderr
    for name in ("dense", "s"):
        pbias("predict", f"{name}.pt", "photos/labels.csv", "--split", "valid", "-o", f"{name}.npz")
    groups = ("--groups", "band,band:red", "--metrics", "ceag", "-o", "t.csv")
    audit = pbias("metrics", "s.npz", "--ref", "dense.npz", *groups)
    assert audit.returncode == 0 and f"constrain {texts[0]}," in audit.stderr, audit.stderr
    with Path("t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for text, group, attribute in ((texts[0], "band", ""), (texts[1], "band:red", "bright")):
        said = next(line for line in done.stderr.splitlines() if f"{text}: " in line)
        found = [r for r in rows if (r["group"], r["attribute"]) == (group, attribute)]
        there = [r for r in found if r["contrast"] != "max" and r["value"]]
        values = {r["contrast"]: float(r["value"]) for r in there}
        assert values
        for name, value in values.items():
            logged = re.search(rf"[ ,]{name} ([-+][.\d]+) \(training", said)
            assert logged and abs(float(logged[1]) - value) < 1e-4, (said, values)


def test_weights_are_scored_on_the_images_of_each_group(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    score = "--score fisher --score-groups band --score-batches 2"
    done = pbias(*shlex.split(f"{PRUNE} --epochs 2 {score} -o s.pt"))
    assert "fisher is measured on 32 images at each pruning step: old 16, young 16" in done.stderr
    pruned = load_checkpoint("s.pt").sparsity
    asked = {name: pruned[name] for name in pruned if name.startswith("score")}
    assert asked == {
        "score": "fisher", "score_batches": 2, "score_groups": ["band"], "score_reduce": "max"
    }  # fmt: skip
    assert pruned["num_zeros"] == round(0.8 * pruned["num_weights"])
    # At once, with the data that the checkpoint names; in steps; and to a pattern.
    for options in ("--sparsity 0.8 --steps 3", "--pattern 2:4", "--sparsity 0.8 --scope erk"):
        one = f"prune dense.pt --one-shot --batch-size 8 {score} --score-reduce mean {options}"
        done = pbias(*shlex.split(one), "-o", "o.pt")
        assert done.returncode == 0 and "old 16, young 16" in done.stderr, done.stderr
        pruned = load_checkpoint("o.pt").sparsity
        assert pruned["score_reduce"] == "mean"
        if "0.8" in options:
            assert pruned["num_zeros"] == round(0.8 * pruned["num_weights"])
    asked_for = f"prune --recipe small --sparsity 0.9 {score} --print-config"
    printed = pbias(*shlex.split(asked_for)).stdout
    assert {'score-groups = "band"', "score-batches = 2"} <= set(printed.splitlines())
    Path("printed.toml").write_text(printed)
    assert pbias("prune", "--config", "printed.toml", "--print-config").stdout == printed


def test_train_compares_with_the_network_that_is_named(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    options = f"{TRAIN} --epochs 1 --teacher dense.pt --constrain 'ceag@band <= 0.5'"
    done = pbias(*shlex.split(f"{options} --sparsity 0.5 --steps 1 -o s.pt"))
    assert done.returncode == 0 and "multiplier" in done.stderr, done.stderr
    for wrong, hint in (("bnd", "did you mean 'band'?"), ("band=x", "has no value 'x'; it has: ")):
        done = pbias(*shlex.split(f"{options} --constrain 'ceag@{wrong} <= 0.5' -o a.pt"))
        assert done.returncode == 2 and hint in done.stderr, done.stderr


@pytest.mark.slow
def test_acdc_reaches_its_sparsity_and_goes_on_to_the_same_bytes(pbias: Run, photos: Path) -> None:
    options = f"{TRAIN} --epochs 25 --sparsity 0.8 --strategy acdc -o"
    code, said = interrupt(f"{options} a.pt", photos.parent, "a.pt.state", signal.SIGINT)
    assert code == 130, said
    resumed = pbias(*shlex.split(f"{options} a.pt --resume"))
    assert "of 25 epochs are done" in resumed.stderr
    pbias(*shlex.split(f"{options} whole.pt"))
    assert Path("a.pt").read_bytes() == Path("whole.pt").read_bytes()
    pruned = load_checkpoint("a.pt").sparsity
    assert pruned["method"] == "acdc" and len(pruned["at_epochs"]) == 15
    assert pruned["num_zeros"] == round(0.8 * pruned["num_weights"])
    asked = "train --sparsity 0.8 --strategy acdc --print-config"
    printed = pbias(*shlex.split(asked)).stdout
    assert 'strategy = "acdc"' in printed and "schedule" not in printed.replace("lr-schedule", "")
    Path("printed.toml").write_text(printed)
    assert pbias("train", "--config", "printed.toml", "--print-config").stdout == printed


@pytest.mark.slow
def test_a_run_with_all_goes_on_to_the_same_bytes(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    options = (
        f"{PRUNE} --epochs 25 --distill --balance band --group-dro band"
        " --constrain 'ceag@band <= 0.01' --score fisher --score-groups band -o"
    )
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
        ("--teacher photos/labels.csv", "--teacher has no effect without --distill or --constrain"),
        ("--distill", "--distill needs a teacher; name its checkpoint with --teacher"),
        ("--balance-max 3", "--balance-max has no effect without --balance; add it"),
        ("--balance bnd", "--balance names 'bnd', but the groups are: band; did you mean"),
        ("--group-dro bnd", "--group-dro names 'bnd', but the groups are: band; did you mean"),
        ("--group-dro-step-size 1", "--group-dro-step-size has no effect without --group-dro"),
        ("--group-dro band --group-dro-step-size 0", "--group-dro-step-size 0 is out of range"),
        ("--group-dro band --group-dro-step-size 1e9", "use a number above 0, at most 1000"),
        ("--distill --teacher x.pt --temperature 1e200", "temperature 1e+200 is out of range"),
        ("--distill --teacher x.pt --temperature 1e-9", "use 0.001 to 1000"),
        ("--distill --teacher x.pt --distill-weight nan", "distillation weight nan is out of"),
        ("--constrain 'ceag@band <= x'", "for example 'ceag@sex <= 0.02'"),
        ("--balance band --balance-max 0.5", "a largest balancing weight of 0.5; use 1 or more"),
        ("--distill --teacher photos/labels.csv", "photos/labels.csv"),
        ("--constrain 'ceag@band <= 0.1'", "--constrain needs the dense network; name"),
        ("--constrain 'tpr@band <= 0.1'", "'tpr@band <= 0.1' cannot be trained for; --constrain"),
        ("--constrain 'ceag@band >= 0.1'", "is not an upper bound of 0 or more; --constrain"),
        ("--constrain 'ceag <= 0.1'", "'ceag <= 0.1' names no group; --constrain takes bounds"),
        ("--constrain 'ceag@band/worst <= 0.1'", "the worst attribute changes from step to step"),
        ("--constrain 'ceag@band < 0.1'", "use <= in place of <"),
        ("--sparsity 0.5 --score-groups band", "--score-groups has no effect with --score magni"),
        ("--sparsity 0.5 --score taylor --score-groups bnd", "the groups are: band; did you mean"),
        ("--sparsity 0.5 --score fisher --score-reduce mean", "no effect without --score-groups"),
        ("--score-batches 2", "--score-batches has no effect with --score magnitude"),
        ("--score taylor", "--score has no effect without --sparsity; add --sparsity"),
        ("--constrain-lr 1", "--constrain-lr has no effect without --constrain; add it"),
        (
            "--constrain 'ceag@band <= 0.1' --teacher x.pt --constrain-lr inf",
            "--constrain-lr inf is out of range",
        ),
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
    one = "prune dense.pt --one-shot --sparsity 0.5 --teacher dense.pt"
    for options in ("-o a.pt", "--print-config"):
        done = pbias(*shlex.split(f"{one} {options}"))
        assert done.returncode == 2 and "--teacher has no effect with --one-shot" in done.stderr
