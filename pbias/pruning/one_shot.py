"""Pruning a checkpoint, and writing down what was done to it."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from torch import nn

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.provenance import environment
from pbias.models import classifier_weight
from pbias.pruning.accounting import Account, account
from pbias.pruning.prunable import prunable
from pbias.pruning.selection import num_zeros, prune

TIE_RULE = "lower index kept"
MAX_LISTED = 40

logger = logging.getLogger(__name__)


def check_range(sparsity: float) -> None:
    """Refuse a sparsity outside [0, 1)."""
    if not 0 <= sparsity < 1:
        hint = f"did you mean {sparsity / 100:g}?" if 1 < sparsity < 100 else "give one like 0.9"
        raise UserError(
            f"sparsity {sparsity:g} is not in [0, 1), the share of weights that become zero; {hint}"
        )


def check_reachable(sparsity: float, counts: Account, path: str) -> None:
    """Refuse a sparsity below what is there, as nothing grows back; 0 keeps a network as it is."""
    if sparsity > 0 and num_zeros(sparsity, counts.num_weights) < counts.num_zeros:
        raise UserError(
            f"{path} is at sparsity {counts.sparsity:.6g} already, above the {sparsity:g} asked"
            " for; ask for more, or prune the network it was made from"
        )


def prune_at_once(
    checkpoint: Checkpoint, model: nn.Module, sparsity: float
) -> tuple[Checkpoint, Account]:
    """Prune the network of a checkpoint in place, without training."""
    weights = prunable(model)
    total = sum(weight.numel() for weight in weights.values())
    if sparsity > 0:
        prune(weights, num_zeros(sparsity, total))
    return pruned_checkpoint(checkpoint, model, sparsity, {"method": "one-shot"}, device="cpu")


def pruned_checkpoint(
    parent: Checkpoint, model: nn.Module, asked: float, how: dict[str, Any], *, device: str
) -> tuple[Checkpoint, Account]:
    """The checkpoint of a pruned network, and its counts; `how` is written beside them."""
    counts = measure(parent, model)
    sparsity = {
        "asked": asked,
        "reached": counts.sparsity,
        "num_weights": counts.num_weights,
        "num_zeros": counts.num_zeros,
        "score": "magnitude",
        "scope": "global",
        "tie_rule": TIE_RULE,
        **how,
        "per_layer": counts.per_layer(),
    }
    child = dataclasses.replace(
        parent,
        state_dict=model.state_dict(),
        sparsity=sparsity,
        # A network that was never in a file has only the parents of its own.
        parents=[parent.sha256] if parent.sha256 else parent.parents,
        environment=environment(device),
    )
    return child, counts


def measure(checkpoint: Checkpoint, model: nn.Module) -> Account:
    """The counts of a checkpoint's network."""
    return account(model, classifier_weight(checkpoint.model["name"]))


def report(checkpoint: Checkpoint, counts: Account, path: str) -> None:
    """Say what was asked and reached, warn of what is empty; layer by layer in detail."""
    logger.info(
        "%s: asked for sparsity %g, reached %.6g: %s of %s weights are zero (%.1f %% of all %s"
        " parameters)",
        *(path, checkpoint.sparsity["asked"], counts.sparsity),
        *(f"{counts.num_zeros:,}", f"{counts.num_weights:,}"),
        *(100 * counts.num_zeros / counts.num_parameters, f"{counts.num_parameters:,}"),
    )
    for layer in counts.layers:
        logger.debug(
            "%s: sparsity %.4f, %s of %s weights left, %d of %d filters empty",
            *(layer.name, layer.sparsity),
            *(f"{layer.num_weights - layer.num_zeros:,}", f"{layer.num_weights:,}"),
            *(layer.num_empty_filters, layer.num_filters),
        )
    empty = [layer.name for layer in counts.layers if layer.num_zeros == layer.num_weights]
    if empty:
        logger.warning("%s: layers without any weight left: %s", path, _listed(empty))
    if counts.empty_outputs:
        logger.warning(
            "%s: %d of %d targets have no weight left in the classifier, so their output is the"
            " same for every picture: %s",
            *(path, len(counts.empty_outputs), len(checkpoint.targets)),
            _listed([checkpoint.targets[index] for index in counts.empty_outputs]),
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
