"""Synthetic faces: labels with CelebA's frequencies, and drawn images that show them.

`labels` samples the attributes of each face, `face` draws its parts on a `canvas`, and `scene` adds
the surroundings.
"""

from __future__ import annotations

from pbias.synth.draw import draw_face
from pbias.synth.labels.sampling import ATTRIBUTES, draw_labels, with_label
from pbias.synth.sheet import contact_sheet
from pbias.synth.write import write_faces

__all__ = [
    "ATTRIBUTES",
    "contact_sheet",
    "draw_face",
    "draw_labels",
    "with_label",
    "write_faces",
]
