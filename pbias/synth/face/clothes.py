"""Clothes, necklace and necktie."""

from __future__ import annotations

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import METAL, hsv, mix, ramp, rgb, tone
from pbias.synth.canvas.shapes import Points, both, curve, ellipse, ribbon, symmetric, xy
from pbias.synth.face.face import Face

FLAP = xy([0.50, 0.58, 0.36, 0.02], [1.42, 1.60, 2.02, 1.80])
SHIRT_FRONT = xy([0, -0.52, -0.3, 0.3, 0.52], [3.2, 1.66, 1.5, 1.5, 1.66])
KNOT = xy([-0.14, 0.14, 0.08, -0.08], [1.72, 1.72, 2.0, 2.0])


def draw_clothes(canvas: Canvas, face: Face) -> None:
    """Draw a top with a neckline, or the shirt and jacket that a tie needs."""
    saturation = 0.7 - 0.35 * face.male("cloth")
    color = hsv(face.luck["cloth_hue"], saturation, face.between("cloth_light", 0.12, 0.92))
    if face["Wearing_Necktie"] > 0:
        _draw_suit(canvas, face, color)
        return
    low = face.between("neckline", 1.72, 2.12) + 0.15 * face["Wearing_Necklace"]
    canvas.paint(canvas.layer(canvas.body(_top(face, low))), tone(color, 0.92))
    if face.luck["collar"] < 0.45:
        _draw_collar(canvas, tone(color, 1.12))
        return
    rim = curve(xy([-0.56, -0.32, 0, 0.32, 0.56], [1.64, low - 0.1, low + 0.02, low - 0.1, 1.64]))
    canvas.fill(canvas.body(ribbon(rim, 0.06)), tone(color, 0.7))


def _top(face: Face, low: float) -> Points:
    """Return the outline of shoulders and chest below a neckline that ends at `low`."""
    slope = face.between("shoulders", 1.75, 1.95) - 0.05 * face["Chubby"]
    x = [0, 0.32, 0.56, 0.95, 1.6, 2.4, 2.6, 0]
    y = [low, low - 0.12, 1.62, slope - 0.06, slope + 0.12, slope + 0.6, 3.3, 3.3]
    return symmetric(xy(x, y))


def _draw_collar(canvas: Canvas, color: Array) -> None:
    canvas.fill(canvas.body(both(FLAP + (0, 0.04))), tone(color, 0.6), 0.7)
    canvas.fill(canvas.body(both(FLAP)), color)


def _draw_suit(canvas: Canvas, face: Face, color: Array) -> None:
    amount = face["Wearing_Necktie"]
    shirt = mix(rgb(238, 240, 244), hsv(face.luck["cloth_hue"], 0.35, 0.95), 0.4)
    suit = mix(rgb(34, 36, 46), color, 0.25)
    canvas.paint(canvas.layer(canvas.body(_top(face, 1.7))), suit)
    canvas.fill(canvas.body(SHIRT_FRONT), shirt)
    tie = hsv(face.luck["tie_hue"], 0.75, face.between("tie", 0.25, 0.8))
    wide = 0.16 + 0.10 * amount
    blade = xy([-0.5 * wide, 0.5 * wide, wide, -wide], [1.98, 1.98, 3.2, 3.2])
    canvas.fill(canvas.body(blade), tie)
    knot = KNOT * (0.7 + 0.4 * amount, 1)
    canvas.fill(canvas.body(knot), tone(tie, 0.78))
    _draw_collar(canvas, shirt)


def draw_necklace(canvas: Canvas, face: Face) -> None:
    """Draw a string of beads, or a chain with a pendant."""
    amount = face["Wearing_Necklace"]
    if amount <= 0:
        return
    low = face.between("necklace", 1.78, 1.98)
    beside = 0.35 * 1.48 + 0.65 * low
    arc = xy([-0.52, -0.36, 0, 0.36, 0.52], [1.48, beside, low, beside, 1.48])
    if face.luck["necklace"] < 0.5:
        size = 0.09 + 0.06 * amount
        chain = [canvas.body(np.stack([ellipse(x, y, size, size, 8) for x, y in curve(arc, 4)]))]
    else:
        pendant = ellipse(0, low + 0.08, 0.1 * amount, 0.13 * amount, 10)
        band = ribbon(curve(arc, 6), 0.045 + 0.045 * amount)
        chain = [canvas.body(band), canvas.body(pendant)]
    for shape in chain:
        canvas.fill(shape + 0.035 * canvas.unit, rgb(40, 24, 20), 0.45)
    for shape in chain:
        canvas.fill(shape, ramp(METAL, face.luck["necklace_hue"]), lit=False)
