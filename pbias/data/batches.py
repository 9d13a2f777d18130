"""Images in memory, and the batches that a network takes.

Shapes: N images, B of them in a batch, H and W of the cache, S the side of the crop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pbias.models.preprocess import Preprocess

YELLOW = (255, 255, 0)


@dataclass(frozen=True)
class ImageData:
    """The images of a split, decoded, with their labels."""

    images: npt.NDArray[np.uint8]  # [N, H, W, 3]
    labels: Tensor  # int8 [N, A], -1 unknown
    squares: Tensor  # bool [N]: images with the transform yellow_square
    preprocess: Preprocess

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)


def make_batch(
    data: ImageData,
    rows: Tensor,
    device: torch.device,
    generator: torch.Generator | None = None,
    part: slice = slice(None),
) -> Tensor:
    """Return the images `rows` as normalized float32 [B, 3, S, S], channels last in memory.

    With a generator, each image is cropped at random, and the second half of the rows is flipped
    left to right. If the rows are in random order, each image is thus flipped half of the time. The
    generator is on the CPU, so that every device sees the same images. Without a generator, images
    are cropped in the middle. `part` selects some of the rows; they look the same as in the full
    batch.
    """
    corners = _corners(data, len(rows), generator)[part]
    flipped = (torch.arange(len(rows)) >= len(rows) // 2)[part]
    rows = rows[part]
    images = _crop(data, rows, corners, device)
    if generator is not None:
        first = len(rows) - int(flipped.sum())
        images[first:] = images[first:].flip(2)
    squares = data.squares[rows]
    if squares.any():
        # As in the paper (Iofinova et al., CVPR 2023): 32 x 32 of 224 x 224, after crop and flip.
        side = round(data.preprocess.crop * 32 / 224)
        yellow = torch.tensor(YELLOW, dtype=torch.uint8)
        images[to_device(squares.nonzero()[:, 0], device), :side, :side] = to_device(yellow, device)
    return _normalize(images, data.preprocess).permute(0, 3, 1, 2)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor to the device. The CPU does not wait while a GPU copies."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _corners(data: ImageData, num: int, generator: torch.Generator | None) -> Tensor:
    """Return the top and left of each crop, [num, 2]."""
    side = data.preprocess.crop
    spare = [data.images.shape[1] - side, data.images.shape[2] - side]
    if generator is None:
        return torch.tensor(spare).expand(num, 2) // 2
    return torch.stack([torch.randint(n + 1, (num,), generator=generator) for n in spare], dim=1)


def _crop(data: ImageData, rows: Tensor, corners: Tensor, device: torch.device) -> Tensor:
    side, on_gpu = data.preprocess.crop, device.type == "cuda"
    crops = torch.empty((len(rows), side, side, 3), dtype=torch.uint8, pin_memory=on_gpu)
    # Copying windows one by one takes a tenth of the time of a single gather by pixel indices.
    for crop, row, (top, left) in zip(crops.numpy(), rows.tolist(), corners.tolist(), strict=True):
        crop[:] = data.images[row, top : top + side, left : left + side]
    return crops.to(device, non_blocking=on_gpu)


def _normalize(images: Tensor, preprocess: Preprocess) -> Tensor:
    mean, std = preprocess.mean, preprocess.std
    shift, scale = _scales(tuple(mean), tuple(std), images.shape[2], images.device)
    return torch.addcmul(shift, images.flatten(2).float(), scale).view(images.shape)


@lru_cache(maxsize=8)
def _scales(
    mean: tuple[float, ...], std: tuple[float, ...], width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the summand and then the factor for each value in a row of pixels."""
    # Work along whole rows of pixels: broadcasting over the three channels is five times slower.
    means, stds = torch.tensor(mean * width), torch.tensor(std * width)
    return (-means / stds).to(device), (1 / (255 * stds)).to(device)


def row_batches(num_rows: int, size: int, generator: torch.Generator | None) -> Iterator[Tensor]:
    """Yield row numbers in near-equal batches of at most `size`, shuffled if there is a generator.

    Batches are near-equal because a last batch of one image would break batch normalization.
    """
    order = torch.arange(num_rows)
    if generator is not None:
        order = torch.randperm(num_rows, generator=generator)
    yield from torch.tensor_split(order, max(1, -(-num_rows // size)))
