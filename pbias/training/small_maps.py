"""Compute convolutions to maps of a few pixels as matrix products, which is faster on CPUs.

The convolutions of oneDNN are made for long rows of pixels. In the last stage of a ResNet-18 at 64
px, a row has two pixels, and oneDNN takes over three times as long as these products in fp32, and
over five times in bf16 with AMX. The advantage shrinks with more pixels and fewer channels (`python
bench/small_maps.py`). Without the products, training a ResNet-18 at 64 px takes 1.48 times the CPU
time in fp32 and 1.38 times in bf16 (docs/measurements.md). A `resnet_small` has too few channels to
use them.

Strided 1x1 convolutions of fewer than 8 channels drop the pixels that they skip first, with the
same result: on CPUs with AVX2 but without AVX-512, the backward pass of oneDNN in torch 2.13 writes
beyond its memory for them with channels last.

While a network is trained, the class of its convolutions is changed in place. Thus parameters,
hooks and references to the layers, including those in a user's own network, stay valid.

Shapes: B images; H, W the input map, C its channels; P, Q the output map, O its channels; R, S the
kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NARROW = 8  # channels that oneDNN handles at once with AVX2
CHANNELS_PER_PIXEL = 28  # 512 channels to maps of 4 x 4, 256 to 3 x 3, 128 to 2 x 2


def pays(num_pixels: int, num_channels: int) -> bool:
    """Return whether a product is faster, for maps of `num_pixels`, from and to `num_channels`."""
    return num_pixels * CHANNELS_PER_PIXEL <= num_channels


@contextmanager
def small_maps_as_products(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Compute small maps in the convolutions of `model` as products within this context.

    Second-order gradients are refused within it.
    """
    plain = [part for part in model.modules() if device.type == "cpu" and _is_plain(part)]
    for part in plain:
        part.__class__ = _Convolution
    try:
        yield
    finally:
        for part in plain:
            part.__class__ = nn.Conv2d


def _is_plain(part: nn.Module) -> bool:
    return (
        type(part) is nn.Conv2d
        and part.groups == 1
        and part.dilation == (1, 1)
        and part.padding_mode == "zeros"
        and isinstance(part.padding, tuple)
    )


class _Convolution(nn.Conv2d):
    """A convolution that can also be computed as matrix products."""

    padding: tuple[int, int]

    def forward(self, x: Tensor) -> Tensor:
        """Map features [B, C, H, W] to [B, O, P, Q]."""
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            return super().forward(x)
        down, across = self.stride
        narrow = self.kernel_size == (1, 1) and self.in_channels < NARROW
        if narrow and down * across > 1 and not any(self.padding):
            return F.conv2d(x[:, :, ::down, ::across], self.weight, self.bias)
        num_rows, num_columns = (
            (size + 2 * padding - side) // stride + 1
            for size, padding, side, stride in zip(
                x.shape[-2:], self.padding, self.kernel_size, self.stride, strict=True
            )
        )
        num_channels = min(self.in_channels, self.out_channels)
        if min(num_rows, num_columns) < 1 or not pays(num_rows * num_columns, num_channels):
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
        # With channels last, pixels and weights are already stored as matrices.
        x = F.pad(x.permute(0, 2, 3, 1), (0, 0, self.padding[1], self.padding[1]))
        tops = [row * self.stride[0] - self.padding[0] for row in range(num_rows)]
        bands = [_band(top, x.shape[1], self.kernel_size[0]) for top in tops]
        y: Tensor = _Products.apply(  # type: ignore[no-untyped-call]
            x, weight.permute(0, 2, 3, 1), bands, self.stride[1]
        )
        if self.bias is not None:
            y = y + self.bias.to(y.dtype)
        return y.permute(0, 3, 1, 2)


Band = tuple[slice, slice]  # rows of the map, and the rows of the kernel that cover them


def _band(top: int, height: int, side: int) -> Band:
    """Return what a kernel of `side` rows covers within the map if its first row is at `top`."""
    first = max(top, 0)
    last = max(first, min(top + side, height))
    return slice(first, last), slice(first - top, last - top)


class _Products(torch.autograd.Function):
    """One product per output row: the pixels under the kernel times the kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bands: list[Band], stride: int) -> Tensor:
        """Map padded maps [B, H, W, C] and a kernel [O, R, S, C] to maps [B, P, Q, O]."""
        under = [
            x[:, rows].unfold(2, weight.shape[2], stride).permute(0, 2, 1, 4, 3).flatten(2)
            for rows, _ in bands
        ]
        ctx.save_for_backward(weight, *under)
        ctx.shape, ctx.bands, ctx.stride = x.shape, bands, stride
        kernels = [weight[:, taps].flatten(1) for _, taps in bands]
        products = [pixels @ kernel.t() for pixels, kernel in zip(under, kernels, strict=True)]
        return torch.stack(products, dim=1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of maps and kernel."""
        weight, *under = ctx.saved_tensors
        num_columns, width = gradient.shape[2], weight.shape[2]
        of_x, of_weight = gradient.new_zeros(ctx.shape), gradient.new_zeros(weight.shape)
        for row, (pixels, (rows, taps)) in enumerate(zip(under, ctx.bands, strict=True)):
            part = gradient[:, row].flatten(0, 1)
            # Flattening gives a view here, because the rows of a kernel are contiguous.
            of_weight[:, taps].flatten(1).addmm_(part.t(), pixels.flatten(0, 1))
            of_pixels = part @ weight[:, taps].flatten(1)
            num_taps = taps.stop - taps.start
            of_pixels = of_pixels.view(len(gradient), num_columns, num_taps, *weight.shape[2:])
            for column in range(width):
                to = slice(column, column + ctx.stride * num_columns, ctx.stride)
                of_x[:, rows, to] += of_pixels[:, :, :, column].transpose(1, 2)
        return of_x, of_weight, None, None
