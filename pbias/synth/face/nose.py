"""The nose: broad, pointed or neither."""

from __future__ import annotations

from dataclasses import dataclass

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import BLOOD, mix, tone
from pbias.synth.canvas.shapes import blob, both, curve, ellipse, ribbon, taper, xy
from pbias.synth.face.face import Face
from pbias.synth.face.skin import gloss


@dataclass(frozen=True)
class _Nose:
    """Half the width at the wings, the lower end, how far the tip stands out, and the kind."""

    wide: float
    y: float
    lift: float
    big: float
    point: float


def draw_nose(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw bridge, wings, nostrils and tip."""
    big, point = face["Big_Nose"], face["Pointy_Nose"]
    wide = 0.165 + 0.02 * face.male("nose") + 0.02 * face.luck["nose"]
    nose = _Nose(
        wide=wide * (1 + 0.62 * big) * (1 - 0.45 * point),
        y=0.37 + face.around("nose_length", 0.0, 0.04) + 0.05 * big + 0.06 * point,
        lift=0.16 + 0.16 * point + 0.05 * big,
        big=big,
        point=point,
    )
    dark = tone(skin, 0.58, 0.44, 0.40)
    _draw_wings(canvas, skin, dark, nose)
    _draw_edges(canvas, dark, nose, 1.0 if face.luck["light_x"] < 0.5 else -1.0)
    _draw_tip(canvas, skin, dark, nose)


def _draw_wings(canvas: Canvas, skin: Array, dark: Array, nose: _Nose) -> None:
    wide, y, tip = nose.wide, nose.y, 0.05 * nose.point
    shape = blob(
        xy(
            [0, 0.55 * wide, wide, 0.72 * wide, 0, -0.72 * wide, -wide, -0.55 * wide],
            [y - 0.17, y - 0.12, y + 0.01, y + 0.08, y + 0.07 + tip, y + 0.08, y + 0.01, y - 0.12],
        )
    )
    canvas.fill(canvas.face(shape + (0, 0.05), nose.lift), dark, 0.28 + 0.2 * nose.big)
    canvas.fill(canvas.face(shape, nose.lift), mix(skin, BLOOD, 0.10 + 0.10 * nose.big), 0.75)


def _draw_edges(canvas: Canvas, dark: Array, nose: _Nose, shadow_side: float) -> None:
    """Draw the side of the bridge away from the lamp, and the folds beside the wings."""
    wide, y = nose.wide, nose.y
    bridge = curve(xy([0.10, 0.075 + 0.03 * nose.big, 0.8 * wide], [-0.12, 0.1, y - 0.08]))
    stroke = ribbon(bridge * (shadow_side, 1), 0.06 * taper(len(bridge)))
    canvas.fill(canvas.face(stroke, 0.06), dark, 0.4)
    edge = ribbon(xy([wide, 1.12 * wide, 0.85 * wide], [y - 0.10, y, y + 0.075]), 0.035)
    canvas.fill(canvas.face(both(edge), nose.lift), dark, 0.25 + 0.45 * nose.big)


def _draw_tip(canvas: Canvas, skin: Array, dark: Array, nose: _Nose) -> None:
    wide, y, big, point = nose.wide, nose.y, nose.big, nose.point
    holes = both(ellipse(0.52 * wide, y + 0.05, 0.26 * wide, 0.035 + 0.01 * big, 10))
    canvas.fill(canvas.face(holes, nose.lift), tone(dark, 0.45), 0.85)
    if point > 0.15:
        under = xy([-0.5 * wide, 0, 0.5 * wide], [y + 0.05, y + 0.25, y + 0.05])
        canvas.fill(canvas.face(under, nose.lift), dark, 1.0 * (point - 0.15))
    ridge = xy([-0.035, 0.035, 0.05, 0, -0.05], [-0.1, -0.1, y - 0.02, y + 0.05, y - 0.02])
    canvas.fill(canvas.face(ridge, nose.lift), gloss(skin), 0.12 + 0.5 * point)
    spot = ellipse(0, y - 0.04, 0.06 + 0.06 * big, 0.05, 10)
    canvas.fill(canvas.face(spot, nose.lift), gloss(skin), 0.22 + 0.1 * big)
