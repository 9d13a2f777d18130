"""`pbias explain`: what a metric means."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import Quiet, Verbose


def explain(
    metric: Annotated[
        str | None,
        typer.Argument(metavar="[METRIC]", help="A metric or column; without one, the list."),
    ] = None,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Explain a metric: formula, range, what is good, when it is undefined, source."""
    from pbias.auditing.metrics.explain import describe, list_metrics
    from pbias.files.streams import write_text

    write_text("-", list_metrics() if metric is None else describe(metric))
