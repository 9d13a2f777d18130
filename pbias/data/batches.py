"""Pictures in memory, and batches of them as a network wants them.

Shapes: N pictures, B of them in a batch, H and W of the cache, S the side of the crop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pbias.data.preprocess import Preprocess

YELLOW = (255, 255, 0)


@dataclass(frozen=True)
class ImageData:
    """The pictures of a split, decoded, with their labels."""

    images: Tensor  # uint8 [N, H, W, 3], on the CPU
    labels: Tensor  # int8 [N, A], -1 unknown
    squares: Tensor  # bool [N]: pictures with the transform yellow_square
    preprocess: Preprocess

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.images)


def make_batch(
    data: ImageData, rows: Tensor, device: torch.device, generator: torch.Generator | None = None
) -> Tensor:
    """Pictures `rows` as normalised float32 [B, 3, S, S], channels last in memory.

    With a generator (of the CPU, so that every device sees the same pictures) each is cropped at
    random and flipped left to right half of the time; without, cropped in the middle.
    """
    images = data.images[rows].to(device, non_blocking=True)
    ys, xs = _windows(images.shape, data.preprocess, generator)
    index = torch.arange(len(rows), device=device)[:, None, None]
    crops = images[index, ys.to(device)[:, :, None], xs.to(device)[:, None, :]]
    squares = data.squares[rows]
    if squares.any():
        # paper.md, "Backdoors": 32 x 32 of 224 x 224, after crop and flip.
        side = round(data.preprocess.crop * 32 / 224)
        yellow = torch.tensor(YELLOW, dtype=torch.uint8, device=device)
        crops[squares.to(device), :side, :side] = yellow
    mean = 255 * torch.tensor(data.preprocess.mean, device=device)
    std = 255 * torch.tensor(data.preprocess.std, device=device)
    return crops.float().sub_(mean).div_(std).permute(0, 3, 1, 2)


def _windows(
    shape: torch.Size, preprocess: Preprocess, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Rows and columns [B, S] of the cached picture that each crop shows, borders repeated."""
    num, height, width = shape[:3]
    side, shift = preprocess.crop, preprocess.shift
    along = torch.arange(side).expand(num, side)
    if generator is None:
        return along + (height - side) // 2, along + (width - side) // 2
    top = torch.randint(-shift, height - side + shift + 1, (num, 1), generator=generator)
    left = torch.randint(-shift, width - side + shift + 1, (num, 1), generator=generator)
    flipped = torch.rand(num, 1, generator=generator) < 0.5
    xs = torch.where(flipped, along.flip(1), along) + left
    return (along + top).clamp(0, height - 1), xs.clamp(0, width - 1)


def row_batches(num_rows: int, size: int, generator: torch.Generator | None) -> Iterator[Tensor]:
    """Row numbers in near-equal batches of at most `size`, shuffled where there is a generator.

    Near-equal, because a last batch of one picture would break batch normalisation.
    """
    order = torch.arange(num_rows)
    if generator is not None:
        order = torch.randperm(num_rows, generator=generator)
    yield from torch.tensor_split(order, max(1, -(-num_rows // size)))
