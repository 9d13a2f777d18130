"""Data sets in their published layouts, drawn small, and their manifests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pbias.data.layouts.awa2 import list_awa2
from pbias.data.layouts.celeba import list_celeba
from pbias.data.layouts.folders import list_folders
from pbias.data.layouts.listing import Listing, manifest_text
from pbias.errors import UserError
from pbias.files.manifest import Manifest, read_manifest

NAMES = ["Bald", "Male", "Smiling"]
LABELS = ["-1  1  1", " 1  1 -1", "-1 -1 -1", "-1 -1  1"]
SPLITS = ["0", "0", "1", "2"]
PEOPLE = ["2880", "2937", "2880", "7"]


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 6), "teal").save(path)


def celeba_of_the_authors(root: Path) -> None:
    """Write Anno, Eval and Img, as the authors' archives unpack; some rows end in a space."""
    names = [f"{number:06d}.jpg" for number in range(1, 5)]
    rows = [f"{name} {labels} " for name, labels in zip(names, LABELS, strict=True)]
    write(root / "Anno/list_attr_celeba.txt", "4", " ".join(NAMES) + " ", *rows)
    people = [f"{name} {who}" for name, who in zip(names, PEOPLE, strict=True)]
    write(root / "Anno/identity_CelebA.txt", *people)
    splits = [f"{name} {split}" for name, split in zip(names, SPLITS, strict=True)]
    write(root / "Eval/list_eval_partition.txt", *splits)
    for name in names:
        draw(root / "Img/img_align_celeba" / name)
        draw(root / "Img/img_celeba" / name)


def celeba_of_kaggle(root: Path) -> None:
    """Write CSV files, and the folder of the images twice; without identities."""
    names = [f"{number:06d}.jpg" for number in range(1, 5)]
    rows = [",".join([name, *labels.split()]) for name, labels in zip(names, LABELS, strict=True)]
    write(root / "list_attr_celeba.csv", ",".join(["image_id", *NAMES]), *rows)
    splits = [f"{name},{split}" for name, split in zip(names, SPLITS, strict=True)]
    write(root / "list_eval_partition.csv", "image_id,partition", *splits)
    for name in names:
        draw(root / "img_align_celeba/img_align_celeba" / name)


def celeba_of_torchvision(root: Path) -> None:
    """Write everything below `celeba`, the images as PNG files."""
    celeba_of_the_authors(root / "x")
    (root / "celeba").mkdir()
    for path in (root / "x").glob("[AE]*/*.txt"):
        path.rename(root / "celeba" / path.name)
    for path in (root / "x/Img/img_align_celeba").glob("*.jpg"):
        draw(root / "celeba/img_align_celeba_png" / f"{path.stem}.png")


def read(listing: Listing, root: Path) -> Manifest:
    text, other = manifest_text(listing, root)
    assert other is None
    (root / "labels.csv").write_text(text)
    return read_manifest(str(root / "labels.csv"))


@pytest.mark.parametrize(
    ("layout", "first"),
    [
        (celeba_of_the_authors, "Img/img_align_celeba/000001.jpg"),
        (celeba_of_kaggle, "img_align_celeba/img_align_celeba/000001.jpg"),
        (celeba_of_torchvision, "celeba/img_align_celeba_png/000001.png"),
    ],
)
def test_celeba_in_each_of_its_layouts(
    tmp_path: Path, layout: Callable[[Path], None], first: str
) -> None:
    layout(tmp_path)
    manifest = read(list_celeba(str(tmp_path)), tmp_path)
    assert manifest.ids[0] == first and all((tmp_path / name).is_file() for name in manifest.ids)
    assert manifest.splits == ["train", "train", "valid", "test"]
    assert manifest.attributes == NAMES
    columns = [manifest.columns[name] for name in NAMES]
    assert columns == [list("0100"), list("1100"), list("1001")]
    assert manifest.columns.get("identity", PEOPLE) == PEOPLE
    assert ("identity" in manifest.columns) == (layout is not celeba_of_kaggle)


def test_uncropped_celeba_has_the_same_labels(tmp_path: Path) -> None:
    celeba_of_the_authors(tmp_path)
    aligned, wild = (list_celeba(str(tmp_path), uncropped=u) for u in (False, True))
    assert wild.images[3] == "Img/img_celeba/000004.jpg"
    assert (wild.columns, wild.splits) == (aligned.columns, aligned.splits)


def spoil(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("Anno/list_attr_celeba.txt", "-1  1  1", "-1  1", r"txt, line 3: an image and 3 labels"),
        ("Anno/list_attr_celeba.txt", "-1  1  1", "-1  1  2", r"line 3: .* not '000001.jpg -1 1 2"),
        ("Eval/list_eval_partition.txt", "000003.jpg 1", "", r"does not list 000003.jpg"),
        (
            "Eval/list_eval_partition.txt",
            "000003.jpg 1",
            "000003.jpg 3",
            r"holds '3' where 0, 1 or",
        ),
        ("Anno/identity_CelebA.txt", "000002.jpg ", "", r"txt, line 2: an image and a number"),
    ],
)
def test_files_of_celeba_that_do_not_agree_are_refused(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    celeba_of_the_authors(tmp_path)
    spoil(tmp_path, name, old, new)
    with pytest.raises(UserError, match=message):
        list_celeba(str(tmp_path))


@given(data=st.data())
def test_mutated_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    layout, adapter = data.draw(st.sampled_from(ADAPTERS))
    layout(root)
    path = data.draw(st.sampled_from(sorted([*root.rglob("*.txt"), *root.rglob("*.csv")])))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        stop = start + data.draw(st.integers(0, 3))
        content[start:stop] = data.draw(st.binary(max_size=3))
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        manifest = read(adapter(str(root)), root)
        assert len(manifest.ids) == len(manifest.splits) and manifest.columns


def test_what_is_missing_of_celeba_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no list_attr_celeba.csv or list_attr_celeba.txt"):
        list_celeba(str(tmp_path))
    with pytest.raises(UserError, match="is not a folder"):
        list_celeba(str(tmp_path / "absent"))
    celeba_of_kaggle(tmp_path)
    with pytest.raises(UserError, match=r"no 000001.jpg in img_celeba; unpack the images there$"):
        list_celeba(str(tmp_path), uncropped=True)


CLASSES = ["antelope", "grizzly+bear", "killer+whale"]
MATRIX = [" 0 1 0", " 1 0 1", " 1 1 0"]


def draw_awa2(root: Path, num: int = 3) -> None:
    write(root / "classes.txt", *(f"{i:6d}\t{name}" for i, name in enumerate(CLASSES, 1)))
    write(root / "predicates.txt", "     1\tblack", "     2\tnew world", "     3\tsmelly")
    write(root / "predicate-matrix-binary.txt", *MATRIX)
    write(root / "trainclasses.txt", *CLASSES[:2])
    write(root / "testclasses.txt", CLASSES[2])
    for name in CLASSES:
        for number in range(num):
            draw(root / f"JPEGImages/{name}/{name}_{10001 + number}.jpg")


ADAPTERS: list[tuple[Callable[[Path], None], Callable[[str], Listing]]] = [
    (celeba_of_the_authors, list_celeba),
    (celeba_of_kaggle, list_celeba),
    (draw_awa2, lambda root: list_awa2(root, by_class=True)),
]


def test_an_animal_has_the_attributes_of_its_class(tmp_path: Path) -> None:
    draw_awa2(tmp_path / "Animals_with_Attributes2")
    listing = list_awa2(str(tmp_path))
    manifest = read(listing, tmp_path)
    assert manifest.ids[3] == (
        "Animals_with_Attributes2/JPEGImages/grizzly+bear/grizzly+bear_10001.jpg"
    )
    assert manifest.attributes == ["black", "new world", "smelly"]
    rows = [[manifest.columns[name][row] for name in manifest.attributes] for row in (0, 3, 8)]
    assert rows == [list("010"), list("101"), list("110")]
    assert manifest.columns["class"] == [name for name in CLASSES for _ in range(3)]


def test_animals_are_split_by_image_unless_asked_by_class(tmp_path: Path) -> None:
    draw_awa2(tmp_path, num=200)
    by_image = np.array(list_awa2(str(tmp_path)).splits).reshape(3, 200)
    for row in by_image:
        shares = [(row == split).mean() for split in ("train", "valid", "test")]
        np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.1)
    assert (np.array(list_awa2(str(tmp_path), seed=1).splits) != by_image.ravel()).any()
    by_class = np.array(list_awa2(str(tmp_path), by_class=True).splits).reshape(3, 200)
    assert (by_class[2] == "test").all() and not (by_class[:2] == "test").any()
    np.testing.assert_allclose((by_class[:2] == "valid").mean(), 0.125, atol=0.05)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("classes.txt", "2\t", "3\t", r"classes.txt, line 2: the number 2 and a name are wanted"),
        ("predicate-matrix-binary.txt", " 1 0 1", " 1 0 1\n 0 0 0", "has 4 rows for 3 classes"),
        ("predicate-matrix-binary.txt", " 1 0 1", " 1 0", "line 2: 3 numbers 0 and 1 are wanted"),
        ("testclasses.txt", "killer+whale", "antelope", "class 'antelope' is not in exactly one"),
        ("trainclasses.txt", "antelope\n", "", "class 'antelope' is not in exactly one"),
    ],
)
def test_files_of_awa2_that_do_not_agree_are_refused(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    draw_awa2(tmp_path)
    spoil(tmp_path, name, old, new)
    with pytest.raises(UserError, match=message):
        list_awa2(str(tmp_path), by_class=True)


def test_a_class_of_awa2_without_images_is_refused(tmp_path: Path) -> None:
    draw_awa2(tmp_path)
    for path in (tmp_path / "JPEGImages/antelope").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"antelope holds no images; unpack JPEGImages there"):
        list_awa2(str(tmp_path))


@pytest.mark.parametrize("valid", ["valid", "val", "Validation"])
def test_top_folders_called_as_splits_are_the_splits(tmp_path: Path, valid: str) -> None:
    for name in ("train/cat/1.jpg", "train/dog/2.PNG", f"{valid}/cat/3.jpg", "test/cow/a/4.jpg"):
        draw(tmp_path / name)
    draw(tmp_path / "train/cat/.hidden.jpg")
    write(tmp_path / "train/cat/notes.txt", "no image")
    manifest = read(list_folders(str(tmp_path)), tmp_path)
    found = dict(zip(manifest.ids, manifest.splits, strict=True))
    assert found == {
        "train/cat/1.jpg": "train", "train/dog/2.PNG": "train",
        f"{valid}/cat/3.jpg": "valid", "test/cow/a/4.jpg": "test",
    }  # fmt: skip
    assert list(manifest.columns) == ["cat", "cow", "dog"]
    dogs = [
        name for name, dog in zip(manifest.ids, manifest.columns["dog"], strict=True) if dog > "0"
    ]
    assert dogs == ["train/dog/2.PNG"]


def test_class_folders_alone_are_split_by_a_hash_of_the_path(tmp_path: Path) -> None:
    for number in range(60):
        draw(tmp_path / f"{'ab'[number % 2]}/{number}.png")
    listing = list_folders(str(tmp_path))
    assert set(listing.splits) == {"train", "valid", "test"}
    assert list_folders(str(tmp_path), seed=1).splits != listing.splits
    drawn = dict(zip(listing.images, listing.splits, strict=True))
    (tmp_path / "a/0.png").unlink()
    again = list_folders(str(tmp_path))
    assert [drawn[name] for name in again.images] == again.splits


def test_a_split_folder_beside_a_class_folder_is_a_class(tmp_path: Path) -> None:
    draw(tmp_path / "train/1.png")
    draw(tmp_path / "ship/2.png")
    assert list(list_folders(str(tmp_path)).columns) == ["ship", "train"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no folders with images"),
        (["a/1.jpg", "2.jpg"], r"2.jpg is beside the class folders; move it"),
        (["image/1.jpg"], "a column cannot be called 'image'"),
    ],
)
def test_folders_that_are_no_classes_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    for name in names:
        draw(tmp_path / name)
    with pytest.raises(UserError, match=message):
        manifest_text(list_folders(str(tmp_path)), tmp_path)


def test_images_below_the_csv_are_relative_to_it_and_others_to_their_root(tmp_path: Path) -> None:
    draw(tmp_path / "photos/a/1.png")
    listing = list_folders(str(tmp_path / "photos"))
    for base, first, root in (
        (tmp_path / "photos", "a/1.png", None),
        (tmp_path, "photos/a/1.png", None),
        (tmp_path / "elsewhere", "a/1.png", tmp_path / "photos"),
    ):
        text, other = manifest_text(listing, base)
        assert text.splitlines()[1].split(",")[0] == first and other == root


SPLIT_NAMES = ("train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg", "test/dog/4.jpg")


@pytest.mark.parametrize(
    "stray", ["__MACOSX/train/cat/._1.jpg", "@eaDir/cat/1.jpg", "notes/why.txt", ".cache/cat/1.jpg"]
)
def test_folders_without_images_of_the_user_leave_the_splits_as_they_are(
    tmp_path: Path, stray: str
) -> None:
    for name in (*SPLIT_NAMES, stray):
        draw(tmp_path / name) if name.endswith(".jpg") else write(tmp_path / name, "text")
    listing = list_folders(str(tmp_path))
    assert dict(zip(listing.images, listing.splits, strict=True)) == {
        "train/cat/1.jpg": "train", "train/dog/2.jpg": "train",
        "val/cat/3.jpg": "valid", "test/dog/4.jpg": "test",
    }  # fmt: skip
    assert list(listing.columns) == ["cat", "dog"]


def test_a_folder_with_images_beside_splits_is_refused(tmp_path: Path) -> None:
    for name in (*SPLIT_NAMES, "more/cat/5.jpg"):
        draw(tmp_path / name)
    with pytest.raises(UserError, match=r"more holds images beside the splits .*; move it out of"):
        list_folders(str(tmp_path))


def test_files_that_are_left_out_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    draw(tmp_path / "cat/1.jpg")
    for name in ("cat/2.heic", "cat/3.heic", "dog/raw/4.cr2", "dog/.hidden"):
        write(tmp_path / name, "no image")
    assert list(list_folders(str(tmp_path)).columns) == ["cat"]
    assert "3 files are left out" in caplog.text and "2 .heic, 1 .cr2" in caplog.text
