"""Unknown values mean the same to every reader, for labels, groups and clusters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pbias.errors import UserError
from pbias.files.logits import Logits, read_logits
from pbias.files.manifest import read_manifest, select
from pbias.workflows.importing.table import import_table

UNKNOWN_CELLS = ["", "-1", "-1.0", "NaN", "nan"]


@pytest.mark.parametrize("cell", UNKNOWN_CELLS)
def test_in_a_manifest(tmp_path: Path, cell: str) -> None:
    rows = ["a.png,test,0,x,p", "b.png,test,1,y,p", f"c.png,test,{cell},{cell},{cell}"]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["image,split,smiling,sex,person", *rows]) + "\n")
    found = select(read_manifest(str(path)), targets=None, groups=["sex"], cluster="person")
    assert found.targets == ["smiling"] and found.labels[:, 0].tolist() == [0, 1, -1]
    assert found.group_values == [["x", "y"]] and found.groups[:, 0].tolist() == [0, 1, -1]
    assert found.clusters == ["p", "p", "c.png"]


@pytest.mark.parametrize("cell", UNKNOWN_CELLS)
def test_in_a_table_of_predictions(tmp_path: Path, cell: str) -> None:
    rows = ["a,0,cat,x,p,.1,.9", "b,1,dog,y,p,.8,.2", f"c,{cell},{cell},{cell},{cell},.3,.7"]
    path = tmp_path / "v1.csv"
    path.write_text("\n".join(["id,smiling,pet,sex,person,p_cat,p_dog", *rows]) + "\n")
    samples = {"groups": "sex", "cluster": "person"}
    found = import_table(path, label="smiling", probability="p_cat", **samples)
    assert found.labels[:, 0].tolist() == [0, 1, -1] and found.groups[:, 0].tolist() == [0, 1, -1]
    assert found.clusters is not None and found.clusters.tolist() == ["p", "p", "c"]
    classes = import_table(path, label="pet", probability="p_{class}")
    assert classes.labels.tolist() == [[1, 0], [0, 1], [-1, -1]]


def test_a_table_without_labels(tmp_path: Path) -> None:
    (tmp_path / "v1.csv").write_text("id,p\na,.5\n")
    assert import_table(tmp_path / "v1.csv", probability="p").labels.tolist() == [[-1]]


@pytest.mark.parametrize("cell", [*UNKNOWN_CELLS, None, np.nan, -1, -1.0])
def test_in_arrays(cell: object) -> None:
    z, group = np.zeros(3), np.array(["x", "y", cell], object)
    made = Logits.from_arrays(z, groups={"sex": group}, clusters=group, ids=["a", "b", "c"])
    assert made.groups[:, 0].tolist() == [0, 1, -1] and made.group_values == (("x", "y"),)
    assert made.clusters is not None and made.clusters.tolist() == ["x", "y", "c"]


@pytest.mark.parametrize("label", [-1.0, np.nan])
def test_in_a_logits_file(tmp_path: Path, label: float) -> None:
    path = str(tmp_path / "foreign.npz")
    codes = np.array([[0.0], [1.0], [label]])
    np.savez(
        path, logits=np.array([[-2.0], [2.0], [1.0]]), labels=codes, groups=codes,
        group_names=["sex"], clusters=codes[:, 0], ids=["a", "b", "c"],
    )  # fmt: skip
    found = read_logits(path)
    assert found.labels[:, 0].tolist() == found.groups[:, 0].tolist() == [0, 1, -1]
    assert found.clusters is not None and found.clusters.tolist() == ["0", "1", "c"]


def test_splits_keep_clusters_together(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = [f"{i}.png,{i % 2},L{i // 3}" for i in range(120)]
    path.write_text("\n".join(["image,mole,lesion", *rows]) + "\n")
    splits = read_manifest(str(path), cluster="lesion").splits
    assert all(len(set(splits[i : i + 3])) == 1 for i in range(0, 120, 3)) and len(set(splits)) == 3


@pytest.mark.parametrize("name", ["Split", "split ", "SPLIT", "Transform"])
def test_reserved_columns_that_are_nearly_there_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"image,{name},smiling\na.png,test,1\n")
    with pytest.raises(UserError, match=f"rename it to '{name.strip().lower()}'"):
        read_manifest(str(path))
