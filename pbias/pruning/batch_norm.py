"""Batch-norm statistics after one-shot pruning, from training pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pbias.workflows.runs.parent_data import manifest_of
from pbias.cli.progress import bar
from pbias.data.bad_images import BadImages
from pbias.data.batches import make_batch, row_batches
from pbias.data.dataset import Pictures, find_pictures, load
from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.manifest import select
from pbias.models.preprocess import Preprocess
from pbias.pruning.batchnorm import has_statistics, reestimate
from pbias.training.recipe import Recipe
from pbias.training.setup import choose_device

MIN_IMAGES = 2  # of one picture there is no variance

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reestimation:
    """Which pictures the statistics are estimated from."""

    pictures: Pictures
    preprocess: Preprocess
    batch_size: int
    workers: int
    device: torch.device
    bad: BadImages
    sha256: str  # of the manifest

    def apply(self, model: nn.Module) -> dict[str, Any]:
        """Estimate the statistics of a network anew; what to write down about it."""
        if not has_statistics(model):
            logger.warning("the network has no batch normalisation, so nothing is re-estimated")
            return {}
        sizes: list[int] = []
        reestimate(model.to(self.device), self._batches(sizes))
        model.to("cpu")
        self.bad.report()
        logger.info(
            "batch-norm statistics re-estimated from %s training images in %d batches",
            *(f"{sum(sizes):,}", len(sizes)),
        )
        images = {"num_images": sum(sizes), "num_batches": len(sizes)}
        return {"batch_norm": {**images, "data_sha256": self.sha256}}

    def _batches(self, sizes: list[int]) -> Iterator[Tensor]:
        """Pictures cropped in the middle, decoded batch by batch; `sizes` grows by how many."""
        with bar("re-estimating batch norm") as progress:
            for rows in row_batches(len(self.pictures), self.batch_size, None):
                part = self.pictures.only(rows.tolist())
                block = load(part, self.preprocess, bad=self.bad, workers=self.workers)
                sizes.append(len(block))
                yield make_batch(block, torch.arange(len(block)), self.device)
                progress(int(rows[-1]) + 1, len(self.pictures))


def find(
    parent: Checkpoint,
    path: str,
    data: str | None,
    root: str | None,
    num_batches: int,
    batch_size: int | None,
    *,
    seed: int,
    workers: int,
    device: str,
    bad: BadImages,
    allow_outside: bool,
) -> Reestimation:
    """Draw training pictures for at most `num_batches` batches, from `seed`."""
    batch_size = batch_size or Recipe.from_dict(parent.recipe).batch_size
    manifest = manifest_of(
        parent, path, data, root, "leave --bn-batches out", allow_outside=allow_outside
    )
    rows = np.random.default_rng(seed).permutation(manifest.rows("train"))
    rows = rows[: num_batches * batch_size]
    if len(rows) < MIN_IMAGES:
        raise UserError(
            f"{manifest.path} has {len(rows)} training images, too few to estimate from;"
            " leave --data and --bn-batches out"
        )
    return Reestimation(
        find_pictures(manifest, select(manifest, targets=[]), rows, bad),
        Preprocess.from_dict(parent.preprocess),
        batch_size,
        workers,
        choose_device(device),
        bad,
        manifest.sha256,
    )
