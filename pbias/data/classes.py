"""Targets that are classes: each picture has exactly one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import torch

from pbias.data.batches import ImageData
from pbias.data.dataset import Pictures
from pbias.errors import UserError


def check_classes(path: str, parts: Iterable[Pictures]) -> None:
    """Refuse pictures of several classes, or of none although all labels are known.

    A picture without any known label is of an unknown class. `path` is the manifest's.
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
    """The data with the number of the class as label, [N], instead of one label a class, [N, A]."""
    classes = data.labels.argmax(dim=1)
    return dataclasses.replace(data, labels=torch.where((data.labels == 1).any(dim=1), classes, -1))
