"""Pruning during training, on images drawn here."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pbias.errors import UserError
from pbias.files.checkpoint import load_checkpoint, save_checkpoint
from pbias.files.provenance import sha256
from pbias.models import build
from pbias.models.network_files import network
from pbias.pruning.layers import prunable
from pbias.workflows.prune import prune
from pbias.workflows.train import train

NUM = 48


def _draw(folder: Path) -> None:
    """Draw images that are red or not, bright or dark; the group is the side of a white bar."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["image,split,Red,Dark,Left"]
    for index in range(NUM):
        red, dark, left = rng.integers(0, 2, 3)
        pixels = rng.integers(0, 60, (32, 32, 3)) + (20 if dark else 120)
        pixels[..., 0] += 70 * red
        pixels[:, slice(0, 4) if left else slice(28, 32)] = 255
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")
        split = "train" if index < NUM * 2 // 3 else "valid"
        rows.append(f"{index}.png,{split},{red},{dark},{left}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with images in `shapes` and a network trained on them, `dense.pt`."""
    folder = tmp_path_factory.mktemp("trained")
    _draw(folder / "shapes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train("shapes/labels.csv", "dense.pt", groups="Left", epochs=3, batch_size=8)
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make that folder the working directory."""
    monkeypatch.chdir(trained)
    return trained


def _num_zeros(path: str) -> tuple[int, int]:
    weights = prunable(network(load_checkpoint(path))).values()
    return sum(int((w == 0).sum()) for w in weights), sum(w.numel() for w in weights)


@pytest.mark.usefixtures("here")
def test_the_target_is_reached_exactly_while_the_rest_is_trained() -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, epochs=3)
    num_zeros, num_weights = _num_zeros("s90.pt")
    assert num_zeros == round(0.9 * num_weights)
    dense, pruned = load_checkpoint("dense.pt"), load_checkpoint("s90.pt")
    left = pruned.state_dict["fc.weight"] != 0
    assert (dense.state_dict["fc.weight"][left] != pruned.state_dict["fc.weight"][left]).any()


def test_the_checkpoint_says_how(here: Path) -> None:
    prune("dense.pt", "s90.pt", sparsity=0.9, epochs=4, lr=0.05, steps=2, seed=5)
    child = load_checkpoint("s90.pt")
    assert child.parents == [sha256((here / "dense.pt").read_bytes())]
    assert child.sparsity["start"] == "trained"
    assert {k: child.sparsity[k] for k in ("method", "schedule", "initial", "at_epochs")} == {
        "method": "gradual", "schedule": "cubic", "initial": 0.05, "at_epochs": [0.0, 1.2],
    }  # fmt: skip
    parent = load_checkpoint("dense.pt")
    changes = {"epochs": 4, "lr": 0.05, "seed": 5}
    assert child.recipe == parent.recipe | changes
    assert child.data == parent.data
    np.testing.assert_array_equal(child.train_counts, parent.train_counts)


@pytest.mark.usefixtures("here")
def test_a_recipe_is_taken_whole_and_changed_in_part() -> None:
    prune(
        "dense.pt", "s90.pt", sparsity=0.9, recipe="paper-gmp-pt", epochs=3, pruning_epochs="1,1,3"
    )
    child = load_checkpoint("s90.pt")
    assert (child.recipe["name"], child.recipe["lr"]) == ("paper-gmp-pt", 1e-4)
    assert (child.recipe["batch_size"], child.recipe["epochs"]) == (256, 3)
    assert child.sparsity["at_epochs"] == [1.0, 2.0]
    assert child.sparsity["reached"] == pytest.approx(0.9, abs=1e-4)


def test_equal_runs_write_equal_bytes(here: Path) -> None:
    for name in ("a.pt", "b.pt"):
        prune("dense.pt", name, sparsity=0.8, epochs=2)
    assert (here / "a.pt").read_bytes() == (here / "b.pt").read_bytes()


def test_several_sparsities_start_from_the_same_parent(here: Path) -> None:
    prune("dense.pt", "both{sparsity}.pt", sparsity="0.7,0.9", epochs=2)
    prune("dense.pt", "alone.pt", sparsity=0.9, epochs=2)
    assert (here / "both0.9.pt").read_bytes() == (here / "alone.pt").read_bytes()


@pytest.mark.usefixtures("here")
def test_old_zeros_stay_zero_through_training() -> None:
    prune("dense.pt", "s60.pt", sparsity=0.6, one_shot=True)
    prune("s60.pt", "s80.pt", sparsity=0.8, epochs=2)
    before, after = load_checkpoint("s60.pt").state_dict, load_checkpoint("s80.pt").state_dict
    for name in prunable(network(load_checkpoint("dense.pt"))):
        assert (after[name][before[name] == 0] == 0).all()


def test_data_may_be_named_and_elsewhere(here: Path) -> None:
    (here / "moved.csv").write_text((here / "shapes/labels.csv").read_text())
    prune("dense.pt", "s50.pt", sparsity=0.5, epochs=1, data="moved.csv", image_root="shapes")
    child = load_checkpoint("s50.pt")
    assert child.data["path"] == "moved.csv"
    assert child.data["image_root"] == "shapes"


def test_changed_data_is_warned_of(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest = here / "shapes/labels.csv"
    original = manifest.read_text()
    manifest.write_text(original.removesuffix("\n"))
    prune("dense.pt", "s50.pt", sparsity=0.5, epochs=1)
    manifest.write_text(original)
    assert "shapes/labels.csv has changed since dense.pt was trained on it" in caplog.messages


def test_columns_that_are_not_there_are_refused(here: Path) -> None:
    (here / "shapes/other.csv").write_text("image,split,Blue,Left\n0.png,train,1,0\n")
    with pytest.raises(UserError, match="has no column 'Red'"):
        prune("dense.pt", "s50.pt", sparsity=0.5, data="shapes/other.csv")


@pytest.mark.usefixtures("here")
def test_weights_without_data_name_both_ways_out() -> None:
    torch.save(build("resnet_small", 2).state_dict(), "bare.pt")
    prune("bare.pt", "adopted.pt", sparsity=0, one_shot=True, arch="resnet_small")
    with pytest.raises(
        UserError, match=r"names no data; .* --data LABELS\.csv, .* with --one-shot"
    ):
        prune("adopted.pt", "s50.pt", sparsity=0.5)


@pytest.mark.usefixtures("here")
def test_progress_of_every_epoch_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    prune("dense.pt", "s90.pt", sparsity=0.9, epochs=2)
    assert sum(message.startswith("epoch ") for message in caplog.messages) == 2
    assert "s90.pt: asked for sparsity 0.9, reached 0.9:" in "\n".join(caplog.messages)


@pytest.mark.usefixtures("here")
def test_a_checkpoint_can_be_loaded_saved_and_pruned_again() -> None:
    save_checkpoint(load_checkpoint("dense.pt"), "copy.pt")
    prune("copy.pt", "s90.pt", sparsity=0.9, epochs=1)
    assert load_checkpoint("s90.pt").parents == [load_checkpoint("copy.pt").sha256]
