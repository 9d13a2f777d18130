"""Checks of a manifest: counts against loops, and every kind of finding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from pbias.data.manifest_check import bad_images, check_rows, to_table
from pbias.files.manifest import Manifest, read_manifest, select
from pbias.files.table import Table

TEXT = """image,split,smile,hat,sex,person
a.png,train,1,0,f,p1
b.png,train,0,0,m,p2
c.png,train,1,,f,p1
d.png,test,1,0,f,p1
e.png,test,,,,p3
"""


def manifest(folder: Path) -> Manifest:
    (folder / "labels.csv").write_text(TEXT)
    for name in "abcde":
        Image.new("RGB", (16, 12), "teal").save(folder / f"{name}.png")
    return read_manifest(str(folder / "labels.csv"))


def check(folder: Path, bad: Mapping[str, str] | None = None) -> Table:
    read = manifest(folder)
    labels = select(read, targets=["smile", "hat"], groups=["sex"], cluster="person")
    return to_table(check_rows(read, labels, bad or {}))


def test_labels_are_counted_by_split_attribute_and_group(tmp_path: Path) -> None:
    table = check(tmp_path)
    counts = {
        tuple(row[key] for key in ("split", "attribute", "value")): tuple(
            row[key] for key in ("n", "n_known", "n_positive")
        )
        for row in table.where(check="labels")
    }
    assert counts["train", "smile", ""] == (3, 3, 2)
    assert counts["train", "hat", ""] == (3, 2, 0)
    assert counts["train", "smile", "f"] == (2, 2, 2)
    assert counts["train", "smile", "m"] == (1, 1, 0)
    assert counts["test", "smile", ""] == (2, 1, 1)
    assert len(counts) == 2 * 2 * 3


def test_findings_have_a_status_and_a_reason(tmp_path: Path) -> None:
    found = [row for row in check(tmp_path).records() if row["status"] != "ok"]
    said = {
        (r["check"], r["split"], r["attribute"] or r["group"], r["value"]): (
            r["status"],
            r["reason"],
        )
        for r in found
    }
    assert said["labels", "train", "hat", ""] == ("constant", "every known label is 0")
    assert said["labels", "test", "smile", ""] == ("constant", "every known label is 1")
    assert said["labels", "test", "hat", "m"] == ("unknown", "no known label")
    assert said["group", "test", "sex", "m"] == ("empty", "no image of this value")
    assert said["clusters", "test", "", ""] == ("shared", "1 of them also in train")
    assert ("labels", "train", "smile", "") not in said


def test_groups_count_what_is_unknown_as_well(tmp_path: Path) -> None:
    counts = [(r["split"], r["value"], r["n"]) for r in check(tmp_path).where(check="group")]
    assert counts == [
        ("train", "f", 2), ("train", "m", 1), ("train", "", 0),
        ("test", "f", 1), ("test", "m", 0), ("test", "", 1),
    ]  # fmt: skip


def test_missing_and_broken_images_are_found_and_listed(tmp_path: Path) -> None:
    read = manifest(tmp_path)
    (tmp_path / "b.png").unlink()
    whole = (tmp_path / "d.png").read_bytes()
    (tmp_path / "d.png").write_bytes(whole[:50])
    bad = bad_images(read)
    assert list(bad) == ["b.png", "d.png"] and bad["b.png"] == "missing"
    assert list(bad_images(read, decode=False)) == ["b.png"]
    rows = to_table(check_rows(read, select(read, targets=["smile"]), bad)).where(check="image")
    assert [(r["split"], r["value"], r["status"]) for r in rows] == [
        ("train", "b.png", "missing"),
        ("test", "d.png", "broken"),
    ]
