"""Pictures in memory, and batches of them as a network wants them.

Shapes: N pictures, B of them in a batch, H and W of the cache, S the side of the crop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pbias.data.preprocess import Preprocess

YELLOW = (255, 255, 0)


@dataclass(frozen=True)
class ImageData:
    """The pictures of a split, decoded, with their labels."""

    images: npt.NDArray[np.uint8]  # [N, H, W, 3]
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
    random, and the second half of the rows is flipped left to right: in random order, that is each
    picture half of the time. Without, pictures are cropped in the middle.
    """
    images = torch.from_numpy(_crop(data, rows, generator)).to(device)
    if generator is not None:
        half = len(rows) // 2
        images[half:] = images[half:].flip(2)
    squares = data.squares[rows]
    if squares.any():
        # paper.md, "Backdoors": 32 x 32 of 224 x 224, after crop and flip.
        side = round(data.preprocess.crop * 32 / 224)
        yellow = torch.tensor(YELLOW, dtype=torch.uint8, device=device)
        images[squares.to(device), :side, :side] = yellow
    return _normalise(images, data.preprocess).permute(0, 3, 1, 2)


def _crop(
    data: ImageData, rows: Tensor, generator: torch.Generator | None
) -> npt.NDArray[np.uint8]:
    side = data.preprocess.crop
    spare = [data.images.shape[1] - side, data.images.shape[2] - side]
    corners = torch.tensor(spare).expand(len(rows), 2) // 2
    if generator is not None:
        draws = [torch.randint(n + 1, (len(rows),), generator=generator) for n in spare]
        corners = torch.stack(draws, dim=1)
    crops = np.empty((len(rows), side, side, 3), np.uint8)
    # Copying windows one by one takes a tenth of the time of one gather by pixel indices.
    for crop, row, (top, left) in zip(crops, rows.tolist(), corners.tolist(), strict=True):
        crop[:] = data.images[row, top : top + side, left : left + side]
    return crops


def _normalise(images: Tensor, preprocess: Preprocess) -> Tensor:
    # Along whole rows of pixels: broadcasting over the three channels is five times slower.
    width = images.shape[2]
    mean = torch.tensor(preprocess.mean * width, device=images.device)
    std = torch.tensor(preprocess.std * width, device=images.device)
    pixels = images.flatten(2).float()
    return torch.addcmul(-mean / std, pixels, 1 / (255 * std)).view(images.shape)


def row_batches(num_rows: int, size: int, generator: torch.Generator | None) -> Iterator[Tensor]:
    """Row numbers in near-equal batches of at most `size`, shuffled where there is a generator.

    Near-equal, because a last batch of one picture would break batch normalisation.
    """
    order = torch.arange(num_rows)
    if generator is not None:
        order = torch.randperm(num_rows, generator=generator)
    yield from torch.tensor_split(order, max(1, -(-num_rows // size)))
