"""Parts of a page on single predictions: flags with their evaluation, and exemplars."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pbias.auditing
from pbias.auditing.risk.flagging import Budget
from pbias.files.table import Table
from pbias.reporting.page.content import ALWAYS, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from pbias.auditing.engine import Audit
    from pbias.auditing.remedies.identified_exemplars import Exemplars
    from pbias.files.logits import Logits
    from pbias.reporting.sections import Section

BUDGET = Budget(5, percent=True)  # share of predictions that are flagged
_OPTION = re.compile(r"-o (\S+) writes")


@dataclass(frozen=True)
class Risks:
    """The flagged predictions of one model: targets and rows, the riskiest first."""

    logits: Logits
    target: NDArray[np.intp]
    row: NDArray[np.intp]


def risks(audit: Audit) -> Risks | None:
    """Flag the first run of the reference, or of the only model.

    Returns None for decisions without scores, and for some classes of a softmax, whose risk depends
    on all scores.
    """
    from pbias.auditing.metrics.models import no_scores
    from pbias.auditing.risk.flagging import flagged
    from pbias.auditing.risk.prediction_risk import flag_risk

    first = _first_reference(audit)
    some_classes = first.activation == "softmax" and audit.options.attributes
    if some_classes or len(no_scores(first)) == len(first.targets):
        return None
    return Risks(first, *flagged(first, flag_risk(first), budget=BUDGET))


def _first_reference(audit: Audit) -> Logits:
    """Return the first run of the reference, or of the only model, with the groups of the audit.

    A reference may have no groups; rows and targets are already joined.
    """
    run, first = audit.sides[-1].heads[0], audit.sides[0].heads[0]
    counts = first.train_counts
    if counts is None and run.group_names == first.group_names:
        counts = run.train_counts
    names = {name: getattr(first, name) for name in ("group_names", "group_values", "groups")}
    return replace(run, ids=first.ids, clusters=first.clusters, train_counts=counts, **names)


def exemplars_of(audit: Audit) -> Exemplars | None:
    """Return the samples on which the sides' majorities differ; None without a reference."""
    from pbias.auditing.remedies.identified_exemplars import find_exemplars

    some_classes = audit.sides[0].heads[0].activation == "softmax" and audit.options.attributes
    if len(audit.sides) == 1 or some_classes:
        return None
    ours, theirs = (side.heads for side in audit.sides)
    with _said_already():
        return find_exemplars([_first_reference(audit), *theirs[1:]], ours)


@contextmanager
def _said_already() -> Iterator[None]:
    """Suppress log messages, because the audit has already logged them for these files."""
    log = logging.getLogger(pbias.auditing.__name__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def flags(audit: Audit, found: Risks | None) -> Part | None:
    """Return the riskiest predictions and attributes, and the evaluation of the flags."""
    if found is None:
        return None
    from pbias.reporting import flag_report

    share = f"{BUDGET.amount:g} % of all"
    alone = "the reference" if len(audit.sides) > 1 else "the model"
    intro = (
        f"Which predictions a compression is likely to overturn, from {alone} alone: those it is "
        f"unsure of, or that are rare in training; at most {share}.{_of_which_runs(audit)}"
    )
    with _said_already():
        sections = _risk_tables(audit, found)
        if len(audit.sides) > 1:
            table = _evaluated(audit, found)
            intro = f"{intro} {flag_report.found_in_words(table, share)}"
            sections = [*flag_report.evaluation_sections(table), *sections]
    heading = "What could have been foreseen" if len(audit.sides) > 1 else "What is at risk"
    return Part("flags", heading, intro, sections=sections, folds=ALWAYS)


def _of_which_runs(audit: Audit) -> str:
    """Say which run the flags are of, and which one they are held against, where there are more."""
    audited, *reference = ([Path(head.path).name for head in side.heads] for side in audit.sides)
    flagged = reference[0] if reference else audited
    said = [f"the flags are of `{flagged[0]}`"] if len(flagged) > 1 else []
    if reference and len(audited) > 1:
        said.append(f"what they found is of `{audited[0]}`")
    return f" Of several runs, the first counts: {', and '.join(said)}." if said else ""


def _risk_tables(audit: Audit, found: Risks) -> list[Section]:
    """Return the riskiest predictions, then the attributes at risk for each group."""
    from pbias.auditing.risk.attribute_risk import attribute_risk
    from pbias.auditing.risk.flagging import flag_samples
    from pbias.reporting import flag_report

    listed = flag_report.flag_sections(flag_samples(found.logits, budget=BUDGET))
    groups = [p.name for p in audit.strata.partitions if p.name]
    by_group = attribute_risk(found.logits, groups) if groups else Table({})
    at_risk = flag_report.summary_sections(by_group) if len(by_group) else []
    return [*_named(listed, "pbias flag"), *_named(at_risk, "pbias flag --summary")]


def _named(sections: list[Section], command: str) -> list[Section]:
    """Name in the notes the command that writes all rows."""
    return [
        replace(one, notes=[_OPTION.sub(rf"`{command} -o \1` writes", note) for note in one.notes])
        for one in sections
    ]


def _evaluated(audit: Audit, found: Risks) -> Table:
    from pbias.auditing.risk.evaluation import evaluate

    o, audited = audit.options, audit.sides[0].heads[:1]
    return evaluate(found.logits, audited, budget=BUDGET, level=o.level, num_folds=o.num_folds)


def exemplars(audit: Audit, found: Exemplars | None) -> Part | None:
    """Return the samples that the two sides predict most differently, and their groups."""
    if found is None:
        return None
    from pbias.auditing.remedies.identified_exemplars import exemplar_table
    from pbias.auditing.remedies.over_representation import over_representation
    from pbias.reporting import exemplar_report

    modal = int(found.modal.sum())
    ours, theirs = (len(side.heads) for side in audit.sides)
    many = ours > 1 and theirs > 1
    who = "most runs of the two sides" if many else "the two models"
    share = modal / max(found.modal.size, 1)
    intro = (
        f"Of {found.modal.size} predictions, {who} disagree on {modal} ({100 * share:.1f} %), here "
        "called modal exemplars; taxicab exemplars are the 1 % of each attribute on which the "
        "shares of runs that predict it differ most."
    )
    if not many:
        intro += " With one run a side, other training runs may disagree on other samples."
    listed = exemplar_report.exemplar_sections(exemplar_table(found))
    sections = _named(listed, "pbias exemplars")
    groups = [p.name for p in audit.strata.partitions if p.name]
    if groups and modal:
        with _said_already():
            who_they_are = over_representation(found, groups, audit.options.level)
        sections = [*exemplar_report.over_representation_sections(who_they_are), *sections]
    return Part("exemplars", "What the two see differently", intro, sections=sections, folds=ALWAYS)


def marks(
    attribute: str, found: Risks | None, seen: Exemplars | None
) -> dict[str, NDArray[np.bool_]]:
    """Return which samples are flagged, and which are exemplars, for an attribute."""
    import numpy as np

    marked: dict[str, NDArray[np.bool_]] = {}
    if seen is not None and min(seen.dense.num_runs, seen.sparse.num_runs) > 1:
        marked["exemplar"] = seen.modal[seen.logits.targets.index(attribute)]
    if found is not None:
        flagged = np.zeros(len(found.logits), bool)
        flagged[found.row[found.target == found.logits.targets.index(attribute)]] = True
        marked["flagged"] = flagged
    return marked
