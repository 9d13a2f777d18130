"""Colors, as float32 RGB of 0 to 1."""

from __future__ import annotations

import colorsys

import numpy as np

from pbias.synth.canvas.canvas import Array


def rgb(red: int, green: int, blue: int) -> Array:
    """Return a color from three numbers of 0 to 255."""
    return np.array([red, green, blue], dtype=np.float32) / np.float32(255)


def hsv(hue: float, saturation: float, value: float) -> Array:
    """Return a color from hue, saturation and value, each 0 to 1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32)


def mix(first: Array, second: Array, share: float) -> Array:
    """Mix two colors with `share` of the second."""
    return first + np.float32(share) * (second - first)


def tone(color: Array, *factors: float) -> Array:
    """Return the color times one factor, or one factor per channel."""
    return color * np.array(factors, dtype=np.float32)


def ramp(colors: Array, position: float) -> Array:
    """Return the color at `position` (0 to 1) in a row of colors [n, 3]."""
    place = min(max(position, 0.0), 0.9999) * (len(colors) - 1)
    index = int(place)
    return mix(colors[index], colors[index + 1], place - index)


WHITE, BLACK = rgb(255, 255, 255), rgb(12, 10, 12)

# From deep to light; pale skin lies beyond the last.
SKIN = np.stack(
    [
        rgb(74, 46, 34),
        rgb(112, 72, 50),
        rgb(156, 106, 74),
        rgb(194, 142, 106),
        rgb(219, 170, 135),
        rgb(232, 188, 156),
        rgb(238, 199, 172),
    ]
)
PALE_SKIN = rgb(246, 227, 218)
BLOOD = rgb(214, 84, 84)

BLACK_HAIR = np.stack([rgb(14, 12, 16), rgb(34, 28, 30)])
BROWN_HAIR = np.stack([rgb(74, 46, 28), rgb(118, 74, 42)])
BLOND_HAIR = np.stack([rgb(202, 164, 96), rgb(240, 218, 160)])
GRAY_HAIR = np.stack([rgb(148, 148, 152), rgb(222, 222, 224)])
# Hair colors without a label: near-black brown, red, sandy.
OTHER_HAIR = np.stack(
    [rgb(44, 30, 24), rgb(54, 36, 26), rgb(96, 44, 24), rgb(150, 80, 40), rgb(160, 122, 78)]
)

IRIS = np.stack([rgb(58, 34, 20), rgb(84, 54, 30), rgb(96, 104, 60), rgb(84, 130, 170)])
LIPSTICK = np.stack([rgb(204, 20, 48), rgb(220, 44, 96), rgb(150, 16, 62), rgb(226, 84, 70)])
METAL = np.stack([rgb(236, 200, 92), rgb(222, 224, 232), rgb(250, 244, 232), rgb(80, 190, 200)])
