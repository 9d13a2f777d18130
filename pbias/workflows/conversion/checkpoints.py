"""Files of networks: count their content, and rewrite checkpoints packed or plain.

Only functions that read a network import torch; counting a logits file needs none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument
from pbias.files.logits import read_logits
from pbias.files.signatures import holds_arrays, holds_onnx
from pbias.files.streams import (
    check_inputs,
    check_output,
    input_name,
    output_name,
    read_bytes,
    write_bytes,
)
from pbias.files.table import Table
from pbias.workflows.runs.options import NetworkOptions

if TYPE_CHECKING:
    from pbias.pruning.accounting import Account

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expectation:
    """Whether a network has the sparsity that was expected, and that as a sentence."""

    met: bool
    line: str


@dataclass(frozen=True)
class Content:
    """Content of a file: a row for each layer or target, and facts about the whole."""

    table: Table
    facts: dict[str, Any]
    expectation: Expectation | None = None


def info(
    path: str | Path,
    network_options: NetworkOptions | None = None,
    *,
    expect_sparsity: float | None = None,
) -> Content:
    """Count the content of a file: parameters, zeros, size and work by layer, or labels by target.

    `network_options` describe the network of a state dict. With `expect_sparsity`, zeros are
    recounted and compared with the zeros of that sparsity. Raises UserError for a file that cannot
    be read.
    """
    name = str(path)
    check_inputs([name])
    if holds_arrays(name):
        if expect_sparsity is not None:
            raise UserError(
                f"{input_name(name)} holds logits, which have no sparsity; name a checkpoint"
            )
        return _logits(name)
    options = network_options or NetworkOptions()
    if holds_onnx(name):
        return _onnx(name, options, expect_sparsity)
    content, counts = _network(name, options)
    if expect_sparsity is None:
        return content
    return Content(
        content.table,
        content.facts,
        _compare(counts.num_weights, counts.num_zeros, expect_sparsity, input_name(name)),
    )


def pack(checkpoint: str | Path, output: str | Path, *, no_clobber: bool = False) -> None:
    """Write a checkpoint as a bitmask and its nonzero weights, which every command reads."""
    _rewrite(str(checkpoint), str(output), no_clobber, packed=True)


def unpack(checkpoint: str | Path, output: str | Path, *, no_clobber: bool = False) -> None:
    """Write a checkpoint with plain tensors, for torch.load and load_state_dict."""
    _rewrite(str(checkpoint), str(output), no_clobber, packed=False)


def _network(path: str, options: NetworkOptions) -> tuple[Content, Account]:
    from pbias.files.checkpoint import Checkpoint, parse_network
    from pbias.files.checkpoint.foreign import as_float32, fold_parametrizations
    from pbias.files.provenance import sha256
    from pbias.models.network_files import network, recognize
    from pbias.models.preprocess import Preprocess
    from pbias.pruning.accounting import (
        account_bare,
        checkpoint_facts,
        facts,
        inventory,
        num_uses,
        stored,
    )
    from pbias.pruning.one_shot import measure, pruned_part
    from pbias.workflows.runs.networks import named

    said = named(options)
    data, shown = read_bytes(path), input_name(path)
    held = parse_network(data, shown, as_stored=True)
    if isinstance(held, Checkpoint) or said.name:
        plain = held if isinstance(held, Checkpoint) else as_float32(held, shown)
        found = recognize(plain, sha256(data), shown, said)
        model = network(found)
        counts = measure(found, model)
        if not isinstance(held, Checkpoint):
            counts = stored(counts, held)
        uses = num_uses(model, Preprocess.from_dict(found.preprocess).crop)
        table = inventory(counts, uses, found.sparsity)
        return Content(table, checkpoint_facts(found, counts)), pruned_part(found, counts)
    logger.warning("%s does not say what network it is of; --arch or --model counts exactly", shown)
    counts = account_bare(fold_parametrizations(as_float32(held, shown), shown))
    counts = stored(counts, held)
    return Content(inventory(counts, {}, {}), {"kind": "state dict", **facts(counts)}), counts


def _onnx(path: str, options: NetworkOptions, expect_sparsity: float | None) -> Content:
    from pbias.models.onnx.graph_file import read_onnx_file
    from pbias.models.onnx.inventory import count, facts, inventory
    from pbias.workflows.runs.networks import architecture

    if architecture(options):
        option = argument("arch" if options.arch else "model")
        raise UserError(
            f"{input_name(path)} is an ONNX network, which contains the weights; leave out {option}"
        )
    file = read_onnx_file(path)
    expectation = None
    if expect_sparsity is not None:
        expectation = _compare(*count(file), expect_sparsity, file.path)
    return Content(inventory(file), facts(file), expectation)


def _logits(path: str) -> Content:
    logits = read_logits(path)
    labels = logits.labels
    table = Table(
        {
            "target": list(logits.targets),
            "n": (labels >= 0).sum(axis=0).tolist(),
            "n_positive": (labels == 1).sum(axis=0).tolist(),
        }
    )
    groups = dict(zip(logits.group_names, map(list, logits.group_values), strict=True))
    return Content(
        table,
        {
            "kind": "logits",
            "samples": len(logits),
            "split": logits.split,
            "groups": groups,
            "activation": logits.activation,
            "meta": logits.meta,
        },
    )


def _compare(num_weights: int, found: int, sparsity: float, path: str) -> Expectation:
    """Compare the zeros with the number that `sparsity` means."""
    from pbias.pruning.selection import num_zeros

    wanted = num_zeros(sparsity, num_weights)
    met = wanted == found
    verdict, same = ("pass", "the") if met else ("fail", "not the")
    return Expectation(
        met,
        f"{verdict}: {path}: {found:,} of {num_weights:,} weights are zero,"
        f" {same} {wanted:,} of sparsity {sparsity:g}",
    )


def _rewrite(source: str, output: str, no_clobber: bool, *, packed: bool) -> None:
    from pbias.files.checkpoint import load_checkpoint, serialize

    check_inputs([source])
    check_output(output, [source], no_clobber=no_clobber)
    checkpoint = load_checkpoint(source)
    data, plain = (serialize(checkpoint, packed=form) for form in (packed, False))
    write_bytes(output, data)
    share = 100 * len(data) / len(plain)
    logger.info(
        "%s: %s bytes, %.1f %% of the plain file", output_name(output), f"{len(data):,}", share
    )
