"""Files to run commands on: small pictures with labels, groups and people; thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pbias.files.table import Table, to_csv

HEADER = "image,split,bright,red,male,band,person"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """`photos/labels.csv` in the working folder of `pbias` and `shell`: 64 pictures of 24 px."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = [HEADER]
    for number in range(64):
        bright, red, male = rng.integers(0, 2, 3)
        pixels = rng.normal(90, 15, (24, 24, 3)) + 80 * bright
        pixels[..., 0] += 60 * red
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        split = ("train", "train", "train", "train", "valid", "test")[number % 6]
        known = "" if number % 7 == 0 else male
        band = ("young", "old")[number % 2]
        rows.append(f"{number}.png,{split},{bright},{red},{known},{band},p{number // 3}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def write_thresholds(tmp_path: Path) -> Callable[[str, Mapping[str, float]], None]:
    """Write a threshold file into the working folder of `pbias` and `shell`."""

    def write(name: str, thresholds: Mapping[str, float]) -> None:
        table = Table({"attribute": list(thresholds), "threshold": list(thresholds.values())})
        (tmp_path / name).write_text(to_csv(table))

    return write
