"""The surroundings of a face: background, objects in front, and camera effects."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from pbias.synth.canvas.canvas import Array, Canvas
from pbias.synth.canvas.palette import hsv, rgb, tone
from pbias.synth.canvas.shapes import curve, ellipse, ribbon
from pbias.synth.face.face import Face
from pbias.synth.face.skin import skin_color

HIDDEN = 0.2  # share of faces with something in front of them


def draw_background(canvas: Canvas, face: Face) -> None:
    """Draw a gradient between two colors, and two lights out of focus."""
    hue, value = face.luck["back_hue"], face.between("back_light", 0.15, 0.95)
    near = hsv(hue, 0.05 + 0.45 * face.luck["back_spread"] ** 1.5, value)
    far = hsv(hue + face.around("back_spread", 0.0, 0.2), 0.22, 0.25 + 0.6 * (1 - value))
    share = np.clip(_along(canvas, face.luck["back_turn"]) * np.float32(0.2) + 0.5, 0, 1)
    weights, colors = [1 - share, share], [near, far]
    for k in range(2):
        u = face.streaks[1, 3 * k : 3 * k + 3].tolist()
        size = face.between("spot_size", 0.15, 0.6) * (0.5 + u[2])
        dx, dy = canvas.x - np.float32(4.5 * u[0] - 2.25), canvas.y - np.float32(3.6 * u[1] - 1.9)
        spot = np.float32(0.6) * np.exp((dx * dx + dy * dy) * np.float32(-0.5 / size**2))
        weights = [weight * (1 - spot) for weight in weights] + [spot]
        colors.append(hsv(face.luck["spot_hue"] + 0.2 * k, 0.3, 0.2 + 0.8 * u[2]))
    canvas.rgb = np.stack(weights, axis=2) @ np.stack(colors)


def _along(canvas: Canvas, turn: float) -> Array:
    """Return the position of each pixel along a direction, given in turns."""
    angle = 2 * math.pi * turn
    return canvas.x * np.float32(math.cos(angle)) + canvas.y * np.float32(math.sin(angle))


def draw_in_front(canvas: Canvas, face: Face) -> None:
    """Draw an object in front of some faces: a hand, a microphone, a blurred object."""
    if face.luck["hide"] > HIDDEN:
        return
    side = 1.0 if face.luck["hide_x"] < 0.5 else -1.0
    kind = face.luck["hide_kind"]
    if kind < 0.35:
        _draw_microphone(canvas, face, side)
    elif kind < 0.65:
        _draw_fingers(canvas, face, side)
    else:
        color = hsv(face.luck["hide_hue"], 0.4, face.between("hide_y", 0.1, 0.9))
        spot = (side * 1.5, face.between("hide_y", -1.2, 1.9), 0.42, 0.42, 0.97)
        canvas.paint(canvas.glow(spot, on_face=False), color, lit=False)


def _draw_microphone(canvas: Canvas, face: Face, side: float) -> None:
    x, y = side * face.between("hide_y", 0.35, 0.8), 1.25
    handle = np.array([(x, y), (x + side * 0.7, 2.9)])
    canvas.fill(canvas.body(ribbon(handle, 0.24)), rgb(40, 40, 46))
    canvas.fill(canvas.body(ellipse(x, y, 0.24, 0.28)), rgb(74, 74, 82))
    shine = (x - 0.08, y - 0.1, 0.08, 0.08, 0.6)
    canvas.paint(canvas.glow(shine, on_face=False), rgb(200, 200, 210))


def _draw_fingers(canvas: Canvas, face: Face, side: float) -> None:
    """Draw four fingers of a hand raised to the cheek, each with its shadow."""
    color = skin_color(face)
    x, y = side * face.between("hide_y", 0.45, 0.85), face.between("hide_hue", 0.55, 0.95)
    for k in range(4):
        tip = np.array([x + side * 0.19 * k, y + 0.09 * (k - 1) ** 2])
        root = np.array([x + side * (0.55 + 0.13 * k), y + 1.5])
        finger = curve(np.stack([tip, 0.5 * (tip + root) - (side * 0.06, 0), root]), 4)
        for wide, shade in ((0.26, 0.6), (0.19, 0.95)):
            end = ellipse(float(tip[0]), float(tip[1]), wide / 2, wide / 2, 12)
            for shape in (ribbon(finger, wide), end):
                canvas.fill(canvas.body(shape), tone(color, shade), lit=False)


def photograph(canvas: Canvas, face: Face, rng: np.random.Generator) -> Image.Image:
    """Apply light, lens and sensor: gradient, exposure, color, blur, noise."""
    size = canvas.size
    canvas.flush()
    contrast, warmth = face.between("contrast", 0.82, 1.12), face.around("warmth", 0.0, 0.10)
    tint = np.array([1 + warmth, 1, 1 - warmth], dtype=np.float32)
    slope = np.float32(0.1 * face.luck["gradient"])
    middle = np.float32(face.between("gain", 0.78, 1.15))
    gain = middle + slope * _along(canvas, face.luck["gradient_turn"])
    picture = canvas.rgb * np.float32(contrast) + np.float32(0.5 - 0.5 * contrast)
    picture *= gain[:, :, None] * tint
    radius = 0.006 * face.luck["blur"] + 0.032 * max(0.0, face["Blurry"] - 0.2)
    picture = _blur(picture, size * radius)
    u = rng.random((2, size, size, 4), dtype=np.float32)
    grain = (u[0] - u[1]) * np.float32(0.008 + 0.05 * face.luck["noise"] ** 3)
    picture += grain[:, :, :3]
    picture += grain[:, :, 3:]
    return _to_image(picture)


def _blur(picture: Array, radius: float) -> Array:
    if radius < 0.25:
        return picture
    blurred = _to_image(picture).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(blurred, dtype=np.float32) * np.float32(1 / 255)


def _to_image(picture: Array) -> Image.Image:
    levels = picture.clip(0, 1) * np.float32(255) + np.float32(0.5)
    return Image.fromarray(levels.astype(np.uint8))
