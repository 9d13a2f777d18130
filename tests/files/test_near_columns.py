"""Label columns that are misspelled or almost 0 and 1: refused or warned about, not lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pbias.errors import UserError
from pbias.files.manifest import Manifest, read_manifest, select


def manifest(folder: Path, header: str, *rows: str) -> Manifest:
    path = folder / "labels.csv"
    lines = (f"{number}.png,train,{row}" for number, row in enumerate(rows))
    path.write_text("\n".join([f"image,split,{header}", *lines]) + "\n", encoding="utf-8")
    return read_manifest(str(path))


@pytest.mark.parametrize("column", ["smiling", "SMILING", "Smilling", "Smiling_", "Smilin"])
def test_a_misspelt_column_is_no_unknown_label(tmp_path: Path, column: str) -> None:
    found = manifest(tmp_path, f"{column},Young", "0,1", "1,0")
    with pytest.raises(UserError, match=f"no column 'Smiling'.*did you mean '{column}'"):
        select(found, targets=["Smiling", "Young"], strict=False)


@pytest.mark.parametrize("column", ["Blond_Hair", "Smiling", "Black_Hair"])
def test_another_column_is_not_taken_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, column: str
) -> None:
    found = manifest(tmp_path, f"{column},Young", "0,1", "1,0")
    chosen = select(found, targets=["Brown_Hair", "Young"], strict=False)
    assert (chosen.labels[:, 0] == -1).all() and "lacking, unknown: Brown_Hair" in caplog.text


def test_a_column_that_is_wanted_itself_is_no_misspelling(tmp_path: Path) -> None:
    found = manifest(tmp_path, "Smiling1", "0", "1")
    chosen = select(found, targets=["Smiling1", "Smiling2"], strict=False)
    np.testing.assert_array_equal(chosen.labels, [[0, -1], [1, -1]])


@pytest.mark.parametrize(("num", "warned"), [(40, True), (10, False)])
def test_few_strange_cells_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, num: int, warned: bool
) -> None:
    rows = [f"{row % 2},{row % 2}" for row in range(num)]
    found = manifest(tmp_path, "a,b", *rows, "1,yes")
    assert select(found, targets=None).targets == ["a"]
    assert ("column 'b' is no target, for 1 of its cells" in caplog.text) is warned


def test_groups_and_named_targets_are_not_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = manifest(tmp_path, "a,b", *["0,0", "1,1"] * 30, "1,2")
    select(found, targets=None, groups=["b"])
    select(found, targets=["a"])
    assert not caplog.records
