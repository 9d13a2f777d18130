"""Outlines of shapes, as points [n, 2] in head coordinates.

Head coordinates: the face is about 2 wide, x to the right, y down, (0, 0) between the eyes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Spot = tuple[float, float, float, float, float]  # x, y, standard deviations in x and y, weight

MIRROR = np.array([-1.0, 1.0])


@functools.cache
def _spline_basis(num: int, closed: bool, samples: int) -> Points:
    """Return the matrix [.., num] from control points to points on their Catmull-Rom spline."""
    segments = num if closed else num - 1
    t = np.arange(samples) / samples
    weights = np.stack(
        [
            -0.5 * t + t**2 - 0.5 * t**3,
            1 - 2.5 * t**2 + 1.5 * t**3,
            0.5 * t + 2 * t**2 - 1.5 * t**3,
            -0.5 * t**2 + 0.5 * t**3,
        ]
    )
    basis = np.zeros((segments, samples, num))
    for segment in range(segments):
        for k in range(4):
            index = segment + k - 1
            index = index % num if closed else min(max(index, 0), num - 1)
            basis[segment, :, index] += weights[k]
    flat = basis.reshape(-1, num)
    return flat if closed else np.vstack([flat, np.eye(num)[-1]])


def xy(x: Sequence[float] | Points, y: Sequence[float] | Points) -> Points:
    """Return points [n, 2] from their two coordinates."""
    return np.array([x, y]).T


def curve(points: Points, samples: int = 5) -> Points:
    """Return an open smooth line through the points."""
    smooth: Points = _spline_basis(len(points), False, samples) @ points
    return smooth


def blob(points: Points, samples: int = 5) -> Points:
    """Return a closed smooth outline through the points."""
    smooth: Points = _spline_basis(len(points), True, samples) @ points
    return smooth


def symmetric(right: Points) -> Points:
    """Add the mirror image to the right half of an outline that starts and ends on the axis."""
    return np.concatenate([right, right[-2:0:-1] * MIRROR])


def both_spots(*right: Spot) -> list[Spot]:
    """Return soft spots on the right half of the face, and their mirror images on the left."""
    return [(side * x, y, rx, ry, w) for side in (1, -1) for x, y, rx, ry, w in right]


def both(right: Points) -> Points:
    """Return a shape on the right [n, 2] with its mirror image on the left, [2, n, 2]."""
    pair = np.empty((2, *right.shape))
    pair[0] = right
    pair[1] = right * MIRROR
    return pair


@functools.cache
def _circle(num: int) -> Points:
    angle = 2 * np.pi * np.arange(num) / num
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, num: int = 20) -> Points:
    """Return the outline of an ellipse."""
    return _circle(num) * (rx, ry) + (x, y)


def ribbon(points: Points, widths: Points | float) -> Points:
    """Return the outline of a stroke along the points, with the given width at each."""
    line = np.ascontiguousarray(points).view(np.complex128)[:, 0]
    step = np.empty_like(line)
    step[1:-1] = line[2:] - line[:-2]
    step[0], step[-1] = line[1] - line[0], line[-1] - line[-2]
    offset = step * (0.5j * widths / (np.abs(step) + 1e-9))
    edges = np.concatenate([line + offset, (line - offset)[::-1]])
    return edges.view(np.float64).reshape(-1, 2)


@functools.cache
def taper(num: int, start: float = 0.2, end: float = 0.2) -> Points:
    """Return the widths of a brush stroke: full in the middle, thin at both ends."""
    t = np.linspace(0, 1, num)
    return np.minimum(1.0, np.minimum(start + 3 * t, end + 3 * (1 - t)))
