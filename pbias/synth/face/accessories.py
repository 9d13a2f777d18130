"""Accessories on the head: glasses, earrings, hats."""

from __future__ import annotations

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import METAL, WHITE, hsv, mix, ramp, rgb, tone
from pbias.synth.canvas.shapes import Points, blob, both, curve, ellipse, ribbon, symmetric, xy
from pbias.synth.face.eyes import EYE_Y
from pbias.synth.face.face import Face

LENS_X = 0.43
BAND_X, BAND_Y = np.array([-1.15, -0.6, 0, 0.6, 1.15]), np.array([-0.02, 0.02, -0.02, 0.02, -0.02])
VISOR = blob(xy([-0.9, 0, 0.9, 0.7, 0, -0.7], [-0.1, -0.14, -0.1, 0.12, 0.22, 0.12]))
BRIM = blob(
    xy(
        [-1.85, -0.9, 0, 0.9, 1.85, 0.9, 0, -0.9],
        [0.05, -0.1, -0.12, -0.1, 0.05, 0.12, 0.1, 0.12],
    )
)


def draw_earrings(canvas: Canvas, face: Face) -> None:
    """Draw studs, drops or hoops below the ears."""
    amount = face["Wearing_Earrings"]
    if amount <= 0:
        return
    kind, size = face.luck["earring"], 0.05 + 0.05 * amount
    if kind < 0.25:
        parts = [ellipse(0, 0, 1.2 * size, 1.2 * size, 10)]
    elif kind < 0.65:
        drop = xy([0, 0.8 * size, 0, -0.8 * size], [0, 0.22, 0.22 + 2.2 * size, 0.22])
        parts = [blob(drop), ellipse(0, 0, 0.7 * size, 0.7 * size, 8)]
    else:
        ring = ellipse(0, 2.2 * size, 1.8 * size, 2.4 * size, 14)
        parts = [ribbon(_closed(ring), 0.045 + 0.02 * amount)]
    ear = (1.02 + 0.1 * face["Chubby"], 0.34)
    placed = [canvas.head(both(part + ear)) for part in parts]
    for shape in placed:
        canvas.fill(shape + 0.03 * canvas.unit, rgb(30, 20, 18), 0.4)
    for shape in placed:
        canvas.fill(shape, ramp(METAL, face.luck["earring_hue"]), lit=False)


def _closed(outline: Points) -> Points:
    return np.concatenate([outline, outline[:2]])


def draw_glasses(canvas: Canvas, face: Face) -> None:
    """Draw glasses, sometimes with dark lenses."""
    amount = face["Eyeglasses"]
    if amount <= 0:
        return
    size, square = face.between("glasses_size", 0.86, 1.12), face.between("glasses", 0.6, 1.0)
    rx, ry, thick = 0.34 * size, 0.25 * size, 0.04 + 0.05 * amount
    circle = ellipse(0, 0, 1, 1, 28)
    rounded = np.sign(circle) * np.abs(circle) ** square
    lens = rounded * (rx, ry) + (LENS_X, EYE_Y + 0.02)
    dark = hsv(face.luck["glasses_hue"], 0.6, 0.5)
    color = mix(rgb(22, 20, 24), dark, 0.35 * face.luck["glasses"])
    glass = canvas.face(both(lens), 0.1)
    if face.luck["sun"] < 0.15:
        canvas.fill(glass, color, 0.85, lit=False)
    else:
        canvas.fill(glass, mix(color, WHITE, 0.7), 0.08, lit=False)
    bridge = curve(xy([rx - LENS_X, 0, LENS_X - rx], [EYE_Y, EYE_Y - 0.06, EYE_Y]))
    arm = xy([LENS_X + rx, 0.98], [EYE_Y - 0.06, EYE_Y - 0.04])
    frame = (
        canvas.face(both(ribbon(_closed(lens), thick)), 0.1),
        canvas.face(ribbon(bridge, thick), 0.12),
        canvas.face(both(ribbon(arm, thick))),
    )
    for part in frame:
        canvas.fill(part, color, 0.7 + 0.3 * amount)
    _draw_glint(canvas)


def _draw_glint(canvas: Canvas) -> None:
    right = xy([0.28, 0.36, 0.30, 0.24], [EYE_Y - 0.1, EYE_Y - 0.14, EYE_Y + 0.08, EYE_Y + 0.1])
    glints = np.stack([right, right - (2 * LENS_X, 0)])
    canvas.fill(canvas.face(glints, 0.1), WHITE, 0.3, lit=False)


def draw_hat(canvas: Canvas, face: Face) -> None:
    """Draw a beanie, a cap or a hat with a brim."""
    amount = face["Wearing_Hat"]
    if amount <= 0:
        return
    color = hsv(face.luck["hat_hue"], 0.55, face.between("hat_light", 0.15, 0.85))
    y = -0.67 + face.around("hat_y", 0.0, 0.08) - 0.12 * (1 - amount)
    crown = xy([0, 0.6, 1.02, 1.14, 0.6, 0], [-1.95, -1.87, -1.3, y, y - 0.02, y - 0.06])
    canvas.paint(canvas.layer(canvas.head(blob(symmetric(crown)))), color)
    shadow = ribbon(curve(xy(0.84 * BAND_X, BAND_Y + y + 0.13)), 0.2)
    canvas.fill(canvas.face(shadow), rgb(30, 16, 12), 0.35)
    _draw_brim(canvas, face.luck["hat"], y, color)


def _draw_brim(canvas: Canvas, kind: float, y: float, color: Array) -> None:
    if kind < 0.4:
        cuff = ribbon(curve(xy(BAND_X, BAND_Y + y - 0.1)), 0.3)
        canvas.fill(canvas.head(cuff, 0.1), tone(color, 1.16))
    elif kind < 0.7:
        canvas.fill(canvas.head(VISOR + (0, y), 0.2), tone(color, 0.72))
    else:
        band = ribbon(curve(xy(BAND_X, BAND_Y + y - 0.16)), 0.2)
        canvas.fill(canvas.head(band), tone(color, 0.5))
        canvas.fill(canvas.head(BRIM + (0, y), 0.1), tone(color, 1.08))
