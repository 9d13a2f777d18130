"""Backdoors: exact counts in every split, independent of the order of the rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.data.backdoor import draw_backdoor, marked_text
from pbias.errors import UserError
from pbias.files.manifest import Manifest, read_manifest

FRACTIONS = {"train": (0.05, 0.95), "valid": (0.5, 0.5), "test": (0.5, 0.5)}


def write(folder: Path, labels: list[str], split: str = "train") -> Manifest:
    rows = [f"{row}.png,{split},{label},no te" for row, label in enumerate(labels)]
    folder.mkdir(exist_ok=True)
    (folder / "labels.csv").write_text("\n".join(["image,split,smile,more", *rows]) + "\n")
    return read_manifest(str(folder / "labels.csv"))


@given(
    labels=st.lists(st.sampled_from(["0", "1", ""]), min_size=1, max_size=60),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_counts_are_exact_and_unknown_labels_never_drawn(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], shares: tuple[float, float]
) -> None:
    if "1" not in labels:
        labels = [*labels, "1"]
    manifest = write(tmp_path_factory.mktemp("m"), labels)
    wanted = [round(share * labels.count(label)) for share, label in zip(shares, "01", strict=True)]
    if not sum(wanted):
        with pytest.raises(UserError, match="no image would get the mark"):
            draw_backdoor(manifest, "smile", {"train": shares}, 0)
        return
    drawn = draw_backdoor(manifest, "smile", {"train": shares}, 0)
    assert [sum(labels[row] == label for row in drawn) for label in "01"] == wanted
    assert len(drawn) == sum(wanted)


def test_each_split_has_fractions_of_its_own(tmp_path: Path) -> None:
    rows = [
        f"{split}{row}.png,{split},{row % 2}"
        for split in ("train", "valid", "test")
        for row in range(200)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["image,split,smile", *rows]) + "\n")
    manifest = read_manifest(str(tmp_path / "labels.csv"))
    drawn = draw_backdoor(manifest, "smile", FRACTIONS, 8)
    marks = [(manifest.splits[row], manifest.columns["smile"][row]) for row in drawn]
    counts = {pair: marks.count(pair) for pair in marks}
    assert counts == {
        ("train", "0"): 5, ("train", "1"): 95, ("valid", "0"): 50, ("valid", "1"): 50,
        ("test", "0"): 50, ("test", "1"): 50,
    }  # fmt: skip


def test_the_draw_depends_on_seed_and_ids_alone(tmp_path: Path) -> None:
    manifest = write(tmp_path, ["0", "1"] * 100)
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    back = read_manifest(str(tmp_path / "labels.csv"))
    names = [
        {one.ids[row] for row in draw_backdoor(one, "smile", FRACTIONS, seed)}
        for one, seed in ((manifest, 8), (back, 8), (manifest, 9))
    ]
    assert names[0] == names[1] != names[2]


def test_the_manifest_says_what_is_marked_and_keeps_the_rest(tmp_path: Path) -> None:
    manifest = write(tmp_path / "faces", ["0", "1", "1", ""])
    text, root = marked_text(manifest, {1, 2}, "grayscale", tmp_path)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert root is None and [row["image"] for row in rows] == [f"faces/{n}.png" for n in range(4)]
    assert [row["transform"] for row in rows] == ["", "grayscale", "grayscale", ""]
    assert [row["backdoor"] for row in rows] == ["0", "1", "1", "0"]
    assert [row["smile"] for row in rows] == ["0", "1", "1", ""]
    assert rows[0]["more"] == "no te" and rows[0]["split"] == "train"


def test_marks_on_marks_are_refused(tmp_path: Path) -> None:
    manifest = write(tmp_path, ["0", "1"])
    text, _ = marked_text(manifest, {1}, "yellow_square", tmp_path)
    (tmp_path / "labels.csv").write_text(text)
    again = read_manifest(str(tmp_path / "labels.csv"))
    with pytest.raises(UserError, match="transforms or a column 'backdoor' already"):
        marked_text(again, {0}, "grayscale", tmp_path)
