"""Neck, ears, and the outline of the face."""

from __future__ import annotations

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import BLOOD, mix, tone
from pbias.synth.canvas.shapes import (
    Points,
    blob,
    both,
    curve,
    ellipse,
    ribbon,
    symmetric,
    taper,
    xy,
)
from pbias.synth.face.face import Face

EAR = blob(xy([-0.12, 0.10, 0.13, 0.03, -0.12], [-0.2, -0.24, 0.0, 0.32, 0.3]))


def chin_y(face: Face) -> float:
    """Return the y coordinate of the chin's lower end."""
    long = face.around("length", 0.0, 0.05) + 0.22 * (face["Oval_Face"] - 0.35)
    return 1.2 + 0.07 * face.male("jaw") + long - 0.03 * face["Chubby"]


def outline(face: Face) -> Points:
    """Return the face from the top of the skull around the chin, in head coordinates."""
    jaw, fat, oval = face.male("jaw"), face["Chubby"], face["Oval_Face"]
    square = face.luck["squareness"] * (1 - 0.8 * oval)
    cheek = 0.97 + 0.17 * fat - 0.10 * oval + 0.04 * face.luck["cheek"]
    corner = 0.71 + 0.12 * jaw + 0.26 * fat + 0.10 * square - 0.10 * oval
    corner += 0.05 * face.old("jaw")
    chin = 0.30 + 0.13 * jaw + 0.20 * fat + 0.07 * square
    y = chin_y(face)
    right = xy(
        [0.0, 0.52, 0.86, 0.95, cheek, cheek - 0.03, corner, chin, 0.0],
        [-1.36, -1.24, -0.82, -0.30, 0.18, 0.45, 0.68 * y + 0.03 * jaw, y - 0.08 + 0.03 * jaw, y],
    )
    return blob(symmetric(right), 4)


def draw_neck(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw neck and shoulders, in the shadow of the chin."""
    wide = 0.46 + 0.13 * face.male("neck") + 0.15 * face["Chubby"] + 0.03 * face.luck["neck"]
    right = xy(
        [0, wide, wide - 0.02, wide + 0.1, 1.2, 1.5, 0], [0.6, 0.7, 1.4, 1.75, 2.35, 3.2, 3.2]
    )
    layer = canvas.layer(canvas.body(blob(symmetric(right), 4)))
    if layer is None:
        return
    below = canvas.y[layer.rows, layer.columns] - np.float32(chin_y(face))
    shadow = np.float32(0.94) - np.float32(0.4) * np.exp(-((below * np.float32(2.6)) ** 2))
    canvas.paint(layer, skin * shadow[:, :, None], lit=False)


def draw_double_chin(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw a second lobe below the chin, lit like the first, with a fold between."""
    fold = max(0.0, face["Double_Chin"] - 0.12)
    if fold <= 0:
        return
    y = chin_y(face)
    low = y + 0.33 * fold
    lobe = blob(symmetric(xy([0, 0.72, 0.62, 0.36, 0], [0.7, 0.8, y, low - 0.05, low])))
    canvas.fill(canvas.head(lobe), tone(skin, 0.9), min(1.0, 2.5 * fold))
    edge = curve(xy([-0.5, -0.3, 0, 0.3, 0.5], [y - 0.12, low - 0.06, low, low - 0.06, y - 0.12]))
    stroke = ribbon(edge, 0.06 * taper(len(edge)))
    canvas.fill(canvas.head(stroke), tone(skin, 0.45), fold)


def draw_ears(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw both ears, behind the face."""
    wide, size = 0.98 + 0.12 * face["Chubby"], face.between("ears", 0.85, 1.1)
    ear = both(EAR * (1, size) + (wide, 0))
    canvas.fill(canvas.head(ear), tone(mix(skin, BLOOD, 0.16), 0.96))
    inner = both(ellipse(wide + 0.03, 0.02, 0.04, 0.15, 12))
    canvas.fill(canvas.head(inner), tone(skin, 0.62), 0.6)
