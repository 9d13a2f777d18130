"""Compare oneDNN's convolutions to small maps with matrix products, forward and backward.

    python bench/small_maps.py                # 3 x 3 kernels, batches of 64
    python bench/small_maps.py --batch-size 256

`pbias.training.small_maps` uses products up to a number of pixels that grows with the channels; `*`
marks these cases. Milliseconds are medians over steps that take turns.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

CHANNELS = (64, 128, 256, 512)
SIDES = (1, 2, 3, 4, 6, 8)
NUM_STEPS = 15
SLOWER = 1.25  # the maximum slowdown in cases that use products


def main() -> None:
    """Print a table; exit with 1 if products are used where they are clearly slower."""
    import torch

    from pbias.training import small_maps
    from pbias.training.precision import fast_bf16

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=64)
    num = parser.parse_args().batch_size
    dtypes = {"fp32": torch.float32, **({"bf16": torch.bfloat16} if fast_bf16() else {})}
    pays, slower = small_maps.pays, 0
    small_maps.pays = lambda num_pixels, num_channels: True  # measure both ways everywhere
    print(f"channels  map   plain / products [ms], batches of {num}")
    for channels, side in itertools.product(CHANNELS, SIDES):
        taken = pays(side * side, channels)
        line = f"{channels:8}  {side} x {side} {'*' if taken else ' '}"
        for precision, dtype in dtypes.items():
            plain, products = _compare((num, channels, side, side), dtype)
            slower += taken and products > SLOWER * plain
            line += f"   {precision} {plain:7.2f} / {products:6.2f} ({plain / products:4.1f}x)"
        print(line, flush=True)
    sys.exit(1 if slower else 0)


def _compare(shape: tuple[int, int, int, int], dtype: torch.dtype) -> tuple[float, float]:
    """Return milliseconds per step on maps of this shape, by oneDNN's kernel and by products."""
    import torch
    from torch import nn

    from pbias.training.small_maps import small_maps_as_products

    layer = nn.Conv2d(shape[1], shape[1], 3, padding=1, bias=False)
    layer = layer.to(dtype, memory_format=torch.channels_last)
    x = torch.randn(shape, dtype=dtype).to(memory_format=torch.channels_last).requires_grad_()
    plain, products = [], []
    for _ in range(NUM_STEPS):
        plain.append(_step(layer, x))
        with small_maps_as_products(layer, x.device):
            products.append(_step(layer, x))
    return statistics.median(plain), statistics.median(products)


def _step(layer: nn.Module, x: Tensor) -> float:
    start = time.perf_counter()
    layer(x).sum().backward()
    seconds = time.perf_counter() - start
    layer.zero_grad()
    x.grad = None
    return 1000 * seconds


if __name__ == "__main__":
    main()
