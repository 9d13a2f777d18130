"""CelebA (Liu et al., ICCV 2015), in the authors' layout and in Kaggle's.

Attributes, splits and identities are text files with space-separated columns, or CSV files with a
header. A value of -1 means 0.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pbias.data.layouts.listing import (
    Listing,
    check_names,
    existing,
    find_file,
    odd_line,
    read_lines,
    required,
)
from pbias.errors import UserError
from pbias.files.csv_reader import read_csv
from pbias.files.manifest.parsing import SPLITS

FOLDERS = ("", "Anno", "Eval", "celeba", "CelebA", "CelebA/Anno", "CelebA/Eval")
ATTRIBUTES = ("list_attr_celeba.csv", "list_attr_celeba.txt")
PARTITION = ("list_eval_partition.csv", "list_eval_partition.txt")
IDENTITY = ("identity_CelebA.csv", "identity_CelebA.txt")
ALIGNED = ("img_align_celeba/img_align_celeba", "img_align_celeba", "img_align_celeba_png")
UNCROPPED = ("img_celeba/img_celeba", "img_celeba")
IMAGE_FOLDERS = ("", "Img", "celeba", "CelebA", "CelebA/Img")
IMAGE = re.compile(r"[\w-]+\.\w+")
LABELS = {"-1": "0", "0": "0", "1": "1"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CelebaLists:
    """The lists of CelebA, image by image in the order of the list of attributes.

    `columns` contains the attributes as 0 and 1 and, if there is a list of identities, `identity`.
    `order` contains the images in the order of the list of splits.
    """

    root: Path
    images: list[str]
    splits: list[str]
    columns: dict[str, Sequence[str]]
    order: list[str]


def read_celeba(folder: str) -> CelebaLists:
    """Read the lists of attributes, splits and identities; the images are not needed.

    Raises UserError for lists that are missing or disagree. A missing list of identities is only
    logged.
    """
    root = existing(folder)
    path = required(find_file(root, FOLDERS, ATTRIBUTES), root, ATTRIBUTES)
    names, labels = _attributes(path)
    images = list(labels)
    partition = required(find_file(root, FOLDERS, PARTITION), root, PARTITION)
    by_name = zip(names, zip(*labels.values(), strict=True), strict=True)
    columns: dict[str, Sequence[str]] = dict(by_name)
    identity = find_file(root, FOLDERS, IDENTITY)
    if identity is None:
        logger.info("%s has no %s: no column of who is in a picture", root, IDENTITY[1])
    else:
        columns["identity"] = _of(images, _pairs(identity), identity)
    codes = _pairs(partition)
    splits = [_split(partition, code) for code in _of(images, codes, partition)]
    return CelebaLists(root, images, splits, columns, [name for name in codes if name in labels])


def list_celeba(folder: str, *, uncropped: bool = False) -> Listing:
    """List CelebA's images, aligned or `uncropped` (in the wild), with attributes and `identity`.

    Raises UserError as `read_celeba` does, and if the images are missing.
    """
    lists = read_celeba(folder)
    where, suffix = _images(lists.root, lists.images[0], uncropped=uncropped)
    paths = [f"{where}/{image.rpartition('.')[0]}{suffix}" for image in lists.images]
    return Listing(lists.root, paths, lists.splits, lists.columns)


def _attributes(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Return the names of the attributes, and the 0s and 1s of each image."""
    header, rows = _table(path, num_above=1)
    if not rows:
        raise UserError(f"{path} lists no images; unpack it again")
    names = header[1:] if path.suffix == ".csv" else header
    check_names(names, path)
    labels = {}
    for number, (image, *cells) in rows:
        if len(cells) != len(names) or not set(cells) <= LABELS.keys():
            wanted = f"an image and {len(names)} labels of 1 and -1 are wanted"
            raise odd_line(path, number, " ".join([image, *cells]), wanted)
        if image in labels or not IMAGE.fullmatch(image):
            raise odd_line(path, number, image, "the name of another image is wanted")
        labels[image] = [LABELS[cell] for cell in cells]
    return names, labels


def _table(path: Path, num_above: int = 0) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the numbered rows; `num_above` lines precede the header of a .txt."""
    if path.suffix == ".csv":
        file = read_csv(str(path))
        rows = [[cell.strip() for cell in row] for row in file.rows]
        return file.header, list(zip(file.lines, rows, strict=True))
    lines = [(number, line.split()) for number, line in enumerate(read_lines(path), 1)]
    if not num_above:
        return [], lines
    header = lines[num_above][1] if len(lines) > num_above else []
    return header, lines[num_above + 1 :]


def _pairs(path: Path) -> dict[str, str]:
    """Return a value for each image."""
    _, rows = _table(path)
    for number, row in rows:
        if len(row) != 2:
            raise odd_line(path, number, " ".join(row), "an image and a number are wanted")
    return {row[0]: row[1] for _, row in rows}


def _of(images: Sequence[str], values: dict[str, str], path: Path) -> list[str]:
    missing = next((image for image in images if image not in values), None)
    if missing is not None:
        raise UserError(f"{path} does not list {missing}; unpack the files of one data set")
    return [values[image] for image in images]


def _split(path: Path, code: str) -> str:
    if code not in ("0", "1", "2"):
        raise UserError(f"{path} holds '{code}' where 0, 1 or 2 is wanted; unpack it again")
    return SPLITS[int(code)]


def _images(root: Path, first: str, *, uncropped: bool) -> tuple[str, str]:
    """Return the folder of the images, relative to `root`, and their suffix."""
    wanted = UNCROPPED if uncropped else ALIGNED
    folders = [str(Path(above, name)) for above in IMAGE_FOLDERS for name in wanted]
    stem = Path(first).stem
    found = find_file(root, folders, [first, f"{stem}.png", f"{stem}.jpg"])
    if found is None:
        hint = "" if uncropped else ", or ask for --uncropped"
        raise UserError(
            f"{root} has no {first} in {wanted[-1] if uncropped else wanted[1]}; "
            f"unpack the images there{hint}"
        )
    return found.parent.relative_to(root).as_posix(), found.suffix
