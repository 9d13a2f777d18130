"""A face to draw: the strengths of its attributes, and random traits beyond the labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pbias.synth.canvas.canvas import Array, Pose
from pbias.synth.labels.celeba_table import read_table
from pbias.synth.labels.sampling import ATTRIBUTES

RATES = dict(zip(ATTRIBUTES, read_table().rates.tolist(), strict=True))

# Present or absent: nothing of these is visible without the label. Other attributes are gradual.
CRISP = frozenset(
    {"Bald", "Bangs", "Eyeglasses", "Wearing_Earrings", "Wearing_Hat", "Wearing_Necklace"}
    | {"Wearing_Necktie"}
)

# All traits of a face that are not labels, each an independent number in [0, 1).
LUCK_NAMES = """
    yaw pitch roll scale x y skin skin_hue light_x light_y light_k length squareness cheek
    ears neck wrinkle freckle bag_size eye_size eye_gap eye_y iris iris_light gaze lid
    shadow_hue brow_y brow_angle brow_shade nose nose_length mouth_width mouth_y lip_hue
    lipstick_hue lip_shape hair_length hair_volume hair_part hair_hue hair_light hair_flare
    hair_wave hair_style hair_ends hairline fringe bald_sides hat hat_hue hat_light hat_y
    glasses glasses_hue glasses_size sun earring earring_hue necklace necklace_hue tie tie_hue
    cloth_hue cloth_light collar neckline shoulders back_hue back_light back_turn back_spread
    spot_hue spot_size hide hide_kind hide_x hide_y hide_hue blur noise gain contrast warmth
    gradient gradient_turn male_jaw male_brow male_nose male_lip male_neck male_hair male_eye
    male_cloth old_fold old_brow old_eye old_jaw old_hair old_lip old_skin
"""
LUCK = tuple(LUCK_NAMES.split())
STREAKS = 128


class Face:
    """Strengths of attributes, 0 to 1 with the threshold at 0.5, and random traits by name."""

    def __init__(self, labels: NDArray[np.int8], rng: np.random.Generator) -> None:
        """Draw all random traits in one order, so that changing a label changes nothing else."""
        u = rng.random(len(ATTRIBUTES))
        drawn = zip(ATTRIBUTES, labels.tolist(), u.tolist(), strict=True)
        self.strength = {name: _strength(name, *pair) for name, *pair in drawn}
        self.luck: dict[str, float] = dict(zip(LUCK, rng.random(len(LUCK)).tolist(), strict=True))
        self.streaks: Array = rng.random((2, STREAKS), dtype=np.float32)

    def __getitem__(self, attribute: str) -> float:
        """Return how strongly the attribute shows."""
        return self.strength[attribute]

    def between(self, name: str, low: float, high: float) -> float:
        """Map a random trait to a number between `low` and `high`."""
        return low + (high - low) * self.luck[name]

    def around(self, name: str, middle: float, spread: float) -> float:
        """Map a random trait to a number at most `spread` from `middle`, mostly much closer."""
        offset = 2 * self.luck[name] - 1
        return middle + spread * math.copysign(abs(offset) ** 1.5, offset)

    def strands(self, row: int, place: Array) -> Array:
        """Return smooth noise along a line, 0 to 1: strands at `place`, one per unit."""
        whole = np.floor(place)
        index, share = whole.astype(np.int32), place - whole
        before, after = self.streaks[row, index % STREAKS], self.streaks[row, (index + 1) % STREAKS]
        strands: Array = before + share * (after - before)
        return strands

    def male(self, cue: str) -> float:
        """Return one of the cues of Male, 0 to 1; cues vary independently, and none is decisive."""
        return _clip(self["Male"] + 0.9 * (self.luck[f"male_{cue}"] - 0.5))

    def old(self, cue: str) -> float:
        """Return one of the cues of not Young, 0 to 1."""
        return _clip(1 - self["Young"] + 0.7 * (self.luck[f"old_{cue}"] - 0.5))

    @property
    def pose(self) -> Pose:
        """Pose of the head in the image: eyes near one place, as in aligned faces."""
        return Pose(
            yaw=self.around("yaw", 0.0, 0.36),
            pitch=self.around("pitch", 0.02, 0.15),
            roll=self.around("roll", 0.0, 0.14),
            scale=self.between("scale", 0.24, 0.272),
            x=self.around("x", 0.5, 0.035),
            y=self.around("y", 0.445, 0.025),
        )


def _strength(attribute: str, label: int, u: float) -> float:
    """Return a strength that is mostly clear, sometimes near the threshold or just across it.

    As many faces without a rare attribute come close to the threshold as faces with it.
    """
    if attribute in CRISP:
        return label * (1 - 0.6 * u * u)
    rate = RATES[attribute]
    against = rate / (1 - rate) if label else (1 - rate) / rate
    weak = 0.54 * math.pow(u, 3 * max(1.0, against))
    return 1 - weak if label else weak


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
