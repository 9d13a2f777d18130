"""Convolutions as matrix products: the same numbers, only where maps are small."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pbias.models import build
from pbias.training.small_maps import MAX_PIXELS, small_maps_as_products

CPU = torch.device("cpu")
Pair = tuple[int, int]
sides = st.integers(1, 5)


def outputs_and_gradients(convolution: nn.Module, x: Tensor) -> list[Tensor]:
    """Maps, and the gradients of pixels and parameters for a gradient that is drawn."""
    y = convolution(x)
    generator = torch.Generator().manual_seed(1)
    gradient = torch.randn(y.shape, generator=generator, dtype=x.dtype).to(y.dtype)
    gradients = torch.autograd.grad(y, [x, *convolution.parameters()], gradient)
    return [y.detach(), *gradients]


def is_product(y: Tensor) -> bool:
    """Was the last layer computed as a product?"""
    node = y.grad_fn
    while node is not None and "Products" not in node.name():
        node = node.next_functions[0][0] if node.next_functions else None
    return node is not None


@settings(deadline=None, max_examples=150)
@given(
    kernel=st.tuples(sides, sides),
    stride=st.tuples(sides, sides),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    bias=st.booleans(),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
)
def test_products_are_convolutions(
    kernel: Pair, stride: Pair, padding: Pair, size: Pair, bias: bool, layout: torch.memory_format
) -> None:
    assume(all(h + 2 * p >= k for h, p, k in zip(size, padding, kernel, strict=True)))
    torch.manual_seed(0)
    convolution = (
        nn.Conv2d(3, 4, kernel, stride, padding, bias=bias).double().to(memory_format=layout)
    )
    x = torch.randn(5, 3, *size, dtype=torch.double).to(memory_format=layout).requires_grad_()
    expected = outputs_and_gradients(convolution, x)
    with small_maps_as_products(convolution, CPU):
        found = outputs_and_gradients(convolution, x)
        assert is_product(convolution(x)) == (expected[0][0, 0].numel() <= MAX_PIXELS)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_gradients_lie_like_their_weights() -> None:
    # torch's fused optimizers update the wrong weights where the two lie differently.
    convolution = nn.Conv2d(8, 8, 3, padding=1).to(memory_format=torch.channels_last)
    with small_maps_as_products(convolution, CPU):
        convolution(torch.randn(2, 8, 2, 2)).sum().backward()
    assert convolution.weight.grad.stride() == convolution.weight.stride()


def test_bf16_is_as_exact_as_the_convolution() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(64, 32, 3, padding=1)
    x = torch.randn(16, 64, 2, 2, requires_grad=True)
    exact = outputs_and_gradients(convolution, x)

    def errors() -> list[float]:
        with torch.autocast("cpu", torch.bfloat16):
            rounded = outputs_and_gradients(convolution, x)
        assert rounded[0].dtype == torch.bfloat16
        return [float((a - b).norm() / b.norm()) for a, b in zip(rounded, exact, strict=True)]

    usual = errors()
    with small_maps_as_products(convolution, CPU):
        assert all(mine < 1.5 * theirs + 1e-3 for mine, theirs in zip(errors(), usual, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 4},
        {"dilation": 2, "padding": 2},
        {"padding": "same"},
        {"padding": 1, "padding_mode": "circular"},
    ],
)
def test_other_kinds_stay_as_they_are(options: dict[str, Any]) -> None:
    convolution = nn.Conv2d(4, 4, 3, **options)
    with small_maps_as_products(convolution, CPU):
        assert type(convolution) is nn.Conv2d


def test_a_network_is_itself_again_afterwards() -> None:
    model = build("resnet18", 3)
    before = [type(part) for part in model.modules()]
    with pytest.raises(KeyError), small_maps_as_products(model, CPU):
        assert is_product(model.layer4[1].conv2(torch.randn(2, 512, 2, 2)))
        raise KeyError
    assert [type(part) for part in model.modules()] == before


def test_gpus_are_left_alone() -> None:
    model = build("resnet18", 3)
    with small_maps_as_products(model, torch.device("cuda")):
        assert type(model.layer4[1].conv2) is nn.Conv2d


def test_one_picture_without_a_batch_goes_through() -> None:
    convolution = nn.Conv2d(2, 3, 3, padding=1)
    x = torch.randn(2, 2, 2)
    with small_maps_as_products(convolution, CPU):
        assert convolution(x).shape == (3, 2, 2)
