"""Metric entries: each contains the descriptions, the function and the behavior of a metric.

Inference, gates, tables, `explain`, the docs, reports and the overriding curve read the entry; no
module tests the name of a metric. To add a metric, write its function and its entry beside similar
metrics, and add the entry to the list in registry.py.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Scale(enum.Enum):
    """The scale on which the error of a metric is nearly symmetric, for its intervals."""

    IDENTITY = "identity"
    LOGIT = "logit"  # shares, between 0 and 1
    LOG = "log"  # ratios
    SQUARES = "squares"  # sums of squared errors, whose variance grows with their value


class Counted(enum.Enum):
    """The meaning of a measure's two counts, `successes` and `trials`."""

    PROPORTION = "successes among trials"
    RATIO = "counts above and below the line"
    CLASSES = "positives and negatives"


class Noise(enum.Enum):
    """The effect of noise alone on a metric."""

    NONE = "nothing on average"
    ALIKE = "raises it, in both models alike: the change has an interval, the value has none"
    LARGEST = "raises the largest of several: neither value nor change has an interval"


class Compares(enum.Enum):
    """The models that a metric compares, which determine the argument of its function."""

    NOTHING = "one model"  # Model -> Measure
    PREDICTIONS = "the predictions of both models, row by row"  # JointSums -> Measure
    MODELS = "a difference of the same number in both models"  # Model -> Measure, for each model


class Good(enum.Enum):
    """The good direction of a metric, if there is one."""

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
    """The behavior of a measure in inference; the defaults are those of a plain proportion."""

    scale: Scale = Scale.IDENTITY
    counted: Counted = Counted.PROPORTION
    noise: Noise = Noise.NONE
    highest: float = math.inf  # by definition, if the scale does not imply it
    signed: bool = False  # compared with 0 even without a reference
    of_scores: bool = False  # from probabilities or order, which change without predictions
    of_labels: bool = False  # from labels alone, so equal in both models
    # The value that would result if a further share of the rows were wrong: (value, share).
    risen: Callable[[Any, Any], Any] | None = None
    rare: int = 10  # the rule applies with fewer wrong rows than this
    fact: str = ""  # a fact of the sample, not an estimate: the word for attributes with a 1

    @property
    def limit(self) -> float:
        """The highest value of a metric that is never below 0; inf if there is none."""
        return 1.0 if self.scale is Scale.LOGIT else self.highest


@dataclass(frozen=True, kw_only=True)
class Metric(Behavior):
    """A metric: its descriptions, function and behavior.

    `compute` takes the argument that `compares` implies, and returns None if the metric has no
    rows.
    """

    name: str
    # Descriptions for people.
    plain: str  # a sentence without symbols
    title: str
    formula: str
    range: str
    better: str  # what a good value is
    undefined: str  # when there is no value
    source: str
    good: Good = Good.NEITHER  # the same as `better`, for comparisons
    spoken: str = ""  # name in verdicts; metrics without one are not in verdicts
    short: str = ""  # name in narrow tables
    mean_title: str = ""  # name of its mean over attributes, if different
    # Computation.
    compute: Callable[[Any], Any]
    compares: Compares = Compares.NOTHING
    labels: bool = True  # needs labels
    ranked: bool = False  # needs the order of logits
    products: bool = False  # needs products of the predictions for pairs of targets
    # Model -> Flips: the rows whose flips make up the change, and the rows whose errors make up the
    # difference from perfect predictions.
    flips: Callable[[Any], Any] | None = None
    errors: Callable[[Any], Any] | None = None
    part: Metric | None = None  # the metric whose differences change, if this is such a change
    # Presentation.
    contrasted: bool = False  # by group value, with contrasts and spreads
    of_groups: bool = False  # one number per group, none for everyone
    pooled: bool = False  # one number over all attributes, in the row without attribute
    largest: bool = False  # with the largest value of a group
    smallest: bool = False  # with the smallest value of a group
    headline: bool = False  # among the means over attributes that reports begin with
    watched: bool = False  # reports say how large a change could have been missed
    binary_only: bool = False  # not informative for classes, of which one is always predicted
    by_value: bool = False  # among the numbers that reports show for each group value
    spotlight: str = ""  # title of its own section in reports
    curve: Curve = Curve.NONE

    @property
    def is_change(self) -> bool:
        """Whether the metric measures a change by compression, so that it needs a reference."""
        return self.compares is not Compares.NOTHING

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value by `range`; infinite if it names no two ends.

        >>> from pbias.auditing.metrics.registry import METRICS
        >>> METRICS["did_tpr"].bounds, METRICS["tcb"].bounds
        ((-2.0, 2.0), (-inf, inf))
        """
        ends = re.fullmatch(r"(-?[\d.]+) to (-?[\d.]+)", self.range)
        return (float(ends[1]), float(ends[2])) if ends else (-math.inf, math.inf)

    @property
    def label(self) -> str:
        """The name in narrow tables."""
        return self.short or self.name.replace("_", " ")
