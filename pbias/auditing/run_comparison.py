"""Headline numbers of several runs, side by side, over attributes defined in all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pbias.auditing.counts.block_join import join_blocks
from pbias.auditing.counts.join import align
from pbias.auditing.engine import Options, audit
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import METRICS
from pbias.files.logits import Logits
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.logits.comparability import sparsity_of
from pbias.files.logits.network_facts import architecture_of, seed_of, strategy_of
from pbias.files.table import Table

# The columns that identify a run; empty if the file does not state them.
FACTS = ("run", "architecture", "strategy", "sparsity", "seed")


def headline() -> list[Metric]:
    """Return the compared metrics: means for everyone, then those by group, then facts."""
    found = [metric for metric in METRICS.values() if metric.headline]
    return sorted(found, key=lambda metric: (bool(metric.fact), metric.of_groups))


def compare(
    runs: Sequence[Logits] | Sequence[LogitsBlocks],
    options: Options | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Return one row a run: what its file says of the network, means over attributes, and counts.

    A mean runs over the attributes defined in all runs, and a column `<metric>_over` counts them
    where some are left out in one run or another: means over different sets cannot be compared.
    `progress` takes runs (done, total). Raises UserError where runs are not of the same samples.
    """
    chosen = headline()
    values = replace(options or Options(), metrics=[m.name for m in chosen], num_folds=1)
    tables, heads = [], [run if isinstance(run, Logits) else run.head for run in runs]
    for run in runs:
        tables.append(_audit(run, runs[0], values))
        progress(len(tables), len(runs))
    groups = list(dict.fromkeys(tables[0].columns["group"]))[1:]
    columns: dict[str, list[Any]] = {
        "run": [Path(run.path).stem for run in heads],
        "architecture": [architecture_of(run.meta) for run in heads],
        "strategy": [strategy_of(run.meta) for run in heads],
        "sparsity": [sparsity_of(run) for run in heads],
        "seed": [seed_of(run.meta) for run in heads],
    }
    for metric in chosen:
        if metric.pooled:
            columns |= _pooled(tables, metric.name)
        elif metric.fact:
            counts = [int(sum(_values(table, metric.name, "").values())) for table in tables]
            columns[metric.name] = counts
        elif metric.of_groups:
            for group in groups:
                columns |= _means(tables, metric.name, group, f"{metric.name}_{group}")
        else:
            columns |= _means(tables, metric.name, "", metric.name)
    return Table(columns)


def _audit(run: Logits | LogitsBlocks, to: Logits | LogitsBlocks, options: Options) -> Table:
    """Audit a run on the samples of another one."""
    if isinstance(run, Logits):
        assert isinstance(to, Logits), "all runs are read in blocks, or none"
        return audit([run if run is to else align(run, to)], (), options)
    assert isinstance(to, LogitsBlocks), "all runs are read in blocks, or none"
    return audit([run if run is to else join_blocks(run, to)], (), options)


def _means(tables: Sequence[Table], metric: str, group: str, name: str) -> dict[str, list[Any]]:
    values = [_values(table, metric, group) for table in tables]
    common = [a for a in values[0] if all(v[a] == v[a] for v in values)]
    means = [float(np.mean([v[a] for a in common])) if common else float("nan") for v in values]
    return {name: means, f"{name}_over": [len(common)] * len(values)}


def _pooled(tables: Sequence[Table], metric: str) -> dict[str, list[Any]]:
    """Return one number per run over all attributes; no column if no run has it."""
    rows = [table.where(metric=metric, attribute="", group="", contrast="") for table in tables]
    values = [found[0]["value"] if found else float("nan") for found in rows]
    return {metric: values} if any(value == value for value in values) else {}


def _values(table: Table, metric: str, group: str) -> dict[str, float]:
    columns = table.columns
    keys = zip(*(columns[k] for k in ("metric", "attribute", "group", "contrast")), strict=True)
    return {
        key[1]: columns["value"][i]
        for i, key in enumerate(keys)
        if key[0] == metric and key[1] and key[2:] == (group, "")
    }
