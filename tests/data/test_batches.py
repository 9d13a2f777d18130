"""Batches: windows of images, flipped, marked and normalized."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.data.batches import ImageData, make_batch, row_batches
from pbias.errors import UserError
from pbias.models.preprocess import Preprocess

CPU = torch.device("cpu")
PLAIN = Preprocess(10, 8, mean=(0.0, 0.0, 0.0), std=(1 / 255,) * 3)


def data(num: int, *, side: int = 10, preprocess: Preprocess = PLAIN) -> ImageData:
    pixels = np.random.default_rng(0).integers(0, 256, (num, side, side, 3), dtype=np.uint8)
    labels = torch.zeros(num, 1, dtype=torch.int8)
    return ImageData(pixels, labels, torch.zeros(num, dtype=torch.bool), preprocess)


def windows(picture: NDArray[np.uint8], side: int) -> list[bytes]:
    spare = picture.shape[0] - side
    corners = [(y, x) for y in range(spare + 1) for x in range(spare + 1)]
    return [picture[y : y + side, x : x + side].tobytes() for y, x in corners]


def as_pixels(batch: torch.Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(batch.round().byte().permute(0, 2, 3, 1).numpy())


def test_without_a_generator_the_middle_is_cut_out() -> None:
    some = data(3)
    batch = make_batch(some, torch.tensor([2, 0]), CPU)
    np.testing.assert_array_equal(as_pixels(batch), some.images[[2, 0], 1:9, 1:9])


def test_training_pictures_are_windows_and_half_of_them_flipped() -> None:
    some = data(40)
    rows = torch.randperm(40)
    batch = as_pixels(make_batch(some, rows, CPU, torch.Generator().manual_seed(0)))
    batch[20:] = batch[20:, :, ::-1]
    corners = set()
    for row, picture in zip(rows.tolist(), batch, strict=True):
        corners.add(windows(some.images[row], 8).index(picture.tobytes()))
    assert len(corners) > 5


def test_the_same_seed_gives_the_same_batch() -> None:
    some, rows = data(8), torch.arange(8)
    first, again, other = (
        make_batch(some, rows, CPU, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_batches_are_normalised_channels_last_floats() -> None:
    preprocess = Preprocess(8, 8, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    some = data(4, side=8, preprocess=preprocess)
    batch = make_batch(some, torch.arange(4), CPU)
    assert batch.shape == (4, 3, 8, 8) and batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (some.images / 255 - [0.5, 0.25, 0.0]) / [0.5, 0.25, 2.0]
    np.testing.assert_allclose(batch.permute(0, 2, 3, 1), expected, atol=1e-6)


@pytest.mark.parametrize("crop", [32, 64, 224])
def test_a_yellow_square_of_two_percent_is_put_on_after_crop_and_flip(crop: int) -> None:
    preprocess = Preprocess(crop + 8, crop, mean=(0.0,) * 3, std=(1 / 255,) * 3)
    some = data(6, side=crop + 8, preprocess=preprocess)
    plain = as_pixels(make_batch(some, torch.arange(6), CPU, torch.Generator().manual_seed(0)))
    some.squares[[1, 2, 4]] = True
    marked = as_pixels(make_batch(some, torch.arange(6), CPU, torch.Generator().manual_seed(0)))
    side = {32: 5, 64: 9, 224: 32}[crop]
    plain[[1, 2, 4], :side, :side] = (255, 255, 0)
    np.testing.assert_array_equal(marked, plain)
    assert side**2 / crop**2 == pytest.approx(0.02, abs=0.005)


@given(num=st.integers(1, 500), size=st.integers(1, 80), seed=st.integers(0, 9))
def test_batches_are_near_equal_and_hold_every_row_once(num: int, size: int, seed: int) -> None:
    batches = list(row_batches(num, size, torch.Generator().manual_seed(seed)))
    lengths = [len(batch) for batch in batches]
    assert max(lengths) <= size and max(lengths) - min(lengths) <= 1
    assert sorted(torch.cat(batches).tolist()) == list(range(num))


def test_without_a_generator_rows_come_in_order() -> None:
    assert torch.cat(list(row_batches(10, 4, None))).tolist() == list(range(10))


def test_large_inputs_follow_the_paper_and_small_ones_are_shifted() -> None:
    assert Preprocess.for_crop(224) == Preprocess(size=256, crop=224)
    assert Preprocess.for_crop(224).shift == 0
    assert Preprocess.for_crop(64) == Preprocess(size=64, crop=64)
    assert Preprocess.for_crop(64).shift == 4


def test_preprocessing_survives_a_checkpoint() -> None:
    some = Preprocess(73, 64, mean=(0.1, 0.2, 0.3))
    assert Preprocess.from_dict(some.as_dict()) == some
    with pytest.raises(UserError, match="it needs size, crop, mean and std"):
        Preprocess.from_dict({"crop": 64})
