"""Measure the peak memory of the commands that read logits files.

python bench/memory.py [--rows 2000000]   # of 40 targets; needs 10 GiB of memory and 3 GiB of disk
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import pbias

TARGETS = 40
COMMANDS = {
    "metrics": "metrics s95.npz --ref dense.npz --metrics tpr,churn",
    "metrics --labels": "metrics s95.npz --ref dense.npz --metrics tpr,churn --labels labels.csv",
    "compare": "compare dense.npz s95.npz",
    "calibrate": "calibrate dense.npz",
    "flag --budget 1%": "flag dense.npz --budget 1% -o flags.csv",
    "flag --summary": "flag dense.npz --summary",
    "flag --evaluate": "flag dense.npz --evaluate s95.npz",
    "exemplars": "exemplars --dense dense.npz --sparse s95.npz",
    "override": "override s95.npz --flags flags.csv --with dense.npz -o fixed.npz",
    "override --curve": "override s95.npz --flags flags.csv --with dense.npz --curve curve.csv",
}


def draw(folder: Path, rows: int) -> None:
    """Write a dense and a pruned model's logits of the same samples, and a manifest."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, (rows, 2), np.int16)
    labels = (rng.random((rows, TARGETS), np.float32) < 0.25).astype(np.int8)
    logits = 1.5 * rng.standard_normal((rows, TARGETS), np.float32) + 3 * labels - np.float32(2.5)
    ids = np.char.add("image", np.arange(rows).astype(str))
    counts = np.full((TARGETS, 3, 3, 2), 5000)
    targets = tuple(f"a{number}" for number in range(TARGETS))
    for name in ("dense", "s95"):
        pbias.Logits(
            logits, labels, targets, ids, groups, ("Male", "Young"), (("0", "1"), ("0", "1")),
            train_counts=counts, split="valid",
        ).save(str(folder / f"{name}.npz"))  # fmt: skip
        logits += 0.7 * rng.standard_normal(logits.shape, np.float32) - 0.3 * groups[:, :1]
    with (folder / "labels.csv").open("w") as file:
        file.write("id," + ",".join(targets) + "\n")
        for name, row in zip(ids.tolist(), labels.tolist(), strict=True):
            file.write(f"{name},{','.join(map(str, row))}\n")


def measure(arguments: list[str], folder: Path) -> tuple[float, float, int]:
    """Run a command; return its peak MiB, seconds of CPU, and status."""
    child = os.fork()
    if not child:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.execv(sys.executable, [sys.executable, "-m", "pbias", *arguments, "-q"])
    _, status, used = os.wait4(child, 0)
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, os.waitstatus_to_exitcode(status)


def main() -> None:
    """Print a table with one row per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", help="measure only this command")
    asked = parser.parse_args()
    print("| command | peak MiB | CPU s | wall s | status |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        # In a process of its own, whose memory the commands do not inherit.
        drawing = multiprocessing.get_context("spawn").Process(
            target=draw, args=(Path(name), asked.rows)
        )
        drawing.start()
        drawing.join()
        for title, line in COMMANDS.items():
            if asked.only in (None, title):
                start = time.monotonic()
                mib, cpu, status = measure(line.split(), Path(name))
                wall = time.monotonic() - start
                print(f"| {title} | {mib:,.0f} | {cpu:.0f} | {wall:.0f} | {status} |", flush=True)


if __name__ == "__main__":
    main()
