"""Hair behind and in front of the face: color, length, texture, hairline, fringe."""

from __future__ import annotations

import math

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas, Layer
from pbias.synth.canvas.palette import (
    BLACK_HAIR,
    BLOND_HAIR,
    BROWN_HAIR,
    GRAY_HAIR,
    OTHER_HAIR,
    WHITE,
    mix,
    ramp,
    tone,
)
from pbias.synth.canvas.shapes import MIRROR, Points, blob, both, curve, symmetric, xy
from pbias.synth.face.face import Face

COLORS = {
    "Black_Hair": BLACK_HAIR,
    "Brown_Hair": BROWN_HAIR,
    "Blond_Hair": BLOND_HAIR,
    "Gray_Hair": GRAY_HAIR,
}
COVERS_EARS = 0.2
THIN_CROWN = curve(xy([-0.8, -0.5, 0, 0.5, 0.8], [-0.75, -1.15, -1.28, -1.15, -0.75]))
BALD_SIDE = blob(xy([0.90, 1.04, 1.10, 1.02, 0.92, 0.86], [-0.75, -0.55, -0.2, 0.1, -0.1, -0.45]))
FRINGE_TOP = curve(xy([0.9, 0.8, 0.4, -0.4, -0.8, -0.9], [-0.5, -0.95, -1.2, -1.2, -0.95, -0.5]))
FRINGE_X = np.linspace(-0.84, 0.84, 15)
ZIGZAG = np.where(np.arange(15) % 2, 0.09, -0.09)


def hair_color(face: Face) -> Array:
    """Return the labeled color, or one without a label; a weak label gives a color in between."""
    color = ramp(OTHER_HAIR, face.luck["hair_hue"])
    for name, shades in COLORS.items():
        share = min(1.0, max(0.0, 2.2 * face[name] - 0.75))
        color = mix(color, ramp(shades, face.luck["hair_light"]), share)
    return mix(color, ramp(GRAY_HAIR, 0.3), 0.4 * max(0.0, face.old("hair") - 0.5))


def _length(face: Face) -> float:
    """Return the length: 0 above the ears, 0.3 at the jaw, 1 below the shoulders."""
    u = face.luck["hair_length"]
    wants_long = face.male("hair") < face.between("hair_style", 0.25, 0.6)
    return 0.25 + 0.75 * math.pow(u, 0.7) if wants_long else 0.28 * u


def _wave(face: Face) -> float:
    """Return how far strands swing from side to side."""
    return 0.012 + 0.10 * max(0.0, face["Wavy_Hair"] - 0.15)


def _sway(face: Face, points: Points, share: float) -> Points:
    """Move strands sideways below the crown, and outwards on it."""
    x, y = points.T
    amount, phase = share * _wave(face), 6.3 * face.luck["hair_wave"]
    bump = 1 + 0.4 * amount * np.sin(9 * np.arctan2(x, -y - 0.2) + phase)
    swing = amount * np.sin(7.0 * y + phase) * np.clip(y + 1.0, 0, 1)
    return np.stack([x * bump + swing, y * bump], axis=1)


def _outer(face: Face) -> Points:
    """Return the right half of the silhouette, from the crown to the ends."""
    length = _length(face)
    volume = face.between("hair_volume", 0.06, 0.2)
    volume += 0.10 * face["Wavy_Hair"] - 0.04 * face["Straight_Hair"]
    side, y = 1.03 + 0.8 * volume + 0.08 * face["Chubby"], -0.1 + 2.3 * length
    x_top = [0.0, 0.45, 0.85 + 0.6 * volume, side]
    y_top = [-1.42 - volume, -1.38 - volume, -1.08 - 0.4 * volume, -0.5]
    if length <= COVERS_EARS:
        return xy([*x_top, side - 0.03, side - 0.1], [*y_top, -0.3, y])
    end = side + face.between("hair_flare", -0.05, 0.22) * length
    return xy([*x_top, 0.7 * side + 0.3 * end, end, end - 0.04], [*y_top, 0.3 * y, 0.65 * y, y])


def _hairline(face: Face) -> Points:
    """Return the right half of the hairline, from the middle of the forehead to the temple."""
    back = face["Receding_Hairline"]
    y = -0.86 + face.around("hairline", 0.0, 0.06) - 0.10 * back
    return xy(
        [0.0, 0.38, 0.66, 0.84, 0.93],
        [
            y - 0.02 * back,
            y + 0.02 - 0.24 * back,
            y + 0.10 - 0.30 * back,
            y + 0.40 - 0.42 * back,
            -0.25,
        ],
    )


def draw_back_hair(canvas: Canvas, face: Face, color: Array) -> None:
    """Draw the hair behind neck and shoulders."""
    if face["Bald"] > 0 or _length(face) <= COVERS_EARS:
        return
    right = _outer(face)
    x, y = right[-1].tolist()
    outline = symmetric(np.concatenate([right, xy([0.6 * x, 0.0], [y + 0.05, y])]))
    shape = canvas.head(_sway(face, blob(outline, 6), 1.0))
    canvas.paint(canvas.layer(shape), tone(color, 0.55))


def draw_front_hair(canvas: Canvas, face: Face, color: Array) -> None:
    """Draw the hair over the skull with its locks, or the remainder on a bald head."""
    if face["Bald"] > 0:
        _draw_bald(canvas, face, color)
        return
    outer, inner = _outer(face), _hairline(face)
    x, y = outer[-1].tolist()
    if _length(face) > COVERS_EARS:
        blunt = 0.06 + face.between("hair_ends", 0.0, 0.3) * (1 - face["Straight_Hair"])
        lock = xy([0.92 + 0.12 * face["Chubby"], x - 0.34], [0.35 * y, y - blunt])
    else:
        lock = xy([0.95], [y])
    inner = np.concatenate([inner, lock])
    top = np.concatenate([outer[:0:-1] * MIRROR, outer])
    bottom = np.concatenate([inner[:0:-1] * MIRROR, inner])[::-1]
    part = _part(face)
    bottom = bottom + part * np.exp(-((bottom[:, :1] / 0.5) ** 2)) * (1, 0)
    above = canvas.head(_sway(face, curve(top, 6), 1.0))
    below = canvas.face(_sway(face, curve(bottom, 6), 0.5), bulge=0.6)
    _paint(canvas, face, canvas.layer(np.concatenate([above, below])), color, fringe=False)
    _draw_fringe(canvas, face, color)


def _part(face: Face) -> float:
    return face.between("hair_part", -0.45, 0.45)


def _paint(canvas: Canvas, face: Face, layer: Layer | None, color: Array, fringe: bool) -> None:
    """Paint strands around the skull and then down; straight hair shines, wavy hair swings."""
    if layer is None:
        return
    x, y = canvas.x[layer.rows, layer.columns], canvas.y[layer.rows, layer.columns]
    straight, wavy, part = face["Straight_Hair"], face["Wavy_Hair"], _part(face)
    if fringe:
        across = x - np.float32(0.3) * y
    else:
        above = np.minimum(y + np.float32(0.2), 0) * np.float32(0.8)
        across = np.sqrt(x * x + above * above) + np.float32(0.06) * (x > part)
    swing = np.sin(np.float32(7.0) * y + np.float32(6.3 * face.luck["hair_wave"]))
    across = across + np.float32(1.1 * _wave(face)) * swing
    strands = face.strands(0, across * np.float32(26 + 14 * straight - 8 * wavy))
    depth = np.float32(0.30 + 0.25 * straight + 0.2 * wavy)
    shade = np.float32(1) + depth * (strands - np.float32(0.5))
    shine = np.exp(-(((y + np.float32(0.95 - 0.25 * abs(part))) * np.float32(3.2)) ** 2))
    shine = shine * np.float32(0.10 + 0.22 * straight) * (np.float32(0.5) + strands)
    colored = color * shade[:, :, None]
    colored += shine[:, :, None] * (mix(color, WHITE, 0.75) - colored)
    canvas.paint(layer, colored)


def _draw_fringe(canvas: Canvas, face: Face, color: Array) -> None:
    """Draw bangs: locks of hair down to the brows."""
    bangs = face["Bangs"]
    if bangs <= 0:
        return
    reach = -0.78 + 0.42 * bangs + face.around("fringe", 0.0, 0.06)
    jag = ZIGZAG * face.streaks[1, 40:55]
    bottom = reach + jag + 0.4 * _part(face) * FRINGE_X + 0.12 * FRINGE_X**2
    polygon = canvas.face(np.concatenate([xy(FRINGE_X, bottom), FRINGE_TOP]))
    canvas.fill(polygon + (0, 0.06 * canvas.unit), tone(color, 0.3), 0.3)
    _paint(canvas, face, canvas.layer(polygon), color, fringe=True)


def _draw_bald(canvas: Canvas, face: Face, color: Array) -> None:
    """Draw a shiny scalp, with short hair at the sides if there is any."""
    canvas.paint(canvas.glow((0.15, -1.0, 0.22, 0.12, 0.35 * face["Bald"])), WHITE)
    receding = face["Receding_Hairline"]
    if receding > 0.5:
        rim = np.concatenate([THIN_CROWN, (THIN_CROWN * (1.16, 1.1))[::-1]])
        canvas.fill(canvas.head(rim), color, 0.5 * receding)
    sides = max(face.luck["bald_sides"], 1.4 * face["Gray_Hair"], receding)
    if sides >= 0.35:
        canvas.fill(canvas.head(both(BALD_SIDE)), color, min(1.0, 0.5 + 0.5 * sides))
