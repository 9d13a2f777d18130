"""`pbias train --sparsity`: gradual pruning from random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from pbias.files.checkpoint import load_checkpoint
from pbias.models.network_files import network
from pbias.pruning.layers import prunable

Run = Callable[..., CompletedProcess[str]]

TRAIN = ("train", "photos/labels.csv", "--epochs", "3", "--batch-size", "16")
SPARSE = (*TRAIN, "--sparsity", "0.9", "-o", "ri.pt")


def weights(path: str) -> torch.Tensor:
    layers = prunable(network(load_checkpoint(path))).values()
    return torch.cat([layer.detach().flatten() for layer in layers])


def test_the_target_is_reached_exactly(pbias: Run, photos: Path) -> None:
    assert pbias(*SPARSE).returncode == 0
    assert int((weights("ri.pt") == 0).sum()) == round(0.9 * len(weights("ri.pt")))
    assert pbias("info", "ri.pt", "--expect-sparsity", "0.9").returncode == 0


def test_the_checkpoint_and_info_say_how(pbias: Run, photos: Path) -> None:
    pbias(*SPARSE, "--pruning-steps", "2", "--pruning-schedule", "linear", "--groups", "male")
    made = load_checkpoint("ri.pt")
    how = {"method": "gradual", "schedule": "linear", "initial": 0.05, "asked": 0.9}
    assert {name: made.sparsity[name] for name in how} == how
    assert made.sparsity["at_epochs"] == pytest.approx([0.3, 1.35])
    assert made.sparsity["start"] == "random"
    assert (made.recipe["epochs"], made.parents, made.groups) == (3, [], ["male"])
    assert "asked: 0.9" in pbias("info", "ri.pt", "--format", "table").stdout


def test_sparse_and_dense_start_from_the_same_weights(pbias: Run, photos: Path) -> None:
    still = ("--lr", "1e-30")
    pbias(*TRAIN, *still, "-o", "dense.pt")
    pbias(*SPARSE, *still)
    sparse = weights("ri.pt")
    kept = sparse != 0
    assert torch.equal(sparse[kept], weights("dense.pt")[kept])


def test_each_of_several_sparsities_is_as_if_alone(pbias: Run, photos: Path) -> None:
    pbias(*TRAIN, "--sparsity", "0.5,0.9", "-o", "ri{sparsity}.pt")
    pbias(*SPARSE)
    assert Path("ri0.9.pt").read_bytes() == Path("ri.pt").read_bytes()
    assert load_checkpoint("ri0.5.pt").sparsity["asked"] == 0.5


def test_a_packed_file_holds_the_same(pbias: Run, photos: Path) -> None:
    pbias(*SPARSE)
    pbias(*SPARSE[:-1], "packed.pt", "--pack")
    assert torch.equal(weights("ri.pt"), weights("packed.pt"))
    assert Path("packed.pt").stat().st_size < Path("ri.pt").stat().st_size


def test_zeros_of_the_start_are_kept_or_refused(pbias: Run, photos: Path) -> None:
    pbias(*SPARSE)
    pbias(*TRAIN, "--init", "ri.pt", "--sparsity", "0.95", "-o", "more.pt")
    assert (weights("more.pt")[weights("ri.pt") == 0] == 0).all()
    less = pbias(*TRAIN, "--init", "ri.pt", "--sparsity", "0.5", "-o", "less.pt")
    assert less.returncode == 2 and "ri.pt is at sparsity 0.9" in less.stderr


def test_the_method_decides_what_goes(pbias: Run, photos: Path) -> None:
    method = ("--scope", "layer", "--score", "random", "--exclude", "conv1", "--min-keep-row", "9")
    narrow = ("--model-args", "width=16")  # 64 weights per row of the classifier
    assert pbias(*SPARSE, *narrow, *method, "--seed", "4").returncode == 0
    made = load_checkpoint("ri.pt")
    assert made.sparsity.items() >= {
        "scope": "layer", "score": "random", "score_seed": 4, "exclude": ["conv1"],
        "min_keep_row": 9,
    }.items()  # fmt: skip
    zeros = {name: (w == 0).float().mean() for name, w in prunable(network(made)).items()}
    assert zeros.pop("conv1.weight") == 0
    assert ((made.state_dict["fc.weight"] != 0).sum(dim=1) == 9).all()
    del zeros["fc.weight"]
    assert min(zeros.values()) > 0.89


def test_a_pattern_needs_no_sparsity(pbias: Run, photos: Path) -> None:
    assert pbias(*TRAIN, "--pattern", "2:4", "-o", "half.pt").returncode == 0
    weight = load_checkpoint("half.pt").state_dict["layer2.0.conv1.weight"].flatten(2)
    groups = weight.reshape(len(weight), -1, 4, weight.shape[-1])
    assert ((groups != 0).sum(dim=2) == 2).all()


@pytest.mark.parametrize("asked", [("--sparsity", "0.9", "--only", "fc"), ("--pattern", "2:4")])
def test_the_method_is_printed_and_read_back(pbias: Run, asked: tuple[str, ...]) -> None:
    printed = pbias("train", *asked, "--print-config").stdout
    assert "initial-sparsity = 0.05" in printed and asked[-1] in printed
    Path("printed.toml").write_text(printed)
    assert pbias("train", "--config", "printed.toml", "--print-config").stdout == printed


def test_a_dense_network_has_no_method(pbias: Run) -> None:
    assert "scope" not in pbias("train", "--print-config").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sparsity", "95"], "did you mean 0.95?"),
        (["--sparsity", "0.8,0.9"], "2 sparsities would be written to one file s.pt"),
        (["--sparsity", "0.9", "--pruning-schedule", "x"], "unknown pruning schedule 'x'"),
        (["--steps", "3"], "--steps has no effect without --sparsity"),
        (["--pack"], "--pack has no effect without --sparsity"),
        (["--scope", "erk"], "--scope has no effect without --sparsity; add --sparsity"),
        (["--exclude", "fc"], "--exclude has no effect without --sparsity"),
        (["--min-keep-row", "2"], "--min-keep-row has no effect without --sparsity"),
        (["--pattern", "2:4", "--sparsity", "0.9"], "means sparsity 0.5, not 0.9; leave --spars"),
    ],
)
def test_wrong_options_are_one_line(
    pbias: Run, photos: Path, options: list[str], message: str
) -> None:
    failed = pbias(*TRAIN, *options, "-o", "s.pt")
    assert failed.returncode == 2 and message in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "head"], "no layer that may be pruned is called 'head'; there are conv1.weigh"),
        (["--min-keep", "99999"], "but --min-keep and --min-keep-row leave at most 0 of 76,912"),
    ],
)
def test_what_does_not_fit_the_network_is_refused_before_training(
    pbias: Run, photos: Path, options: list[str], message: str
) -> None:
    failed = pbias(*SPARSE, "--model-args", "width=16", *options)
    assert failed.returncode == 2 and message in failed.stderr.splitlines()[-1]
    assert "epoch 1" not in failed.stderr and not Path("ri.pt").exists()
