"""Folders of images, one per class, optionally inside one folder per split."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pbias.data.layouts.listing import SUFFIXES, Listing, existing, is_system, left_out, walk
from pbias.errors import UserError
from pbias.files.manifest.parsing import SPLITS, hashed_split

# Common names of splits.
SPLIT_FOLDERS = {
    "train": "train", "training": "train", "valid": "valid", "val": "valid",
    "validation": "valid", "dev": "valid", "test": "test", "testing": "test",
}  # fmt: skip

logger = logging.getLogger(__name__)


def list_folders(folder: str, *, seed: int = 0) -> Listing:
    """List the images in class folders, with a column of 0 and 1 for each class.

    If the top folders that contain images are named after splits (train, valid or val, test), the
    classes are the folders inside them. Otherwise images are split 70/10/20 by a hash of seed and
    path, which is logged. Classes are sorted by name. Files that are not images are left out with a
    warning that counts them. Raises UserError if no class folder contains an image, if an image
    lies beside the class folders, or if a folder with images lies beside several splits.
    """
    root = existing(folder)
    splits = _splits(root)
    if splits:
        found = [(split, path, name) for top, split in splits.items() for path, name in _in(top)]
    else:
        found = [("", path, name) for path, name in _in(root)]
    _say_what_is_left_out(root, list(splits) or [root])
    if not found:
        raise UserError(
            f"{root} holds no folders with images; put the images of each class into a folder with "
            "the name of the class"
        )
    images = [path.relative_to(root).as_posix() for _, path, _ in found]
    names = [name for _, _, name in found]
    drawn = [
        split or hashed_split(image, seed)
        for (split, _, _), image in zip(found, images, strict=True)
    ]
    if not found[0][0]:
        counts = ", ".join(f"{drawn.count(name)} {name}" for name in SPLITS)
        logger.info("%s has no train, valid and test folders; split 70/10/20: %s", root, counts)
    return Listing(root, images, drawn, _one_hot(names))


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not is_system(p))


def _splits(root: Path) -> dict[Path, str]:
    """Return the split of each top folder; empty if the top folders are classes.

    A single folder named after a split may be a class, such as `trains`; several are splits.
    """
    tops = _folders(root)
    called = {top: SPLIT_FOLDERS.get(top.name.lower(), "") for top in tops}
    other = next((top for top in tops if not called[top] and any(walk(top))), None)
    splits = {top: split for top, split in called.items() if split}
    if other is None:
        return splits
    if len(set(splits.values())) > 1:
        listed = ", ".join(top.name for top in splits)
        raise UserError(
            f"{other} holds images beside the splits ({listed}); move it out of {root}, or into "
            "the split it belongs to"
        )
    return {}


def _say_what_is_left_out(root: Path, folders: Sequence[Path]) -> None:
    files = [path for folder in folders for path in left_out(folder)]
    if not files:
        return
    counts = Counter(path.suffix.lower() or "no suffix" for path in files)
    listed = ", ".join(f"{num} {suffix}" for suffix, num in counts.most_common(5))
    logger.warning(
        "%s: %s files are left out, as their names do not end like those of images: %s%s; the "
        "first is %s",
        *(root, f"{len(files):,}", listed, ", ..." if len(counts) > 5 else ""),
        files[0].relative_to(root),
    )


def _in(folder: Path) -> list[tuple[Path, str]]:
    """Return the images of each class folder in a folder, with the class."""
    stray = next((p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES), None)
    if stray is not None and stray.is_file():
        raise UserError(
            f"{stray} is beside the class folders; move it into the folder of its class"
        )
    return [(path, one.name) for one in _folders(folder) for path in walk(one)]


def _one_hot(names: Sequence[str]) -> dict[str, list[str]]:
    return {name: ["01"[other == name] for other in names] for name in sorted(set(names))}
