"""Count a part of the samples: totals by fold that add up, without rows and ids."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pbias.workflows.inputs.counts import drop_groups
from pbias.workflows.inputs.files import check_sides, with_thresholds
from pbias.workflows.progress import Watch, silent

if TYPE_CHECKING:
    from pbias.auditing.counts.parts.counts import Counts
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.logits.npz import Npz


@dataclass(frozen=True)
class CountOptions:
    """Options of `count_files`.

    `groups` are names (None: the groups of the files), and so are `metrics`, the metrics to count
    for (None: all). Thresholds are paths. Group values with fewer than `min_cell` rows are dropped.
    Rows without ids are numbered from `first_row`.
    """

    groups: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    thresholds: str | None = None
    reference_thresholds: str | None = None
    probabilities: bool | None = None
    min_cell: int = 0
    first_row: int = 0


def count_files(
    audited: Sequence[str],
    references: Sequence[str] = (),
    options: CountOptions = CountOptions(),
    watch: Watch = silent,
) -> Counts:
    """Count logits files in blocks; `-` is standard input.

    Several files on one side are runs (seeds) of one model. Raises UserError if files cannot be
    read or do not match.
    """
    from pbias.auditing.counts.parts.counting import count_blocks
    from pbias.auditing.engine import wanted_by
    from pbias.auditing.metrics.registry import chosen_metrics
    from pbias.files.logits.npz import KNOWN, Npz
    from pbias.workflows.audit import check_models, refuse_thresholds_alone

    o = options
    check_sides(audited, references, [o.thresholds, o.reference_thresholds], itself=True)
    if o.reference_thresholds is not None:
        refuse_thresholds_alone(bool(references))
    with ExitStack() as stack:
        sides = [
            [stack.enter_context(Npz(path, KNOWN)) for path in side]
            for side in (audited, references)
        ]
        runs = with_thresholds(_blocks(sides[0], o), o.thresholds)
        others = with_thresholds(_blocks(sides[1], o), o.reference_thresholds)
        check_models([run.first_row for run in runs], [run.first_row for run in others])
        with watch("counting rows") as progress:
            counts = count_blocks(
                runs,
                others,
                o.groups,
                wanted=wanted_by(chosen_metrics(o.metrics)),
                first_row=o.first_row,
                progress=progress,
            )
    return drop_groups(counts, o.min_cell)


def _blocks(files: Sequence[Npz], options: CountOptions) -> list[LogitsBlocks]:
    from pbias.files.logits.blocks import open_blocks

    return [open_blocks(file, probabilities=options.probabilities) for file in files]
