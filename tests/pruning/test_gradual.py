"""Masks and gradual pruning: nested, zero after every step, exact at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pbias.models import build
from pbias.pruning.gradual import GradualPruner, Masks
from pbias.pruning.layers import prunable
from pbias.pruning.method import Method
from pbias.pruning.schedule import sparsities
from pbias.pruning.selection import num_zeros
from pbias.training.small_maps import small_maps_as_products

OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3),
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=1e-2, amsgrad=True),
    "fused": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, fused=True),
}


def _model() -> nn.Module:
    torch.manual_seed(0)
    return build("resnet_small", 3, width=4)


def _zeros(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach() == 0 for name, weight in prunable(model).items()}


def _num_zeros(model: nn.Module) -> int:
    return sum(int(zeros.sum()) for zeros in _zeros(model).values())


def _num_weights(model: nn.Module) -> int:
    return sum(weight.numel() for weight in prunable(model).values())


def _step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss = F.mse_loss(model(torch.randn(8, 3, 16, 16)), torch.rand(8, 3))
    torch.autograd.backward(loss)
    optimizer.step()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_zero_after_every_step_at_the_scheduled_count(optimizer: str) -> None:
    model = _model()
    schedule = sparsities("cubic", 0.05, 0.95, range(0, 5, 2))
    pruner, update = GradualPruner(model, schedule, 2), OPTIMIZERS[optimizer](model)
    for epoch in range(6):
        pruner.start_epoch(epoch)
        sparsity = max(s for e, s in schedule.items() if e <= epoch)
        for _ in range(2):
            assert _num_zeros(model) == num_zeros(sparsity, _num_weights(model))
            _step(model, update)
            pruner.after_step(update)
    assert _num_zeros(model) == num_zeros(0.95, _num_weights(model))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_moments_of_pruned_weights_are_zero_and_others_live(optimizer: str) -> None:
    model = _model()
    pruner, update = GradualPruner(model, {1: 0.9}, 1), OPTIMIZERS[optimizer](model)
    for epoch in range(2):
        pruner.start_epoch(epoch)
        _step(model, update)
        pruner.after_step(update)
    for name, weight in prunable(model).items():
        moments = [m for m in update.state[weight].values() if m is not None and m.ndim > 0]
        assert moments
        assert all((moment[pruner.masks.pruned[name]] == 0).all() for moment in moments)
        assert any(moment.any() for moment in moments) or bool(pruner.masks.pruned[name].all())


def test_nothing_regrows() -> None:
    model = _model()
    pruner = GradualPruner(model, sparsities("linear", 0.1, 0.9, range(5)), 1)
    optimizer, before = OPTIMIZERS["sgd"](model), _zeros(model)
    for epoch in range(5):
        pruner.start_epoch(epoch)
        _step(model, optimizer)
        pruner.after_step(optimizer)
        after = _zeros(model)
        assert all((after[name] | ~zeros).all() for name, zeros in before.items())
        before = after


METHODS = {
    "norm": Method(score="magnitude_norm"),
    "random": Method(score="random", seed=3),
    "erk": Method(scope="erk", min_keep=2),
    "layer": Method(scope="layer", exclude=("conv1",)),
    "2:4": Method(pattern="2:4"),
    "rows": Method(min_keep_row=2, only=("re:layer3", "fc")),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_nested_zero_and_exact(name: str) -> None:
    model, optimizer_of = _model(), OPTIMIZERS["adam"]
    target = METHODS[name].implied_sparsity or 0.9
    schedule = sparsities("cubic", 0.05, target, range(4))
    pruner = GradualPruner(model, schedule, 1, METHODS[name], "fc.weight")
    chooser, optimizer, before = pruner.masks.chooser, optimizer_of(model), _zeros(model)
    for epoch, sparsity in schedule.items():
        pruner.start_epoch(int(epoch))
        _step(model, optimizer)
        pruner.after_step(optimizer)
        after = _zeros(model)
        num_zeros = sum(int(after[name].sum()) for name in chooser.weights)
        assert num_zeros == chooser.num_pruned(sparsity)
        assert all((after[name] | ~zeros).all() for name, zeros in before.items())
        assert not any(after[name].any() for name in after if name not in chooser.weights)
        moments = optimizer.state[model.get_parameter("fc.weight")]["exp_avg"]
        assert not moments[after["fc.weight"]].any()
        before = after


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_exact_after_steps_that_moved_what_was_pruned(name: str) -> None:
    model = _model()
    target = METHODS[name].implied_sparsity or 0.9
    schedule = sparsities("cubic", 0.05, target, [0.0, 0.2, 0.4, 0.6])
    pruner = GradualPruner(model, schedule, 5, METHODS[name], "fc.weight")
    chooser, optimizer = pruner.masks.chooser, OPTIMIZERS["adam"](model)
    wanted, reached = [chooser.num_pruned(sparsity) for sparsity in schedule.values()], []
    pruner.start_epoch(0)
    for _ in range(4):
        reached.append(sum(int((weight == 0).sum()) for weight in chooser.weights.values()))
        _step(model, optimizer)
        pruner.after_step(optimizer)
    assert reached[0] == wanted[0] and sorted({*reached, *wanted}) == wanted


def test_old_zeros_outside_of_the_method_stay() -> None:
    model = _model()
    Masks(prunable(model)).prune_to(0.5)
    old, optimizer = _zeros(model)["conv1.weight"], OPTIMIZERS["sgd"](model)
    pruner = GradualPruner(model, {0: 0.9}, 1, Method(exclude=("conv1",)))
    pruner.start_epoch(0)
    _step(model, optimizer)
    pruner.after_step(optimizer)
    assert old.any() and torch.equal(_zeros(model)["conv1.weight"], old)


def test_old_zeros_stay_and_count() -> None:
    model = _model()
    Masks(prunable(model)).prune_to(0.5)
    old = _zeros(model)
    masks = Masks(prunable(model))
    masks.prune_to(0.7)
    assert masks.num_pruned == num_zeros(0.7, _num_weights(model))
    assert all(masks.pruned[name][zeros].all() for name, zeros in old.items())


def test_a_lower_sparsity_than_there_is_changes_nothing() -> None:
    model = _model()
    masks = Masks(prunable(model))
    masks.prune_to(0.8)
    masks.prune_to(0.3)
    assert masks.num_pruned == num_zeros(0.8, _num_weights(model))


def test_a_live_weight_of_zero_does_not_free_a_pruned_one() -> None:
    layer = nn.Linear(4, 1, bias=False)
    layer.weight.data = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    masks = Masks({"weight": layer.weight})
    layer.weight.data = torch.tensor([[0.0, 0.0, 2.0, 3.0]])  # the second was trained to 0
    masks.prune_to(0.25)
    assert masks.pruned["weight"].tolist()[0][0]


def test_what_is_pruned_is_plus_zero() -> None:
    layer = nn.Linear(8, 8)
    masks = Masks({"weight": layer.weight})
    masks.prune_to(0.5)
    layer.weight.data[masks.pruned["weight"]] = -1.0
    masks.apply()
    assert not torch.signbit(layer.weight[masks.pruned["weight"]]).any()


def test_memory_format_may_change_under_the_masks() -> None:
    model = _model()
    masks = Masks(prunable(model))
    masks.prune_to(0.6)
    model.to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS["adam"](model)
    with small_maps_as_products(model, torch.device("cpu")):  # as training does
        _step(model, optimizer)
    masks.apply(optimizer)
    assert _num_zeros(model) == num_zeros(0.6, _num_weights(model))


def test_only_epochs_at_the_final_sparsity_are_eligible() -> None:
    pruner = GradualPruner(_model(), {0: 0.1, 2: 0.5, 4: 0.9}, 1)
    assert [pruner.eligible(epoch) for epoch in range(6)] == [False] * 4 + [True] * 2


def test_within_an_epoch_pruning_comes_when_it_is_due() -> None:
    model = _model()
    pruner, update = (
        GradualPruner(model, {0.0: 0.1, 0.5: 0.5, 1.0: 0.9}, 4),
        OPTIMIZERS["sgd"](model),
    )
    reached = []
    for epoch in range(2):
        pruner.start_epoch(epoch)
        for _ in range(4):
            _step(model, update)
            pruner.after_step(update)
            reached.append(_num_zeros(model))
    expected = [0.1, 0.1, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9]
    assert reached == [num_zeros(sparsity, _num_weights(model)) for sparsity in expected]
    assert [pruner.eligible(epoch) for epoch in range(2)] == [False, True]


def _trained_by_turns(pruner: GradualPruner, model: nn.Module, epochs: range) -> list[list[int]]:
    """Return the number of zeros after each of four steps of each epoch; each moves all weights."""
    optimizer, counts = OPTIMIZERS["sgd"](model), []
    for epoch in epochs:
        pruner.start_epoch(epoch)
        counts.append([])
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(8, 3, 16, 16)), torch.arange(8) % 3).backward()
            optimizer.step()
            pruner.after_step(optimizer)
            counts[-1].append(_num_zeros(model))
    return counts


def test_acdc_compresses_and_releases_by_turns() -> None:
    """Epochs: dense, compressed, decompressed from the middle of the next on, compressed again."""
    model = _model()
    num = num_zeros(0.8, _num_weights(model))
    pruner = GradualPruner(model, {1.0: 0.8, 2.5: 0.0, 3.5: 0.8}, 4)
    counts = _trained_by_turns(pruner, model, range(5))
    assert counts[0] == [0] * 4 and counts[1] == [num] * 4 and counts[4] == [num] * 4
    # Released weights start at 0, and move with the next step.
    assert counts[2][:3] == [num] * 3 and counts[2][3] < num / 2
    assert counts[3][0] < num / 2 and counts[3][3] == num
    assert [pruner.eligible(epoch) for epoch in range(5)] == [False, False, False, True, True]


def test_acdc_may_prune_other_weights_the_next_time() -> None:
    model = _model()
    pruner = GradualPruner(model, {0.0: 0.5, 1.0: 0.0, 6.0: 0.5}, 4)
    _trained_by_turns(pruner, model, range(1))
    first = _zeros(model)
    _trained_by_turns(pruner, model, range(1, 7))
    second = _zeros(model)
    assert sum(int(mask.sum()) for mask in first.values()) == _num_zeros(model)
    assert any((first[name] & ~second[name]).any() for name in first)


def test_acdc_goes_on_from_a_state_within_a_phase() -> None:
    schedule = {0.0: 0.8, 1.0: 0.0, 3.0: 0.8}
    model = _model()
    pruner = GradualPruner(model, schedule, 4)
    _trained_by_turns(pruner, model, range(2))
    state = pruner.state()
    other = GradualPruner(_model(), schedule, 4)
    other.restore(state)
    assert other.level == 0.0 and other.due == [(3.0, 0.8)]
    assert not any(mask.any() for mask in other.masks.pruned.values())


def test_a_first_step_to_nothing_releases_nothing() -> None:
    model = _model()
    with torch.no_grad():
        prunable(model)["fc.weight"][0] = 0
    pruner = GradualPruner(model, {0.0: 0.0, 1.0: 0.5}, 4)
    pruner.start_epoch(0)
    assert pruner.masks.pruned["fc.weight"][0].all()
