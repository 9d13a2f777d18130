"""Headline numbers of several runs, side by side, over what is defined in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pbias.auditing.counts.join import align
from pbias.auditing.engine import Options, audit
from pbias.files.logits import Logits
from pbias.files.logits.comparability import sparsity_of
from pbias.files.table import Table

MEANS = ("accuracy", "auc", "uncertainty", "tcb", "interdependence")
METRICS = (*MEANS, "bias_amplification", "never_predicted")


def compare(runs: Sequence[Logits], options: Options | None = None) -> Table:
    """One row a run: sparsity, means over attributes, and how many are never predicted.

    A mean runs over the attributes defined in all runs, and a column `<metric>_over` counts them
    where some are left out in one run or another: means over different sets cannot be compared.
    Raises UserError where the runs are not of the same samples.
    """
    values = replace(options or Options(), metrics=METRICS, num_folds=1)
    tables = [audit([run if run is runs[0] else align(run, runs[0])], (), values) for run in runs]
    groups = list(dict.fromkeys(tables[0].columns["group"]))[1:]
    columns: dict[str, list[Any]] = {
        "run": [Path(run.path).stem for run in runs],
        "sparsity": [sparsity_of(run) for run in runs],
    }
    for metric in MEANS:
        columns |= _means(tables, metric, "", metric)
    for group in groups:
        columns |= _means(tables, "bias_amplification", group, f"bias_amplification_{group}")
    columns["never_predicted"] = [
        int(sum(_values(table, "never_predicted", "").values())) for table in tables
    ]
    return Table(columns)


def _means(tables: Sequence[Table], metric: str, group: str, name: str) -> dict[str, list[Any]]:
    values = [_values(table, metric, group) for table in tables]
    common = [a for a in values[0] if all(v[a] == v[a] for v in values)]
    means = [float(np.mean([v[a] for a in common])) if common else float("nan") for v in values]
    return {name: means, f"{name}_over": [len(common)] * len(values)}


def _values(table: Table, metric: str, group: str) -> dict[str, float]:
    columns = table.columns
    keys = zip(*(columns[k] for k in ("metric", "attribute", "group", "contrast")), strict=True)
    return {
        key[1]: columns["value"][i]
        for i, key in enumerate(keys)
        if key[0] == metric and key[1] and key[2:] == (group, "")
    }
