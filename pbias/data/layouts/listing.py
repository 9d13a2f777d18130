"""Listings: the images and labels that an adapter finds in a folder, and their manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pbias.errors import UserError, first_repeated
from pbias.files.manifest.parsing import RESERVED
from pbias.files.table import csv_text

# The suffixes of the formats that `images.FORMATS` opens.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".gif", ".webp", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
# Folders that archivers and file servers leave beside users' files.
SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information")
SYSTEM_FILES = ("thumbs.db", "desktop.ini")
LINE = 100  # characters of a line that an error quotes


@dataclass(frozen=True)
class Listing:
    """Images by path below `root`, their splits, and one column of text per label."""

    root: Path
    images: Sequence[str]
    splits: Sequence[str]
    columns: Mapping[str, Sequence[str]]


def existing(root: str) -> Path:
    """Return the folder of a data set; UserError if it does not exist."""
    if not Path(root).is_dir():
        raise UserError(f"{root} is not a folder; name the folder of the data set")
    return Path(root)


def find_file(root: Path, folders: Sequence[str], names: Sequence[str]) -> Path | None:
    """Return the first of these names in the first of these folders below `root` that has one."""
    candidates = (root / folder / name for folder in folders for name in names)
    return next((path for path in candidates if path.is_file()), None)


def required(path: Path | None, root: Path, names: Sequence[str]) -> Path:
    """Return `path`; UserError if it is None, because none of these names exists."""
    if path is None:
        raise UserError(
            f"{root} has no {' or '.join(names)}; name the folder that holds the unpacked data set"
        )
    return path


def read_lines(path: Path) -> list[str]:
    """Return the non-empty lines of a text file, without surrounding spaces."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} as text ({error}); unpack it again") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def odd_line(path: Path, number: int, line: str, wanted: str) -> UserError:
    """Return the error for a malformed line; `number` counts from 1."""
    shown = line if len(line) <= LINE else line[:LINE] + "..."
    return UserError(f"{path}, line {number}: {wanted}, not '{shown}'; unpack the file again")


def check_names(names: Sequence[str], path: Path) -> None:
    """Raise UserError for an empty list of names, or a name that occurs twice."""
    twice = first_repeated(names)
    if twice is not None or not names:
        what = f"names '{twice}' twice" if names else "names nothing"
        raise UserError(f"{path} {what}; unpack it again")


def walk(folder: Path) -> Iterator[Path]:
    """Yield the image files below a folder in order, recognized by suffix; skip hidden files."""
    return (path for path in _files(folder) if path.suffix.lower() in SUFFIXES)


def left_out(folder: Path) -> list[Path]:
    """Return the files below a folder that `walk` leaves out, except hidden and system files."""
    return [path for path in _files(folder) if path.suffix.lower() not in SUFFIXES]


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in order, except hidden and system files."""
    for path in sorted(folder.iterdir()):
        if is_system(path):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def is_system(path: Path) -> bool:
    """Return whether a file or folder is hidden or was made by an operating system."""
    name = path.name
    return name.startswith(".") or name in SYSTEM_FOLDERS or name.lower() in SYSTEM_FILES


def manifest_text(listing: Listing, base: Path) -> tuple[str, Path | None]:
    """Return the CSV of a listing, with paths as `rebase` makes them, and the root to read it with.

    Raises UserError for columns and file names that a manifest cannot hold.
    """
    _check(listing)
    images, root = rebase(listing.images, listing.root, base)
    columns = [images, listing.splits, *listing.columns.values()]
    return csv_text(["image", "split", *listing.columns], zip(*columns, strict=True)), root


def rebase(images: Sequence[str], root: Path, base: Path) -> tuple[list[str], Path | None]:
    """Return image paths relative to `base`, a manifest's folder, and the root to read it with.

    The root is None if it lies below `base`, because the manifest's own folder is then enough.
    Otherwise paths would need `..`, so they stay relative to `root`, which the user must name.
    """
    inside, whole = root.resolve(), base.resolve()
    if not inside.is_relative_to(whole):
        return list(images), root
    prefix = "" if inside == whole else inside.relative_to(whole).as_posix() + "/"
    return [image if image.startswith("/") else prefix + image for image in images], None


def _check(listing: Listing) -> None:
    taken = [name for name in listing.columns if name in RESERVED or not name.strip()]
    if taken:
        raise UserError(
            f"a column cannot be called '{taken[0]}', which has another meaning in a manifest; "
            "rename the class folder"
        )
    for name in (*listing.columns, *listing.images):
        if not name.isascii() and any("\ud800" <= one <= "\udfff" for one in name):
            raise UserError(
                f"{listing.root} has a file name that is not UTF-8: {name!r}; rename it"
            )
