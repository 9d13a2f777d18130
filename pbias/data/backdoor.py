"""Backdoors: draw images for a visible mark, so that an attribute and the mark correlate.

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
Fractions = tuple[float, float]  # (of negatives, of positives)

logger = logging.getLogger(__name__)


def draw_backdoor(
    manifest: Manifest, attribute: str, fractions: Mapping[str, Fractions], seed: int
) -> set[int]:
    """Draw the rows that get the mark: `round(fraction * n)` of n negatives and of n positives.

    The rows are drawn in each split by a hash of seed and id, so their order does not matter. Rows
    with an unknown label are never drawn. Raises UserError for a column that is not an attribute,
    and if no row would get the mark.
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
    """Return the CSV of a manifest with the transform `kind` on rows `drawn`, and its image root.

    The CSV has the columns `transform` and `backdoor` (0 or 1). Image paths are relative to the
    folder `base`, as `rebase` makes them. Raises UserError for a manifest that already has marks.
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
