"""Faces drawn by the program: labels that follow CelebA's, pictures that show them."""

from __future__ import annotations

from pbias.data.synth.draw import draw_face
from pbias.data.synth.labels import ATTRIBUTES, draw_labels, with_label
from pbias.data.synth.sheet import contact_sheet
from pbias.data.synth.write import write_faces

__all__ = [
    "ATTRIBUTES",
    "contact_sheet",
    "draw_face",
    "draw_labels",
    "with_label",
    "write_faces",
]
