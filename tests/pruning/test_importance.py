"""Scores that need images: by hand, by group, with exact counts and patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pbias.data.batches import ImageData, make_batch
from pbias.errors import UserError
from pbias.models.preprocess import Preprocess
from pbias.pruning.gradual import GradualPruner
from pbias.pruning.importance import Sample, by_importance
from pbias.pruning.method import Chooser, Method
from pbias.training.evaluation import loss_sum

CPU = torch.device("cpu")
BATCHES = [torch.tensor([0, 1, 2]), torch.tensor([3, 4])]


def images(num: int = 5) -> ImageData:
    rng = np.random.default_rng(0)
    labels = torch.tensor(rng.integers(0, 2, (num, 2)), dtype=torch.int8)
    labels[0, 1] = -1
    return ImageData(
        rng.integers(0, 256, (num, 8, 8, 3)).astype(np.uint8), labels,
        torch.zeros(num, dtype=torch.bool), Preprocess(8, 8),
    )  # fmt: skip


def linear() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.ndim > 1}


def sample(data: ImageData, groups: Mapping[str, Sequence[Tensor]]) -> Sample:
    return Sample(data, groups, loss_sum, CPU)


def order(score: object, weight: Tensor) -> list[int]:
    keys = np.concatenate(list(score("2.weight", weight)))  # type: ignore[operator]
    return np.argsort(keys, kind="stable").tolist()


@pytest.mark.parametrize("kind", ["taylor", "fisher"])
def test_importance_by_hand(kind: str) -> None:
    data, model = images(), linear()
    weight, bias = model[2].weight.detach().numpy(), model[2].bias.detach().numpy()
    gradients = []
    for rows in BATCHES:
        x = make_batch(data, rows, CPU).numpy().mean(axis=(2, 3))
        y = data.labels[rows].numpy()
        # The gradient of a cross-entropy is the probability minus the label, times the input.
        error = np.where(y >= 0, 1 / (1 + np.exp(-(x @ weight.T + bias))) - y, 0)
        gradients.append(error.T @ x / (y >= 0).sum())
    mean, squares = np.mean(gradients, axis=0), np.mean(np.square(gradients), axis=0)
    expected = np.abs(weight * mean) if kind == "taylor" else weight**2 * squares
    measured = sample(data, {"all": BATCHES}).score(model, weights_of(model), kind, "max")
    keys = np.concatenate(list(measured("2.weight", model[2].weight))).view(np.float32)
    np.testing.assert_allclose(keys, (expected / expected.sum()).ravel(), rtol=1e-4)


def halves() -> tuple[nn.Module, Sample]:
    """Group a depends on the red channel, b on the blue one; a has far larger weights and losses.

    What only b needs is small among all weights, but large among those that b needs.
    """
    rng = np.random.default_rng(1)
    pixels = np.full((40, 8, 8, 3), 128, np.uint8)  # close to 0 after normalization
    labels = torch.tensor(rng.integers(0, 2, (40, 2)), dtype=torch.int8)
    labels[:20, 1], labels[20:, 0] = -1, -1  # each group has its own target
    pixels[:20, :, :, 0] = np.where(labels[:20, 0] == 1, 250, 5)[:, None, None]
    pixels[20:, :, :, 2] = np.where(labels[20:, 1] == 1, 140, 116)[:, None, None]
    data = ImageData(pixels, labels, torch.zeros(40, dtype=torch.bool), Preprocess(8, 8))
    model = linear()
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([[2.0, 1.9, 1.8], [0.2, 0.21, 0.3]]))
        model[2].bias.zero_()
    return model, sample(data, {"a": [torch.arange(20)], "b": [torch.arange(20, 40)]})


def test_what_any_group_needs_stays() -> None:
    """Of six weights, each group needs one; by magnitude and over all images, b's is pruned."""
    model, by_group = halves()
    weights = weights_of(model)
    needed_by_a, needed_by_b = 0, 5
    rows = [rows for batches in by_group.groups.values() for rows in batches]
    over_all = sample(by_group.data, {"all": rows})
    for kind in ("taylor", "fisher"):
        top = order(by_group.score(model, weights, kind, "max"), model[2].weight)[-2:]
        assert set(top) == {needed_by_a, needed_by_b}
    assert order(over_all.score(model, weights, "fisher", "max"), model[2].weight)[-1] == 0
    by_magnitude = model[2].weight.abs().flatten().argsort().tolist()[-2:]
    assert needed_by_b not in by_magnitude
    # The mean of importances that sum to 1 also sums to 1; both groups' first weights come first.
    keys = by_group.score(model, weights, "taylor", "mean")("2.weight", model[2].weight)
    values = np.concatenate(list(keys)).view(np.float32)
    assert values.sum() == pytest.approx(1, rel=1e-5)


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["global", "layer", "erk"])
@pytest.mark.parametrize("kind", ["taylor", "fisher"])
def test_counts_are_exact_and_old_zeros_stay(kind: str, scope: str) -> None:
    model = network()
    weights = weights_of(model)
    with torch.no_grad():
        weights["3.weight"][:2] = 0
    data = images()

    def measure(now: Mapping[str, Tensor]) -> object:
        return sample(data, {"all": BATCHES}).score(model, now, kind, "max")

    chooser = Chooser(Method(kind, scope, min_keep_row=2), weights, "7.weight", measure)  # type: ignore[arg-type]
    num = chooser.num_pruned(0.7)
    chooser.prune(num)
    assert num == round(0.7 * sum(w.numel() for w in weights.values()))
    assert sum(int((w == 0).sum()) for w in weights.values()) == num
    assert not weights["3.weight"][:2].any()
    assert ((weights["7.weight"] != 0).sum(dim=1) >= 2).all()


def test_a_pattern_keeps_the_most_important_of_its_groups() -> None:
    model = network()
    weights = {"3.weight": weights_of(model)["3.weight"]}
    values = {"3.weight": torch.rand(weights["3.weight"].shape, dtype=torch.float64)}
    chooser = Chooser(
        Method("taylor", pattern="2:4"), weights, "7.weight", lambda now: by_importance(values)
    )
    chooser.prune(chooser.num_pruned(0.5))
    groups = values["3.weight"].view(8, 2, 4, 3, 3)
    left = (weights["3.weight"] != 0).view(8, 2, 4, 3, 3)
    assert (left.sum(dim=2) == 2).all()
    assert (groups.where(left, torch.inf).amin(2) >= groups.where(~left, -torch.inf).amax(2)).all()


def test_measuring_leaves_the_network_as_it_is() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = sample(images(), {"all": BATCHES})
    pruner = GradualPruner(
        model, {0: 0.5}, 1, Method("fisher"), "7.weight",
        lambda now: found.score(model, now, "fisher", "max"),
    )  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    pruner.start_epoch(0)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert torch.equal(model.state_dict()["1.running_mean"], before["1.running_mean"])
    total = sum(w.numel() for w in weights_of(model).values())
    assert pruner.masks.num_pruned == round(0.5 * total)


def test_a_gradient_that_is_no_number_is_refused() -> None:
    model = network()
    with torch.no_grad():
        model[7].bias.fill_(torch.nan)  # type: ignore[union-attr,operator]
    with pytest.raises(UserError, match="a gradient is not a number"):
        sample(images(), {"all": BATCHES}).score(model, weights_of(model), "taylor", "max")
