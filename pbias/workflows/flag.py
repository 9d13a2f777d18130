"""Flag predictions that pruning puts at risk, from the dense model alone; evaluate the flags."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument
from pbias.workflows.inputs.files import (
    Supplements,
    check_sides,
    read_labels,
    read_side,
    refuse_decisions,
)
from pbias.workflows.inputs.memory import PER_FLAG, check_files, check_room
from pbias.workflows.inputs.never_predicted import Predicted, say_never_predicted
from pbias.workflows.inputs.sides import IN_MEMORY_MIB, opened
from pbias.workflows.progress import Watch, silent
from pbias.workflows.results import TableResult

if TYPE_CHECKING:
    from pbias.auditing.risk.flagging import Budget
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.table import Table

log = logging.getLogger(__name__)
MARGIN = 0.4


@dataclass(frozen=True)
class FlagOptions:
    """Options of `flag_files`: which predictions to flag, and what to return.

    A prediction is uncertain if its probability is within `margin` of 0.5. `budget` limits the
    number of flags. With `by_group`, the risk uses the training counts of the sample's group, not
    of everyone. With `summary`, the result is the risk of each attribute and group. Labels and
    thresholds are paths of CSV files. A file with more than `in_memory_mib` MiB of logits is read
    in blocks.
    """

    margin: float = MARGIN
    budget: Budget | None = None
    summary: bool = False
    by_group: bool = False
    groups: Sequence[str] | None = None
    labels: str | None = None
    cluster: str | None = None
    thresholds: str | None = None
    evaluate_thresholds: str | None = None
    probabilities: bool | None = None
    in_memory_mib: float = IN_MEMORY_MIB


def flag(
    dense: Any,
    labels: Any = None,
    *,
    evaluate: Any = None,
    groups: Any = None,
    targets: Sequence[str] | None = None,
    ids: Any = None,
    clusters: Any = None,
    train_counts: Any = None,
    train_labels: Any = None,
    train_groups: Any = None,
    thresholds: Any = None,
    evaluate_thresholds: Any = None,
    activation: str | None = None,
    probabilities: bool | None = None,
    margin: float = MARGIN,
    budget: int | str | None = None,
    summary: bool = False,
    by_group: bool = False,
) -> TableResult:
    """List the predictions of a dense model that pruning puts at risk, the riskiest first.

    A prediction is uncertain if its probability is within `margin` of 0.5. `budget` limits the list
    to a number or a share of all predictions, such as "5%". With `by_group`, the risk uses the
    training counts of the sample's group, not of everyone. With `summary`, the result is the risk
    of each attribute and group. `evaluate` takes the logits of pruned models and measures how good
    the flags of this dense model were. The other arguments mean the same as in `audit`. Raises
    UserError for invalid input.
    """
    from pbias.workflows.inputs.arrays import Known, read_sides
    from pbias.workflows.inputs.budget import parse_budget

    if not 0.0 <= margin <= 0.5:
        raise UserError(
            f"{argument('margin', margin)} is not between 0 and 0.5; the usual value is 0.4"
        )
    known = Known(
        labels, targets, ids, groups, clusters, train_counts, train_labels, train_groups,
        thresholds, probabilities, activation,
    )  # fmt: skip
    limit = None if budget is None else parse_budget("budget", str(budget))
    options = FlagOptions(margin, limit, summary, by_group, known.group_names)
    for other, also in (
        ("evaluate", evaluate is not None),
        ("budget", limit is not None),
        ("by_group", by_group),
    ):
        if summary and also:
            what = f"{argument('summary')} and {argument(other)}"
            raise UserError(f"{what} cannot be combined; leave one out")
    runs, pruned = read_sides(dense, evaluate, known, evaluate_thresholds)
    if len(runs) > 1:
        raise UserError(f"flag reads one dense run, but {len(runs)} were given; give one")
    say_if_pruned(runs[0])
    return flag_runs(runs[0], pruned, options)


def flag_files(
    dense: str,
    evaluate: Sequence[str] = (),
    options: FlagOptions = FlagOptions(),
    watch: Watch = silent,
) -> TableResult:
    """Flag predictions of a dense model's logits file, or evaluate the flags on pruned models.

    A large file is read in blocks for the list; the other results need the files in memory.
    Raises UserError if files cannot be read or do not match.
    """
    o = options
    check_sides([dense], evaluate, [o.labels, o.thresholds, o.evaluate_thresholds])
    if o.summary or evaluate:
        check_files([dense, *evaluate], "flag --summary" if o.summary else "flag --evaluate")
    manifest = read_labels(o.labels, o.cluster)
    logits, pruned = (
        Supplements(manifest, o.groups, o.cluster, thresholds, probabilities=o.probabilities)
        for thresholds in (o.thresholds, o.evaluate_thresholds)
    )
    in_memory = math.inf if o.summary or evaluate else o.in_memory_mib
    with opened([[dense]], [logits], in_memory) as (whole, blocks):
        if blocks:
            return _flag_in_blocks(blocks[0][0], o, watch)
    run = whole[0][0]
    say_if_pruned(run)
    return flag_runs(run, read_side(evaluate, pruned), o, watch)


def _flag_in_blocks(dense: LogitsBlocks, options: FlagOptions, watch: Watch) -> TableResult:
    from pbias.auditing.risk.flagging_blocks import flag_blocks
    from pbias.reporting import flag_report

    o = options
    say_if_pruned(dense.head)
    refuse_decisions(dense, "flag")
    _refuse_without_groups(dense.head, o)
    seen = Predicted(dense.head)

    def check(num: int) -> None:
        seen.say()
        what = f"{dense.path}: the list of {num:,} flags takes memory"
        check_room(num * PER_FLAG, what, f"limit it with {argument('budget')}")

    with watch("flagging predictions") as progress:
        table = flag_blocks(
            dense, o.margin, o.budget,
            by_group=o.by_group, see=seen.add, check=check, progress=progress,
        )  # fmt: skip
    _say_counts(table, dense.targets, len(dense))
    return TableResult(table, flag_report.flag_sections)


def flag_runs(
    dense: Logits, evaluate: Sequence[Logits], options: FlagOptions, watch: Watch = silent
) -> TableResult:
    """Flag predictions of a dense model in memory, like `flag_files`."""
    from pbias.files.logits.comparability import warn_of_roles
    from pbias.reporting import flag_report

    o = options
    say_never_predicted(dense)
    refuse_decisions(dense, "flag")
    _refuse_without_groups(dense, o)
    if o.summary:
        from pbias.auditing.risk.attribute_risk import attribute_risk

        return TableResult(attribute_risk(dense, o.groups), flag_report.summary_sections)
    if evaluate:
        from pbias.auditing.risk.evaluation import evaluate as evaluate_flags

        warn_of_roles(evaluate, [dense])
        with watch("evaluating flags") as progress:
            table = evaluate_flags(
                dense, evaluate, o.margin, o.budget, by_group=o.by_group, progress=progress
            )
        return TableResult(table, flag_report.evaluation_sections)
    return TableResult(_list(dense, o), flag_report.flag_sections)


def refuse_combinations(options: FlagOptions, *, evaluate: bool) -> None:
    """Refuse arguments that have no effect on each other's result."""
    o = options
    names = ("summary", "evaluate", "budget", "evaluate_thresholds", "groups", "labels", "by_group")
    summary, pruned, budget, thresholds, groups, labels, by_group = map(argument, names)
    together = {
        f"{summary} and {pruned}": o.summary and evaluate,
        f"{summary} and {budget}": o.summary and o.budget is not None,
        f"{summary} and {by_group}": o.summary and o.by_group,
        f"{thresholds} without {pruned}": bool(o.evaluate_thresholds) and not evaluate,
        f"{groups} without {summary} or {labels}": bool(o.groups) and not (o.summary or o.labels),
    }
    for what, given in together.items():
        if given:
            raise UserError(f"{what} cannot be combined; leave one out")


def _refuse_without_groups(logits: Logits, options: FlagOptions) -> None:
    """Refuse `by_group` for a file without groups."""
    if options.by_group and not logits.group_names:
        raise UserError(
            f"{logits.path} has no groups for {argument('by_group')}; take them from a manifest "
            f"with {argument('labels', 'CSV')} {argument('groups', 'A,B')}, or leave it out"
        )


def say_if_pruned(logits: Logits) -> None:
    """Log a note if a file says that its model is pruned."""
    from pbias.files.logits.comparability import sparsity_of

    if sparsity := sparsity_of(logits):
        log.info(
            "%s is of a pruned model (sparsity %g); flags are meant for the dense one",
            logits.path, sparsity,
        )  # fmt: skip


def _list(logits: Logits, options: FlagOptions) -> Table:
    """List the flagged predictions; log their number, and in detail their numbers by attribute."""
    from pbias.auditing.risk.flagging import flag_samples

    table = flag_samples(logits, options.margin, options.budget, by_group=options.by_group)
    _say_counts(table, logits.targets, len(logits))
    return table


def _say_counts(table: Table, targets: Sequence[str], num_rows: int) -> None:
    from pbias.auditing.risk.flagging import flag_counts

    every, samples = num_rows * len(targets), len(set(table.columns["id"]))
    log.info(
        "%d of %d predictions flagged (%.1f %%), of %d of %d samples",
        len(table), every, 100 * len(table) / every, samples, num_rows,
    )  # fmt: skip
    for name, count in flag_counts(table, targets):
        log.debug("%s: %d of %d flagged (%.1f %%)", name, count, num_rows, 100 * count / num_rows)
