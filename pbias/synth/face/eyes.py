"""Eyes with their make-up and bags, and the brows above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import BLACK, IRIS, WHITE, hsv, mix, ramp, rgb, tone
from pbias.synth.canvas.shapes import Points, blob, both, curve, ellipse, ribbon, taper, xy
from pbias.synth.face.face import Face

EYE_Y = -0.06
WING = xy([0.01, 0.04, 0.08], [-0.01, -0.03, -0.06])


@dataclass(frozen=True)
class _Eye:
    """The right eye: center, half its width, how far the lids are open, and their edges."""

    x: float
    y: float
    wide: float
    opened: float
    upper: Points
    lower: Points


def _eye(face: Face) -> _Eye:
    x, y = face.around("eye_gap", 0.42, 0.03), EYE_Y + face.around("eye_y", 0.0, 0.03)
    wide = face.between("eye_size", 0.215, 0.25) - 0.015 * face.male("eye")
    opened = 0.165 - 0.03 * face.old("eye") - 0.012 * face.male("eye")
    opened *= 1 - 0.72 * face["Narrow_Eyes"] - 0.08 * face["Smiling"]
    tilt = face.around("lid", 0.0, 0.04)
    upper = xy(
        [x - wide, x - 0.5 * wide, x + 0.1 * wide, x + 0.65 * wide, x + wide],
        [y + tilt, y - 0.85 * opened, y - opened, y - 0.7 * opened, y - tilt],
    )
    lower = xy(
        [x + wide, x + 0.4 * wide, x - 0.4 * wide, x - wide],
        [y - tilt, y + 0.75 * opened, y + 0.7 * opened, y + tilt],
    )
    return _Eye(x, y, wide, opened, curve(upper), curve(lower))


def draw_eyes(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw bags, eye shadow, white, iris, lids and lashes."""
    eye = _eye(face)
    _draw_bags(canvas, face, skin, eye)
    _draw_shadow(canvas, face, eye)
    almond = np.concatenate([eye.upper, eye.lower])
    canvas.fill(canvas.face(both(almond)), rgb(240, 238, 236), 0.96)
    _draw_iris(canvas, face, eye)
    _draw_lids(canvas, face, skin, eye)


def _draw_iris(canvas: Canvas, face: Face, eye: _Eye) -> None:
    """Draw both irises, looking the same way; the lids hide their upper and lower parts."""
    color = tone(ramp(IRIS, face.luck["iris"] ** 1.5), face.between("iris_light", 0.8, 1.15))
    radius, y = min(0.115, 0.55 * eye.wide), eye.y - 0.1 * eye.opened
    low, high = float(eye.upper[:, 1].min()), float(eye.lower[:, 1].max())
    centres = [side * eye.x + face.around("gaze", 0.0, 0.06) for side in (1, -1)]
    for size, color_ in ((radius, color), (0.48 * radius, BLACK)):
        rings = np.stack([ellipse(x, y, size, size, 14) for x in centres])
        rings[:, :, 1] = rings[:, :, 1].clip(low, high)
        canvas.fill(canvas.face(rings), color_, 0.97)
    shine = np.stack([ellipse(x - 0.03, y - 0.035, 0.028, 0.028, 6) for x in centres])
    canvas.fill(canvas.face(shine), WHITE, 0.85, lit=False)


def _draw_lids(canvas: Canvas, face: Face, skin: Array, eye: _Eye) -> None:
    makeup, old = face["Heavy_Makeup"], face.old("eye")
    line = mix(tone(skin, 0.3), BLACK, 0.3 + 0.7 * makeup)
    lid = eye.upper.copy()
    lid[-3:] += WING * makeup
    lash = ribbon(lid, (0.042 + 0.06 * makeup) * taper(len(lid), 0.35, 0.6))
    canvas.fill(canvas.face(both(lash)), line, 0.9)
    rim = ribbon(eye.lower, (0.022 + 0.022 * makeup) * taper(len(eye.lower)))
    canvas.fill(canvas.face(both(rim)), line, 0.35 + 0.45 * makeup)
    crease = ribbon(eye.upper - (0, 0.06 - 0.02 * old), 0.03 * taper(len(eye.upper)))
    canvas.fill(canvas.face(both(crease)), tone(skin, 0.5), 0.4 + 0.2 * old)


def _draw_shadow(canvas: Canvas, face: Face, eye: _Eye) -> None:
    strength = max(0.0, face["Heavy_Makeup"] - 0.1)
    if strength <= 0:
        return
    hue = 0.62 + 0.36 * face.luck["shadow_hue"]
    color = mix(hsv(hue, 0.55, 0.42), rgb(60, 34, 30), 0.35)
    x, y, wide = eye.x, eye.y, eye.wide
    lid = blob(
        xy(
            [x - wide, x - 0.7 * wide, x + 0.2, x + wide + 0.1, x + wide],
            [y, y - 0.20, y - 0.24, y - 0.14, y],
        )
    )
    canvas.fill(canvas.face(both(lid)), color, 0.75 * strength)


def _draw_bags(canvas: Canvas, face: Face, skin: Array, eye: _Eye) -> None:
    """Draw a darker pouch and the fold at its lower end."""
    bags, x, y = face["Bags_Under_Eyes"], eye.x, eye.y + eye.opened
    deep = face.between("bag_size", 0.12, 0.17)
    dark = mix(tone(skin, 0.5), rgb(86, 50, 84), 0.3)
    if bags > 0.08:
        pouch = xy(
            [x - 0.24, x, x + 0.26, x + 0.1, x - 0.12],
            [y - 0.06, y - 0.04, y - 0.04, y + deep, y + 0.8 * deep],
        )
        canvas.fill(canvas.face(both(blob(pouch))), dark, 0.42 * (bags - 0.08))
    fold = curve(
        xy(
            [x - 0.22, x - 0.1, x + 0.08, x + 0.26],
            [y - 0.02, y + 0.8 * deep, y + deep, y + 0.3 * deep],
        )
    )
    stroke = both(ribbon(fold, 0.05 * taper(len(fold))))
    canvas.fill(canvas.face(stroke), tone(dark, 0.8), 0.05 + 0.75 * bags)


def draw_brows(canvas: Canvas, face: Face, hair: Array) -> None:
    """Draw two brush strokes: high and arched, or low and thick."""
    bushy, arched, male = face["Bushy_Eyebrows"], face["Arched_Eyebrows"], face.male("brow")
    y = -0.37 + face.around("brow_y", 0.0, 0.03) + 0.05 * male - 0.02 * arched
    y += 0.02 * face.old("brow")
    slope = face.around("brow_angle", 0.0, 0.04)
    thick = 0.062 + 0.03 * male + 0.11 * bushy - 0.015 * arched
    peak = 0.03 + 0.17 * arched
    end = y + 0.05 + 0.03 * arched - slope
    middle = curve(xy([0.17, 0.34, 0.54, 0.70], [y + slope, y - 0.45 * peak, y - peak, end]))
    widths = thick * taper(len(middle), 0.85, 0.4)
    color = mix(mix(hair, BLACK, 0.45), hair, 0.4 * face.luck["brow_shade"])
    strokes = canvas.face(both(ribbon(middle, widths)))
    canvas.fill(strokes, color, min(1.0, 0.62 + 0.15 * male + 0.3 * bushy))
