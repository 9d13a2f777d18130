"""The figures of an audit in memory, from its table and from the predictions behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument, did_you_mean
from pbias.files.escaping import printable

if TYPE_CHECKING:
    from pbias.auditing.counts.strata import Partition
    from pbias.auditing.engine import Audit
    from pbias.auditing.score_bins import ScoreBins
    from pbias.files.logits import Logits
    from pbias.files.table import Table
    from pbias.reporting.charts.curves import Place
    from pbias.reporting.charts.figure import Figure

POOLED = "all attributes"
KINDS = ("calibration", "scores")
AXES = ("sparsity", "file")


def side_names(audit: Audit) -> list[str]:
    """Return names for the models of an audit, the reference first."""
    names = [printable(Path(side.heads[0].path).stem) for side in audit.sides]
    if len(names) == 1:
        return [names[0] or "model"]
    ours, theirs = names
    return [f"{theirs or 'model'} (reference)", f"{ours or 'model'} (audited)"]


def has_predictions(audit: Audit) -> bool:
    """Return whether predictions are in memory, not read in blocks or counted."""
    if audit.of_counts:
        return False
    first = audit.sides[0]
    num_rows = int(first.sums.cells[0, 0].sum((-1, -2))[0, 0])
    return len(first.heads[0]) == num_rows


def bins_of(
    audit: Audit, partition: Partition, attribute: str | None, num_bins: int
) -> dict[str, ScoreBins]:
    """Count predictions by probability, for each model by name; `attribute` None: all together."""
    from pbias.auditing.score_bins import score_bins

    chosen = list(audit.design.targets) if attribute is None else [attribute]
    sides = [side.heads for side in reversed(audit.sides)]
    return {
        name: score_bins(runs, partition, chosen, num_bins)
        for name, runs in zip(side_names(audit), sides, strict=True)
    }


def of_predictions(
    audit: Audit, kind: str, attribute: str | None, group: str, suffix: str = ""
) -> Figure | None:
    """Draw calibration curves or score distributions of one attribute (None: all) by a group.

    The key of the figure is its kind, with a suffix if a page has several. Raises UserError for a
    group that the audit does not have.
    """
    from pbias.reporting.charts.calibration import calibration
    from pbias.reporting.charts.scores import scores

    partition = _partition(audit, group)
    draw, num_bins = {"calibration": (calibration, 10), "scores": (scores, 20)}[kind]
    bins = bins_of(audit, partition, attribute, num_bins)
    return draw(bins, group, attribute or POOLED, f"{kind}{suffix}")


def _partition(audit: Audit, group: str) -> Partition:
    known = {partition.name: partition for partition in audit.strata.partitions}
    if group not in known:
        hint = did_you_mean(group, known, f"there are: {', '.join(filter(None, known)) or 'none'}")
        raise UserError(f"no group '{group}'; {hint}")
    return known[group]


def of_runs(table: Table, runs: Sequence[Logits], axis: str, metrics: Sequence[str]) -> Figure:
    """Draw the headline numbers of `compare` against sparsity, or the files in order.

    `metrics` chooses among them (empty: all). Raises UserError for metrics that `compare` lacks.
    """
    from pbias.auditing.run_comparison import FACTS
    from pbias.reporting.charts.curves import curves

    shown = [n for n in table.columns if n not in FACTS and not n.endswith("_over")]
    places, name = _places(runs, axis)
    columns = shown if not metrics else [c for m in metrics for c in _columns(m, shown)]
    figure = curves(table.records(), places, columns, name)
    if figure is None:
        raise UserError("none of the metrics is defined for these files; choose others")
    return figure


def _columns(metric: str, shown: Sequence[str]) -> list[str]:
    from pbias.auditing.metrics.registry import METRICS, known_metric

    of_groups = known_metric(metric).of_groups
    found = [c for c in shown if c == metric or (of_groups and c.startswith(f"{metric}_"))]
    if not found:
        names = [name for name in METRICS if METRICS[name].headline]
        raise UserError(f"curves cannot show '{metric}'; choose from {', '.join(names)}")
    return found


def _places(runs: Sequence[Logits], axis: str) -> tuple[list[list[Place]], str]:
    """Return the place of each run: its sparsity if all have one, else its position.

    A dense run is on the line of every way to prune its network.
    """
    from pbias.files.logits.comparability import sparsity_of
    from pbias.reporting.charts.curves import Place
    from pbias.workflows.reports.lines import line_names

    if axis not in AXES:
        raise UserError(f"{argument('x', axis)} is not an axis; choose {' or '.join(AXES)}")
    known = [s for run in runs if (s := sparsity_of(run)) is not None]
    if axis == "file" or len(known) < len(runs):
        names = [printable(Path(run.path).stem) for run in runs]
        return [[Place("", name, rank)] for rank, name in enumerate(names)], "file, in order"
    lines = line_names([run.meta for run in runs], known)
    found = [
        [Place(printable(line), f"{100 * s:.4g} %", s) for line in of_run]
        for of_run, s in zip(lines, known, strict=True)
    ]
    return found, "sparsity"
