"""Facial hair: shadow, full beard, goatee, mustache, sideburns."""

from __future__ import annotations

import numpy as np

from pbias.synth.canvas.canvas import Array, Canvas, Layer
from pbias.synth.canvas.palette import mix, rgb, tone
from pbias.synth.canvas.shapes import blob, both, curve, symmetric, xy
from pbias.synth.face.face import Face
from pbias.synth.face.head import chin_y, outline

UPPER_EDGE = curve(
    xy(
        [-0.9, -0.68, -0.42, -0.2, 0, 0.2, 0.42, 0.68, 0.9],
        [0.25, 0.55, 0.62, 0.52, 0.50, 0.52, 0.62, 0.55, 0.25],
    )
)
GOATEE = blob(
    symmetric(xy([0, 0.19, 0.31, 0.29, 0.18, 0], [-0.36, -0.34, -0.20, -0.04, 0.10, 0.16]))
)
SIDEBURN = blob(xy([0.82, 0.98, 0.98, 0.86, 0.70, 0.76], [-0.4, -0.4, 0.3, 0.62, 0.5, 0.1]))
MUSTACHE = blob(symmetric(xy([0, 0.18, 0.40, 0.47, 0.28, 0], [0.50, 0.50, 0.62, 0.78, 0.72, 0.66])))


def draw_beard(canvas: Canvas, face: Face, skin: Array, hair: Array) -> None:
    """Draw a shadow or beard, goatee and sideburns."""
    color, shadow = _color(hair), mix(tone(skin, 0.5), rgb(58, 62, 74), 0.5)
    stubble, beard = _grown(face, "5_o_Clock_Shadow"), _grown(face, "No_Beard")
    parts = max(face["Goatee"], face["Mustache"], face["Sideburns"], face["5_o_Clock_Shadow"])
    if stubble > 0 or beard > 0:
        area = _area(canvas, face)
        _paint(canvas, face, area, shadow, 0.95 * stubble)
        _paint(canvas, face, area, color, beard * (0.95 if parts < 0.5 else 0.42))
    goatee, sideburns = _grown(face, "Goatee"), _grown(face, "Sideburns")
    if goatee > 0:
        layer = canvas.layer(canvas.face(GOATEE + (0, chin_y(face))))
        _paint(canvas, face, layer, color, 1.05 * goatee)
    if sideburns > 0:
        for side in canvas.head(both(SIDEBURN)):
            _paint(canvas, face, canvas.layer(side), color, 1.05 * sideburns)


def draw_mustache(canvas: Canvas, face: Face, hair: Array) -> None:
    """Draw the mustache between nose and mouth."""
    mustache = _grown(face, "Mustache")
    if mustache > 0:
        layer = canvas.layer(canvas.face(MUSTACHE, 0.06))
        _paint(canvas, face, layer, _color(hair), 1.1 * mustache)


def _color(hair: Array) -> Array:
    return mix(hair, rgb(26, 20, 18), 0.5)


def _grown(face: Face, name: str) -> float:
    """Return how much hair is visible; almost none on women without the label."""
    strength = 1 - face[name] if name == "No_Beard" else face[name]
    likely = 1.0 if strength > 0.5 else face["Male"]
    return likely * max(0.0, strength - 0.12)


def _area(canvas: Canvas, face: Face) -> Layer | None:
    """Return the area of a beard: cheeks below a line from ear to mouth, chin and upper lip."""
    edge = outline(face)
    low = edge[edge[:, 1] > 0.12]
    order = np.argsort(np.arctan2(-low[:, 0], low[:, 1] - 0.3))
    below = canvas.head(low[order] * 0.995)
    return canvas.layer(np.concatenate([below, canvas.face(UPPER_EDGE)]))


def _paint(canvas: Canvas, face: Face, layer: Layer | None, color: Array, opacity: float) -> None:
    """Paint short hair: the color broken up by grain."""
    if layer is None or opacity <= 0.01:
        return
    x, y = canvas.x[layer.rows, layer.columns], canvas.y[layer.rows, layer.columns]
    along = np.float32(31) * x + np.float32(17) * np.sin(np.float32(9) * y)
    grain = np.float32(0.72) + np.float32(0.4) * face.strands(1, along)
    canvas.paint(Layer(layer.rows, layer.columns, layer.alpha * grain), color, min(0.95, opacity))
