"""Convolutions as matrix products: the same numbers, only where maps are small."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pbias.models import build
from pbias.training.small_maps import small_maps_as_products

CPU = torch.device("cpu")
Pair = tuple[int, int]
sides = st.integers(1, 5)


def outputs_and_gradients(convolution: nn.Module, x: Tensor) -> list[Tensor]:
    """Return maps, and the gradients of pixels and parameters for a random gradient."""
    y = convolution(x)
    generator = torch.Generator().manual_seed(1)
    gradient = torch.randn(y.shape, generator=generator, dtype=x.dtype).to(y.dtype)
    gradients = torch.autograd.grad(y, [x, *convolution.parameters()], gradient)
    return [y.detach(), *gradients]


def is_product(y: Tensor) -> bool:
    """Return whether the last layer was computed as a product."""
    node = y.grad_fn
    while node is not None and "Products" not in node.name():
        node = node.next_functions[0][0] if node.next_functions else None
    return node is not None


@settings(deadline=None, max_examples=150)
@given(
    channels=st.tuples(*[st.sampled_from([1, 27, 28, 60, 113, 170])] * 2),
    kernel=st.tuples(sides, sides),
    stride=st.tuples(sides, sides),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    bias=st.booleans(),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    num=st.integers(0, 3),
)
def test_products_are_convolutions(
    channels: Pair, kernel: Pair, stride: Pair, padding: Pair, size: Pair, bias: bool,
    layout: torch.memory_format, num: int,
) -> None:  # fmt: skip
    assume(all(h + 2 * p >= k for h, p, k in zip(size, padding, kernel, strict=True)))
    torch.manual_seed(0)
    convolution = nn.Conv2d(*channels, kernel, stride, padding, bias=bias)
    convolution.double().to(memory_format=layout)
    x = torch.randn(num, channels[0], *size, dtype=torch.double).to(memory_format=layout)
    x.requires_grad_()
    expected = outputs_and_gradients(convolution, x)
    with small_maps_as_products(convolution, CPU):
        found = outputs_and_gradients(convolution, x)
        num_pixels = math.prod(expected[0].shape[2:])
        assert is_product(convolution(x)) == (28 * num_pixels <= min(channels))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_gradients_lie_like_their_weights_without_a_copy() -> None:
    convolution = nn.Conv2d(256, 256, 3, padding=1).to(memory_format=torch.channels_last)
    with small_maps_as_products(convolution, CPU):
        y = convolution(torch.randn(2, 256, 2, 2))
    gradient = torch.autograd.grad(y.sum(), convolution.weight)[0]
    assert is_product(y) and gradient.stride() == convolution.weight.stride()


def test_bf16_is_as_exact_as_the_convolution() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(256, 128, 3, padding=1)
    x = torch.randn(16, 256, 2, 2, requires_grad=True)
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


@pytest.mark.parametrize(
    ("shape", "said"),
    [((2, 128, 1, 1), "Kernel size can't be greater"), ((2, 5, 4, 4), "to have 128 channels")],
)
def test_what_does_not_fit_is_refused_as_ever(shape: tuple[int, ...], said: str) -> None:
    convolution = nn.Conv2d(128, 128, 4)
    with small_maps_as_products(convolution, CPU), pytest.raises(RuntimeError, match=said):
        convolution(torch.zeros(shape))


def test_gradients_of_gradients_are_refused() -> None:
    convolution = nn.Conv2d(128, 128, 3, padding=1)
    x = torch.randn(2, 128, 2, 2, requires_grad=True)
    with small_maps_as_products(convolution, CPU):
        first = torch.autograd.grad(convolution(x).square().sum(), x, create_graph=True)[0]
        with pytest.raises(RuntimeError, match="differentiate twice"):
            first.sum().backward()


def test_one_picture_without_a_batch_goes_through() -> None:
    convolution = nn.Conv2d(128, 128, 3, padding=1)
    with small_maps_as_products(convolution, CPU):
        assert convolution(torch.randn(128, 1, 1)).shape == (128, 1, 1)


@pytest.mark.parametrize("size", [7, 8])
def test_narrow_shortcuts_train_with_channels_last(size: int) -> None:
    """oneDNN writes beyond its memory here on CPUs with AVX2 alone: the process would end."""
    torch.manual_seed(0)
    narrow = build("resnet_small", 2, width=4).layer2[0].downsample[0]
    assert narrow.stride == (2, 2) and narrow.weight.shape == (8, 4, 1, 1)
    x = torch.randn(8, 4, size, size)
    expected = torch.einsum("dc,nchw->ndhw", narrow.weight[:, :, 0, 0], x[:, :, ::2, ::2])
    narrow.to(memory_format=torch.channels_last)
    with small_maps_as_products(narrow, torch.device("cpu")):
        for _ in range(20):
            found = narrow(x.to(memory_format=torch.channels_last))
            found.square().sum().backward()
    torch.testing.assert_close(found, expected)
