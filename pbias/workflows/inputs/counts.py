"""Counts files as the input of an audit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument, listed
from pbias.workflows.progress import Watch

if TYPE_CHECKING:
    from pbias.auditing.counts.parts.counts import Counts
    from pbias.auditing.engine import Options

log = logging.getLogger(__name__)


def are_counts(paths: Sequence[str]) -> bool:
    """Return whether files are counts files; raise UserError if only some of them are."""
    from pbias.files.counts_file import holds_counts
    from pbias.files.streams import STDIO, input_name, is_regular

    found = [(path == STDIO or is_regular(path)) and holds_counts(path) for path in paths]
    if any(found) and not all(found):
        counts, logits = (input_name(paths[found.index(kind)]) for kind in (True, False))
        raise UserError(
            f"{counts} is a counts file and {logits} is none; an audit is of counts alone, made "
            "with 'pbias count', or of logits alone"
        )
    return any(found)


def refuse_beside_counts(holder: str, given: Mapping[str, object]) -> None:
    """Refuse arguments that need rows; `given` contains the arguments by name.

    `holder` is who holds the counts, as the message begins.
    """
    for name, value in given.items():
        if value is not None and value != []:
            raise UserError(
                f"{holder} no rows for "
                f"{argument(name, value if name == 'probabilities' else None)}; leave it out, "
                "and give it to 'pbias count'"
            )


def read_counts(
    sources: Sequence[str | Counts], options: Options, min_cell: int, watch: Watch
) -> tuple[Counts, Options]:
    """Return the sum of counts and the options with the metrics that were counted."""
    from pbias.auditing.counts.parts.reading import read_parts
    from pbias.auditing.engine import wanted_by
    from pbias.auditing.metrics.registry import chosen_metrics

    metrics = chosen_metrics(options.metrics)
    with watch("adding counts files") as progress:
        counts = read_parts(sources, wanted_by(metrics), progress)
    facts = counts.facts
    lost = [
        metric.name
        for metric in metrics
        if (metric.products and not facts.products) or (metric.ranked and not facts.ranked)
    ]
    if lost and options.metrics is not None:
        raise UserError(
            f"the parts were not counted for {listed(lost)}; count them again with "
            f"{argument('metrics')}"
        )
    if lost:
        log.warning("the parts were not counted for %s: left out", listed(lost, 5))
        options = replace(options, metrics=[m.name for m in metrics if m.name not in lost])
    return drop_groups(counts, min_cell), options


def drop_groups(counts: Counts, min_cell: int) -> Counts:
    """Return the counts without group values of fewer than `min_cell` rows, and log their names.

    Raises UserError if there are fewer rows in total.
    """
    from pbias.auditing.counts.parts.counts import drop_small
    from pbias.auditing.counts.strata import check_size, say_dropped

    facts = counts.facts
    if min_cell < 2:
        return counts
    check_size(facts.rows, min_cell)
    found = drop_small(counts, min_cell)
    for before, after in zip(facts.groups, found.facts.groups, strict=True):
        gone = [
            value
            for value, was, now in zip(after.values, before.dropped, after.dropped, strict=True)
            if now and not was
        ]
        say_dropped(after.name, gone, min_cell)
    return found
