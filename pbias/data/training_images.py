"""The images that a network is trained and validated on; each has exactly one class, if any."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from pbias.data.bad_images import BadImages, Int64
from pbias.data.batches import ImageData
from pbias.data.dataset import OWN_MEMORY, REFUSE, Pictures, find_pictures, load, measure
from pbias.data.image_memory import ImageMemory
from pbias.data.workers import Progress, no_progress
from pbias.errors import UserError
from pbias.files.manifest import Labels, Manifest
from pbias.models.preprocess import Preprocess

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingPictures:
    """Image files to train and validate on, found and measured but not decoded."""

    train: Pictures
    valid: Pictures | None
    one_class: bool  # are the targets classes, one per image?
    sizes: Int64  # [N, 2] height and width of the training images


def find_training_pictures(
    manifest: Manifest,
    labels: Labels,
    *,
    bad: BadImages = REFUSE,
    one_class: bool = False,
    workers: int = 0,
    progress: Progress = no_progress,
) -> TrainingPictures:
    """Find the images of the split `train` and, if it exists, `valid`.

    Raises UserError for a manifest without training rows, for files that are missing or not images
    (unless they are skipped), and for targets without a known label. Warns about targets whose
    training labels are all equal. `one_class` means that the targets are classes; it raises
    UserError for an image that has more or fewer than one.
    """
    train = find_pictures(manifest, labels, manifest.rows("train"), bad)
    train, sizes = measure(train, bad=bad, workers=workers, progress=progress)
    _check_labels(manifest.path, labels.targets, train)
    valid = None
    if "valid" in manifest.splits:
        valid = find_pictures(manifest, labels, manifest.rows("valid"), bad)
    if one_class:
        check_classes(manifest.path, [part for part in (train, valid) if part])
    return TrainingPictures(train, valid, one_class, sizes)


def load_training_pictures(
    pictures: TrainingPictures,
    preprocess: Preprocess,
    *,
    bad: BadImages = REFUSE,
    workers: int = 0,
    cache: str | None = None,
    memory: ImageMemory = OWN_MEMORY,
    progress: Progress = no_progress,
) -> tuple[ImageData, ImageData | None]:
    """Decode the images for training and for validation, as `dataset.load` does."""
    num_train = len(pictures.train)
    total = num_train + len(pictures.valid or ())
    train = load(
        pictures.train,
        preprocess,
        sizes=pictures.sizes,
        bad=bad,
        workers=workers,
        cache=cache,
        memory=memory,
        progress=lambda done, _: progress(done, total),
    )
    if pictures.one_class:
        train = with_classes(train)
    if pictures.valid is None:
        return train, None
    valid = load(
        pictures.valid,
        preprocess,
        bad=bad,
        workers=workers,
        cache=cache,
        memory=memory,
        progress=lambda done, _: progress(num_train + done, total),
    )
    return train, with_classes(valid) if pictures.one_class else valid


def _check_labels(path: str, targets: list[str], train: Pictures) -> None:
    constant = []
    for target, labels in zip(targets, train.labels.T, strict=True):
        values = set(labels.tolist()) - {-1}
        if not values:
            raise UserError(
                f"{path}: '{target}' has no known training label; leave it out of --targets"
            )
        if len(values) == 1:
            constant.append(target)
    if constant:
        logger.warning(
            "%s: all training labels are the same for %s; nothing can be learned there",
            *(path, ", ".join(constant)),
        )


def check_classes(path: str, parts: Iterable[Pictures]) -> None:
    """Raise UserError for images with several classes, or with none although all labels are known.

    An image without any known label has an unknown class. `path` is the manifest's path.
    """
    for pictures in parts:
        num = (pictures.labels == 1).sum(axis=1)
        unknown = (pictures.labels < 0).all(axis=1)
        bad = np.flatnonzero((num != 1) & ~unknown)
        if len(bad):
            raise UserError(
                f"{path}: {len(bad)} of {len(pictures)} images are not of exactly one class "
                f"(first: {pictures.ids[bad[0]]}, of {num[bad[0]]}); name a 0/1 column for each "
                "class with --targets, or train without --loss cross-entropy"
            )


def with_classes(data: ImageData) -> ImageData:
    """Return the data with one class number per image, [N], instead of labels by class, [N, A]."""
    classes = data.labels.argmax(dim=1)
    return dataclasses.replace(data, labels=torch.where((data.labels == 1).any(dim=1), classes, -1))
