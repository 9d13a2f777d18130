"""`pbias override`: flagged predictions replaced by better ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.options.auditing import LabelsOfIds, Probabilities
from pbias.cli.options.common import Color, Format, NoClobber, Quiet, Seed, Verbose

if TYPE_CHECKING:
    from pbias.auditing.remedies.overriding import Better, Cells
    from pbias.files.logits import Logits

log = logging.getLogger(__name__)

LABELS = "labels"
EVERYTHING = "100%"


def override(
    sparse: Annotated[
        str, typer.Argument(metavar="LOGITS", help="Logits of the pruned model; '-': stdin.")
    ],
    flags: Annotated[
        str,
        typer.Option("--flags", metavar="CSV", help="What to replace: id,attribute (and risk)."),
    ],
    source: Annotated[
        str,
        typer.Option(
            "--with", metavar="LOGITS", help="The dense model's logits, or 'labels': a person's."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the logits to FILE."),
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", metavar="NUM", help="First flags to use: 5% of all, or 500.")
    ] = EVERYTHING,
    curve: Annotated[
        str | None,
        typer.Option("--curve", metavar="FILE", help="Write bias left at budgets of 0 to 100 %."),
    ] = None,
    ref: Annotated[
        str | None,
        typer.Option(
            "--ref", metavar="LOGITS", help="For --curve: the dense model [default: --with]."
        ),
    ] = None,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = False,
    seed: Seed = 0,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Replace flagged predictions by the dense model's, or by labels.

    Flags are used from the highest risk down. A label is written as a logit of -20 or 20, and
    metrics of scores (auc, ece, ...) are undefined for its attribute from then on.
    """
    from pbias.auditing.counts.join import align
    from pbias.auditing.remedies.overriding import from_labels, from_model, locate
    from pbias.cli.inputs import read_labels, read_side
    from pbias.cli.options.budget import parse_budget
    from pbias.files.flag_list import read_flags

    spend = parse_budget("--budget", budget)
    named = list(dict.fromkeys(path for path in (source, ref) if path not in (None, LABELS)))
    _check_files(sparse, named, [flags, labels], output, curve, no_clobber=no_clobber)
    manifest = read_labels(labels, None)
    logits, *others = read_side([sparse, *named], manifest=manifest, probabilities=probabilities)
    others = [align(other, logits) for other in others]
    listed = read_flags(flags)
    cells = locate(listed.pairs, logits, listed.path)
    better = from_labels(logits) if source == LABELS else from_model(others[0], logits)
    if output is not None:
        wanted = spend.of(logits.logits.size)
        if budget != EVERYTHING and len(cells) < wanted:
            log.warning(
                "%s lists only %d of the %d predictions asked for", listed.path, len(cells), wanted
            )
        used = cells[:wanted]
        made_from = {"flags": listed.sha256, "logits": _digest(logits)}
        if source != LABELS:
            made_from["with"] = _digest(others[0])
        _write(logits, better, used, {"budget": budget, "sha256": made_from}, output)
    if curve is not None:
        _write_curve(logits, others[-1], better, cells, seed, curve)


def _check_files(
    sparse: str,
    named: list[str],
    others: Sequence[str | None],
    output: str | None,
    curve: str | None,
    *,
    no_clobber: bool,
) -> None:
    from pbias.cli.inputs import check_sides
    from pbias.cli.tables import check_table_output
    from pbias.errors import UserError
    from pbias.files.streams import check_output

    if output is None and curve is None:
        raise UserError("nothing to write; name the logits with -o, or the curve with --curve")
    if output == curve:
        raise UserError(f"both outputs are {output}; name two files")
    inputs = [sparse, *named, *others]
    if output is not None:
        check_output(output, inputs, no_clobber=no_clobber)
    if curve is not None:
        check_table_output(curve, Format.AUTO, inputs, no_clobber=no_clobber)
        if not named:
            raise UserError("--curve compares with the dense model; name its logits with --ref")
    check_sides([sparse], named, others)


def _digest(logits: Logits) -> str:
    """SHA-256 of the file, as pbias writes it."""
    from pbias.files.logits import pack_logits
    from pbias.files.provenance import sha256

    return sha256(pack_logits(logits))


def _write(
    logits: Logits, better: Better, cells: Cells, how: dict[str, object], output: str
) -> None:
    from dataclasses import replace

    from pbias.auditing.remedies.overriding import mask_of, override
    from pbias.files.logits import write_logits

    mask = mask_of(cells, logits, better)
    num, size = int(mask.sum()), mask.size
    log.info("%d of %d predictions overridden (%.1f %%)", num, size, 100 * num / size)
    if num_unknown := int((~better.known.flat[cells]).sum()):
        log.warning("%d flagged predictions have no label and stay as they are", num_unknown)
    mended = override(logits, better, mask)
    record = how | {"with": LABELS if better.by_labels else "logits", "num_overridden": num}
    write_logits(replace(mended, meta=mended.meta | {"override": record}), output)


def _write_curve(
    logits: Logits, reference: Logits, better: Better, cells: Cells, seed: int, path: str
) -> None:
    from pbias.auditing.remedies.override_curve import override_curve
    from pbias.cli.progress import bar
    from pbias.cli.tables import write_table
    from pbias.reporting.curve_table import curve_sections

    if len(cells) < logits.logits.size:
        share = 100 * len(cells) / logits.logits.size
        log.info("the flags list %.1f %% of all predictions: their curve ends there", share)
    with bar("overriding") as progress:
        table = override_curve(logits, reference, better, cells, seed=seed, progress=progress)
    write_table(
        table, lambda: curve_sections(table), path, Format.AUTO, Color.AUTO, command="override"
    )
