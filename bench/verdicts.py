"""Verdicts of gates on simulated samples, whose true value is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from simulation import Row, World

from pbias.auditing.engine import Audit, Options
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.verdicts import judge
from pbias.files.table import Table


def verdicts(
    world: World,
    metric: str,
    num_rows: int,
    factors: Sequence[float],
    num_gates: int,
    seed: int = 0,
) -> dict[float, Counter[str]]:
    """Count verdicts on `abs(metric) <= factor * truth` by factor; a gate has `num_rows` rows."""
    row = Row(metric, "1-0" if metric.startswith("did_") else "1")
    population, rng = world.population, np.random.default_rng(seed)
    truth = abs(float(population.truth([row])[row][0]))
    gates = {f: parse_gate(f"abs({metric})@Group={row.contrast} <= {f * truth!r}") for f in factors}
    found: dict[float, Counter[str]] = {factor: Counter() for factor in factors}
    while found[factors[0]].total() < num_gates:
        audited = Audit(*population.files(rng), Options(metrics=[metric]))
        tables = audited.table(), audited.table(1 - 0.05 / num_rows)
        for first in range(0, world.attributes, num_rows):
            names = {f"draw_{draw}" for draw in range(first, first + num_rows)}
            of_gate = [_of(table, names) for table in tables]
            for factor, gate in gates.items():
                found[factor][judge(gate, *of_gate).verdict] += 1
    return found


def _of(table: Table, attributes: set[str]) -> Table:
    kept = [i for i, name in enumerate(table.columns["attribute"]) if name in attributes]
    return Table({name: [column[i] for i in kept] for name, column in table.columns.items()})
