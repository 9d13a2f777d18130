"""Exact selection, against a plain sort."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pbias.errors import UserError
from pbias.pruning import weight_scores
from pbias.pruning.selection import num_zeros, prune, pruned_masks, select

DENORMAL, LARGEST = 1e-45, float(np.finfo(np.float32).max)
# Few distinct values give ties everywhere, within and across tensors.
TIED = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, DENORMAL, -DENORMAL, LARGEST, np.inf, -np.inf])
ANY = st.floats(width=32, allow_nan=False)
TENSORS = st.lists(st.lists(TIED | ANY, max_size=12), min_size=1, max_size=5)


def _weights(values: list[list[float]]) -> dict[str, Tensor]:
    return {str(i): torch.tensor(row, dtype=torch.float32) for i, row in enumerate(values)}


def _flat(weights: dict[str, Tensor]) -> list[float]:
    return [value for weight in weights.values() for value in weight.flatten().tolist()]


def _plain(values: list[float], num_pruned: int) -> set[int]:
    """Return the indices that a plain sort prunes; of equal magnitudes the lower index stays."""
    order = sorted(range(len(values)), key=lambda i: (abs(values[i]), -i))
    return set(order[:num_pruned])


def _pruned(weights: dict[str, Tensor], num_pruned: int) -> set[int]:
    masks = [mask.flatten() for _, mask in pruned_masks(weights, select(weights, num_pruned))]
    return set(torch.cat(masks).nonzero().flatten().tolist())


@given(TENSORS, st.floats(0, 1))
def test_the_same_weights_go_as_by_a_plain_sort(values: list[list[float]], share: float) -> None:
    weights = _weights(values)
    num_pruned = num_zeros(share, len(_flat(weights)))
    assert _pruned(weights, num_pruned) == _plain(_flat(weights), num_pruned)


@given(TENSORS, st.floats(0, 1))
def test_pruned_weights_are_plus_zero_and_others_untouched(
    values: list[list[float]], share: float
) -> None:
    weights = _weights(values)
    before = _flat(weights)
    gone = _plain(before, num_zeros(share, len(before)))
    prune(weights, len(gone))
    expected = [0.0 if i in gone else value for i, value in enumerate(before)]
    assert [str(v) for v in _flat(weights)] == [str(v) for v in expected]  # str tells -0.0 from 0.0


@given(TENSORS, st.floats(0, 1), st.floats(0, 1))
def test_pruning_further_keeps_old_zeros(
    values: list[list[float]], share: float, further: float
) -> None:
    weights = _weights(values)
    num = len(_flat(weights))
    prune(weights, num_zeros(share, num))
    zeros = {i for i, value in enumerate(_flat(weights)) if value == 0}
    prune(weights, max(len(zeros), num_zeros(further, num)))
    assert all(_flat(weights)[i] == 0 for i in zeros)
    assert _flat(weights).count(0.0) == max(len(zeros), num_zeros(further, num))


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_leave_no_seam(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_scores, "BLOCK", block)
    weights = _weights(np.random.default_rng(0).integers(-3, 4, (3, 50)).tolist())
    for num_pruned in range(151):
        assert _pruned(weights, num_pruned) == _plain(_flat(weights), num_pruned)


def test_a_million_weights_are_cut_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(500, 1000, generator=generator) for name in "ab"}
    magnitudes = torch.cat([weight.abs().flatten() for weight in weights.values()])
    # Reversed, so that ties put the last first. Compared without printing sets if they differ.
    order = 999_999 - magnitudes.flip(0).argsort(stable=True)
    found = torch.tensor(sorted(_pruned(weights, 950_000)))
    assert torch.equal(order[:950_000].sort().values, found)


def test_memory_format_does_not_change_what_goes() -> None:
    weight = torch.randint(-3, 4, (6, 5, 3, 3)).float()
    other = weight.contiguous(memory_format=torch.channels_last)
    prune({"w": weight}, 200)
    prune({"w": other}, 200)
    assert torch.equal(weight, other)


def test_parameters_are_pruned_in_place() -> None:
    layer = torch.nn.Linear(10, 10)
    prune({"weight": layer.weight}, 90)
    assert int((layer.weight == 0).sum()) == 90
    assert layer.weight.requires_grad


def test_the_threshold_is_the_magnitude_at_the_cut() -> None:
    assert select({"w": torch.tensor([0.5, -0.25, 2.0, -1.0])}, 2).threshold == 0.5


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nan_weights_are_refused_by_name(sign: float) -> None:
    nan = torch.tensor(torch.nan).copysign(torch.tensor(sign))
    weights = {"stem": torch.ones(3), "fc": torch.stack([nan, torch.tensor(1.0)])}
    with pytest.raises(UserError, match="fc holds 1 NaN among 2 weights"):
        select(weights, 1)


def test_no_weights_at_all() -> None:
    assert _pruned({"w": torch.zeros(0)}, 0) == set()
