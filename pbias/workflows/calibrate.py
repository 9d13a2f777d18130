"""Fit a threshold for each attribute on validation data."""

from __future__ import annotations

from pbias.workflows.inputs.files import (
    Supplements,
    check_sides,
    read_labels,
    read_side,
    refuse_decisions,
)
from pbias.workflows.results import TableResult


def calibrate_file(
    valid: str,
    *,
    objective: str = "positive-rate",
    allow_test: bool = False,
    labels: str | None = None,
    probabilities: bool | None = None,
) -> TableResult:
    """Fit thresholds to the logits file of a validation split; `labels` is the path of a manifest.

    Raises UserError without labels, for a softmax, and for a test split unless `allow_test` is set.
    """
    from pbias.auditing.remedies.threshold_fitting import calibrate, check_split
    from pbias.reporting.small_tables import threshold_sections

    check_sides([valid], [], [labels])
    how = Supplements(read_labels(labels), probabilities=probabilities)
    (logits,) = read_side([valid], how)
    refuse_decisions(logits, "calibrate")
    check_split(logits, allow_test=allow_test)
    return TableResult(calibrate(logits, objective), threshold_sections)
