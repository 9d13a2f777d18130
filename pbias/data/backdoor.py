"""Backdoors: a group made by hand, images with a mark that goes along with an attribute.

Source: the backdoor experiments of Iofinova et al., CVPR 2023.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pbias.data.layouts.listing import rebase
from pbias.errors import UserError
from pbias.files.manifest import Manifest, select
from pbias.files.manifest.parsing import SPLITS
from pbias.files.table import csv_text

COLUMN = "backdoor"
Fractions = tuple[float, float]  # of negatives, of positives

logger = logging.getLogger(__name__)


def draw_backdoor(
    manifest: Manifest, attribute: str, fractions: Mapping[str, Fractions], seed: int
) -> set[int]:
    """The rows that get the mark: exactly `round(fraction * n)` of the n negatives and positives.

    Drawn in each split by a hash of seed and id, whatever the order of the rows; those with an
    unknown label never are. Raises UserError for a column that is no attribute, or splits without
    known labels.
    """
    labels = select(manifest, targets=[attribute]).labels[:, 0]
    drawn: set[int] = set()
    for split in (name for name in SPLITS if name in manifest.splits):
        said = []
        for label, fraction in enumerate(fractions[split]):
            rows = [row for row in manifest.rows(split).tolist() if labels[row] == label]
            order = sorted(rows, key=lambda row: _draw(manifest.ids[row], seed))
            num = round(fraction * len(rows))
            drawn.update(order[:num])
            said.append(f"{num:,} of {len(rows):,} {('negatives', 'positives')[label]}")
        logger.info("%s: %s get the mark", split, " and ".join(said))
    if not drawn:
        raise UserError(
            f"{manifest.path}: no image would get the mark; ask for larger fractions, or another "
            f"attribute than '{attribute}'"
        )
    return drawn


def _draw(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"backdoor:{seed}:{name}".encode(), digest_size=16).digest()


def marked_text(
    manifest: Manifest, drawn: set[int], kind: str, base: Path
) -> tuple[str, Path | None]:
    """The CSV of a manifest whose rows `drawn` have the transform `kind`, and its image root.

    With the columns `transform` and `backdoor` (0 or 1); image paths as `rebase` makes them for a
    file in the folder `base`. Raises UserError for a manifest with marks already.
    """
    if any(manifest.transforms) or COLUMN in manifest.columns:
        raise UserError(
            f"{manifest.path} has transforms or a column '{COLUMN}' already; start from the "
            "manifest without them"
        )
    images, root = rebase(manifest.ids, manifest.root, base)
    marks = [row in drawn for row in range(len(images))]
    header = ["image", "split", "transform", *manifest.columns, COLUMN]
    return csv_text(header, _rows(manifest, images, marks, kind)), root


def _rows(
    manifest: Manifest, images: Sequence[str], marks: Sequence[bool], kind: str
) -> Iterator[list[str]]:
    columns = zip(images, manifest.splits, marks, *manifest.columns.values(), strict=True)
    for image, split, mark, *cells in columns:
        yield [image, split, kind if mark else "", *cells, "01"[mark]]
