"""Pruning at once: exact counts, methods, files and messages."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pbias.files.provenance import sha256
from pbias.models import build
from pbias.models.network_files import network
from pbias.pruning.layers import prunable
from pbias.workflows.prune import prune

TARGETS = ["Smiling", "Bald", "Young"]


@pytest.fixture
def dense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write an untrained checkpoint of a small network; its data does not exist."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    checkpoint = Checkpoint(
        model={"name": "resnet_small", "args": {"width": 4}},
        state_dict=build("resnet_small", 3, width=4).state_dict(),
        targets=TARGETS,
        groups=["Male"],
        group_values=[["0", "1"]],
        preprocess={"size": 32, "crop": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
        data={"path": "faces/labels.csv", "sha256": "ab"},
        train_counts=np.zeros((3, 2, 3, 2), np.int64),
        recipe={"epochs": 3, "lr": 0.1},
        sparsity={},
        parents=[],
        environment={},
    )
    save_checkpoint(checkpoint, "dense.pt")
    return Path("dense.pt")


def _weights(path: str) -> torch.Tensor:
    weights = prunable(network(load_checkpoint(path))).values()
    return torch.cat([weight.detach().flatten() for weight in weights])


def _scale(name: str, row: int | slice, factor: float) -> None:
    checkpoint = load_checkpoint("dense.pt")
    checkpoint.state_dict[name][row] *= factor
    save_checkpoint(checkpoint, "dense.pt")


@pytest.mark.usefixtures("dense")
def test_one_shot_zeroes_the_smallest_to_the_exact_count() -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True)
    before = _weights("dense.pt")
    smallest = before.abs().argsort(stable=True)[: round(0.9 * len(before))]
    assert torch.equal(_weights("s90.pt"), before.index_fill(0, smallest, 0.0))


@pytest.mark.usefixtures("dense")
def test_asked_and_reached_sparsity_are_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True)
    total = len(_weights("dense.pt"))
    assert caplog.messages[0] == (
        f"s90.pt: asked for sparsity 0.9, reached {round(0.9 * total) / total:.6g}:"
        f" {round(0.9 * total):,} of {total:,} weights are zero (87.0 % of all 5,095 parameters)"
    )


@pytest.mark.usefixtures("dense")
def test_layers_are_listed_in_detail_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    prune("dense.pt", "s50.pt", sparsity=0.5, one_shot=True)
    detail = [record.message for record in caplog.records if record.levelno == logging.DEBUG]
    assert [line.partition(":")[0] for line in detail] == list(
        prunable(network(load_checkpoint("dense.pt")))
    )
    assert "of 12 filters empty" not in detail[0]
    assert "of 108 weights left, 0 of 4 filters empty" in detail[0]


def test_the_checkpoint_says_where_it_comes_from(dense: Path) -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True)
    parent, child = load_checkpoint("dense.pt"), load_checkpoint("s90.pt")
    assert child.parents == [sha256(dense.read_bytes())]
    assert child.sparsity["asked"] == 0.9
    assert child.sparsity["reached"] == child.sparsity["num_zeros"] / child.sparsity["num_weights"]
    assert list(child.sparsity["per_layer"]) == list(prunable(network(parent)))
    assert [child.sparsity[k] for k in ("method", "score", "scope", "tie_rule")] == [
        "one-shot", "magnitude", "global", "lower index kept",
    ]  # fmt: skip
    assert (child.targets, child.recipe, child.data) == (TARGETS, parent.recipe, parent.data)


@pytest.mark.usefixtures("dense")
def test_the_pruned_weights_load_into_the_plain_network() -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True)
    content = torch.load("s90.pt", weights_only=True)
    build("resnet_small", 3, width=4).load_state_dict(content["state_dict"])


@pytest.mark.usefixtures("dense")
def test_labels_of_constant_output_are_named(caplog: pytest.LogCaptureFixture) -> None:
    _scale("fc.weight", 1, 1e-6)
    prune("dense.pt", "s50.pt", sparsity=0.5, one_shot=True)
    assert caplog.messages == [
        "s50.pt: 1 of 3 targets have no weight left in the classifier, so their output is the"
        " same for every picture: Bald"
    ]


@pytest.mark.usefixtures("dense")
def test_layers_without_weights_are_named(caplog: pytest.LogCaptureFixture) -> None:
    _scale("conv1.weight", slice(None), 1e-6)
    prune("dense.pt", "s50.pt", sparsity=0.5, one_shot=True)
    assert caplog.messages == ["s50.pt: layers without any weight left: conv1.weight"]


@pytest.mark.usefixtures("dense")
def test_equal_runs_write_equal_bytes() -> None:
    for name in ("a.pt", "b.pt"):
        prune("dense.pt", name, sparsity=0.9, one_shot=True)
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()


@pytest.mark.usefixtures("dense")
def test_pruned_in_two_steps_is_pruned_in_one() -> None:
    prune("dense.pt", "s50.pt", sparsity=0.5, one_shot=True)
    prune("s50.pt", "twice.pt", sparsity=0.9, one_shot=True)
    prune("dense.pt", "once.pt", sparsity=0.9, one_shot=True)
    assert torch.equal(_weights("twice.pt"), _weights("once.pt"))


@pytest.mark.usefixtures("dense")
def test_several_sparsities_from_one_parent() -> None:
    prune("dense.pt", "s{sparsity}.pt", sparsity="0.95,0.80", one_shot=True)
    for word in ("0.95", "0.80"):
        prune("dense.pt", "alone.pt", sparsity=word, one_shot=True)
        assert Path("alone.pt").read_bytes() == Path(f"s{word}.pt").read_bytes()


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize("half", [False, True])
def test_a_bare_state_dict_becomes_a_checkpoint(half: bool) -> None:
    model = build("resnet18", 7)
    torch.save((model.half() if half else model).state_dict(), "bare.pth")
    prune("bare.pth", "s80.pt", sparsity=0.8, one_shot=True, arch="resnet18")
    child = load_checkpoint("s80.pt")
    assert child.targets == [f"output_{index}" for index in range(7)]
    assert child.parents == [sha256(Path("bare.pth").read_bytes())]
    weights = _weights("s80.pt")
    assert int((weights == 0).sum()) == round(0.8 * len(weights))


def _sparsity(path: str) -> dict[str, Any]:
    return load_checkpoint(path).sparsity


@pytest.mark.usefixtures("dense")
def test_the_method_is_written_down() -> None:
    prune("dense.pt", "s80.pt", sparsity=0.8, one_shot=True, score="random", scope="erk", seed=4,
        only=["re:layer", "conv1,fc"], exclude=["layer1.0.conv1"], min_keep=3, min_keep_row=2,
    )  # fmt: skip
    assert _sparsity("s80.pt").items() >= {
        "score": "random", "score_seed": 4, "scope": "erk", "pattern": "unstructured",
        "only": ["re:layer", "conv1", "fc"], "exclude": ["layer1.0.conv1"],
        "min_keep": 3, "min_keep_row": 2, "tie_rule": "lower index kept",
    }.items()  # fmt: skip


@pytest.mark.usefixtures("dense")
def test_excluded_layers_stay_and_sparsity_is_of_the_others() -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True, exclude=["fc", "conv1"])
    before, after = load_checkpoint("dense.pt").state_dict, load_checkpoint("s90.pt").state_dict
    for name in ("fc.weight", "conv1.weight"):
        assert torch.equal(before[name], after[name])
    num_weights = len(_weights("dense.pt")) - before["fc.weight"].numel() - 108
    assert _sparsity("s90.pt")["num_weights"] == num_weights
    assert _sparsity("s90.pt")["num_zeros"] == round(0.9 * num_weights)
    assert int((_weights("s90.pt") == 0).sum()) == round(0.9 * num_weights)


@pytest.mark.usefixtures("dense")
def test_2_of_4_needs_no_sparsity_and_holds_along_the_input_channels() -> None:
    prune("dense.pt", "half.pt", sparsity=None, one_shot=True, pattern="2:4")
    state_dict = load_checkpoint("half.pt").state_dict
    assert _sparsity("half.pt")["asked"] == 0.5
    for name in ("layer2.0.conv1.weight", "layer3.0.conv2.weight", "fc.weight"):
        weight = state_dict[name].flatten(2) if state_dict[name].ndim > 2 else state_dict[name]
        groups = weight.reshape(len(weight), -1, 4, *weight.shape[2:])
        assert ((groups != 0).sum(dim=2) == 2).all()
    # Three input channels form a shorter group, of which two stay.
    assert ((state_dict["conv1.weight"] != 0).sum(dim=1) == 2).all()


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize("sparsity", [None, "0.667", "0.66666667"])
def test_a_third_is_reached_however_it_is_written(sparsity: str | None) -> None:
    prune("dense.pt", "s{sparsity}.pt", sparsity=sparsity, one_shot=True, pattern="1:3")
    weight = load_checkpoint("s0.666667.pt").state_dict["conv1.weight"]
    assert ((weight != 0).sum(dim=1) == 1).all()


@pytest.mark.usefixtures("dense")
def test_every_output_keeps_what_it_is_asked_to(caplog: pytest.LogCaptureFixture) -> None:
    _scale("fc.weight", 1, 1e-6)
    prune("dense.pt", "s95.pt", sparsity=0.95, one_shot=True, min_keep_row=2, min_keep=1)
    assert int((load_checkpoint("s95.pt").state_dict["fc.weight"][1] != 0).sum()) == 2
    assert not caplog.messages


@pytest.mark.usefixtures("dense")
def test_steps_without_training_weigh_norms_anew() -> None:
    options = {"one_shot": True, "score": "magnitude_norm"}
    prune("dense.pt", "once.pt", sparsity=0.9, **options)
    prune("dense.pt", "steps.pt", sparsity=0.9, steps=5, **options)
    assert not torch.equal(_weights("once.pt"), _weights("steps.pt"))
    assert _sparsity("once.pt")["num_zeros"] == _sparsity("steps.pt")["num_zeros"]
    prune("dense.pt", "plain.pt", sparsity=0.9, one_shot=True, steps=5)
    prune("dense.pt", "one.pt", sparsity=0.9, one_shot=True)
    assert torch.equal(_weights("plain.pt"), _weights("one.pt"))


@pytest.mark.usefixtures("dense")
def test_the_authors_schedule_says_that_it_stops_early(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True, steps=5, pruning_schedule="paper")
    end = 0.9 - 0.85 / 125
    assert f"it ends at sparsity {end:.6g} where 0.9 is asked for" in caplog.messages[0]
    assert _sparsity("s90.pt")["asked"] == 0.9
    assert _sparsity("s90.pt")["num_zeros"] == round(end * len(_weights("dense.pt")))


@pytest.mark.usefixtures("dense")
def test_sparsity_0_keeps_the_weights() -> None:
    prune("dense.pt", "s50.pt", sparsity=0.5, one_shot=True)
    prune("s50.pt", "same.pt", sparsity=0, one_shot=True)
    assert torch.equal(_weights("same.pt"), _weights("s50.pt"))


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize(
    ("sparsity", "options", "message"),
    [
        ("1", {}, r"sparsity 1 is not in \[0, 1\)"),
        ("-0.1", {}, r"sparsity -0.1 is not in \[0, 1\)"),
        ("nan", {}, r"sparsity nan is not in \[0, 1\)"),
        ("95", {}, r"did you mean 0.95\?"),
        ("high", {}, "--sparsity high is not a number"),
        ("", {}, "--sparsity  is not a number"),
        ("0.8,0.9", {}, "2 sparsities would be written to one file s.pt; put '{sparsity}'"),
        ("0.9", {"recipe": "small"}, "--recipe has no effect with --one-shot"),
        ("0.9", {"augment": False}, "--augment has no effect with --one-shot"),
        ("0.9", {"pruning_epochs": "1,1,3"}, "--pruning-epochs has no effect with --one-shot"),
        ("0.9", {"one_shot": False, "recipe": "paper-dense"}, "use one of paper-gmp-pt"),
        ("0.9", {"batch_size": 3}, "--batch-size has no effect with --one-shot"),
        ("0.9", {"data": "x.csv", "lr": 0.1}, "--lr has no effect with --one-shot"),
        ("0.9", {"data": "x.csv"}, "x.csv does not exist"),
        ("0.9", {"bn_batches": 3}, "not here; name the data with --data .* leave --bn-batches out"),
        ("0.9", {"bn_batches": 3, "one_shot": False}, "--bn-batches is only for --one-shot"),
        ("0.9", {"pruning_schedule": "linear"}, "--pruning-schedule has no effect .*; add --steps"),
        (None, {}, "Missing option '--sparsity'; give the share of zeros, as in 0.95"),
        ("0.9", {"pattern": "2:4"}, "--pattern 2:4 means sparsity 0.5, not 0.9; leave --sparsity"),
        ("0.9", {"pattern": "4:2"}, "pattern '4:2' is neither 'unstructured' nor N:M"),
        ("0.9", {"exclude": ["head"]}, "no layer that may be pruned is called 'head'; there are"),
        (
            "0.9",
            {"min_keep": 9999},
            "sparsity 0.9 needs .* zeros, but --min-keep and --min-keep-row leave at most 0",
        ),
        ("0.9", {"arch": "resnet18"}, "which names its network itself; leave out --arch"),
        (
            "0.9",
            {"one_shot": False, "arch": "resnet18"},
            "which names its network itself; leave out --a",
        ),
        ("0.9", {"one_shot": False}, "faces/labels.csv, which is not here; .*--data.*--one-shot"),
        ("0.9", {"one_shot": False, "pruning_schedule": "x"}, "unknown pruning schedule 'x'"),
    ],
)
def test_wrong_options_are_refused(
    sparsity: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        prune("dense.pt", "s.pt", sparsity=sparsity, **{"one_shot": True, **options})
    assert not Path("s.pt").exists()


@pytest.mark.usefixtures("dense")
def test_less_than_there_is_says_what_there_is() -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, one_shot=True)
    with pytest.raises(UserError, match=r"s90\.pt is at sparsity 0\.9\d* already, above 0\.5"):
        prune("s90.pt", "s50.pt", sparsity=0.5, one_shot=True)
