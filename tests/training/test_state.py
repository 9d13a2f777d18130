"""Training states: an interrupted run ends like a whole one, and no other run continues it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.models.preprocess import Preprocess
from pbias.pruning.gradual import GradualPruner
from pbias.training.loop import Hooks, fit
from pbias.training.recipe import Recipe
from pbias.training.state import StateFile, TrainingState, state_path
from pbias.training.steps import Stopped

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=4, batch_size=16, lr=0.02, warmup_epochs=0.5)
PLAN = Checkpoint(
    model={"name": "resnet_small", "args": {}},
    state_dict={},
    targets=["a", "b"],
    groups=[],
    group_values=[],
    preprocess={"size": 8},
    data={"sha256": "12", "path": "labels.csv"},
    train_counts=None,
    recipe=RECIPE.as_dict(),
    sparsity={},
    parents=[],
    environment={"torch": "2.6"},
)


def task(seed: int = 0) -> ImageData:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (48, 2))
    pixels = rng.normal(90, 40, (48, 9, 9, 3)) + 60 * labels[:, None, None, :1]
    images = pixels.clip(0, 255).astype(np.uint8)
    squares = torch.zeros(48, dtype=torch.bool)
    return ImageData(images, torch.tensor(labels, dtype=torch.int8), squares, Preprocess(9, 8))


def run(recipe: Recipe = RECIPE, **options: Any) -> bytes:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    fit(model, task(), task(1), recipe, device=CPU, **options)
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


def stop_after(steps: int) -> Any:
    """Return a function that is True after `steps` calls; an epoch is 3 steps and its end."""
    left = [steps]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stop


@pytest.mark.parametrize("steps", [5, 8, 12, 15])
@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "sgd"}, {"optimizer": "sgd", "reset_momentum": True}]
)
def test_an_interrupted_run_ends_as_the_whole_one(
    tmp_path: Path, changes: dict[str, Any], steps: int
) -> None:
    recipe = RECIPE.replace(**changes)
    file = StateFile(str(tmp_path / "x.state"), PLAN)
    with pytest.raises(Stopped) as stopped:
        run(recipe, save=file.write, stop=stop_after(steps))
    assert file.read().epochs == stopped.value.epochs == (steps + 1) // 4
    assert run(recipe, resume=file.read()) == run(recipe)


def test_a_run_of_which_all_epochs_are_done_is_ended(tmp_path: Path) -> None:
    file = StateFile(str(tmp_path / "x.state"), PLAN)
    whole = run(save=file.write)
    assert file.read().epochs == 4
    assert run(resume=file.read()) == whole


def test_hooks_get_back_what_they_gave() -> None:
    states: list[TrainingState] = []
    run(save=states.append, hooks=Hooks(state=lambda: {"count": 7}))
    seen: list[dict[str, Any]] = []
    run(resume=states[1], hooks=Hooks(restore=seen.append))
    assert seen == [{"count": 7}]


def test_a_run_of_the_former_default_network_goes_on_by_its_width(state: str) -> None:
    network = {"name": "resnet_small", "args": {"width": 16}}  # an argument that it did not name
    assert StateFile(state, replace(PLAN, model=network)).read().epochs == 4


@pytest.fixture
def state(tmp_path: Path) -> str:
    """Write a file with the state of a run."""
    path = str(tmp_path / "x.pt.state")
    run(save=StateFile(path, PLAN).write)
    return path


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"model": {"name": "resnet_small", "args": {"width": 48}}},
            "model.args.width is 16 there and 48 here",
        ),
        ({"recipe": {**PLAN.recipe, "lr": 0.5}}, "recipe.lr is 0.02 there and 0.5 here"),
        ({"data": {"sha256": "34"}}, "data.sha256 is '12' there and '34' here"),
        ({"targets": ["a", "c"]}, r"targets is \['a', 'b'\] there and \['a', 'c'\] here"),
        ({"sparsity": {"asked": 0.9}}, "sparsity.asked is None there and 0.9 here"),
    ],
)
def test_the_state_of_another_run_is_refused(
    state: str, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=f"belongs to another run: {named}; use the options"):
        StateFile(state, replace(PLAN, **changes)).read()


def test_data_that_only_moved_is_the_same(state: str) -> None:
    moved = replace(PLAN, data={"sha256": "12", "path": "elsewhere/labels.csv"})
    assert StateFile(state, moved).read().epochs == 4


def test_other_versions_are_warned_of(state: str, caplog: pytest.LogCaptureFixture) -> None:
    StateFile(state, replace(PLAN, environment={"torch": "2.7"})).read()
    assert "torch is '2.6' there and '2.7' here" in caplog.text


@pytest.mark.parametrize("keep", [0, 10, 1000, -200])
def test_a_broken_state_is_refused(state: str, keep: int) -> None:
    data = Path(state).read_bytes()
    Path(state).write_bytes(data[:keep] if keep else b"")
    with pytest.raises(UserError):
        StateFile(state, PLAN).read()


@pytest.mark.parametrize(
    "content",
    [
        {"format": "other"},
        {"format": "pbias-training-state", "schema": 2},
        {"format": "pbias-training-state", "schema": 1},
        {"format": "pbias-training-state", "schema": 1, "state": {"epochs": 1}},
        {"format": "pbias-training-state", "schema": 1, "state": 3, "run": 3, "environment": 3},
    ],
)
def test_what_is_no_state_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "x.state"
    torch.save(content, path)
    with pytest.raises(UserError, match="start without --resume"):
        StateFile(str(path), PLAN).read()


def test_a_state_of_another_network_is_refused(state: str) -> None:
    there = replace(StateFile(state, PLAN).read(), model={"weight": torch.zeros(1)})
    with pytest.raises(UserError, match="damaged"):
        run(resume=there)


@pytest.mark.parametrize("epochs", [0, 5, "two", None])
def test_a_state_with_an_impossible_epoch_is_refused(tmp_path: Path, epochs: Any) -> None:
    states: list[TrainingState] = []
    run(save=states.append)
    file = StateFile(str(tmp_path / "x.state"), PLAN)
    file.write(replace(states[0], epochs=epochs))
    with pytest.raises(UserError, match="damaged"):
        file.read()


def test_masks_of_another_network_are_refused(state: str) -> None:
    pruner = GradualPruner(nn.Sequential(nn.Linear(4, 2)), {0.0: 0.5}, 3)
    hooks = Hooks(restore=pruner.restore)
    there = replace(
        StateFile(state, PLAN).read(), hooks={"num_due": 0, "pruned": {"x": torch.ones(1)}}
    )
    with pytest.raises(UserError, match="damaged"):
        run(resume=there, hooks=hooks)


def test_a_pipe_in_the_place_of_a_state_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.state")
    with pytest.raises(UserError, match="is not a file; remove it, or start without --resume"):
        StateFile(str(tmp_path / "x.state"), PLAN).read()


def test_a_full_disk_ends_no_training(caplog: pytest.LogCaptureFixture) -> None:
    run(RECIPE.replace(epochs=1), save=StateFile("/dev/full", PLAN).write)
    assert "cannot write /dev/full" in caplog.text and "cannot be resumed" in caplog.text


@pytest.mark.parametrize(
    ("output", "path"), [("a.pt", "a.pt.state"), ("-", None), ("/dev/null", None)]
)
def test_a_state_lies_beside_a_file(output: str, path: str | None) -> None:
    assert state_path(output) == path
