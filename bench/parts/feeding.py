"""Measure whether the GPU waits for images, compared with random numbers on the GPU."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.models import build
from pbias.models.preprocess import Preprocess
from pbias.training.evaluation import loss_sum
from pbias.training.loop import fit
from pbias.training.precision import autocast, choose_precision
from pbias.training.recipe import Recipe
from pbias.training.setup import choose_device, describe, make_optimizer

SIZES = (128, 224)  # pixels
AIM = 0.85  # of the speed without images
NUM_STEPS = 50  # per epoch
NUM_TARGETS = 40


def compare(device_name: str, precision: str, epochs: int, batch_size: int) -> int:
    """Print both speeds at each size; return 1 if the aim is missed."""
    device, missed = choose_device(device_name), 0
    model = build("resnet18", NUM_TARGETS)
    precision = choose_precision(precision, device, model)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, precision=precision)
    print(f"resnet18, batches of {batch_size}, {precision}, {describe(device)}:")
    for size in SIZES:
        fed, alone = _rate_fed(size, recipe, device), _rate_alone(size, recipe, device)
        missed += fed < AIM * alone
        print(
            f"  {size} px: {fed:,.0f} images/s; on random numbers {alone:,.0f}: "
            f"{fed / alone:.0%} (aim: {AIM:.0%})"
        )
    return 1 if missed else 0


def _rate_fed(size: int, recipe: Recipe, device: torch.device) -> float:
    """Return images per second in the fastest epoch of `fit` on images in memory."""
    rng = np.random.default_rng(0)
    num, preprocess = NUM_STEPS * recipe.batch_size, Preprocess.for_crop(size)
    pixels = rng.integers(0, 256, (num, preprocess.size, preprocess.size, 3), dtype=np.uint8)
    labels = torch.from_numpy(rng.integers(0, 2, (num, NUM_TARGETS), dtype=np.int8))
    data = ImageData(pixels, labels, torch.zeros(num, dtype=torch.bool), preprocess)
    result = fit(build("resnet18", NUM_TARGETS), data, None, recipe, device=device)
    return max(report.images_per_s for report in result.reports)


def _rate_alone(size: int, recipe: Recipe, device: torch.device) -> float:
    """Return images per second for the same steps on one batch of random numbers."""
    model: nn.Module = build("resnet18", NUM_TARGETS)
    model.to(device, memory_format=torch.channels_last).train()
    optimizer = make_optimizer(recipe, model)
    images = torch.randn(recipe.batch_size, 3, size, size, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 2, (recipe.batch_size, NUM_TARGETS), device=device)
    rates = []
    for _ in range(recipe.epochs):
        start = time.perf_counter()
        for _ in range(NUM_STEPS):
            optimizer.zero_grad(set_to_none=True)
            with autocast(recipe.precision, device):
                logits = model(images)
            (loss_sum(logits.float(), labels) / labels.numel()).backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        rates.append(NUM_STEPS * recipe.batch_size / (time.perf_counter() - start))
    return max(rates)
