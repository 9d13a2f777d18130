"""Measure speed and memory of `pbias metrics`, each in its own process.

    python bench/audit.py                              # 19,962 x 40, then ten million rows x 40
    python bench/audit.py --num-rows 2000 --num-large 200000 --runs 1

The input is drawn logits with four groups, ids and training counts; large files have no ids. The
audit is compared with:

- a process that imports numpy and reads the same files;
- an analysis in the style of the paper's code (predictions as text, pandas and scikit-learn, a loop
  over attributes and groups, a regression and a ranking for each attribute);
- Fairlearn's MetricFrame with 100 bootstrap replicates, for one attribute x group (skipped if
  Fairlearn is not installed: `pip install '.[bench]'`).

It also prints the time of each stage.

Aims are in CPU seconds (user + system, one thread), which other programs disturb least: the best of
several runs that take turns. On an idle machine, wall time is the same. Memory is the highest
resident set.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from parts.rows import leave_row

# This process stays small (no numpy), because Linux counts its peak as that of its children.
CHILD = Path(__file__).parent / "peers" / "audit.py"
STAGES = Path(__file__).parent / "parts" / "stages.py"
NUM_TARGETS, NUM_GROUPS = 40, 4
MAX_TIMES_READING, MAX_TIMES_READING_PAIRED = 2.2, 7
MIN_TIMES_PAPER = 8
MIN_TIMES_FAIRLEARN = 100
PAIRED_MAX_MIB = 200
LARGE_MAX, LARGE_PAIRED_MAX = (60, 500), (90, 700)  # s, MiB

READ = (
    "import sys, numpy as np\n"
    "for path in sys.argv[1:]:\n"
    "    with np.load(path) as file: arrays = {name: file[name] for name in file}"
)
PBIAS = [sys.executable, "-m", "pbias", "metrics", "-qq", "-o"]


class Cost(NamedTuple):
    """The cost of a process."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def main() -> None:
    """Measure, print a table, and exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-rows", type=int, default=19_962)
    parser.add_argument("--num-large", type=int, default=10_000_000, help="0: leave it out")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the best counts")
    parser.add_argument("--folder", help="where files go [default: a temporary folder]")
    parser.add_argument("--no-fairlearn", action="store_true", help="leave Fairlearn out")
    given = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        met = [_plain(folder, given.num_rows, given.runs)]
        met.append(_paired(folder, given.runs, fairlearn=not given.no_fairlearn))
        _print_stages(folder, given.runs)
        if given.num_large:
            met += [_large(folder, given.num_large), _large_paired(folder, given.num_large)]
    sys.exit(0 if all(met) else 1)


def _plain(folder: Path, num_rows: int, runs: int) -> bool:
    """Measure an audit without reference, beside reading the file and the paper's way."""
    dense = folder / "dense.npz"
    _run(_child("draw", num_rows, folder))
    commands = {
        "pbias metrics --no-intervals": [*PBIAS, os.devnull, "--no-intervals", dense],
        "import numpy, read": [sys.executable, "-c", READ, dense],
        "in the paper's style": _child("paper", folder),
    }
    found = _best(commands, runs)
    print(f"{num_rows:,} x {NUM_TARGETS}, {NUM_GROUPS} groups, best of {runs}:")
    _show(found)
    ours, read, paper = (cost.cpu_s for cost in found.values())
    within = ours <= MAX_TIMES_READING * read
    _row("audit, values / reading", ours, read, f"<= {MAX_TIMES_READING}", met=within)
    return _verdict(
        f"{ours / read:.2f} times reading (aim: {MAX_TIMES_READING} at most)", within
    ) & _verdict(
        f"{paper / ours:.1f} times faster than in the paper's style (aim: {MIN_TIMES_PAPER})",
        paper >= MIN_TIMES_PAPER * ours,
    )


def _paired(folder: Path, runs: int, *, fairlearn: bool) -> bool:
    """Measure an audit with all intervals and changes, and one attribute x group."""
    audited, dense = folder / "s95.npz", folder / "dense.npz"
    commands = {
        "pbias metrics --ref": [*PBIAS, os.devnull, audited, "--ref", dense],
        "import numpy, read both": [sys.executable, "-c", READ, audited, dense],
    }
    found = _best(commands, runs)
    print("paired with the dense model, all intervals:")
    _show(found)
    cost, read = found.values()
    within = cost.cpu_s <= MAX_TIMES_READING_PAIRED * read.cpu_s
    aim = f"<= {MAX_TIMES_READING_PAIRED}"
    _row("audit, paired, intervals / reading", cost.cpu_s, read.cpu_s, aim, met=within)
    met = _verdict(
        f"{cost.cpu_s / read.cpu_s:.2f} times reading (aim: {MAX_TIMES_READING_PAIRED} at most)",
        within,
    )
    met &= _verdict(
        f"{cost.peak_mib:.0f} MiB (aim: {PAIRED_MAX_MIB})", cost.peak_mib < PAIRED_MAX_MIB
    )
    if not fairlearn or importlib.util.find_spec("fairlearn") is None:
        print("  (not compared with Fairlearn: it takes `pip install '.[bench]'` and a minute)")
        return met
    theirs = json.loads(_output(_child("fairlearn", folder)))
    ours = cost.cpu_s / (NUM_TARGETS * NUM_GROUPS)
    print(f"  Fairlearn, 100 replicates, one attribute x group: {theirs:.2f} s CPU")
    times = f"{theirs / ours:,.0f} times faster per pair (aim: {MIN_TIMES_FAIRLEARN})"
    return met & _verdict(times, theirs >= MIN_TIMES_FAIRLEARN * ours)


def _print_stages(folder: Path, runs: int) -> None:
    """Print CPU seconds by stage, without and with a reference; the minimum of the runs."""
    files = folder / "s95.npz", folder / "dense.npz"
    tables = []
    for given in (files[:1], files):
        found = [
            json.loads(_output([sys.executable, str(STAGES), *map(str, given)]))
            for _ in range(runs)
        ]
        tables.append({stage: min(run[stage] for run in found) for stage in found[0]})
    print(f"{'stages, CPU ms':24} {'values':>8} {'paired':>8}")
    for (stage, alone), paired in zip(tables[0].items(), tables[1].values(), strict=True):
        print(f"  {stage:22} {1000 * alone:8.0f} {1000 * paired:8.0f}")
    totals = (1000 * sum(table.values()) for table in tables)
    print("  {:22} {:8.0f} {:8.0f}".format("all", *totals), flush=True)


def _large(folder: Path, num_rows: int) -> bool:
    path = folder / "large.npz"
    _run(_child("draw_large", num_rows, path))
    print(f"{num_rows:,} x {NUM_TARGETS} without ids, {path.stat().st_size / 2**30:.2f} GiB:")
    found = _best({"pbias metrics --no-intervals": [*PBIAS, os.devnull, "--no-intervals", path]}, 1)
    _show(found)
    return _within(*found.values(), *LARGE_MAX)


def _large_paired(folder: Path, num_rows: int) -> bool:
    other = folder / "other.npz"
    _run(_child("draw_large", num_rows, other, 1))
    print("two such files, paired, all intervals:")
    files = [other, "--ref", folder / "large.npz"]
    found = _best({"pbias metrics --ref": [*PBIAS, os.devnull, *files]}, 1)
    _show(found)
    return _within(*found.values(), *LARGE_PAIRED_MAX)


def _row(work: str, ours: float, peer: float, aim: str, *, met: bool) -> None:
    sides = f"{1000 * ours:.0f} ms", f"{1000 * peer:.0f} ms"
    leave_row(work, *sides, ours / peer, aim, met=met)


def _within(cost: Cost, max_s: float, max_mib: float) -> bool:
    return _verdict(
        f"{cost.cpu_s:.1f} s CPU (aim: {max_s}), {cost.peak_mib:.0f} MiB (aim: {max_mib})",
        cost.cpu_s < max_s and cost.peak_mib < max_mib,
    )


def _verdict(what: str, met: bool) -> bool:
    print(f"  {what}: {'met' if met else 'MISSED'}")
    return met


def _show(costs: dict[str, Cost]) -> None:
    for name, cost in costs.items():
        print(
            f"  {name:30} {cost.cpu_s:7.3f} s CPU {cost.wall_s:7.3f} s wall"
            f" {cost.peak_mib:6.0f} MiB"
        )


def _best(commands: dict[str, Sequence[Any]], runs: int) -> dict[str, Cost]:
    """Return the minimum of every cost; the commands take turns, so all meet the same noise."""
    turns = [[_run(command) for command in commands.values()] for _ in range(runs)]
    costs = [Cost(*map(min, zip(*found, strict=True))) for found in zip(*turns, strict=True)]
    return dict(zip(commands, costs, strict=True))


def _child(name: str, *arguments: object) -> list[str]:
    return [sys.executable, str(CHILD), name, *map(str, arguments)]


def _run(command: Sequence[Any]) -> Cost:
    """Run a command to its end with one thread, and return the cost of that process."""
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), env=_environment())
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Cost(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024)


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, check=True, env=_environment(), stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def _environment() -> dict[str, str]:
    """Return variables for one thread, and for modules compiled once, as in an installation."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict.fromkeys(threads, "1")


if __name__ == "__main__":
    main()
