"""Batch-norm statistics of a pruned network, re-estimated from training images.

Pruning makes the statistics of the dense network stale.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pbias.data.bad_images import BadImages
from pbias.data.batches import make_batch, row_batches
from pbias.data.dataset import Pictures, find_pictures, load
from pbias.errors import UserError
from pbias.files.manifest import Manifest, select
from pbias.models.preprocess import Preprocess

MIN_IMAGES = 2  # one image has no variance

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reestimation:
    """The images from which statistics are estimated, and how to read them."""

    pictures: Pictures
    preprocess: Preprocess
    batch_size: int
    workers: int
    device: torch.device
    bad: BadImages
    sha256: str  # digest of the manifest

    def apply(
        self,
        model: nn.Module,
        watch: Callable[[str], AbstractContextManager[Callable[[int, int], None]]],
    ) -> dict[str, Any]:
        """Re-estimate the statistics of a network in place, and return a record of it.

        `watch` takes a label and returns a function (images done, all images) that shows progress.
        """
        if not has_statistics(model):
            logger.warning("the network has no batch normalization, so nothing is re-estimated")
            return {}
        sizes: list[int] = []
        with watch("re-estimating batch norm") as progress:
            reestimate(model.to(self.device), self._batches(sizes, progress))
        model.to("cpu")
        self.bad.report()
        logger.info(
            "batch-norm statistics re-estimated from %s training images in %d batches",
            *(f"{sum(sizes):,}", len(sizes)),
        )
        images = {"num_images": sum(sizes), "num_batches": len(sizes)}
        return {"batch_norm": {**images, "data_sha256": self.sha256}}

    def _batches(self, sizes: list[int], progress: Callable[[int, int], None]) -> Iterator[Tensor]:
        """Yield center-cropped batches of the images; append each batch size to `sizes`."""
        for rows in row_batches(len(self.pictures), self.batch_size, None):
            part = self.pictures.only(rows.tolist())
            block = load(part, self.preprocess, bad=self.bad, workers=self.workers)
            sizes.append(len(block))
            yield make_batch(block, torch.arange(len(block)), self.device)
            progress(int(rows[-1]) + 1, len(self.pictures))


def draw_pictures(manifest: Manifest, num: int, seed: int, bad: BadImages) -> Pictures:
    """Draw at most `num` training images of a manifest from a seed.

    Raises UserError if there are too few to estimate a variance.
    """
    rows = np.random.default_rng(seed).permutation(manifest.rows("train"))[:num]
    if len(rows) < MIN_IMAGES:
        raise UserError(
            f"{manifest.path} has {len(rows)} training images, too few to estimate from;"
            " leave --data and --bn-batches out"
        )
    return find_pictures(manifest, select(manifest, targets=[]), rows, bad)


def has_statistics(model: nn.Module) -> bool:
    """Return whether the network has batch-norm statistics to estimate."""
    return any(_layers(model))


@torch.no_grad()
def reestimate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set means and variances to their averages over batches of images, without training.

    Each batch has the same weight. All layers except batch normalization work as in prediction.
    Source: Li et al., EagleEye, ECCV 2020 (adaptive batch normalization).
    """
    layers = _layers(model)
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # None means a cumulative average in torch
        layer.train()
    for batch in batches:
        model(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.eval()


def _layers(model: nn.Module) -> list[_BatchNorm]:
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
