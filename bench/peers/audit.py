"""Programs that bench/audit.py starts: they draw files to audit, or audit them in other ways.

python bench/peers/audit.py draw NUM_ROWS FOLDER       # dense.npz, s95.npz, the first as text
python bench/peers/audit.py draw_large NUM_ROWS FILE [NOISE]   # without ids
python bench/peers/audit.py paper FOLDER
python bench/peers/audit.py fairlearn FOLDER           # prints its CPU seconds
"""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_TARGETS = 40
TARGETS = [f"attribute_{index}" for index in range(NUM_TARGETS)]
GROUPS = {"Male": 0.42, "Young": 0.76, "Chubby": 0.06, "Pale_Skin": 0.04}
NUM_TRAINED = 160_000
BLOCK_ROWS = 100_000


def draw(num_rows: str, folder: str) -> None:
    """Write the logits of a dense and a noisier model as files; the first also as text."""
    (labels, groups, dense), *_ = _blocks(int(num_rows), int(num_rows))
    ids = np.array([f"{row:06d}.jpg" for row in range(len(labels))])
    noise = np.random.default_rng(1).normal(size=dense.shape)
    for name, logits in (("dense", dense), ("s95", (dense + noise).astype(np.float32))):
        arrays = {"logits": logits, "labels": labels, "groups": groups, "ids": ids}
        np.savez(Path(folder) / f"{name}.npz", **arrays, **_metadata())
    rows = (dense, np.concatenate([labels, groups], axis=1))
    for name, table in zip(("predictions.txt", "labels.txt"), rows, strict=True):
        lines = (f"{i} {' '.join(map(str, row))}\n" for i, row in zip(ids, table, strict=True))
        with (Path(folder) / name).open("w") as file:
            file.writelines(lines)


def draw_large(num_rows: str, path: str, noise: str = "0") -> None:
    """Write a file of any size in little memory, in three passes over the same draws.

    `noise` is the standard deviation of the noise that is added to the logits.
    """
    num, rng = int(num_rows), np.random.default_rng(1)
    wide = {"logits": (2, "<f4", NUM_TARGETS), "labels": (0, "|i1", NUM_TARGETS)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, (part, kind, width) in (wide | {"groups": (1, "<i2", len(GROUPS))}).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": kind, "fortran_order": False, "shape": (num, width)}
                np.lib.format.write_array_header_1_0(file, header)
                for block in _blocks(num, BLOCK_ROWS):
                    values = block[part]
                    if part == wide["logits"][0] and float(noise):
                        more = rng.standard_normal(values.shape, np.float32)
                        values = values + more * np.float32(noise)
                    file.write(values.tobytes())
        for name, array in _metadata().items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)


Block = tuple[NDArray[np.int8], NDArray[np.int16], NDArray[np.float32]]


def _blocks(num_rows: int, block_rows: int) -> Iterator[Block]:
    """Yield labels, groups and logits that correlate with them, always the same."""
    rng = np.random.default_rng(0)
    base = rng.normal(-1.0, 1.2, NUM_TARGETS).astype(np.float32)
    effect = rng.normal(0.0, 0.5, (len(GROUPS), NUM_TARGETS)).astype(np.float32)
    for start in range(0, num_rows, block_rows):
        shape = (min(block_rows, num_rows - start), NUM_TARGETS)
        groups = rng.random((shape[0], len(GROUPS))) < list(GROUPS.values())
        clear = base + groups.astype(np.float32) @ effect
        clear += rng.standard_normal(shape, np.float32)
        labels = clear + rng.standard_normal(shape, np.float32) > 0
        yield labels.astype(np.int8), groups.astype(np.int16), clear * np.float32(1.6)


def _metadata() -> dict[str, NDArray[Any]]:
    rates = np.random.default_rng(2).uniform(0.05, 0.6, (NUM_TARGETS, len(GROUPS) + 1, 3))
    counts = np.stack([1 - rates, rates], axis=-1) * NUM_TRAINED
    return {
        "targets": np.array(TARGETS),
        "group_names": np.array(list(GROUPS)),
        "train_counts": counts.astype(np.int64),
    }


def paper(folder: str) -> None:
    """Compute the paper's metrics in the style of its code: text, pandas, scikit-learn, loops."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import roc_auc_score

    names = [*TARGETS, *GROUPS]
    logits, known = (
        pd.read_csv(Path(folder) / name, sep=" ", header=None, index_col=0)
        for name in ("predictions.txt", "labels.txt")
    )
    logits.columns, known.columns = TARGETS, names
    predicted = (logits > 0).astype(int)
    p = 1 / (1 + np.exp(-logits.astype(float)))
    found = {}
    for name in TARGETS:
        y, s = known[name], predicted[name]
        others = predicted.drop(columns=name)
        found[name] = {
            "acc": (y == s).mean(),
            "auc": roc_auc_score(y, p[name]),
            "predpos": s.mean(),
            "uncertainty": ((p[name] - 0.5).abs() < 0.4).mean(),
            "interdependence": LinearRegression().fit(others, s).score(others, s),
            "ece": _ece(p[name].to_numpy(), y.to_numpy()),
            "tcb": s.mean() / y.mean() if y.mean() < 0.5 else (1 - s).mean() / (1 - y).mean(),
        }
        for group in GROUPS:
            g = known[group]
            found[name][f"{group}-bas"] = g[s == 1].mean() - g[y == 1].mean()
    pd.DataFrame(found).T.to_csv(Path(folder) / "paper.csv")


def _ece(p: NDArray[np.float64], y: NDArray[np.int8]) -> float:
    edges = np.linspace(0, 1, 11)
    total = 0.0
    for low, high in pairwise(edges):
        inside = (p > low) & (p <= high)
        if inside.any():
            total += inside.mean() * abs(p[inside].mean() - y[inside].mean())
    return total


def fairlearn(folder: str) -> None:
    """Compute four rates of one attribute by one group with bootstrap intervals."""
    from fairlearn.metrics import (
        MetricFrame,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )
    from sklearn.metrics import accuracy_score

    with np.load(Path(folder) / "s95.npz") as file:
        y, s, g = file["labels"][:, 0], file["logits"][:, 0] > 0, file["groups"][:, 0]
    rates = (accuracy_score, selection_rate, true_positive_rate, false_positive_rate)
    start = time.process_time()
    frame = MetricFrame(
        metrics={rate.__name__: rate for rate in rates},
        y_true=y,
        y_pred=s.astype(int),
        sensitive_features=g,
        n_boot=100,
        ci_quantiles=[0.025, 0.975],
        random_state=0,
    )
    assert len(frame.by_group_ci) == 2
    assert len(frame.difference_ci()) == 2
    print(time.process_time() - start)


CHILDREN: dict[str, Callable[..., None]] = {
    "draw": draw, "draw_large": draw_large, "paper": paper, "fairlearn": fairlearn,
}  # fmt: skip

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
