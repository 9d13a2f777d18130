"""Prune a checkpoint at once, and record what was done to it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from pbias.errors import UserError, listed
from pbias.files.checkpoint import Checkpoint
from pbias.files.provenance import environment
from pbias.files.streams import input_name, output_name
from pbias.models import classifier_weight
from pbias.pruning.accounting import Account, account
from pbias.pruning.layers import chosen_names, prunable
from pbias.pruning.method import Chooser, Measure, Method
from pbias.pruning.selection import num_zeros

MAX_LISTED = 40

logger = logging.getLogger(__name__)


def check_range(sparsity: float) -> None:
    """Raise UserError for a sparsity outside [0, 1)."""
    if not 0 <= sparsity < 1:
        hint = f"did you mean {sparsity / 100:g}?" if 1 < sparsity < 100 else "give one like 0.9"
        raise UserError(
            f"sparsity {sparsity:g} is not in [0, 1), the share of weights that become zero; {hint}"
        )


def check_reachable(sparsity: float, counts: Account, path: str) -> None:
    """Raise UserError for a sparsity below the current one, because nothing grows back.

    A sparsity of 0 keeps a network unchanged.
    """
    if sparsity > 0 and num_zeros(sparsity, counts.num_weights) < counts.num_zeros:
        raise UserError(
            f"{input_name(path)} is at sparsity {counts.sparsity:.6g} already, above {sparsity:g}; "
            "ask for more, or prune the network it was made from"
        )


def check_method(
    method: Method,
    checkpoint: Checkpoint,
    model: nn.Module,
    sparsities: Sequence[float],
    path: str | None,
) -> None:
    """Raise UserError for a method that does not fit the network, or sparsities it cannot reach.

    `path` is the file of the weights. None means that they are random, so that none of their zeros
    was pruned.
    """
    chooser = _chooser(method, checkpoint, model)
    counts = measure(checkpoint, model).only(chooser.weights)
    for sparsity in sparsities:
        if path is not None and method.implied_sparsity is None:
            check_reachable(sparsity, counts, path)
        chooser.num_pruned(sparsity)


def prune_at_once(
    checkpoint: Checkpoint,
    model: nn.Module,
    method: Method,
    sparsities: Iterable[float],
    measure: Measure | None = None,
) -> None:
    """Prune the network of a checkpoint in place to one sparsity after another, without training.

    A sparsity of 0 leaves it unchanged. `measure` is passed to a `Chooser`.
    """
    chooser = _chooser(method, checkpoint, model, measure)
    for sparsity in sparsities:
        if sparsity > 0:
            num_zeros = sum(int((weight == 0).sum()) for weight in chooser.weights.values())
            chooser.prune(max(chooser.num_pruned(sparsity), num_zeros))


def pruned_checkpoint(
    parent: Checkpoint,
    model: nn.Module,
    method: Method,
    asked: float,
    how: dict[str, Any],
    *,
    device: str,
) -> tuple[Checkpoint, Account]:
    """Return the checkpoint of a pruned network, and its counts; `how` is recorded in it."""
    chooser = _chooser(method, parent, model)
    counts = measure(parent, model)
    chosen = counts.only(chooser.weights)
    sparsity = {
        "asked": asked,
        "reached": chosen.sparsity,
        "num_weights": chosen.num_weights,
        "num_zeros": chosen.num_zeros,
        **method.record(),
        **how,
        "per_layer": counts.per_layer(),
        "per_layer_asked": chooser.asked_by_layer(asked),
    }
    child = dataclasses.replace(
        parent,
        state_dict=model.state_dict(),
        sparsity=sparsity,
        # A network that was never in a file has only its own parents.
        parents=[parent.sha256] if parent.sha256 else parent.parents,
        environment=environment(device),
    )
    return child, counts


def _chooser(
    method: Method, checkpoint: Checkpoint, model: nn.Module, measure: Measure | None = None
) -> Chooser:
    return Chooser(method, prunable(model), _classifier(checkpoint, model), measure)


def _classifier(checkpoint: Checkpoint, model: nn.Module) -> str:
    network = checkpoint.model
    return classifier_weight(network["name"], model, len(checkpoint.targets), network["args"])


def measure(checkpoint: Checkpoint, model: nn.Module) -> Account:
    """Return the counts of a checkpoint's network."""
    return account(model, _classifier(checkpoint, model))


def pruned_part(checkpoint: Checkpoint, counts: Account) -> Account:
    """Return the counts of the layers that were to be pruned; of all layers for a dense network."""
    names = [layer.name for layer in counts.layers]
    only, exclude = (checkpoint.sparsity.get(key, []) for key in ("only", "exclude"))
    return counts.only(chosen_names(names, only, exclude))


def report(checkpoint: Checkpoint, counts: Account, path: str) -> None:
    """Log requested and reached sparsity and each layer's; warn about empty layers and outputs."""
    pruned, path = checkpoint.sparsity, output_name(path)
    logger.info(
        "%s: asked for sparsity %g, reached %.6g: %s of %s weights are zero (%.1f %% of all %s"
        " parameters)",
        *(path, pruned["asked"], pruned["reached"]),
        *(f"{pruned['num_zeros']:,}", f"{pruned['num_weights']:,}"),
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
        logger.warning("%s: layers without any weight left: %s", path, listed(empty, MAX_LISTED))
    if counts.empty_outputs:
        logger.warning(
            "%s: %d of %d targets have no weight left in the classifier, so their output is the"
            " same for every picture: %s",
            *(path, len(counts.empty_outputs), len(checkpoint.targets)),
            listed([checkpoint.targets[i] for i in counts.empty_outputs], MAX_LISTED),
        )
