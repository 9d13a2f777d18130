"""Draw exemplars as a contact sheet: the samples that pruned runs predict differently."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument
from pbias.workflows.exemplars import ExemplarOptions, read_exemplars
from pbias.workflows.reports.thumbnails import check_pictures, none_read, thumbnail

if TYPE_CHECKING:
    from pbias.auditing.remedies.identified_exemplars import Exemplars

SHOWN = 48
SUFFIX = ".png"


def is_sheet(output: str) -> bool:
    """Return whether an output has the name of an image."""
    return Path(output).suffix.lower() == SUFFIX


def check_sheet(output: str, images: str | None, *, summary: bool) -> str:
    """Return the folder of images; raises UserError if the output is not a contact sheet."""
    if not is_sheet(output):
        raise UserError(
            f"{argument('images')} {images} is only for a contact sheet; name the output {SUFFIX}"
        )
    if summary:
        raise UserError(f"{output}: {argument('summary')} is a table; name it .csv")
    if images is None:
        raise UserError(
            f"{output}: a contact sheet needs the images; name their folder with "
            f"{argument('images')}"
        )
    return images


def draw_exemplars(
    dense: Sequence[str], sparse: Sequence[str], options: ExemplarOptions, images: str
) -> bytes:
    """Return a PNG file of the exemplars with the largest distances, at most 48, with their votes.

    `images` is the folder of the paths that ids are. Raises UserError if there are no exemplars, no
    ids or no images.
    """
    from pbias.auditing.remedies.identified_exemplars import exemplar_table
    from pbias.reporting.page.contact_sheet import SIDE, Tile, contact_sheet
    from pbias.reporting.sections import num_of

    found = read_exemplars(dense, sparse, options)
    check_pictures(found.logits, images)
    records = exemplar_table(found).records()
    if not records:
        raise UserError("there are no exemplars to draw; audit files that differ in some majority")
    tiles: list[Tile] = []
    num_tried = 0
    for record in records[: 2 * SHOWN]:
        num_tried += 1
        pixels = thumbnail(images, record["id"], SIDE)
        if pixels is not None:
            tiles.append(Tile(pixels, _lines(record, found)))
        if len(tiles) == SHOWN:
            break
    if not tiles:
        raise none_read(num_tried, images, records[0]["id"])
    exemplars = num_of(len(records), "compression identified exemplar")
    title = f"{len(tiles)} of {exemplars}, furthest apart first"
    if lost := num_tried - len(tiles):
        title += f"; {num_of(lost, 'picture')} could not be read"
    data = io.BytesIO()
    contact_sheet(title, tiles).save(data, format="PNG")
    return data.getvalue()


def _lines(record: dict[str, Any], found: Exemplars) -> list[str]:
    label = "unknown" if record["label"] is None else record["label"]
    votes = (
        f"{side}: {round(record[f'{side}_share'] * run.num_runs)} of {run.num_runs} say 1"
        for side, run in (("dense", found.dense), ("sparse", found.sparse))
    )
    return [record["id"], f"{record['attribute']}: label {label}", *votes]
