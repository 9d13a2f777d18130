"""Convolutions to small maps: oneDNN's kernels beside matrix products, forward and backward.

    python bench/small_maps.py                # 3 x 3 kernels, batches of 64
    python bench/small_maps.py --batch-size 256

`pbias.training.small_maps` takes the products up to a number of pixels that grows with the
channels; `*` marks where it does. Milliseconds are medians over steps that take turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

CHANNELS = (64, 128, 256, 512)
SIDES = (1, 2, 3, 4, 6, 8)
NUM_STEPS = 15
SLOWER = 1.25  # where products are taken, they take at most so many times as long


def main() -> None:
    """Print a table, and exit with 1 where products are taken that are clearly slower."""
    import torch
    from torch import nn

    from pbias.training import small_maps
    from pbias.training.allocation import keep_freed_memory
    from pbias.training.precision import fast_bf16

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=64)
    given = parser.parse_args()
    pays, slower, cpu = small_maps.pays, 0, torch.device("cpu")
    small_maps.pays = lambda num_pixels, num_channels: True
    keep_freed_memory()
    print(f"channels  map   plain / products [ms], batches of {given.batch_size}")
    for channels in CHANNELS:
        for side in SIDES:
            line = f"{channels:8}  {side} x {side} {'*' if pays(side * side, channels) else ' '}"
            for precision in ("fp32", "bf16") if fast_bf16() else ("fp32",):
                dtype = torch.bfloat16 if precision == "bf16" else torch.float32
                layer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
                layer = layer.to(dtype, memory_format=torch.channels_last)
                x = torch.randn(given.batch_size, channels, side, side, dtype=dtype)
                x = x.to(memory_format=torch.channels_last).requires_grad_()
                times: dict[bool, list[float]] = {False: [], True: []}
                for _ in range(NUM_STEPS):
                    times[False].append(_step(layer, x))
                    with small_maps.small_maps_as_products(layer, cpu):
                        times[True].append(_step(layer, x))
                plain, products = (statistics.median(times[way]) for way in (False, True))
                slower += pays(side * side, channels) and products > SLOWER * plain
                line += f"   {precision} {plain:7.2f} / {products:6.2f} ({plain / products:4.1f}x)"
            print(line, flush=True)
    sys.exit(1 if slower else 0)


def _step(layer: nn.Module, x: Tensor) -> float:
    start = time.perf_counter()
    layer(x).sum().backward()
    seconds = time.perf_counter() - start
    layer.zero_grad()
    x.grad = None
    return 1000 * seconds


if __name__ == "__main__":
    main()
