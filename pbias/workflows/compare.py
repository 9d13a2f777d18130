"""Compare runs of the same samples: headline numbers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pbias.reporting.small_tables import compare_sections
from pbias.workflows.inputs.files import Supplements, check_sides, read_labels
from pbias.workflows.inputs.sides import IN_MEMORY_MIB, opened
from pbias.workflows.progress import Watch, silent
from pbias.workflows.results import TableResult

if TYPE_CHECKING:
    from pbias.auditing.engine import Options
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks


def compare(
    runs: Any,
    labels: Any = None,
    *,
    groups: Any = None,
    targets: Sequence[str] | None = None,
    ids: Any = None,
    train_counts: Any = None,
    train_labels: Any = None,
    train_groups: Any = None,
    activation: str | None = None,
    probabilities: bool | None = None,
    attributes: str | Sequence[str] | None = None,
) -> TableResult:
    """Compare runs of the same samples: one row per run, over attributes defined in all runs.

    `runs` is a list, or a dict of names and runs. The other arguments mean the same as in `audit`.
    Raises UserError for invalid input.
    """
    from pbias.auditing.engine import Options
    from pbias.workflows.inputs.arrays import Known, name_list, read_runs, share_known

    known = Known(
        labels, targets, ids, groups, None, train_counts, train_labels, train_groups,
        probabilities=probabilities, activation=activation,
    )  # fmt: skip
    names = list(runs) if isinstance(runs, Mapping) else None
    read = read_runs(list(runs.values()) if isinstance(runs, Mapping) else runs, known, "runs")
    result = compare_runs(
        share_known(read, known), Options(known.group_names, name_list(attributes))
    )
    if names is None:
        return result
    columns = {**result.rows.columns, "run": names}
    return TableResult(replace(result.rows, columns=columns), compare_sections)


def compare_files(
    paths: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
    labels: str | None = None,
    probabilities: bool | None = None,
    in_memory_mib: float = IN_MEMORY_MIB,
    watch: Watch = silent,
) -> TableResult:
    """Compare logits files, one row per file; `labels` is the path of a manifest.

    If one has more than `in_memory_mib` MiB of logits, all are read in blocks. Raises
    UserError if the files do not contain the same samples.
    """
    from pbias.auditing.engine import Options

    check_sides(paths, [], [labels])
    how = Supplements(read_labels(labels), groups, probabilities=probabilities)
    with opened([paths], [how], in_memory_mib) as (whole, blocks):
        return compare_runs((whole or blocks)[0], Options(groups, attributes), watch)


def compare_runs(
    runs: Sequence[Logits] | Sequence[LogitsBlocks], options: Options, watch: Watch = silent
) -> TableResult:
    """Compare runs in memory or in blocks."""
    from pbias.auditing.run_comparison import compare as table_of

    with watch("comparing runs") as progress:
        return TableResult(table_of(runs, options, progress), compare_sections)
