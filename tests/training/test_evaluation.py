"""Predicting: equal with any batch size, and without NaN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.errors import UserError
from pbias.models import build
from pbias.models.preprocess import Preprocess
from pbias.training.evaluation import Score, check_input, evaluate, predict_logits

CPU = torch.device("cpu")


def pictures(num: int, side: int = 32) -> ImageData:
    pixels = np.random.default_rng(0).integers(0, 256, (num, side, side, 3), dtype=np.uint8)
    labels = torch.from_numpy(np.random.default_rng(1).integers(-1, 2, (num, 5)).astype(np.int8))
    return ImageData(pixels, labels, torch.zeros(num, dtype=torch.bool), Preprocess(side, side))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_batch_size_does_not_change_the_logits(size: int) -> None:
    torch.manual_seed(0)
    model, data = build("resnet_small", 5), pictures(40)
    whole = predict_logits(model, [data], CPU, 40)
    np.testing.assert_allclose(predict_logits(model, [data], CPU, size), whole, atol=1e-5)
    assert whole.shape == (40, 5) and whole.dtype == np.float32


def test_blocks_are_joined_in_order() -> None:
    torch.manual_seed(0)
    model, data = build("resnet_small", 5), pictures(12)
    parts = [
        ImageData(data.images[part], data.labels[part], data.squares[part], data.preprocess)
        for part in (slice(0, 5), slice(5, 12))
    ]
    whole = predict_logits(model, [data], CPU, 64)
    np.testing.assert_allclose(predict_logits(model, parts, CPU, 64), whole, atol=1e-5)


def test_a_score_is_what_the_logits_say() -> None:
    torch.manual_seed(0)
    model, data = build("resnet_small", 5), pictures(30)
    logits = predict_logits(model, [data], CPU, 30).astype(np.float64)
    labels = data.labels.numpy()
    losses = np.logaddexp(0, logits) - logits * (labels == 1)
    known = labels >= 0
    score = evaluate(model, data, CPU)
    assert score.loss == pytest.approx(losses[known].mean(), rel=1e-5)
    assert score.accuracy == pytest.approx(((logits > 0) == labels)[known].mean())


def test_a_score_of_nothing_known_is_no_number() -> None:
    score = Score.of([torch.zeros(3)])
    assert np.isnan(score.loss) and np.isnan(score.accuracy)


def test_infinite_logits_are_refused() -> None:
    model = build("resnet_small", 5)
    torch.nn.init.constant_(model.fc.bias, float("inf"))
    with pytest.raises(UserError, match=r"50 of 50 logits are not finite"):
        predict_logits(model, [pictures(10)], CPU, 4)


def test_a_size_that_a_network_cannot_take_is_refused() -> None:
    with pytest.raises(UserError, match=r"cannot take images of 64 px .* --image-size"):
        check_input(build("vit_b_16", 5), 64, 5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Flatten(), r"gives \[1, 192\] for one image and 5 targets; it must return"),
        (nn.Identity(), r"gives \[1, 3, 8, 8\] for"),
        (nn.MaxPool2d(8, return_indices=True), "gives tuple for one image"),
        (nn.Embedding(2, 2), "cannot take images of 8 px"),
    ],
)
def test_networks_that_give_no_logits_are_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_input(model, 8, 5)
