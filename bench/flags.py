"""Compare `flag_risk` and `attribute_risk` with simpler rules, on drawn faces and photographs.

    OMP_NUM_THREADS=1 python bench/flags.py
    python bench/flags.py --out flags --seeds 0 1 2 --sets faces clothing isic2017

For each data set and seed a small network is trained and pruned to 90, 95 and 99 %, and `pbias flag
--evaluate` says what each ranking found on the test split. Photographs are read from
$PBIAS_TEST_DATA/data; without it only faces are drawn. What is there already is kept. Printed are
means over seeds, a row a ranking and a column a sparsity; "best in" counts seeds and sparsities.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

SPARSITIES = ("0.9", "0.95", "0.99")
PHOTOS = {"clothing": ("kids", "sender"), "isic2017": ("male", "")}
NUMBERS = (
    ("precision", "flips"),
    ("auc", "flips"),
    ("precision", "lost_positives"),
    ("auc", "lost_positives"),
    ("spearman", "did_tpr^2"),
    ("spearman", "change(bias_amplification)"),
    ("spearman", "change(tcb)"),
)
Cells = dict[tuple[str, str, str], dict[tuple[str, int], float]]  # by number, ranking; by run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("flags"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", default=["faces", "clothing"])
    parser.add_argument("--num", type=int, default=4000, help="drawn faces")
    parser.add_argument("--size", type=int, default=32, help="side of the pictures")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--prune-epochs", type=int, default=4)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.sets:
        labels, how, group = _data(name, given)
        if labels.exists():
            found = [_evaluated(name, labels, how, seed, given) for seed in given.seeds]
            _print(name, group, found)


def _data(name: str, given: argparse.Namespace) -> tuple[Path, list[str], str]:
    """The manifest, options of `train` for it, and the group that tables are about."""
    if name == "faces":
        folder = given.out / "faces"
        if not folder.exists():
            _pbias("synth", "-o", folder, "--num", given.num, "--size", given.size, "--seed", 10)
        return folder / "labels.csv", ["--groups", "Male,Young"], "Male"
    group, cluster = PHOTOS[name]
    how = ["--groups", group, *(["--cluster", cluster] if cluster else [])]
    return Path(os.environ.get("PBIAS_TEST_DATA", "")) / "data" / name / "labels.csv", how, group


def _evaluated(
    name: str, labels: Path, how: list[str], seed: int, given: argparse.Namespace
) -> Path:
    """Train, prune, predict and evaluate one seed, as far as it is not done."""
    at = given.out / f"{name}-{seed}"
    at.mkdir(exist_ok=True)
    dense, table = at / "dense.pt", at / "flags.csv"
    if table.exists():
        return table
    if not dense.exists():
        size = ["--image-size", given.size, "--epochs", given.epochs]
        _pbias("train", labels, *how, *size, "--seed", seed, "-o", dense)
    pruned = [at / f"s{sparsity}.pt" for sparsity in SPARSITIES]
    if not all(path.exists() for path in pruned):
        sparsities = ["--sparsity", ",".join(SPARSITIES), "--epochs", given.prune_epochs]
        _pbias(
            "prune",
            dense,
            "--data",
            labels,
            *sparsities,
            "--seed",
            seed,
            "-o",
            at / "s{sparsity}.pt",
        )
    for path in (dense, *pruned):
        if not path.with_suffix(".npz").exists():
            _pbias("predict", path, labels, "--split", "test", "-o", path.with_suffix(".npz"))
    runs = [arg for path in pruned for arg in ("--evaluate", path.with_suffix(".npz"))]
    _pbias("flag", dense.with_suffix(".npz"), "--budget", "5%", *runs, "-o", table)
    return table


def _pbias(*arguments: object) -> None:
    command = [sys.executable, "-m", "pbias", *map(str, arguments), "-q"]
    subprocess.run(command, check=True)


def _print(name: str, group: str, tables: list[Path]) -> None:
    cells: Cells = defaultdict(dict)
    for seed, path in enumerate(tables):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                key = (row["measure"], row["outcome"], row["ranking"])
                if row["value"] and row["group"] in ("", group):
                    cells[key][row["run"], seed] = float(row["value"])
    for measure, outcome in NUMBERS:
        mine = {k[2]: v for k, v in cells.items() if k[:2] == (measure, outcome)}
        if mine:
            print(f"\n{name}: {measure} of {outcome}, means over {len(tables)} seeds\n")
            _print_rankings(mine, falling=outcome == "change(tcb)")


def _print_rankings(mine: dict[str, dict[tuple[str, int], float]], *, falling: bool) -> None:
    """One row a ranking; a change of tcb is foretold by a correlation below 0."""
    sign = -1 if falling else 1
    runs = sorted({run for values in mine.values() for run in values})
    best = [max(mine, key=lambda r: sign * mine[r].get(run, -sign * 9.0)) for run in runs]
    print(f"| by | {' | '.join(f'{100 * float(s):g} %' for s in SPARSITIES)} | best in |")
    print(f"| --- |{' ---: |' * (len(SPARSITIES) + 1)}")
    for ranking, values in mine.items():
        columns = [[v for (run, _), v in values.items() if run == f"s{s}"] for s in SPARSITIES]
        shown = " | ".join(f"{mean(column):.3f}" if column else "-" for column in columns)
        print(f"| {ranking} | {shown} | {best.count(ranking)} of {len(runs)} |")


if __name__ == "__main__":
    main()
