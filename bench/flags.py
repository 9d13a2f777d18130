"""Compare `flag_risk` and `attribute_risk` with simpler rules, on drawn faces and photographs.

    OMP_NUM_THREADS=1 python bench/flags.py
    python bench/flags.py --out flags --seeds 0 1 2 --sets faces clothing isic2017

For each data set and seed, a small network is trained, pruned to 90, 95 and 99 %, and quantized to
int8 (which needs the extra `onnx`). `pbias flag --evaluate` then measures each ranking on the test
split. Photographs are read from $PBIAS_TEST_DATA/data; without it, only faces are drawn. Existing
results are kept. The tables show means over seeds, with a row per ranking and a column per
compression; "best in" counts seeds and sparsities, and ties count for each.
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
RUNS = {**{f"s{s}": f"{100 * float(s):g} %" for s in SPARSITIES}, "int8": "int8"}
PHOTOS = {"clothing": ("kids", "sender"), "isic2017": ("male", "")}
NUMBERS = (
    ("precision", "flips"),
    ("auc", "flips"),
    ("precision", "lost_positives"),
    ("auc", "lost_positives"),
    ("spearman", "did_tpr^2"),
    ("spearman", "change(bias_amplification)"),
    ("spearman", "change(bias_amplification)^2"),
    ("spearman", "change(tcb)"),
)
HAPPENED = "happened"
Cells = dict[tuple[str, str, str], dict[tuple[str, int], float]]  # by number and ranking; by run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("flags"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", default=["faces", *PHOTOS])
    parser.add_argument("--num", type=int, default=4000, help="drawn faces")
    parser.add_argument("--size", type=int, default=32, help="side of the pictures")
    parser.add_argument("--model-args", default="width=16,depth=1", help="of resnet_small")
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
    """Return the manifest, its options for `train`, and the group for the tables."""
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
    """Train, prune, quantize, predict and evaluate one seed, unless already done."""
    at = given.out / f"{name}-{seed}"
    at.mkdir(exist_ok=True)
    dense, int8, table = at / "dense.pt", at / "int8.onnx", at / "flags.csv"
    if not dense.exists():
        how = [*how, "--arch", "resnet_small", "--model-args", given.model_args]
        size = ["--image-size", given.size, "--epochs", given.epochs]
        _pbias("train", labels, *how, *size, "--seed", seed, "-o", dense)
    pruned = [at / f"s{sparsity}.pt" for sparsity in SPARSITIES]
    if not all(path.exists() for path in pruned):
        how = ["--sparsity", ",".join(SPARSITIES), "--epochs", given.prune_epochs, "--seed", seed]
        _pbias("prune", dense, "--data", labels, *how, "-o", at / "s{sparsity}.pt")
    if not int8.exists():
        _pbias("quantize", dense, "--data", labels, "--seed", seed, "-o", int8)
    for path in (dense, *pruned, int8):
        if not path.with_suffix(".npz").exists():
            _pbias("predict", path, labels, "--split", "test", "-o", path.with_suffix(".npz"))
    if not table.exists():
        runs = [arg for path in (*pruned, int8) for arg in ("--evaluate", path.with_suffix(".npz"))]
        _pbias("flag", dense.with_suffix(".npz"), "--budget", "5%", *runs, "-o", table)
    return table


def _pbias(*arguments: object) -> None:
    command = [sys.executable, "-m", "pbias", *map(str, arguments), "-q"]
    subprocess.run(command, check=True)


def _print(name: str, group: str, tables: list[Path]) -> None:
    """Print a table per number: for the rankings, and how often the outcome happened."""
    cells: Cells = defaultdict(dict)
    for seed, path in enumerate(tables):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                key = (row["measure"], row["outcome"])
                if row["value"] and row["group"] in ("", group):
                    cells[*key, row["ranking"]][row["run"], seed] = float(row["value"])
                if key[0] == "precision":
                    cells[*key, HAPPENED][row["run"], seed] = float(row["n_outcome"])
    for measure, outcome in NUMBERS:
        mine = {k[2]: v for k, v in cells.items() if k[:2] == (measure, outcome)}
        happened = mine.pop(HAPPENED, {})
        if mine:
            print(f"\n{name}: {measure} of {outcome}, means over {len(tables)} seeds\n")
            _print_rankings(mine, len(tables), falling=outcome == "change(tcb)")
            if happened:
                print(f"| {HAPPENED} | {_columns(happened, len(tables), 0)} | |")


def _print_rankings(
    mine: dict[str, dict[tuple[str, int], float]], seeds: int, *, falling: bool
) -> None:
    """Print a row per ranking; a change of tcb is predicted by a correlation below 0."""
    sign = -1 if falling else 1
    runs = sorted({key for values in mine.values() for key in values if key[0] != "int8"})
    best = {
        run: max(sign * values[run] for values in mine.values() if run in values) for run in runs
    }
    print(f"| by | {' | '.join(RUNS.values())} | best in |")
    print(f"| --- |{' ---: |' * (len(RUNS) + 1)}")
    for ranking, values in mine.items():
        wins = sum(sign * values[run] == most for run, most in best.items() if run in values)
        print(f"| {ranking} | {_columns(values, seeds)} | {wins} of {len(runs)} |")


def _columns(values: dict[tuple[str, int], float], seeds: int, digits: int = 3) -> str:
    """Return the mean of each run over seeds, and the number of seeds if it is not all of them."""
    shown = []
    for run in RUNS:
        found = [value for (name, _), value in values.items() if name == run]
        some = f" ({len(found)})" if len(found) < seeds else ""
        shown.append(f"{mean(found):.{digits}f}{some}" if found else "-")
    return " | ".join(shown)


if __name__ == "__main__":
    main()
