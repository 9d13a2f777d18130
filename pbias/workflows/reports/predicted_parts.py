"""Parts of a page that need the predictions behind an audit: probabilities and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pbias.reporting.page.content import Part
from pbias.workflows.reports.table_parts import figures_part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pbias.auditing.engine import Audit

SHOWN_GROUPS = 4


def predictions(audit: Audit, worst: Sequence[tuple[str, str]]) -> Part | None:
    """Draw calibration and scores of all attributes by each group, and of the worst one."""
    from pbias.workflows.reports.figures import of_predictions

    groups = [p.name for p in audit.strata.partitions if p.name][:SHOWN_GROUPS] or [""]
    attribute, group = worst[0]
    wanted: list[tuple[str, str | None, str]] = []
    wanted += [("calibration", attribute, group or groups[0])]
    wanted += [("scores", attribute, group or groups[0])]
    wanted += [("calibration", None, name) for name in groups]
    drawn = (of_predictions(audit, *one, str(n)) for n, one in enumerate(wanted))
    heading, intro = "Probabilities", f"First those of {attribute}, then those of all attributes."
    figures = [figure for figure in drawn if figure]
    return figures_part("predictions", heading, figures, intro, choice="Chart of probabilities")


def _when_positive(audit: Audit) -> str:
    """Say when a prediction of the audited model is positive."""
    first = audit.sides[0].heads[0]
    if first.activation == "softmax":
        return "A prediction is positive for the class with the largest output."
    if first.thresholds is None:
        return "A prediction is positive if its probability is above 0.5."
    return "A prediction is positive if it is above the threshold of its attribute."


def examples(
    audit: Audit,
    images: str,
    num: int,
    worst: Sequence[tuple[str, str]],
    marks: Mapping[str, Mapping[str, NDArray[np.bool_]]],
) -> Part:
    """Return images of `num` samples of each of the worst attributes, some of them marked."""
    from pbias.workflows.reports.examples import gallery

    found = gallery(audit, images, num, [attribute for attribute, _ in worst], marks)
    intro = (
        f"What the audited model gets right and wrong. {_when_positive(audit)} It is sure if its "
        "probability is at most 0.1 or at least 0.9."
    )
    return Part("examples", "Examples", intro, gallery=found)
