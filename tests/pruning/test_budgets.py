"""Sharing weights out to layers, against the published algorithm and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.models import build
from pbias.pruning.budgets import in_proportion, whole
from pbias.pruning.prunable import prunable

LAYERS = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8
)


@given(LAYERS, st.floats(0, 1))
def test_proportion_within_bounds_and_an_exact_sum(
    layers: list[tuple[int, int, int]], share: float
) -> None:
    shares, low, extra = (np.array(column) for column in zip(*layers, strict=True))
    high = low + extra
    total = int(low.sum()) + round(share * int(extra.sum()))
    ideal = in_proportion(shares.astype(float), low, high, total)
    counts = whole(ideal, high)
    assert counts.sum() == total
    assert (low <= counts).all() and (counts <= high).all()
    assert (np.abs(counts - ideal) < 1 + 1e-9).all()
    free = (ideal > low + 1e-9) & (ideal < high - 1e-9)
    scales = (ideal / shares)[free]
    assert np.allclose(scales, scales[:1].repeat(len(scales)))


def _rigl(shapes: list[tuple[int, ...]], sparsity: float) -> list[float]:
    """Densities as Evci et al. describe them: layers that would exceed 1 are dense, by turns."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    raw = [sum(shape) / size for shape, size in zip(shapes, sizes, strict=True)]
    pairs, dense = list(zip(raw, sizes, strict=True)), set[int]()
    while True:
        left = (1 - sparsity) * sum(sizes) - sum(sizes[i] for i in dense)
        scale = left / sum(r * n for i, (r, n) in enumerate(pairs) if i not in dense)
        over = {i for i, r in enumerate(raw) if i not in dense and scale * r > 1}
        if not over:
            return [1.0 if i in dense else scale * r for i, r in enumerate(raw)]
        dense |= {max(over, key=raw.__getitem__)}


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v1"])
def test_erdos_renyi_kernel_as_published(name: str, sparsity: float) -> None:
    shapes = [tuple(weight.shape) for weight in prunable(build(name, 40)).values()]
    sizes = np.array([int(np.prod(shape)) for shape in shapes])
    total = round((1 - sparsity) * int(sizes.sum()))
    shares = np.array([sum(shape) for shape in shapes], float)
    ideal = in_proportion(shares, np.zeros_like(sizes), sizes, total)
    np.testing.assert_allclose(ideal / sizes, _rigl(shapes, 1 - total / sizes.sum()), rtol=1e-9)
    assert (ideal / sizes == 1).any()


def test_remainders_go_to_the_largest_then_to_the_first() -> None:
    assert whole(np.array([1.5, 2.25, 0.75, 1.5]), np.full(4, 9)).tolist() == [2, 2, 1, 1]
