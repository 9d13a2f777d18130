"""Drawn faces: every label is visible, and nothing else depends on it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.synth import ATTRIBUTES, contact_sheet, draw_face, draw_labels, with_label
from pbias.synth.canvas.canvas import Canvas, Pose
from pbias.synth.canvas.shapes import blob, curve, ribbon
from pbias.synth.draw import draw_person

LABELS = draw_labels(400, seed=2)
STRAIGHT = Pose(yaw=0, pitch=0, roll=0, scale=0.25, x=0.5, y=0.5)


def difference(name: str, index: int) -> NDArray[np.float64]:
    """Return how much each pixel changes with one label, in levels of 0 to 255."""
    without = draw_face(with_label(LABELS[index], name, 0), 2, index, 64).astype(float)
    return np.abs(draw_face(with_label(LABELS[index], name, 1), 2, index, 64) - without).max(axis=2)


def examples(name: str, num: int = 4) -> list[int]:
    """Return faces with the attribute that are neither blurred nor covered."""
    hiding = LABELS[:, [ATTRIBUTES.index("Wearing_Hat"), ATTRIBUTES.index("Blurry")]]
    bare = ~hiding.any(axis=1)
    has = LABELS[:, ATTRIBUTES.index(name)] == 1
    if name == "No_Beard":
        has &= LABELS[:, ATTRIBUTES.index("Male")] == 1
    keep = has if name in ("Wearing_Hat", "Blurry") else has & bare
    return [int(index) for index in np.flatnonzero(keep)[:num]]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_is_seen(name: str) -> None:
    changed = [np.sort(difference(name, index).ravel())[-20:].mean() for index in examples(name)]
    assert len(changed) >= 3
    # The 20 pixels that change most: well above noise and rounding.
    assert np.median(changed) > 20


@pytest.mark.parametrize("name", ["Smiling", "Goatee", "Wearing_Necktie", "Wearing_Necklace"])
def test_a_label_changes_only_where_it_shows(name: str) -> None:
    changed = [difference(name, index)[:20].max() for index in examples(name, 12)]
    assert np.median(changed) == 0


def test_same_seed_and_index_draw_the_same_face() -> None:
    assert np.array_equal(draw_face(LABELS[3], 2, 3, 64), draw_face(LABELS[3], 2, 3, 64))


def test_other_seeds_and_indices_draw_other_faces() -> None:
    face = draw_face(LABELS[3], 2, 3, 64).astype(int)
    for seed, index in ((2, 4), (3, 3)):
        assert np.abs(draw_face(LABELS[3], seed, index, 64) - face).mean() > 5


@pytest.mark.parametrize("size", [16, 48, 64, 200])
def test_size_is_honoured(size: int) -> None:
    face = draw_face(LABELS[0], 2, 0, size)
    assert face.shape == (size, size, 3)
    assert face.dtype == np.uint8


def test_a_larger_face_is_the_same_face() -> None:
    """Only noise and edges differ, once both are blurred to the same detail."""
    small, large = draw_face(LABELS[5], 2, 5, 32), draw_face(LABELS[5], 2, 5, 128)
    coarse = large.reshape(8, 16, 8, 16, 3).mean(axis=(1, 3))
    assert np.abs(small.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3)) - coarse).mean() < 6


def test_pale_skin_is_lighter() -> None:
    lighter = [
        draw_face(with_label(LABELS[i], "Pale_Skin", 1), 2, i, 64)[28:40, 26:38].mean()
        - draw_face(with_label(LABELS[i], "Pale_Skin", 0), 2, i, 64)[28:40, 26:38].mean()
        for i in range(12)
    ]
    assert np.median(lighter) > 10


def test_some_faces_are_ambiguous_but_most_are_clear() -> None:
    smiling = LABELS[:, ATTRIBUTES.index("Smiling")]
    strength = np.array([draw_person(row, 2, i)["Smiling"] for i, row in enumerate(LABELS)])
    wrong = ((strength > 0.5) != smiling).mean()
    near = (np.abs(strength - 0.5) < 0.2).mean()
    assert 0 < wrong < 0.08
    assert 0.05 < near < 0.35


def test_no_cue_decides_who_is_male() -> None:
    row = with_label(LABELS[0], "Male", 1)
    jaws = np.array([draw_person(row, 2, i).male("jaw") for i in range(200)])
    others = np.array(
        [draw_person(with_label(row, "Male", 0), 2, i).male("jaw") for i in range(200)]
    )
    assert jaws.mean() > others.mean() + 0.4
    assert jaws.min() < others.max()


def test_contact_sheet_grows_with_the_faces() -> None:
    small, large = contact_sheet(16), contact_sheet(24)
    assert small.mode == "RGB"
    assert small.width < large.width and small.height < large.height


@pytest.mark.parametrize("size", [0, 15, 1025])
def test_contact_sheet_refuses_sizes_it_cannot_draw(size: int) -> None:
    with pytest.raises(UserError, match=f"{size} pixels"):
        contact_sheet(size)


def test_edges_are_anti_aliased() -> None:
    square = np.array([(10.0, 10.0), (20.5, 10.0), (20.5, 20.0), (10.0, 20.0)])
    layer = Canvas(64, STRAIGHT).layer(square)
    assert layer is not None
    assert layer.alpha[4, 4] == 1
    assert layer.alpha[4, 10] == pytest.approx(0.5, abs=0.26)


def test_shapes_outside_the_picture_are_ignored() -> None:
    canvas = Canvas(64, STRAIGHT)
    far = np.array([(90.0, 90.0), (99.0, 90.0), (99.0, 99.0)])
    assert canvas.layer(far) is None
    canvas.fill(far, np.ones(3, dtype=np.float32))
    canvas.flush()
    assert canvas.rgb.max() == 0


def test_splines_run_through_their_points() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2))
    assert np.allclose(curve(points, 4)[::4], points)
    assert np.allclose(blob(points, 4)[::4], points)


def test_ribbons_are_as_wide_as_asked() -> None:
    line = np.stack([np.linspace(0, 5, 6), np.zeros(6)], axis=1)
    outline = ribbon(line, 0.4)
    assert np.allclose(np.abs(outline[:, 1]), 0.2)
    assert len(outline) == 12
