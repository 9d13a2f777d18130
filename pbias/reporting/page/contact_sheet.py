"""A contact sheet: labeled thumbnails of samples in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pbias.files.escaping import printable

COLUMNS = 6
SIDE = 144  # pixels of a thumbnail's side
GAP = 16
SIZE = 12  # pixels of the font
LINE = 16


@dataclass(frozen=True)
class Tile:
    """A thumbnail, uint8 [H, W, 3], and the lines of text below it."""

    pixels: NDArray[np.uint8]
    lines: Sequence[str]


def contact_sheet(title: str, tiles: Sequence[Tile]) -> Image.Image:
    """Draw one or more tiles, six per row, below a title; long lines are cut at the left.

    The end of a path says more than its beginning.
    """
    font = ImageFont.load_default(SIZE)
    height = SIDE + LINE * max(len(tile.lines) for tile in tiles) + GAP
    top = 2 * LINE + GAP
    num_rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, top + num_rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP), _fitting(title, font, sheet.width - 2 * GAP), fill="black", font=font)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, COLUMNS)
        x, y = GAP + column * (SIDE + GAP), top + row * height
        sheet.paste(Image.fromarray(tile.pixels).resize((SIDE, SIDE)), (x, y))
        for k, line in enumerate(tile.lines):
            place = (x, y + SIDE + 2 + k * LINE)
            pen.text(place, _fitting(line, font, SIDE), fill="black", font=font)
    return sheet


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return the end of a text that fits this width, with dots for the cut part."""
    text = shown = printable(text)
    while len(shown) > 1 and font.getlength(shown) > width:
        text = text[1:]
        shown = f"...{text}"
    return shown
