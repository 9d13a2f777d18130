"""Lips around a line, or around teeth when open; the corners rise in a smile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import BLOOD, LIPSTICK, WHITE, mix, ramp, rgb, tone
from pbias.synth.canvas.shapes import Points, curve, ellipse, ribbon, taper, xy
from pbias.synth.face.face import Face


@dataclass(frozen=True)
class _Lips:
    """Edges of the lips from left to right, and the distance between the lips."""

    top: Points
    inner_top: Points
    inner_bottom: Points
    bottom: Points
    gap: float


def _lips(face: Face) -> _Lips:
    smile, open_ = face["Smiling"], max(0.0, face["Mouth_Slightly_Open"] - 0.12)
    y = 0.74 + face.around("mouth_y", 0.0, 0.03) - 0.02 * smile
    half = face.between("mouth_width", 0.29, 0.34) + 0.12 * smile - 0.03 * open_ * (1 - smile)
    corner = y - 0.15 * smile + face.around("lip_shape", 0.0, 0.035)
    thick = (0.085 - 0.02 * face.male("lip") - 0.02 * face.old("lip")) * (
        1 + 1.15 * face["Big_Lips"]
    )
    gap = (0.13 + 0.07 * face.luck["lip_shape"]) * open_
    top, bottom = y - 0.35 * gap, y + 0.65 * gap + 0.05 * smile * open_
    peak = top - 0.8 * thick
    bow = xy(
        [-half, -0.5 * half, -0.13, 0, 0.13, 0.5 * half, half],
        [corner, peak + 0.02, peak - 0.02, peak + 0.015, peak - 0.02, peak + 0.02, corner],
    )
    return _Lips(
        curve(bow),
        _line(half, corner, top + 0.02 * smile),
        _line(half, corner, bottom + 0.02 * smile),
        _line(half, corner, bottom + 1.15 * thick + 0.02 * smile),
        gap,
    )


def _line(half: float, corner: float, y: float) -> Points:
    beside = y - 0.2 * (y - corner)
    return curve(
        xy([-half, -0.55 * half, 0, 0.55 * half, half], [corner, beside, y, beside, corner])
    )


def draw_mouth(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw lips with or without lipstick, and the gap between them."""
    lips, stick = _lips(face), face["Wearing_Lipstick"]
    natural = mix(tone(skin, 0.86), BLOOD, face.between("lip_hue", 0.16, 0.34))
    color = mix(natural, ramp(LIPSTICK, face.luck["lipstick_hue"]), 0.95 * stick)
    upper = np.concatenate([lips.top, lips.inner_top[::-1]])
    lower = np.concatenate([lips.inner_bottom, lips.bottom[::-1]])
    canvas.fill(canvas.face(upper), tone(color, 0.84), 0.8 + 0.2 * stick)
    canvas.fill(canvas.face(lower), color, 0.8 + 0.2 * stick)
    _draw_inside(canvas, lips, color)
    low, middle = float(lips.bottom[:, 1].max()), float(lips.inner_bottom[:, 1].max())
    shine = ellipse(0, (low + middle) / 2, 0.13, 0.022, 10)
    canvas.fill(canvas.face(shine), WHITE, 0.10 + 0.25 * stick)


def _draw_inside(canvas: Canvas, lips: _Lips, color: Array) -> None:
    if lips.gap <= 0.01:
        line = ribbon(lips.inner_top, 0.028 * taper(len(lips.inner_top), 0.5, 0.5))
        canvas.fill(canvas.face(line), tone(color, 0.42), 0.85)
        return
    hole = np.concatenate([lips.inner_top, lips.inner_bottom[::-1]])
    canvas.fill(canvas.face(hole), rgb(70, 18, 22))
    teeth = lips.inner_top * (0.86, 1)
    ends = teeth + (0, 0.62 * lips.gap)
    ends[:, 1] = np.minimum(ends[:, 1], lips.inner_bottom[:, 1])
    canvas.fill(canvas.face(np.concatenate([teeth, ends[::-1]])), rgb(244, 240, 232), 0.95)
