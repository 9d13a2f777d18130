"""Measure the cost of `pbias count`: CPU time per row, memory, and the size of the counts file.

python bench/count.py [--rows 1000000] [--targets 40]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

COUNT = [sys.executable, "-m", "pbias", "count", "s95.npz", "--ref", "dense.npz"]


def draw(folder: Path, rows: int, targets: int) -> None:
    """Draw two logits files with ids, labels and two groups."""
    rng = np.random.default_rng(0)
    labels = (rng.random((rows, targets), np.float32) < 0.4).astype(np.int8)
    logits = rng.standard_normal((rows, targets), np.float32) * 2 + 3 * labels - np.float32(2)
    known = {
        "labels": labels,
        "ids": np.array([f"{row:09d}" for row in range(rows)]),
        "groups": (rng.random((rows, 2)) < 0.4).astype(np.int16),
        "group_names": np.array(["Male", "Young"]),
    }
    np.savez(folder / "dense.npz", logits=logits, **known)
    logits += rng.standard_normal(logits.shape, np.float32)
    np.savez(folder / "s95.npz", logits=logits, **known)


def main() -> None:
    """Print one line for all metrics, and one for rates alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--targets", type=int, default=40)
    size = parser.parse_args()
    print("| counted for | CPU s | rows/s of CPU | billion rows, CPU h | peak MiB | file MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, size.rows, size.targets)
        for what, options in (("rates", ["--metrics", "tpr,fpr,accuracy,churn"]), ("all", [])):
            out = folder / f"{what}.counts.npz"
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [*COUNT, *options, "-q", "-o", str(out)]
            subprocess.run(command, cwd=folder, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rate = size.rows / cpu
            print(
                f"| {what} | {cpu:.1f} | {rate:,.0f} | {1e9 / rate / 3600:.1f} "
                f"| {after.ru_maxrss / 1024:.0f} | {out.stat().st_size / 2**20:.1f} |"
            )


if __name__ == "__main__":
    main()
