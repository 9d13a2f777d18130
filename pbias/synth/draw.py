"""Draw a face from a row of labels, part by part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pbias.synth import scene
from pbias.synth.canvas.canvas import Canvas
from pbias.synth.face import accessories, beard, clothes, eyes, hair, head, mouth, nose, skin
from pbias.synth.face.face import Face
from pbias.synth.labels.sampling import FACE_STREAM


def draw_face(labels: NDArray[np.int8], seed: int, index: int, size: int) -> NDArray[np.uint8]:
    """Draw a face [S, S, 3] with these labels [A]; seed and index determine everything else."""
    return np.asarray(draw_image(labels, seed, index, size))


def draw_image(labels: NDArray[np.int8], seed: int, index: int, size: int) -> Image.Image:
    """Return `draw_face` as an image."""
    rng = _stream(seed, index)
    face = Face(labels, rng)
    canvas = Canvas(size, face.pose)
    _paint_person(canvas, face)
    return scene.photograph(canvas, face, rng)


def draw_person(labels: NDArray[np.int8], seed: int, index: int) -> Face:
    """Return the face that `draw_face` draws, before it is drawn."""
    return Face(labels, _stream(seed, index))


def _stream(seed: int, index: int) -> np.random.Generator:
    return np.random.default_rng([seed, FACE_STREAM, index])


def _paint_person(canvas: Canvas, face: Face) -> None:
    """Paint the parts from back to front."""
    tone, color = skin.skin_color(face), hair.hair_color(face)
    scene.draw_background(canvas, face)
    skin.set_light(canvas, face)
    hair.draw_back_hair(canvas, face, color)
    head.draw_neck(canvas, face, tone)
    head.draw_double_chin(canvas, face, tone)
    clothes.draw_clothes(canvas, face)
    clothes.draw_necklace(canvas, face)
    head.draw_ears(canvas, face, tone)
    skin.draw_face(canvas, face, tone)
    skin.draw_age(canvas, face, tone)
    beard.draw_beard(canvas, face, tone, color)
    mouth.draw_mouth(canvas, face, tone)
    nose.draw_nose(canvas, face, tone)
    beard.draw_mustache(canvas, face, color)
    eyes.draw_eyes(canvas, face, tone)
    eyes.draw_brows(canvas, face, color)
    hair.draw_front_hair(canvas, face, color)
    accessories.draw_glasses(canvas, face)
    accessories.draw_earrings(canvas, face)
    accessories.draw_hat(canvas, face)
    scene.draw_in_front(canvas, face)
