"""A contact sheet of all attributes, on pairs of faces that differ in nothing else."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pbias.synth.draw import draw_image, draw_person
from pbias.synth.labels.sampling import ATTRIBUTES, draw_labels, with_label
from pbias.synth.scene import HIDDEN
from pbias.synth.write import check_size

PAIRS = 3
COLUMNS = 3
CANDIDATES = 4000
# These hide other attributes.
HIDING = ("Blurry", "Wearing_Hat")
# Attributes show less on faces that turn further, in radians, or have something in front of them.
FRONTAL = 0.12


def contact_sheet(size: int = 64, seed: int = 0) -> Image.Image:
    """Draw every attribute by name, with pairs of one face without and with it, `size` pixels each.

    Raises UserError for a size that cannot be drawn.
    """
    check_size(size)
    labels = draw_labels(CANDIDATES, seed)
    font, gap = ImageFont.load_default(max(10, size // 5)), size // 8
    name_width = int(max(font.getlength(name) for name in ATTRIBUTES)) + gap
    cell_width = name_width + PAIRS * (2 * size + gap) + 2 * gap
    num_rows = -(-len(ATTRIBUTES) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * cell_width, num_rows * (size + gap) + gap), "white")
    pen = ImageDraw.Draw(sheet)
    for k, name in enumerate(ATTRIBUTES):
        column, row = divmod(k, num_rows)
        x, y = column * cell_width + gap, row * (size + gap) + gap
        pen.text((x, y + size // 2), name, fill="black", font=font, anchor="lm")
        for pair, index in enumerate(_examples(labels, name, seed)):
            left = x + name_width + pair * (2 * size + gap)
            for value in (0, 1):
                face = draw_image(with_label(labels[index], name, value), seed, index, size)
                sheet.paste(face, (left + value * size, y))
    return sheet


def _examples(labels: NDArray[np.int8], name: str, seed: int) -> list[int]:
    """Return faces that show an attribute well, different ones for each; beards are on men."""
    shown = labels[:, ATTRIBUTES.index(name)] == 1
    for other in HIDING:
        if other != name:
            shown &= labels[:, ATTRIBUTES.index(other)] == 0
    if name == "No_Beard":
        shown &= labels[:, ATTRIBUTES.index("Male")] == 1
    candidates = np.flatnonzero(shown)
    start = len(candidates) * ATTRIBUTES.index(name) // len(ATTRIBUTES)
    faces = (int(index) for index in np.roll(candidates, -start))
    clear = (index for index in faces if _shows_well(labels[index], name, seed, index))
    return list(itertools.islice(clear, PAIRS))


def _shows_well(labels: NDArray[np.int8], name: str, seed: int, index: int) -> bool:
    face = draw_person(labels, seed, index)
    frontal = max(abs(face.pose.yaw), abs(face.pose.roll)) < FRONTAL
    return frontal and face.luck["hide"] > HIDDEN and face[name] > 0.7
