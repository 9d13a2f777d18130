"""The loop: it learns, is repeatable, keeps the best epoch, and calls the hooks of pruning."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.errors import UserError
from pbias.models.preprocess import Preprocess
from pbias.training.evaluation import evaluate
from pbias.training.loop import EpochReport, FitResult, Hooks, fit
from pbias.training.recipe import Recipe
from pbias.training.steps import Batch, one_ahead

CPU = torch.device("cpu")
SIDE = 8
RECIPE = Recipe(
    epochs=3, batch_size=16, optimizer="sgd", lr=0.05, weight_decay=5e-4, warmup_epochs=0
)


def task(num: int = 96, seed: int = 0) -> ImageData:
    """Make images that are bright or not and red or not, otherwise noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (num, 2))
    pixels = rng.normal(90, 20, (num, SIDE, SIDE, 3)) + 70 * labels[:, None, None, :1]
    pixels[..., 0] += 60 * labels[:, None, None, 1]
    images = pixels.clip(0, 255).astype(np.uint8)
    squares = torch.zeros(num, dtype=torch.bool)
    return ImageData(images, torch.tensor(labels, dtype=torch.int8), squares, Preprocess(8, 8))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def train(model: nn.Module, recipe: Recipe = RECIPE, **options: object) -> FitResult:
    choices = {"train_data": task(), "valid_data": task(seed=1), "device": CPU, **options}
    return fit(model, recipe=recipe, **choices)  # type: ignore[arg-type]


def weights(model: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_can_be_learned_is_learned(optimizer: str) -> None:
    model = network()
    train(model, RECIPE.replace(optimizer=optimizer, epochs=6))
    assert evaluate(model, task(seed=2), CPU).accuracy > 0.9


def test_the_same_seed_gives_the_same_weights() -> None:
    models = [network(), network(), network()]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, RECIPE.replace(seed=seed))
    first, again, other = map(weights, models)
    assert first == again != other


def test_unknown_labels_leave_no_trace() -> None:
    known, model = task(), network()
    labels = known.labels.clone()
    labels[:, 1] = -1
    hidden = ImageData(known.images, labels, known.squares, known.preprocess)
    before = model[5].weight[1].detach().clone()
    train(model, RECIPE.replace(weight_decay=0), train_data=hidden)
    assert torch.equal(model[5].weight[1], before)
    assert not torch.equal(model[5].weight[0], before)


def test_the_reported_loss_is_the_mean_over_known_labels() -> None:
    data, reports = task(), []
    data.labels[::3, 0] = -1
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE * 3, 2))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[1].bias)
    train(model, RECIPE.replace(epochs=1, batch_size=96), train_data=data, report=reports.append)
    assert reports[0].train.loss == pytest.approx(np.log(2), abs=1e-6)
    known = data.labels[data.labels >= 0]
    assert reports[0].train.accuracy == pytest.approx((known == 0).double().mean().item())


def test_the_epoch_of_highest_validation_accuracy_is_kept() -> None:
    model, reports = network(), []
    result = train(model, RECIPE.replace(epochs=8, lr=0.4), report=reports.append)
    ranks = [(report.valid.accuracy, -report.valid.loss) for report in reports]
    assert result.epoch == ranks.index(max(ranks))
    assert evaluate(model, task(seed=1), CPU) == reports[result.epoch].valid


def test_only_eligible_epochs_are_kept() -> None:
    result = train(network(), hooks=Hooks(eligible=lambda epoch: epoch == 1))
    assert result.epoch == 1


@pytest.mark.parametrize("valid", [None, "unlabelled"])
def test_without_validation_labels_the_last_epoch_is_kept(
    valid: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    data = None if valid is None else task(seed=1)
    if data is not None:
        data.labels[:] = -1
    result = train(network(), valid_data=data)
    assert result.epoch == 2 and result.reports[0].valid is None
    assert "the last epoch is kept" in caplog.text


def test_hooks_see_every_epoch_and_every_step() -> None:
    seen: list[object] = []
    hooks = Hooks(start_epoch=seen.append, after_step=lambda optimizer: seen.append("step"))
    train(network(), RECIPE.replace(epochs=2, batch_size=48), hooks=hooks)
    assert seen == [0, "step", "step", 1, "step", "step"]


def test_weights_zeroed_after_every_step_are_zero_in_the_end() -> None:
    model = network()
    weight = model[0].weight

    def after_step(optimizer: torch.optim.Optimizer) -> None:
        with torch.no_grad():
            weight[:4] = 0
            optimizer.state[weight]["momentum_buffer"][:4] = 0

    train(model, hooks=Hooks(after_step=after_step))
    assert not model[0].weight[:4].any() and model[0].weight[4:].all()


@pytest.mark.parametrize("reset", [True, False])
def test_momentum_is_reset_where_the_recipe_says_so(reset: bool) -> None:
    model, starts, fresh = network(), [], []
    recipe = RECIPE.replace(epochs=2, batch_size=96, reset_momentum=reset)

    def after_step(optimizer: torch.optim.Optimizer) -> None:
        gradient = model[0].weight.grad + recipe.weight_decay * starts[-1]
        buffer = optimizer.state[model[0].weight]["momentum_buffer"]
        fresh.append(torch.allclose(buffer, gradient, atol=1e-6))

    def start_epoch(epoch: int) -> None:
        starts.append(model[0].weight.detach().clone())

    train(model, recipe, hooks=Hooks(start_epoch, after_step))
    assert fresh == [True, reset]


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_loss_that_is_no_number_is_an_error(epochs: int) -> None:
    with pytest.raises(UserError, match=r"no longer a number in epoch 1; lower .* \(--lr\)"):
        train(network(), RECIPE.replace(lr=1e38, epochs=epochs))


def test_progress_counts_pictures_over_all_epochs() -> None:
    seen: list[tuple[int, int]] = []
    train(
        network(),
        RECIPE.replace(epochs=2, batch_size=48),
        progress=lambda *state: seen.append(state),
    )
    assert seen == [(48, 192), (96, 192), (144, 192), (192, 192)]


def test_every_epoch_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    train(network())
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3 and lines[1].startswith("epoch 2 of 3: loss ")
    assert "valid accuracy" in lines[1] and "images/s" in lines[1]


def test_reports_count_epochs_from_0() -> None:
    reports: list[EpochReport] = []
    train(network(), report=reports.append)
    assert [(report.epoch, report.epochs) for report in reports] == [(0, 3), (1, 3), (2, 3)]
    assert all(report.images_per_s > 0 for report in reports)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from torch's own code
def test_a_compiled_network_learns_what_the_plain_one_does() -> None:
    plain, compiled = (nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE * 3, 2)) for _ in "ab")
    compiled.load_state_dict(plain.state_dict())
    recipe = RECIPE.replace(epochs=1, lr=0.01)
    train(plain, recipe)
    train(compiled, recipe.replace(compile=True))
    torch.testing.assert_close(compiled.state_dict(), plain.state_dict())


def test_bf16_learns_too() -> None:
    model = network()
    train(model, RECIPE.replace(epochs=6, precision="bf16"))
    assert evaluate(model, task(seed=2), CPU).accuracy > 0.9
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_batches_made_ahead_are_the_same_batches() -> None:
    made: list[int] = []

    def batches() -> Iterator[Batch]:
        for number in range(5):
            made.append(number)
            yield Batch(number, torch.empty(0), torch.empty(0), 1, 1, 1, torch.empty(0))

    used = []
    for batch in one_ahead(batches()):
        used.append(batch.middle)
        assert len(made) <= len(used) + 1
    assert used == [0, 1, 2, 3, 4]
