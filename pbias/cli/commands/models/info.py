"""`pbias info`: what a file holds, counted from its content."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pbias.cli.options.common import (
    Color,
    ColorWhen,
    Format,
    NoClobber,
    Quiet,
    Table,
    TableFormat,
    Verbose,
)
from pbias.cli.options.networks import ForeignArch, Model, ModelArgs, named
from pbias.errors import Status

if TYPE_CHECKING:
    from pbias.files.table import Table as TableOfNumbers
    from pbias.models.network_files import Named
    from pbias.pruning.accounting import Account

    Content = tuple[TableOfNumbers, dict[str, Any]]

logger = logging.getLogger(__name__)


def info(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Checkpoint, state dict or logits; '-': stdin.")
    ],
    expect_sparsity: Annotated[
        float | None,
        typer.Option(
            "--expect-sparsity",
            metavar="S",
            min=0.0,
            max=1.0,
            help="Recount the zeros; leave with status 1 unless they are those of sparsity S.",
        ),
    ] = None,
    arch: ForeignArch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Count what a file holds: parameters, zeros, size and work by layer, and where it is from."""
    from pbias.cli.tables import check_table_output, write_table
    from pbias.errors import UserError
    from pbias.files.signatures import holds_arrays
    from pbias.files.streams import check_inputs, input_name
    from pbias.reporting.info_table import info_sections

    check_inputs([file])
    check_table_output(output, form, [file], no_clobber=no_clobber)
    counts = None
    if holds_arrays(file):
        if expect_sparsity is not None:
            raise UserError(
                f"{input_name(file)} holds logits, which have no sparsity; name a checkpoint"
            )
        table, facts = _logits(file)
    else:
        table, facts, counts = _network(file, named(arch, model, model_args))
    write_table(table, lambda: info_sections(table, facts), output, form, color, **facts)
    if counts and expect_sparsity is not None:
        _expect(counts, expect_sparsity, input_name(file))


def _network(path: str, said: Named) -> tuple[TableOfNumbers, dict[str, Any], Account]:
    from pbias.files.checkpoint import Checkpoint, load_network_file
    from pbias.files.streams import input_name
    from pbias.models.network_files import network, read_network
    from pbias.models.preprocess import Preprocess
    from pbias.pruning.accounting import account_bare
    from pbias.pruning.inventory import checkpoint_facts, facts, inventory
    from pbias.pruning.macs import num_uses
    from pbias.pruning.one_shot import measure, pruned_part

    content = read_network(path, said) if said.name else load_network_file(path)
    if isinstance(content, Checkpoint):
        model = network(content)
        counts = measure(content, model)
        uses = num_uses(model, Preprocess.from_dict(content.preprocess).crop)
        table = inventory(counts, uses, content.sparsity)
        return table, checkpoint_facts(content, counts), pruned_part(content, counts)
    logger.warning(
        "%s does not say what network it is of; --arch or --model counts exactly", input_name(path)
    )
    counts = account_bare(content)
    return inventory(counts, {}, {}), {"kind": "state dict", **facts(counts)}, counts


def _logits(path: str) -> Content:
    from pbias.files.logits import read_logits
    from pbias.files.table import Table

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
    facts = {
        "kind": "logits",
        "samples": len(logits),
        "split": logits.split,
        "groups": groups,
        "activation": logits.activation,
        "meta": logits.meta,
    }
    return table, facts


def _expect(counts: Account, sparsity: float, path: str) -> None:
    """Say whether the zeros are as many as `sparsity` means; leave with status 1 if not."""
    from pbias.cli.console import VERDICT
    from pbias.pruning.selection import num_zeros

    wanted = num_zeros(sparsity, counts.num_weights)
    same = wanted == counts.num_zeros
    logger.log(
        VERDICT,
        "%s: %s: %s of %s weights are zero, %s %s of sparsity %g",
        *("pass" if same else "fail", path, f"{counts.num_zeros:,}", f"{counts.num_weights:,}"),
        *("the" if same else "not the", f"{wanted:,}", sparsity),
    )
    if not same:
        raise typer.Exit(Status.GATE_FAILED)
