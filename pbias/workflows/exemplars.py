"""Find the samples that pruned runs predict differently, and their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
from pbias.workflows.inputs.memory import check_files
from pbias.workflows.results import TableResult

if TYPE_CHECKING:
    from pbias.auditing.remedies.identified_exemplars import Exemplars
    from pbias.auditing.risk.flagging import Budget


@dataclass(frozen=True)
class ExemplarOptions:
    """Options of `find_exemplars`; `top` limits the taxicab exemplars of each attribute.

    With `summary`, measure the over-representation of groups among the exemplars instead of listing
    them, with intervals at `level`. `labels` is the path of a manifest.
    """

    top: Budget
    summary: bool = False
    groups: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    labels: str | None = None
    level: float = 0.95
    probabilities: bool | None = None


def find_exemplars(
    dense: Sequence[str], sparse: Sequence[str], options: ExemplarOptions
) -> TableResult:
    """Find the samples that pruned runs predict differently from dense runs, in logits files.

    Raises UserError if files cannot be read or do not match.
    """
    from pbias.auditing.remedies.identified_exemplars import exemplar_table
    from pbias.auditing.remedies.over_representation import over_representation
    from pbias.reporting import exemplar_report

    exemplars = read_exemplars(dense, sparse, options)
    if options.summary:
        table = over_representation(exemplars, options.groups, options.level)
        return TableResult(table, exemplar_report.over_representation_sections)
    return TableResult(exemplar_table(exemplars), exemplar_report.exemplar_sections)


def read_exemplars(
    dense: Sequence[str], sparse: Sequence[str], options: ExemplarOptions
) -> Exemplars:
    """Return the exemplars of every attribute; raise the same errors as `find_exemplars`."""
    from pbias.auditing.remedies import identified_exemplars
    from pbias.files.logits.comparability import check_runs, warn_of_copies, warn_of_roles
    from pbias.workflows.inputs.never_predicted import say_never_predicted

    o = options
    check_sides(sparse, dense, [o.labels])
    check_files([*dense, *sparse], "exemplars")
    how = Supplements(read_labels(o.labels), o.groups, probabilities=o.probabilities)
    runs, pruned = (read_side(paths, how) for paths in (dense, sparse))
    for side in (runs, pruned):
        check_runs(side)
        warn_of_copies([(run.path, run.logits.tobytes()) for run in side])
    warn_of_roles(pruned, runs)
    for run in pruned:
        say_never_predicted(run)
    return identified_exemplars.find_exemplars(runs, pruned, o.attributes, o.top.of(len(runs[0])))
