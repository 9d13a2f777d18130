"""Compare runs of the same samples: headline numbers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
from pbias.workflows.results import TableResult

if TYPE_CHECKING:
    from pbias.auditing.engine import Options
    from pbias.files.logits import Logits


def compare_files(
    paths: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
    labels: str | None = None,
) -> TableResult:
    """Compare logits files, one row a file; `labels` is the path of a manifest.

    Raises UserError where the files are not of the same samples.
    """
    from pbias.auditing.engine import Options

    check_sides(paths, [], [labels])
    runs = read_side(paths, Supplements(read_labels(labels), groups))
    return compare_runs(runs, Options(groups, attributes))


def compare_runs(runs: Sequence[Logits], options: Options) -> TableResult:
    """Compare runs in memory."""
    from pbias.auditing.run_comparison import compare
    from pbias.reporting.run_table import compare_sections

    return TableResult(compare(runs, options), compare_sections)
