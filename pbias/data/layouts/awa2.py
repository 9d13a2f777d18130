"""Animals with Attributes 2 (Xian et al., PAMI 2018): 50 classes, 85 attributes per class."""

from __future__ import annotations

from pathlib import Path

from pbias.data.layouts.listing import (
    Listing,
    check_names,
    existing,
    find_file,
    odd_line,
    read_lines,
    required,
    walk,
)
from pbias.errors import UserError
from pbias.files.manifest.parsing import SHARES, hashed_split

FOLDERS = ("", "Animals_with_Attributes2")
CLASSES, PREDICATES = "classes.txt", "predicates.txt"
MATRIX = "predicate-matrix-binary.txt"
TRAIN_CLASSES, TEST_CLASSES = "trainclasses.txt", "testclasses.txt"
IMAGES = "JPEGImages"
# Shares of the training classes' images, in the ratio of the split by image.
BY_CLASS = {"train": SHARES["train"] / 0.8, "valid": SHARES["valid"] / 0.8}


def list_awa2(folder: str, *, by_class: bool = False, seed: int = 0) -> Listing:
    """List the images of AwA2 with the 85 attributes of their class, and `class`.

    Images are split 70/10/20 by a hash of seed and name, so that every class is in every split.
    `by_class` uses the authors' split for zero-shot learning instead: the 10 classes of
    testclasses.txt are the test split, and an eighth of the other images is `valid`. Raises
    UserError for files that are missing or disagree.
    """
    root = required(find_file(existing(folder), FOLDERS, [MATRIX]), Path(folder), [MATRIX]).parent
    classes = _numbered(root / CLASSES)
    attributes = _numbered(root / PREDICATES)
    matrix = _matrix(root / MATRIX, len(classes), len(attributes))
    held_out = _class_split(root, classes) if by_class else None
    images, splits, rows = [], [], []
    for index, name in enumerate(classes):
        found = [path.relative_to(root).as_posix() for path in _pictures(root, name)]
        images += found
        splits += [_split(image, name, held_out, seed) for image in found]
        rows += [index] * len(found)
    columns = {
        name: [matrix[row][column] for row in rows] for column, name in enumerate(attributes)
    }
    return Listing(root, images, splits, {**columns, "class": [classes[row] for row in rows]})


def _numbered(path: Path) -> list[str]:
    """Return the names from a list of numbers and names."""
    names = []
    for number, line in enumerate(_lines(path), 1):
        fields = line.split(maxsplit=1)
        if len(fields) != 2 or fields[0] != str(number):
            raise odd_line(path, number, line, f"the number {number} and a name are wanted")
        names.append(fields[1])
    check_names(names, path)
    return names


def _lines(path: Path) -> list[str]:
    return read_lines(required(find_file(path.parent, [""], [path.name]), path.parent, [path.name]))


def _matrix(path: Path, num_classes: int, num_attributes: int) -> list[list[str]]:
    rows = [line.split() for line in _lines(path)]
    if len(rows) != num_classes:
        raise UserError(f"{path} has {len(rows)} rows for {num_classes} classes; unpack it again")
    for number, row in enumerate(rows, 1):
        if len(row) != num_attributes or not set(row) <= {"0", "1"}:
            wanted = f"{num_attributes} numbers 0 and 1 are wanted"
            raise odd_line(path, number, " ".join(row), wanted)
    return rows


def _class_split(root: Path, classes: list[str]) -> set[str]:
    """Return the classes of the test split; every class is in one of the two lists."""
    train, test = (set(_lines(root / name)) for name in (TRAIN_CLASSES, TEST_CLASSES))
    odd = sorted((train & test) | ((train | test) ^ set(classes)))
    if odd:
        raise UserError(
            f"{root}: class '{odd[0]}' is not in exactly one of {TRAIN_CLASSES} and "
            f"{TEST_CLASSES}; unpack them again"
        )
    return test


def _split(image: str, name: str, held_out: set[str] | None, seed: int) -> str:
    if held_out is None:
        return hashed_split(image, seed)
    return "test" if name in held_out else hashed_split(image, seed, BY_CLASS)


def _pictures(root: Path, name: str) -> list[Path]:
    folder = root / IMAGES / name
    found = list(walk(folder)) if folder.is_dir() else []
    if not found:
        raise UserError(f"{folder} holds no images; unpack {IMAGES} there")
    return found
