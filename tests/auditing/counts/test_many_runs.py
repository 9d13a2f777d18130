"""Memory grows with the number of runs, not of their pairs, and the numbers do not change."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pbias.auditing import engine
from pbias.auditing.engine import Audit, Options
from pbias.files.logits import Logits

Make = Callable[..., Logits]
PAIRS = ["churn", "lost_positives"]


def sides(make_logits: Make, runs: int, num: int) -> list[list[Logits]]:
    """Make runs of two models, `runs` of each, all different, with `num` samples."""
    noise = np.linspace(0.1, 1.5, 2 * runs)
    files = [make_logits(noise=n, path=f"{n}.npz", num=num) for n in noise]
    return [files[runs:], files[:runs]]


def peak_bytes(runs: list[list[Logits]], metrics: list[str] | None = PAIRS) -> int:
    tracemalloc.start()
    Audit(*runs, Options(metrics=metrics, groups=["Male"])).table()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_four_times_the_runs_take_about_four_times_the_memory(make_logits: Make) -> None:
    few, many = (peak_bytes(sides(make_logits, runs, 100)) for runs in (4, 16))
    assert many < 6 * few  # there are sixteen times as many pairs


@pytest.mark.parametrize("metric", PAIRS)
def test_values_are_means_over_all_pairs(make_logits: Make, metric: str) -> None:
    audited, references = sides(make_logits, 3, 300)
    options = Options(metrics=[metric])
    whole = Audit(audited, references, options).table()
    each = [Audit([s], [d], options).table() for s in audited for d in references]
    expected = np.mean([table.columns["value"] for table in each], axis=0)
    assert "max-min" in whole.columns["contrast"]  # its mean is not that of the means
    np.testing.assert_allclose(whole.columns["value"], expected, rtol=1e-12, atol=1e-15)


def test_pairs_are_no_runs_of_their_own_in_spreads_either(make_logits: Make) -> None:
    """Two audited runs against the same reference twice are not four runs, and no more certain."""
    audited, (dense, _) = sides(make_logits, 2, 300)
    options = Options(metrics=["churn"])
    tables = [Audit(audited, others, options).table() for others in ([dense], [dense, dense])]
    rows = [i for i, c in enumerate(tables[0].columns["contrast"]) if c == "max-min"]
    once, twice = (np.array(t.columns["detectable"], float)[rows] for t in tables)
    np.testing.assert_allclose(twice, once, rtol=1e-9)


def test_large_measures_of_other_metrics_are_not_kept(
    make_logits: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All metrics over 100 runs per side once kept 12 GB."""
    runs = sides(make_logits, 3, 100)
    rates = ["accuracy", "tpr", "fpr", "ppv", "f1", "uncertainty", "churn"]
    options = Options(metrics=rates)
    kept = peak_bytes(runs, rates)
    whole = Audit(*runs, options)
    monkeypatch.setattr(engine, "MAX_KEPT_BYTES", 0)
    assert peak_bytes(runs, rates) < 0.7 * kept
    again = Audit(*runs, options)
    for level, metric in ((0.95, None), (0.8, None), (0.95, "churn")):
        expected = whole.table(level, metric).columns
        for name, cells in again.table(level, metric).columns.items():
            np.testing.assert_array_equal(np.array(cells), np.array(expected[name]), name)


def test_predictions_of_counted_runs_are_let_go(make_logits: Make) -> None:
    runs = sides(make_logits, 2, 100)
    options = Options(metrics=["accuracy", "auc", "churn"])
    whole, few = (Audit(*runs, replace(options, keep_predictions=keep)) for keep in (True, False))
    for name, cells in few.table().columns.items():
        np.testing.assert_array_equal(np.array(cells), np.array(whole.table().columns[name]), name)
    assert [[len(run) for run in side.heads] for side in few.sides] == [[100, 1], [100, 1]]
    assert [[len(run) for run in side.heads] for side in whole.sides] == [[100, 100]] * 2
