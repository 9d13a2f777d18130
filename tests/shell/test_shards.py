"""`examples/shards` with Snakemake at a small size: the sum of shards equals the whole."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tests.conftest import REPO, needs

Run = Callable[..., CompletedProcess[str]]
SHARDS = REPO / "examples" / "shards"


def test_the_sum_of_shards_is_audited_as_the_whole(shell: Run, tmp_path: Path) -> None:
    needs("snakemake")
    done = shell(
        f"snakemake -q all -s {SHARDS}/Snakefile --cores 1 --config shards=3 rows=300 --notemp"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    parts = [tmp_path / "logits" / f"{shard}-{{}}.npz" for shard in range(3)]
    for name in ("dense", "s95"):
        files = [np.load(str(part).format(name)) for part in parts]
        whole = {key: files[0][key] for key in files[0].files}
        for key in ("logits", "labels", "ids", "groups"):
            whole[key] = np.concatenate([file[key] for file in files])
        np.savez(tmp_path / f"{name}.npz", **whole)
    assert shell("pbias metrics s95.npz --ref dense.npz --in-memory 0 -o whole.csv").returncode == 0
    found, expected = (
        list(csv.DictReader((tmp_path / name).read_text().splitlines()))
        for name in ("audit.csv", "whole.csv")
    )
    assert len(found) == len(expected) > 100
    for ours, theirs in zip(found, expected, strict=True):
        for column in ("value", "low", "high", "change", "change_low", "p_adjusted", "n"):
            if theirs[column]:
                assert float(ours[column]) == pytest.approx(float(theirs[column]), abs=1e-9)
    assert "Smiling" in (tmp_path / "audit.md").read_text().title()
