"""Skin: its tone, its light, soft shadows, cheeks, and signs of age."""

from __future__ import annotations

import math

import numpy as np

from pbias.synth.canvas.canvas import SKULL_HEIGHT, SKULL_WIDTH, Array, Canvas
from pbias.synth.canvas.palette import BLOOD, PALE_SKIN, SKIN, WHITE, mix, ramp, tone
from pbias.synth.canvas.shapes import both, both_spots, curve, ellipse, ribbon, taper, xy
from pbias.synth.face.face import Face
from pbias.synth.face.head import outline

FOLD = curve(xy([0.24, 0.40, 0.47, 0.44], [0.34, 0.52, 0.72, 0.92]))
FOLD_WIDTH = 0.055 * taper(len(FOLD))


def skin_color(face: Face) -> Array:
    """Return a continuous tone from deep to light, with pale beyond the light end."""
    light = 0.97 - 0.95 * face.luck["skin"] ** 1.5
    pale = face["Pale_Skin"]
    base = ramp(SKIN, light + (1 - light) * min(1.0, 1.6 * pale))
    base = mix(base, BLOOD, 0.10 * face.luck["skin_hue"] * (1 - pale))
    return mix(base, PALE_SKIN, 0.95 * pale**1.3)


def set_light(canvas: Canvas, face: Face) -> None:
    """Light a rounded head: brighter where it faces the lamp."""
    nx = canvas.x * np.float32(1 / (1.15 * SKULL_WIDTH))
    ny = canvas.y * np.float32(1 / (1.15 * SKULL_HEIGHT))
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
    side, above = face.around("light_x", 0.0, 0.9), face.between("light_y", -0.6, 0.05)
    strength = face.between("light_k", 0.12, 0.3)
    facing = np.float32(side) * nx + np.float32(above) * ny + np.float32(0.9) * nz
    light = np.float32(0.66) + np.float32(0.18) * nz + np.float32(strength) * facing
    canvas.light = np.clip(light, 0.35, 1.12)


def draw_face(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw the face, its shadows, cheekbones (light above hollow) and color."""
    cover = canvas.layer(canvas.head(outline(face)))
    canvas.paint(cover, skin)
    bone, rosy = face["High_Cheekbones"], face["Rosy_Cheeks"]
    socket = 0.22 + 0.16 * face.male("brow")
    deep = both_spots(
        (0.42, -0.13, 0.2, 0.11, socket),
        (0.8, 0.75, 0.16, 0.3, 0.2),
        (0.74, 0.56, 0.10, 0.22, 0.05 + 0.5 * bone),
    )
    chin = (0.0, 0.98, 0.2, 0.06, 0.2 + 0.1 * face.male("jaw"))
    canvas.paint(canvas.glow(*deep, chin, inside=cover), tone(skin, 0.62, 0.51, 0.48))
    cheeks = both_spots((0.60, 0.40, 0.20, 0.15, 0.06 + 0.62 * rosy))
    canvas.paint(canvas.glow(*cheeks, inside=cover), mix(BLOOD, skin, 0.15))
    shine = both_spots((0.60, 0.20, 0.17, 0.085, 0.05 + 0.6 * bone))
    lit = [(0.0, -0.75, 0.4, 0.2, 0.12), (0.0, 1.1, 0.16, 0.08, 0.14)]
    canvas.paint(canvas.glow(*shine, *lit, inside=cover), gloss(skin))


def gloss(skin: Array) -> Array:
    """Return the color of skin at a highlight."""
    return mix(np.minimum(skin * np.float32(1.4), 1), WHITE, 0.35)


def draw_age(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw the signs of age: folds, lines on the forehead, crow's feet."""
    dark = tone(skin, 0.58, 0.46, 0.42)
    fold = max(0.0, face.old("fold") - 0.12)
    strength = 0.10 + 0.55 * fold + 0.25 * face["Smiling"]
    canvas.fill(canvas.face(both(ribbon(FOLD, FOLD_WIDTH))), dark, strength)
    _draw_forehead(canvas, dark, face)
    feet = max(0.0, face.old("eye") - 0.2)
    if feet > 0:
        ends = [xy([0.70, 0.78, 0.87], [-0.06, (y - 0.06) / 2, y]) for y in (-0.24, -0.08, 0.08)]
        for end in ends:
            canvas.fill(canvas.face(both(ribbon(end, 0.03))), dark, 0.65 * feet)
    _draw_spots(canvas, face, skin)


def _draw_forehead(canvas: Canvas, dark: Array, face: Face) -> None:
    strength = max(0.0, face.old("skin") - 0.15)
    if strength <= 0:
        return
    shift = face.between("wrinkle", -0.03, 0.03)
    lines = []
    for k, y in enumerate((-0.62, -0.75, -0.88)):
        half = 0.42 - 0.05 * k
        line = curve(xy([-half, -0.15, 0.1, half], [y + 0.03, y, y + shift, y + 0.03]))
        lines.append(ribbon(line, 0.035 * taper(len(line))))
    canvas.fill(canvas.face(np.stack(lines)), dark, 0.65 * strength)


def _draw_spots(canvas: Canvas, face: Face, skin: Array) -> None:
    """Draw freckles on young faces, and age spots on others."""
    freckles = face["Young"] * (face.luck["freckle"] - 0.7)
    strength = 0.35 * max(freckles, 0.8 * face.old("skin") - 0.2)
    if strength <= 0:
        return
    dots = []
    for k in range(7):
        angle = 2 * math.pi * float(face.streaks[0, 2 * k])
        reach = 0.25 + 0.5 * float(face.streaks[0, 2 * k + 1])
        x, y = reach * math.cos(angle), 0.1 + 0.7 * reach * math.sin(angle)
        dots.append(ellipse(x, y, 0.03, 0.03, 6))
    canvas.fill(canvas.face(np.stack(dots)), tone(skin, 0.55), strength)
