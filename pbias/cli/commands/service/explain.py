"""`pbias explain`: explain a metric."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import Quiet, Verbose


def explain(
    metric: Annotated[
        str | None,
        typer.Argument(metavar="[METRIC]", help="Metric or column; if omitted, list all."),
    ] = None,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Explain a metric: formula, range, good values, when it is undefined, source."""
    from pbias.auditing.metrics.explain import describe, list_metrics
    from pbias.files.streams import write_text

    write_text("-", list_metrics() if metric is None else describe(metric))
