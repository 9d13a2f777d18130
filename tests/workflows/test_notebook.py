"""From drawn faces to logits with functions alone, as a notebook calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pbias.errors import UserError
from pbias.files.checkpoint import load_checkpoint
from pbias.files.logits import read_logits
from pbias.workflows.conversion.checkpoints import info
from pbias.workflows.manifest import check_manifest
from pbias.workflows.predict import predict
from pbias.workflows.prune import prune
from pbias.workflows.runs.options import PredictOptions, TrainOptions
from pbias.workflows.synth import draw
from pbias.workflows.train import train

TARGETS = ["Smiling", "Eyeglasses"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with 60 drawn faces in `faces` and a network trained on them, `dense.pt`."""
    folder = tmp_path_factory.mktemp("notebook")
    draw(folder / "faces", num=60, size=32, workers=1)
    options = TrainOptions(targets=TARGETS, groups="Male", epochs=1)
    assert train(folder / "faces/labels.csv", folder / "dense.pt", options) == [folder / "dense.pt"]
    return folder


def test_a_network_is_trained_pruned_and_run(folder: Path) -> None:
    labels = folder / "faces/labels.csv"
    written = prune(folder / "dense.pt", folder / "s{sparsity}.pt", sparsity=[0.5, 0.9], epochs=1)
    assert written == [folder / "s0.5.pt", folder / "s0.9.pt"]
    logits = predict(written[1], labels, folder / "s90.npz", split="train")
    assert logits.targets == tuple(TARGETS) and logits.group_names == ("Male",)
    stored = read_logits(str(folder / "s90.npz"))
    np.testing.assert_array_equal(stored.logits, logits.logits)
    expectation = info(written[1], expect_sparsity=0.9).expectation
    assert expectation is not None and expectation.met


def test_nothing_is_written_where_no_output_is_named(folder: Path) -> None:
    before = sorted(folder.iterdir())
    options = PredictOptions(split="valid", batch_size=4)
    logits = predict(folder / "dense.pt", folder / "faces/labels.csv", options=options)
    assert len(logits) == len(logits.ids) > 0 and sorted(folder.iterdir()) == before


def test_a_dry_run_returns_no_files(folder: Path) -> None:
    labels, output = folder / "faces/labels.csv", folder / "new.pt"
    assert train(labels, output, targets=TARGETS, dry_run=True) == []
    assert prune(folder / "dense.pt", output, sparsity=0.9, one_shot=True, dry_run=True) == []
    assert not output.exists()


def test_finished_runs_are_returned_when_they_are_resumed(folder: Path) -> None:
    labels, output = folder / "faces/labels.csv", folder / "dense.pt"
    before = output.stat().st_mtime_ns
    assert train(labels, output, targets=TARGETS, groups=["Male"], epochs=1, resume=True) == [
        output
    ]
    assert output.stat().st_mtime_ns == before


def test_progress_is_reported_to_the_caller(folder: Path) -> None:
    seen: dict[str, int] = {}

    @contextmanager
    def watch(label: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: seen.__setitem__(label, done)

    dense = folder / "dense.pt"
    prune(dense, folder / "w.pt", sparsity=0.5, one_shot=True, bn_batches=1, watch=watch)
    predict(dense, folder / "faces/labels.csv", watch=watch)
    assert seen.keys() == {"re-estimating batch norm", "predicting"} and min(seen.values()) > 0


def test_unknown_options_are_refused(folder: Path) -> None:
    with pytest.raises(TypeError, match="epoch"):
        train(folder / "faces/labels.csv", folder / "new.pt", epoch=1)


def test_what_is_wrong_is_a_user_error(folder: Path) -> None:
    with pytest.raises(UserError, match="no rows of split 'tset'"):
        predict(folder / "dense.pt", folder / "faces/labels.csv", split="tset")


def test_lists_and_text_are_the_same(folder: Path) -> None:
    labels = folder / "faces/labels.csv"
    common = {"epochs": 1, "image_size": 16, "groups": ["Male"]}
    train(labels, folder / "a.pt", targets=TARGETS, mean=[0.4, 0.5, 0.6], **common)
    train(labels, folder / "b.pt", targets=", ".join(TARGETS), mean="0.4,0.5,0.6", **common)
    assert (folder / "a.pt").read_bytes() == (folder / "b.pt").read_bytes()
    assert load_checkpoint(str(folder / "a.pt")).targets == TARGETS


def test_faults_of_a_manifest_are_found(folder: Path) -> None:
    found = check_manifest(folder / "faces/labels.csv", groups=["Male"])
    found.check()
    assert "images" in found.table.columns["check"]
