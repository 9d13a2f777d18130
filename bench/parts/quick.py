"""Run all measurements that fit in five minutes, and print one table: `make bench-quick`.

Each bench runs at a small size in its own process; its output goes to standard error. The sizes are
too small for the figures of docs/measurements.md, and other programs on the machine disturb them,
so the load is printed.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import ROWS

BENCH = Path(__file__).resolve().parent.parent
SCRIPTS = (
    "audit.py --num-large 0 --runs 2 --no-fairlearn",
    "prune.py --runs 1",
    "predict.py --num 48 --turns 1",
    "train.py --epochs 2 --precision fp32",
    "threads.py --tries 1 --epochs 3 --num 1000",
    "startup.py --runs 5",
)
COLUMNS = ("work", "ours", "peer", "ratio", "aim", "met")


def main() -> None:
    """Run all, print the table, and exit with 1 if an aim is missed."""
    start, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.touch()
        failed = []
        for number, script in enumerate(SCRIPTS, 1):
            print(f"{number} of {len(SCRIPTS)}: bench/{script}", file=sys.stderr, flush=True)
            name, *options = script.split()
            done = subprocess.run(
                [sys.executable, BENCH / name, *options],
                check=False, stdout=sys.stderr, env={**os.environ, ROWS: str(path)},
            )  # fmt: skip
            if done.returncode not in (0, 1):
                failed.append(script)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    print(f"{_machine()}; {datetime.date.today()}; load {load:.1f} before, ", end="")
    print(f"{os.getloadavg()[0]:.1f} after; {time.perf_counter() - start:.0f} s")
    _print(rows)
    for script in failed:
        print(f"FAILED: bench/{script}")
    sys.exit(0 if rows and not failed and all(row["met"] for row in rows) else 1)


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ] if Path("/proc/cpuinfo").exists() else []  # fmt: skip
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor() or '?'}"


def _print(rows: list[dict[str, object]]) -> None:
    texts = [list(COLUMNS)]
    for row in rows:
        shown = {**row, "ratio": f"{row['ratio']:.2f}", "met": "yes" if row["met"] else "NO"}
        texts.append([str(shown[name]) for name in COLUMNS])
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


if __name__ == "__main__":
    main()
