"""Judge gates on an audit, each at the level that it shares with the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbias.auditing.gates.deciding import Samples
    from pbias.auditing.gates.grammar import Gate
    from pbias.auditing.gates.verdicts import Outcome
    from pbias.files.table import Table


def judge_gates(
    table_at: Callable[[float, str], Table],
    samples: Samples,
    rows: Table,
    gates: Sequence[Gate],
    *,
    level: float,
    strict: bool = False,
    joint: bool = False,
    clusters: float | None = None,
) -> list[Outcome]:
    """Return the outcome of each gate; `rows` is the audit's whole table.

    `table_at` computes the rows of a metric with intervals of a level. `joint`: `level` holds for
    all gates together (Bonferroni). `clusters`: as how many of equal size the samples count, if
    few. Raises UserError for a gate that no row matches.
    """
    from pbias.auditing.gates.matching import covered
    from pbias.auditing.gates.verdicts import judge

    error = (1.0 - level) / (len(gates) if joint else 1)
    found = []
    for gate in gates:
        num = len(covered(gate, rows))
        ordinary, wide = (table_at(1.0 - share, gate.metric.name) for share in (error, error / num))
        outcome = judge(
            gate, ordinary, wide, strict=strict, error=error, joint=joint, samples=samples,
            clusters=clusters,
        )  # fmt: skip
        found.append(outcome)
    return found


@contextmanager
def said_once(*, first: bool) -> Iterator[None]:
    """Log what is missing in the files once, not for each of several audits."""
    logger = logging.getLogger("pbias.auditing")
    before = logger.level
    if not first:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
