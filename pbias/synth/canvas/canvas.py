"""A canvas for painting shapes: head coordinates in, anti-aliased pixels out.

Shapes: n points, h rows and w columns of a window, S pixels a side.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pbias.synth.canvas.shapes import Points, Spot

Array = NDArray[np.float32]
Ink = tuple[int, int, int, int]

MIN_SIZE, MAX_SIZE = 16, 1024
SKULL_WIDTH, SKULL_HEIGHT, SKULL_DEPTH = 1.06, 1.42, 0.85
SKULL = np.array([SKULL_WIDTH**-2, SKULL_HEIGHT**-2])  # for the ellipse (x, y)^2 @ SKULL = 1
_COUNT = np.arange(MAX_SIZE)
FAINTEST = 0.004  # less than one of 255 levels


@dataclass(frozen=True)
class Pose:
    """Position and direction of the head: angles in radians, lengths in image sides."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    x: float
    y: float


@dataclass(frozen=True)
class Layer:
    """The coverage of a window's pixels by a shape, [h, w] of 0 to 1."""

    rows: slice
    columns: slice
    alpha: Array


@functools.cache
def _pixel_centres(size: int) -> tuple[Array, Array]:
    centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
    return centres[None, :], centres[:, None]


def _rotation(angle: float) -> Points:
    """Return the matrix that turns row vectors clockwise on the screen."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])


def _limited(ink: Ink) -> Ink:
    red, green, blue, alpha = (min(value, 255) for value in ink)
    return red, green, blue, alpha


class Canvas:
    """Pixels [S, S, 3] of 0 to 1, with the pose that places shapes on them."""

    def __init__(self, size: int, pose: Pose) -> None:
        """Start black; x and y are the head coordinates of every pixel, not turned in depth."""
        self.size = size
        self.unit = pose.scale * size
        self.detail = 4 if size <= 128 else 2
        self.rgb = np.zeros((size, size, 3), dtype=np.float32)
        self.light = np.ones((size, size), dtype=np.float32)
        self._sheet = Image.new("L", (size * self.detail, size * self.detail))
        self._pen = ImageDraw.Draw(self._sheet)
        self._waiting: list[tuple[Points, Ink]] = []
        self._origin = np.array([pose.x, pose.y]) * size
        self._upright = self.unit * _rotation(pose.roll)
        self._leaning = self.unit * _rotation(0.35 * pose.roll)
        self._narrow = np.array([math.cos(pose.yaw), math.cos(pose.pitch)])
        self._towards = np.array([math.sin(pose.yaw), math.sin(pose.pitch)])
        self._flat = self._narrow[:, None] * self._upright
        self._deep = self._towards @ self._upright
        inverse = (_rotation(-pose.roll) / self.unit).astype(np.float32)
        column, row = _pixel_centres(size)
        dx, dy = column - np.float32(self._origin[0]), row - np.float32(self._origin[1])
        self.x: Array = dx * inverse[0, 0] + dy * inverse[1, 0]
        self.y: Array = dx * inverse[0, 1] + dy * inverse[1, 1]

    def face(self, points: Points, lift: float = 0.0, bulge: float = 1.0) -> Points:
        """Return the pixels of points on the face, which bulges by `bulge`, `lift` above it."""
        depth = np.sqrt(np.maximum(1 - points * points @ SKULL, 0))[..., None]
        towards = self._deep * (bulge * SKULL_DEPTH)
        placed: Points = points @ self._flat + depth * towards + (self._origin + lift * self._deep)
        return placed

    def head(self, points: Points, lift: float = 0.0) -> Points:
        """Return the pixels of points on the outline of the head, or `lift` in front of it."""
        placed: Points = points @ self._flat + (self._origin + lift * self._deep)
        return placed

    def body(self, points: Points) -> Points:
        """Return the pixels of points below the head, which lean less than the head."""
        placed: Points = points @ self._leaning + self._origin
        return placed

    def fill(self, shape: Points, color: Array, opacity: float = 1.0, lit: bool = True) -> None:
        """Draw a small polygon [n, 2], or several [k, n, 2], in pixels, each with uniform light.

        Polygons are queued until something else needs the pixels, and then drawn together.
        """
        if opacity <= FAINTEST:
            return
        alpha = min(255, round(255 * opacity))
        red, green, blue = color.tolist()
        for polygon in shape if shape.ndim == 3 else (shape,):
            light = self._light_at(*polygon[len(polygon) // 4].tolist()) if lit else 255.0
            ink = (int(light * red), int(light * green), int(light * blue), alpha)
            self._waiting.append((polygon, ink if max(ink) < 256 else _limited(ink)))

    def _light_at(self, x: float, y: float) -> float:
        last = self.size - 1
        return 255.0 * float(self.light[min(max(int(y), 0), last), min(max(int(x), 0), last)])

    def flush(self) -> None:
        """Draw the queued polygons: enlarge the affected pixels, draw, and shrink them again."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        every = np.concatenate([polygon for polygon, _ in waiting])
        window = self._window(every.min(axis=0).tolist(), every.max(axis=0).tolist())
        if window is None:
            return
        k, (rows, columns) = self.detail, window
        levels = (self.rgb[window].clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        height, width = levels.shape[:2]
        image = Image.frombytes("RGB", (width, height), levels.tobytes())
        image = image.resize((width * k, height * k), Image.Resampling.NEAREST)
        pen = ImageDraw.Draw(image, "RGBA")
        corner = np.array([columns.start + 0.5 / k, rows.start + 0.5 / k])
        flat, start = ((every - corner) * k).ravel().tolist(), 0
        for polygon, ink in waiting:
            end = start + polygon.size
            pen.polygon(flat[start:end], fill=ink)
            start = end
        drawn = np.frombuffer(image.reduce(k).tobytes(), dtype=np.uint8)
        self.rgb[window] = drawn.reshape(height, width, 3) * np.float32(1 / 255)

    def layer(self, polygon: Points) -> Layer | None:
        """Return the coverage of a polygon [n, 2], in pixels; None if it lies outside the image."""
        window = self._window(polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist())
        if window is None:
            return None
        k, (rows, columns) = self.detail, window
        box = (columns.start * k, rows.start * k, columns.stop * k, rows.stop * k)
        self._sheet.paste(0, box)
        self._pen.polygon((polygon * k - 0.5).ravel().tolist(), fill=255)
        cover = self._sheet.reduce(k, box)
        alpha = np.frombuffer(cover.tobytes(), dtype=np.uint8).reshape(cover.height, cover.width)
        return Layer(rows, columns, alpha * np.float32(1 / 255))

    def glow(self, *spots: Spot, on_face: bool = True, inside: Layer | None = None) -> Layer | None:
        """Return the sum of soft spots, each a bell curve; on the face, or flat like the image.

        `inside` limits them to another layer.
        """
        centres, spreads = [], []
        for x, y, rx, ry, _ in spots:
            centres.append(self._turned(x, y) if on_face else (x, y))
            spreads.append((rx, ry))
        pixels = np.array(centres) @ self._upright + self._origin
        spread = np.array(spreads) * self.unit
        if inside is None:
            low, high = (pixels - 2.6 * spread).min(axis=0), (pixels + 2.6 * spread).max(axis=0)
            window = self._window(low.tolist(), high.tolist())
        else:
            window = (inside.rows, inside.columns)
        if window is None:
            return None
        x_scaled, y_scaled = ((pixels - 0.5) / spread).T[:, :, None]
        across = _COUNT[window[1]] / spread[:, :1] - x_scaled
        down = _COUNT[window[0]] / spread[:, 1:] - y_scaled
        weights = np.array([[spot[4]] for spot in spots])
        bells_x, bells_y = np.exp(-0.5 * across * across), weights * np.exp(-0.5 * down * down)
        alpha = (bells_y.T @ bells_x).astype(np.float32)
        return Layer(*window, alpha if inside is None else alpha * inside.alpha)

    def _turned(self, x: float, y: float) -> tuple[float, float]:
        """Return the head coordinates of a point on the face after the head has turned."""
        inside = 1 - (x / SKULL_WIDTH) ** 2 - (y / SKULL_HEIGHT) ** 2
        depth = SKULL_DEPTH * math.sqrt(max(inside, 0.0))
        narrow, towards = self._narrow.tolist(), self._towards.tolist()
        return x * narrow[0] + depth * towards[0], y * narrow[1] + depth * towards[1]

    def _window(self, low: list[float], high: list[float]) -> tuple[slice, slice] | None:
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(self.size, int(high[0]) + 1), min(self.size, int(high[1]) + 1)
        if right <= left or bottom <= top:
            return None
        return slice(top, bottom), slice(left, right)

    def paint(
        self, layer: Layer | None, color: Array, opacity: float = 1.0, lit: bool = True
    ) -> None:
        """Paint a color [3], or a colored window [h, w, 3], over the existing pixels."""
        if layer is None or opacity <= FAINTEST:
            return
        self.flush()
        window = self.rgb[layer.rows, layer.columns]
        if lit:
            color = color * self.light[layer.rows, layer.columns, None]
        window += (layer.alpha * np.float32(opacity))[:, :, None] * (color - window)
