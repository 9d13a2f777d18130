"""Targets that are classes, of which each image has exactly one: their source and detection."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from pbias.errors import UserError
from pbias.files.checkpoint import CROSS_ENTROPY, Checkpoint
from pbias.files.logits import default_targets
from pbias.files.manifest import Int8, Manifest
from pbias.files.manifest.classes import expand_classes

ACTIVATIONS = ("softmax", "sigmoid")

logger = logging.getLogger(__name__)


def with_classes(
    checkpoint: Checkpoint, manifest: Manifest, column: str | None
) -> tuple[Checkpoint, Manifest]:
    """Return a checkpoint and a manifest whose classes are the targets of both.

    The column is the named one, or the column that the checkpoint was trained with, if present.
    Outputs without names get the names of the manifest's classes.
    """
    known: str | None = checkpoint.data.get("classes")
    column = column or (known if known in manifest.columns else None)
    if column is None:
        return checkpoint, manifest
    targets = checkpoint.targets
    named = None if are_unnamed(targets) else targets
    manifest, classes = expand_classes(manifest, column, named, len(targets))
    data = {**checkpoint.data, "classes": column}
    return dataclasses.replace(checkpoint, targets=classes, data=data), manifest


def are_unnamed(targets: Sequence[str]) -> bool:
    """Return whether the outputs of a network have no names."""
    return tuple(targets) == default_targets(len(targets))


def activation(given: str | None, checkpoint: Checkpoint, labels: Int8, path: str) -> str:
    """Return the function that converts the network's outputs to probabilities: softmax or sigmoid.

    It is the named one, or follows from the loss that the network was trained with. Without either,
    classes mean softmax; a warning says so if the outputs look like classes.
    """
    if given is not None and given not in ACTIVATIONS:
        raise UserError(f"no activation '{given}'; use one of {', '.join(ACTIVATIONS)}")
    if given is not None:
        return given
    if checkpoint.activation is not None:
        return checkpoint.activation
    if "classes" in checkpoint.data:
        return "softmax"
    if look_like_classes(labels):
        logger.warning(
            "%s: each labeled image has exactly one positive label, so its %d outputs may be "
            "classes; they are stored as independent attributes (sigmoid). Say --activation "
            "softmax for classes, or --activation sigmoid",
            *(path, labels.shape[1]),
        )
    return "sigmoid"


def look_like_classes(labels: Int8) -> bool:
    """Return whether rows of labels [N, A], if known, have exactly one of several classes."""
    known = labels[(labels >= 0).any(axis=1)]
    return labels.shape[1] > 1 and len(known) > 0 and bool(((known == 1).sum(axis=1) == 1).all())


def default_loss(given: str | None, checkpoint: Checkpoint) -> str | None:
    """Return the loss that was named, or that of classes for a network without a recipe."""
    if given is None and not checkpoint.recipe.get("loss") and "classes" in checkpoint.data:
        return CROSS_ENTROPY
    return given


def check_loss(given: str | None, checkpoint: Checkpoint, labels: Int8, path: str) -> None:
    """Raise UserError if a foreign network may be a classifier and no option states its loss."""
    if given is None and not checkpoint.recipe.get("loss") and look_like_classes(labels):
        raise UserError(
            f"{path} does not say which loss it was trained with, and every labeled image has "
            "exactly one positive label; add --loss cross-entropy if its outputs are classes, "
            "else --loss binary-cross-entropy"
        )
