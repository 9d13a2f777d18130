"""Measure how often intervals contain the truth, p-values reject it, and gates fail at the bound.

    python bench/coverage.py                                   # all tables of docs/inference.md
    python bench/coverage.py rates means --draws 500 --seed 7  # some of them, faster
    python bench/coverage.py rates --rows did_tpr excess_ba    # some rows
    python bench/coverage.py gates --rows did_tpr --sizes 2x10 --draws 10000  # runs by rows

Prints Markdown with the Monte Carlo standard error of each share. bench/simulation.py describes how
samples are drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from simulation import Found, Row, World, audits
from verdicts import verdicts

WORLDS = {
    "N = 2,000; group of 30 %; 20 % positive": World(),
    "as 1, with few flips": World(noise=0.05, loss=(0.0, 0.0), prevalence=(0.2, 0.3)),
    "N = 5,000; group of 40 %; 50 and 30 % positive; many flips": World(
        num=5000, shares=(0.6, 0.4), prevalence=(0.5, 0.3), noise=2.0, loss=(0.0, 1.0)
    ),
    "N = 5,000; group of 5 %; 5 % positive": World(
        num=5000, shares=(0.95, 0.05), prevalence=(0.05, 0.05)
    ),
    "N = 20,000; group of 5 %; 5 and 10 % positive": World(
        num=20_000, shares=(0.95, 0.05), prevalence=(0.05, 0.1), noise=0.3, loss=(0.0, 0.2)
    ),
    "250 clusters of 20; group of 30 %; 20 and 30 % positive": World(
        num=5000, prevalence=(0.2, 0.3), cluster=20
    ),
    "1,000 clusters of 20; group of 10 %; 5 and 10 % positive": World(
        num=20_000, shares=(0.9, 0.1), prevalence=(0.05, 0.1), cluster=20
    ),
}
ROWS = [
    *(Row(f"did_{rate}", "1-0") for rate in ("tpr", "fpr", "accuracy", "ppv")),
    Row("excess_ba"),
    *(Row("bias_amplification", "", change) for change in (False, True)),
    *(Row(rate, "1") for rate in ("tpr", "ppv", "accuracy", "churn", "lost_positives")),
    *(Row(rate, "1-0") for rate in ("tpr", "ppv", "churn")),
    *(Row("auc", contrast, change) for change in (False, True) for contrast in ("1", "1-0")),
    *(Row("tcb", "1", change) for change in (False, True)),
    *(Row("calibration_error_debiased", "1", change) for change in (False, True)),
    Row("brier", "1"),
    Row("ece", "1", change=True),
    Row("uncertainty", "1", change=True),
    Row("ceag", "1"),
]
FIVE = {"num": 4000, "shares": (0.3, 0.3, 0.2, 0.1, 0.1), "prevalence": (0.2,) * 5}
GROUPS = {
    "two, equal": World(loss=(0.0, 0.0)),
    "two, apart": World(),
    "three, equal": World(shares=(0.5, 0.3, 0.2), prevalence=(0.2,) * 3, loss=(0.0,) * 3),
    "five, equal": World(**FIVE, loss=(0.0,) * 5),
    "five, apart": World(**FIVE, loss=(0.0, 0.0, 0.3, 0.5, 1.0)),
}
RUNS = {
    f"{runs} runs, {what}": World(runs=runs, run_noise=0.3, run_shift=shift, loss=loss)
    for runs in (2, 3, 5)
    for what, shift, loss in (
        ("alike", 0.0, (0.0, 0.0)),
        ("which differ", 0.1, (0.0, 0.3)),
        ("which differ much", 0.3, (0.0, 0.3)),
    )
}
# Cases in which folds show almost no error: few people, flips, errors or positives.
RARE = {
    "N = 300; group of 5 %": World(num=300, shares=(0.95, 0.05), prevalence=(0.3, 0.3)),
    "N = 3,000; hardly a flip": World(num=3000, noise=0.0015, loss=(0.0, 0.0)),
    "N = 1,500; 99.9 % right": World(num=1500, separation=3.1, noise=0.1, loss=(0.0, 0.0)),
    "N = 2,000; 1 % positive": World(prevalence=(0.01, 0.01)),
}
RARE_ROWS = [
    Row("did_tpr", "1-0"),
    Row("did_accuracy", "1-0"),
    Row("excess_ba"),
    *(Row("directional_ba", "", change) for change in (False, True)),
    *(Row("bias_amplification", "", change) for change in (False, True)),
    *(Row("tcb", "1", change) for change in (False, True)),
    *(Row(name, "1") for name in ("ceag", "tpr", "churn")),
    *(Row(name, "1", change=True) for name in ("tpr", "uncertainty", "auc")),
    *(Row(name, "1") for name in ("brier", "calibration_error_debiased")),
    *(Row(name, "1", change=True) for name in ("brier", "calibration_error_debiased")),
]
# A few clusters hold most of the rows.
CLUSTERS = {
    "400 clusters, the largest of 40": World(
        num=16_000, cluster=40, zipf=True, prevalence=(0.3, 0.3)
    ),
    "1,000 clusters, the largest of 100": World(
        num=100_000, cluster=100, zipf=True, prevalence=(0.3, 0.3)
    ),
}
CROSSED = {
    f"{runs} by {others}": World(
        runs=runs, reference_runs=num, given=num == 1, run_noise=0.3, run_shift=0.1
    )
    for runs, num, others in (
        (2, 2, "2 runs"),
        (5, 1, "one reference, which is as it is"),
        (5, 2, "2 runs"),
        (3, 5, "5 runs"),
    )
}
# Almost everything is right, and the few errors lie where the classes meet.
BINS = {
    f"N = {num:,}; {share} % positive, {where}": World(
        num=num, prevalence=(share / 100,) * 2, separation=3.1, noise=0.1, loss=(0.0, 0.0)
    )
    for share, where in ((25, "within a bin"), (20, "at an edge between bins"))
    for num in (2_000, 10_000, 20_000)
}
# The pruned model almost never predicts the last attributes, as at high sparsity.
MEANS = {
    "N = 2,000, 60 % of samples in common": World(attributes=10, shared=0.6),
    "N = 1,000, all in common, ever rarer predicted": World(
        num=1000, attributes=10, shared=1.0, fade=3.5
    ),
    "N = 5,000, group of 5 %, 5 % positive, 60 % in common, ever rarer predicted": World(
        num=5000, shares=(0.95, 0.05), prevalence=(0.05, 0.05), attributes=10, shared=0.6, fade=2.5
    ),
    "250 clusters of 20, 60 % in common, ever rarer predicted": World(
        num=5000, cluster=20, attributes=10, shared=0.6, fade=3.5
    ),
}
# Both sides err equally and independently, so nothing differs and nothing changed.
NULL = {"noise": 0.0, "loss": (0.0, 0.0), "run_noise": 0.5}
NULLS = {
    "N = 2,000; group of 30 %; 20 % positive": World(**NULL),
    "N = 5,000; group of 5 %; 5 % positive": World(
        **NULL, num=5000, shares=(0.95, 0.05), prevalence=(0.05, 0.05)
    ),
    "250 clusters of 20; group of 30 %; 20 % positive": World(**NULL, num=5000, cluster=20),
}


AT_ONCE = 100  # draws in a file: many cost little more than few
GATES = [
    (1, 1),
    (1, 10),
    (1, 40),
    (2, 1),
    (2, 10),
    (2, 40),
    (3, 1),
    (3, 10),
    (3, 40),
    (5, 1),
    (5, 10),
    (5, 40),
]  # runs a side, and rows that a gate covers


class Asked(NamedTuple):
    """The number of draws, their seed, and the metrics and gate sizes to measure (empty: all)."""

    draws: int = 2000
    seed: int = 0
    metrics: Sequence[str] = ()
    sizes: Sequence[str] = ()

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Return the requested rows."""
        return [row for row in rows if not self.metrics or row.metric in self.metrics]


def coverage(worlds: dict[str, World], rows: Sequence[Row], asked: Asked) -> Iterator[str]:
    """Yield a column per world and a row per number; mark numbers that mostly have low power."""
    yield from (f"{place}. {name}" for place, name in enumerate(worlds, 1))
    rows, found = asked.of(rows), []
    for name, world in worlds.items() if rows else ():
        _say(name)
        if not any(row.mean for row in rows):
            world = replace(world, attributes=AT_ONCE)
        found.append(audits(world, rows, draws=asked.draws, seed=asked.seed))
    yield from _table(["95 % interval of", *map(str, range(1, len(worlds) + 1))])
    for row in rows:
        yield _line([_name(row), *(_covered(one[row]) for one in found)])


def _say(name: str) -> None:
    print(f"simulating: {name}", file=sys.stderr, flush=True)


def _covered(found: Found) -> str:
    if not found.num:
        return ""
    few = " *" if found.few[np.isfinite(found.value)].mean() > 0.5 else ""
    return f"{100 * found.coverage:.1f} ± {100 * found.error:.1f}{few}"


def _name(row: Row) -> str:
    name = f"`{row.metric}`" + (f" {row.contrast}" if row.contrast else "")
    name = f"change of {name}" if row.change else name
    return f"mean {name}" if row.mean else name


def _table(header: Sequence[str]) -> list[str]:
    return ["", _line(header), _line(["---"] * len(header))]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def rates(asked: Asked) -> Iterator[str]:
    """All metrics of two groups."""
    yield from coverage(WORLDS, ROWS, asked)


def groups(asked: Asked) -> Iterator[str]:
    """Largest gaps, without and with a true gap."""
    spread = [Row(name, "max-min") for name in ("tpr", "fpr", "ppv", "accuracy", "eod")]
    yield from coverage(GROUPS, spread, asked)


def runs(asked: Asked) -> Iterator[str]:
    """Several runs per side."""
    rows = [Row(f"did_{rate}", "1-0") for rate in ("tpr", "fpr", "accuracy")]
    rows += [Row("excess_ba"), *(Row(name, "1") for name in ("tpr", "accuracy", "auc"))]
    rows += [Row(name, "1", change=True) for name in ("tpr", "accuracy", "auc", "brier")]
    yield from coverage(RUNS, rows, asked)


def rare(asked: Asked) -> Iterator[str]:
    """Few people, flips, errors or positives."""
    yield from coverage(RARE, RARE_ROWS, asked)


def clusters(asked: Asked) -> Iterator[str]:
    """Clusters with sizes by Zipf's law: the largest divided by the rank."""
    rows = [Row(name, value) for name in ("accuracy", "tpr", "auc", "brier") for value in ("", "1")]
    rows += [Row(name, "1-0") for name in ("accuracy", "tpr", "did_accuracy", "did_fpr")]
    rows += [Row("accuracy", value, change=True) for value in ("", "1")]
    yield from coverage(CLUSTERS, [*rows, Row("churn", "1"), Row("excess_ba")], asked)


def crossed(asked: Asked) -> Iterator[str]:
    """Flips of all pairs of different runs, and changes, with unequal numbers per side."""
    names = ("churn", "nfr", "lost_positives")
    rows = [*(Row(name, "1") for name in names), Row("accuracy", "1", change=True)]
    yield from coverage(CROSSED, [*rows, Row("churn", "1-0"), Row("accuracy", "1")], asked)


def bins(asked: Asked) -> Iterator[str]:
    """Calibration in equal-mass bins if 99.9 % are right."""
    rows = [Row("calibration_error_debiased", "", change) for change in (False, True)]
    yield from coverage(BINS, [*rows, Row("brier")], asked)


def means(asked: Asked) -> Iterator[str]:
    """Means over ten attributes; a quarter of the draws."""
    rows = [row._replace(mean=True) for row in ROWS]
    rows += [Row("interdependence", change=True, mean=True)]
    yield from coverage(MEANS, rows, asked._replace(draws=asked.draws // 4))


def p_values(asked: Asked) -> Iterator[str]:
    """Shares of p-values at or below 5 and 1 % if nothing differs and nothing changed."""
    paired = [Row("did_tpr", "1-0"), Row("did_accuracy", "1-0"), Row("excess_ba")]
    changes = ("tpr", "accuracy", "auc", "brier")
    paired = asked.of([*paired, *(Row(name, "1", change=True) for name in changes)])
    alone = asked.of([Row(name, "1-0") for name in ("tpr", "accuracy", "auc")])
    yield from (f"{place}. {name}" for place, name in enumerate(NULLS, 1))
    found = []
    for name, world in NULLS.items():
        _say(name)
        world = replace(world, attributes=AT_ONCE)
        parts = [
            audits(
                world, rows, draws=asked.draws, seed=asked.seed, paired=rows is paired, null=True
            )
            for rows in (paired, alone)
            if rows
        ]
        found.append({row: one for part in parts for row, one in part.items()})
    yield from _table(["p of", *(f"{place}: 5 %, 1 %" for place in range(1, len(NULLS) + 1))])
    for row in [*paired, *alone]:
        yield _line([_name(row), *(_rejected(one[row].p) for one in found)])


def _rejected(p: np.ndarray) -> str:
    p = p[np.isfinite(p)]
    cells = []
    for level in (0.05, 0.01):
        error = np.sqrt(level * (1 - level) / max(len(p), 1))
        cells.append(f"{100 * np.mean(p <= level):.1f} ± {100 * error:.1f}")
    return ", ".join(cells)


def gates(asked: Asked) -> Iterator[str]:
    """Verdicts of gates over rows that all lie at, inside or beyond the bound, in percent."""
    places = {1.0: "at the bound", 2.0: "half of it", 0.5: "twice"}
    yield from _table(["gate", "runs", "rows", "truth", "gates", "fails", "inconclusive", "passes"])
    for metric in ("did_tpr", "lost_positives"):
        for num_runs, num_rows in GATES if asked.of([Row(metric)]) else ():
            if asked.sizes and f"{num_runs}x{num_rows}" not in asked.sizes:
                continue
            _say(f"gates on {metric}, {num_runs} runs, {num_rows} rows")
            num_gates = max(asked.draws // num_rows, 50)
            world = World(num=5000, attributes=2 * AT_ONCE)
            if num_runs > 1:
                world = replace(world, runs=num_runs, run_noise=0.3, run_shift=0.1)
            found = verdicts(world, metric, num_rows, list(places), num_gates, asked.seed)
            for factor, where in places.items():
                total = found[factor].total()
                kinds = ("fail", "inconclusive", "pass")
                shares = (_share(found[factor][kind], total) for kind in kinds)
                yield _line(
                    [f"`{metric}`", str(num_runs), str(num_rows), where, str(total), *shares]
                )


def _share(count: int, total: int) -> str:
    share = count / total
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / total):.1f}"


SECTIONS = {
    f.__name__: f
    for f in (rates, groups, rare, bins, clusters, runs, crossed, means, p_values, gates)
}


def main() -> None:
    """Print the requested tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--draws", type=int, default=Asked().draws, help="samples for each number")
    parser.add_argument("--seed", type=int, default=Asked().seed)
    parser.add_argument("--rows", nargs="+", default=(), metavar="METRIC", help="these alone")
    sizes = [f"{num_runs}x{num_rows}" for num_runs, num_rows in GATES]
    parser.add_argument("--sizes", nargs="+", default=(), choices=sizes, help="of gates, these")
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    asked = Asked(given.draws, given.seed, given.rows, given.sizes)
    for name in given.sections or SECTIONS:
        section = SECTIONS[name]
        print(f"\n### {name.replace('_', ' ').capitalize()}\n\n{section.__doc__}\n", flush=True)
        for line in section(asked):
            print(line, flush=True)


if __name__ == "__main__":
    main()
