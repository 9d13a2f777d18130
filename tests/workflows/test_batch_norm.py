"""Pruning at once with data: batch-norm statistics from training images."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from pbias.data.batches import make_batch
from pbias.data.dataset import find_pictures, load
from pbias.errors import UserError
from pbias.files.checkpoint import load_checkpoint
from pbias.files.manifest import read_manifest, select
from pbias.models.network_files import network
from pbias.models.preprocess import Preprocess
from pbias.pruning.layers import prunable
from pbias.workflows.prune import prune
from pbias.workflows.train import train

NUM_TRAIN = 44


@pytest.fixture(autouse=True)
def _dense(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    train("photos/labels.csv", "dense.pt", groups="male", epochs=1, batch_size=16, image_size=24)


def _images() -> torch.Tensor:
    manifest = read_manifest("photos/labels.csv")
    pictures = find_pictures(manifest, select(manifest, targets=[]), manifest.rows("train"))
    data = load(pictures, Preprocess.from_dict(load_checkpoint("dense.pt").preprocess))
    return make_batch(data, torch.arange(len(data)), torch.device("cpu"))


def test_statistics_are_of_the_training_pictures_and_weights_stay() -> None:
    prune("dense.pt", "plain.pt", sparsity=0.8, one_shot=True)
    prune(
        "dense.pt", "s80.pt", sparsity=0.8, one_shot=True, data="photos/labels.csv", batch_size=64
    )
    child = load_checkpoint("s80.pt")
    plain, model = network(load_checkpoint("plain.pt")), network(child)
    images = _images()
    stem = model.get_submodule("conv1")(images).detach()
    torch.testing.assert_close(child.state_dict["bn1.running_mean"], stem.mean(dim=(0, 2, 3)))
    pairs = zip(prunable(plain).values(), prunable(model).values(), strict=True)
    assert len(images) == NUM_TRAIN and all(torch.equal(a, b) for a, b in pairs)


def test_it_is_said_and_written_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    prune("dense.pt", "s80.pt", sparsity=0.8, one_shot=True, bn_batches=2)
    said = "batch-norm statistics re-estimated from 32 training images in 2 batches"
    assert said in caplog.messages
    child = load_checkpoint("s80.pt")
    assert child.sparsity["batch_norm"] == {
        "num_images": 32, "num_batches": 2, "data_sha256": child.data["sha256"],
    }  # fmt: skip


def test_equal_runs_write_equal_bytes_and_several_sparsities_those_of_one() -> None:
    for sparsity, output in (("0.6,0.8", "a{sparsity}.pt"), ("0.8", "b.pt")):
        prune("dense.pt", output, sparsity=sparsity, one_shot=True, bn_batches=1)
    assert Path("a0.8.pt").read_bytes() == Path("b.pt").read_bytes()


def test_one_picture_is_too_few() -> None:
    manifest = Path("photos/labels.csv")
    one = "\n".join(manifest.read_text().splitlines()[:2])
    (manifest.parent / "one.csv").write_text(one + "\n")
    with pytest.raises(UserError, match=r"one\.csv has 1 training images, too few"):
        prune("dense.pt", "s80.pt", sparsity=0.8, one_shot=True, data="photos/one.csv")


def test_broken_pictures_are_skipped_where_asked_for() -> None:
    Path("photos/0.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1 of .* images cannot be read"):
        prune("dense.pt", "s80.pt", sparsity=0.8, one_shot=True, bn_batches=9)
    prune("dense.pt", "s80.pt", sparsity=0.8, one_shot=True, bn_batches=9, skip_bad_images=True)
    assert load_checkpoint("s80.pt").sparsity["batch_norm"]["num_images"] == NUM_TRAIN - 1
