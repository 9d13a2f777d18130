"""What a metric is: one entry holds its words, its function and its behavior.

Inference, gates, tables, `explain`, the docs, reports and the overriding curve ask the entry; no
module tests the name of a metric. To add one, write its function and its entry beside the metrics
it is like, and put the entry into the list in registry.py.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Scale(enum.Enum):
    """The scale on which the error of a metric is nearly symmetric, for its intervals."""

    IDENTITY = "identity"
    LOGIT = "logit"  # shares, between 0 and 1
    LOG = "log"  # ratios
    SQUARES = "squares"  # sums of squared errors, whose variance grows with them


class Counted(enum.Enum):
    """What the two counts of a measure, `successes` and `trials`, are."""

    PROPORTION = "successes among trials"
    RATIO = "counts above and below the line"
    CLASSES = "positives and negatives"


class Noise(enum.Enum):
    """What noise alone does to a metric."""

    NONE = "nothing on average"
    ALIKE = "raises it, in both models alike: the change has an interval, the value has none"
    LARGEST = "raises the largest of several: neither value nor change has an interval"


class Compares(enum.Enum):
    """What a metric needs, and so what its function takes."""

    NOTHING = "one model"  # Model -> Measure
    PREDICTIONS = "the predictions of both models, row by row"  # JointSums -> Measure
    MODELS = "a difference of the same number in both models"  # Model -> Measure, for each model


class Good(enum.Enum):
    """Which way of a metric is good, where one of them is."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "near a value, or neither"


class Curve(enum.Enum):
    """How the overriding curve shows a metric."""

    NONE = "not at all"
    OVERALL = "over everyone"
    CONTRASTS = "its differences between the values of a group, and how they changed"
    GROUPS = "its value for each group, and how that changed"


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """How a measure behaves in inference; the defaults are those of a plain proportion."""

    scale: Scale = Scale.IDENTITY
    counted: Counted = Counted.PROPORTION
    noise: Noise = Noise.NONE
    highest: float = math.inf  # by definition, where the scale does not say so
    signed: bool = False  # compared with 0 also without a reference
    of_scores: bool = False  # from probabilities or their order: changes where no prediction does
    of_labels: bool = False  # of labels alone: the same in both models
    # What a value may rise to if a share more of the rows are wrong than were seen: (value, share).
    risen: Callable[[Any, Any], Any] | None = None
    rare: int = 10  # with fewer rows that are wrong, it may be that much higher
    fact: str = ""  # a fact of the sample, not an estimate: how reports call attributes with a 1

    @property
    def limit(self) -> float:
        """The highest value of a metric that is never below 0; inf where there is none."""
        return 1.0 if self.scale is Scale.LOGIT else self.highest


@dataclass(frozen=True, kw_only=True)
class Metric(Behavior):
    """One metric: words, function, behavior.

    `compute` takes what `compares` says and returns None where the metric has no rows.
    """

    name: str
    # What people read.
    title: str
    formula: str
    range: str
    better: str  # what a good value is
    undefined: str  # when there is no value
    source: str
    good: Good = Good.NEITHER  # the same as `better`, for what is worse and what is not
    spoken: str = ""  # what verdicts call it; those of no such name are not in verdicts
    short: str = ""  # the name in narrow tables
    mean_title: str = ""  # the name of its mean over attributes, where that is something else
    # How it is computed.
    compute: Callable[[Any], Any]
    compares: Compares = Compares.NOTHING
    labels: bool = True  # needs labels
    ranked: bool = False  # needs the order of logits
    products: bool = False  # needs products of the predictions for every two targets
    # Model -> Flips: the rows whose flips are the change, and those whose errors are what the value
    # differs by from that of perfect predictions.
    flips: Callable[[Any], Any] | None = None
    errors: Callable[[Any], Any] | None = None
    part: Metric | None = None  # the metric that this one is the change of differences of
    # Where it is shown.
    contrasted: bool = False  # by group value, with contrasts and spreads
    of_groups: bool = False  # one number a group, none for everyone
    pooled: bool = False  # one number over all attributes, in the row without attribute
    largest: bool = False  # with the largest of a group's values
    smallest: bool = False  # with the smallest of a group's values
    headline: bool = False  # among the means over attributes that reports begin with
    watched: bool = False  # reports say how large a change could have been missed
    binary_only: bool = False  # says little of classes, of which one is always predicted
    by_value: bool = False  # among the numbers that reports show for each group value
    spotlight: str = ""  # the title of its own section in reports
    curve: Curve = Curve.NONE

    @property
    def is_change(self) -> bool:
        """Whether it says what compression changed, and so needs a reference."""
        return self.compares is not Compares.NOTHING

    @property
    def label(self) -> str:
        """The name in narrow tables."""
        return self.short or self.name.replace("_", " ")
