"""The list of flagged predictions of a file that is read in blocks, the same as of a whole one.

Two passes: the first finds how large the risk of the last prediction within the budget is, the
second keeps those that are at least as risky.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.risk.flagging import Budget, flag_columns, warn_without_counts
from pbias.auditing.risk.prediction_risk import Floats, Risk, flag_risk
from pbias.files.logits import Logits
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.table import Table

Advance = Callable[[int, int], None]


def flag_blocks(
    file: LogitsBlocks,
    margin: float,
    budget: Budget | None,
    *,
    by_group: bool = False,
    see: Callable[[Logits], None],
    check: Callable[[int], None],
    progress: Advance,
) -> Table:
    """List the flagged predictions as `flag_samples` does.

    `see` takes each block of the first pass. `check` takes the number of flags before they are
    listed, and may refuse it; `progress` takes rows of both passes (done, total).
    """
    most = None if budget is None else budget.of(len(file) * len(file.targets))
    least, num = _least(file, margin, most, by_group, see, progress)
    check(num)
    warn_without_counts(file.head)
    parts: dict[str, list[Any]] = {}
    keys: list[tuple[NDArray[Any], ...]] = []
    for block, risk, first_row in _blocks(file, by_group, len(file), progress):
        at = np.nonzero((risk.uncertain(margin) | risk.against) & (risk.log_odds >= least))
        for name, values in flag_columns(block, risk, at, margin, first_row).items():
            parts.setdefault(name, []).extend(values)
        ids = at[1] + first_row if block.ids is None else block.ids[at[1]]
        keys.append((at[0], ids, risk.margin[at], -risk.log_odds[at]))
    order = np.lexsort([np.concatenate(key) for key in zip(*keys, strict=True)])[:most].tolist()
    return Table({name: [values[place] for place in order] for name, values in parts.items()})


def _least(
    file: LogitsBlocks,
    margin: float,
    most: int | None,
    by_group: bool,
    see: Callable[[Logits], None],
    progress: Advance,
) -> tuple[float, int]:
    """Return the smallest log odds within the budget, and how many flags have at least these."""
    kept: Floats = np.empty(0)
    num = 0
    for block, risk, _ in _blocks(file, by_group, 0, progress):
        see(block)
        chosen = risk.log_odds[risk.uncertain(margin) | risk.against]
        num += len(chosen)
        if most:
            kept = np.concatenate([kept, chosen])
            if len(kept) > most:
                kept = np.partition(kept, len(kept) - most)[len(kept) - most :]
    if most is None or num <= most:
        return -np.inf, num
    return (float(kept.min()), most) if most else (np.inf, 0)


def _blocks(
    file: LogitsBlocks, by_group: bool, done: int, progress: Advance
) -> Iterator[tuple[Logits, Risk, int]]:
    """Yield the blocks with their risks and first rows."""
    row = 0
    for block in file.blocks():
        yield block, flag_risk(block, by_group=by_group), row
        row += len(block)
        progress(done + row, 2 * len(file))
