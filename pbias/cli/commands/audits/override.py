"""`pbias override`: replace flagged predictions with better ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.options.auditing import LabelsOfIds, Probabilities
from pbias.cli.options.common import Color, Format, NoClobber, Quiet, Seed, Verbose

if TYPE_CHECKING:
    from pbias.workflows.override import OverrideInputs


def override(
    sparse: Annotated[
        str, typer.Argument(metavar="LOGITS", help="Logits of the pruned model; '-': stdin.")
    ],
    flags: Annotated[
        str,
        typer.Option(
            "--flags", metavar="CSV", help="Predictions to replace: id,attribute (and risk)."
        ),
    ],
    source: Annotated[
        str,
        typer.Option("--with", metavar="LOGITS", help="Logits of the dense model, or 'labels'."),
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the logits to FILE."),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            "--budget", metavar="NUM", help="Flags to use: 5% of all predictions, or 500."
        ),
    ] = "100%",
    curve: Annotated[
        str | None,
        typer.Option(
            "--curve", metavar="FILE", help="Write the remaining bias at budgets of 0 to 100 %."
        ),
    ] = None,
    ref: Annotated[
        str | None,
        typer.Option(
            "--ref", metavar="LOGITS", help="For --curve: the dense model [default: --with]."
        ),
    ] = None,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = None,
    seed: Seed = 0,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Replace flagged predictions with the dense model's predictions, or with labels.

    Flags are used in order of risk, highest first. A label becomes a logit of -20 or 20, so
    metrics of scores (auc, ece, ...) are undefined for its attribute.
    """
    from pbias.cli.progress import bar
    from pbias.cli.tables import write_table
    from pbias.workflows.inputs.budget import parse_budget
    from pbias.workflows.override import Override, OverrideInputs

    spend = parse_budget("budget", budget)
    inputs = OverrideInputs(sparse, flags, source, ref, labels, probabilities)
    _check_outputs(inputs, output, curve, no_clobber=no_clobber)
    files = Override(inputs)
    if output is not None:
        files.write(output, spend, budget)
    if curve is not None:
        result = files.curve(seed, bar)
        header = {"command": "override"}
        write_table(result.rows, result.sections, curve, Format.AUTO, Color.AUTO, **header)


def _check_outputs(
    inputs: OverrideInputs, output: str | None, curve: str | None, *, no_clobber: bool
) -> None:
    from pbias.cli.tables import check_table_output
    from pbias.errors import UserError
    from pbias.files.streams import check_output
    from pbias.workflows.override import check_curve

    if output is None and curve is None:
        raise UserError("nothing to write; name an output with -o (logits) or --curve")
    if output == curve:
        raise UserError(f"both outputs are {output}; give them different names")
    if output is not None:
        check_output(output, inputs.paths, no_clobber=no_clobber)
    if curve is not None:
        check_table_output(curve, Format.AUTO, inputs.paths, no_clobber=no_clobber)
        check_curve(inputs)
