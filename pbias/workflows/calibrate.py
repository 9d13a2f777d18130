"""Fit a threshold for each attribute on validation data."""

from __future__ import annotations

from pbias.workflows.inputs.files import (
    Supplements,
    check_sides,
    read_labels,
    refuse_decisions,
)
from pbias.workflows.inputs.sides import IN_MEMORY_MIB, opened
from pbias.workflows.progress import Watch, silent
from pbias.workflows.results import TableResult


def calibrate_file(
    valid: str,
    *,
    objective: str = "positive-rate",
    allow_test: bool = False,
    labels: str | None = None,
    probabilities: bool | None = None,
    in_memory_mib: float = IN_MEMORY_MIB,
    watch: Watch = silent,
) -> TableResult:
    """Fit thresholds to the logits file of a validation split; `labels` is the path of a manifest.

    A file with more than `in_memory_mib` MiB of logits is read in blocks, for some targets at a
    time. Raises UserError without labels, for a softmax, and for a test split unless `allow_test`
    is set.
    """
    from pbias.auditing.remedies.threshold_fitting import calibrate, check_split
    from pbias.reporting.small_tables import threshold_sections

    check_sides([valid], [], [labels])
    how = Supplements(read_labels(labels), probabilities=probabilities)
    with opened([[valid]], [how], in_memory_mib) as (whole, blocks):
        (logits,) = (whole or blocks)[0]
        refuse_decisions(logits, "calibrate")
        check_split(logits, allow_test=allow_test)
        with watch("fitting thresholds") as progress:
            return TableResult(calibrate(logits, objective, progress), threshold_sections)
