"""Pruning methods (score, scope, weights that must stay), and the weights that a method chooses.

Arrays are [L], one number per layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbias.errors import UserError
from pbias.pruning import selection
from pbias.pruning.importance import FISHER, REDUCTIONS, TAYLOR
from pbias.pruning.keeping import KEPT, UNSTRUCTURED, Keeping, parse_pattern
from pbias.pruning.layers import chosen_names
from pbias.pruning.selection import Weights, num_zeros
from pbias.pruning.weight_scores import MAGNITUDE, Score, magnitude, magnitude_norm, random

SCORES: dict[str, Callable[[int], Score]] = {
    "magnitude": lambda seed: magnitude,
    "magnitude_norm": lambda seed: magnitude_norm,
    "random": random,
    # Magnitude stands in until the score is measured: the counts of zeros and of kept weights
    # agree.
    TAYLOR: lambda seed: magnitude,
    FISHER: lambda seed: magnitude,
}
OF_DATA = (TAYLOR, FISHER)  # scores that need images
SCORE_BATCHES = 8
# The number of weights that a layer keeps is proportional to this; None: compare all layers.
SCOPES: dict[str, Callable[[torch.Size], int] | None] = {
    "global": None,
    "layer": lambda shape: shape.numel(),
    "erk": sum,  # Evci et al., ICML 2020, section 3: a density of sum(shape) / prod(shape)
}
TIE_RULE = "lower index kept"
MAX_ROUNDING = 1e-6  # of the sparsity that a pattern implies, such as 0.666667

Measure = Callable[[Weights], Score]
Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """A pruning method: prunable weights, the order in which they go, and those that stay."""

    score: str = "magnitude"
    scope: str = "global"
    pattern: str = UNSTRUCTURED
    only: tuple[str, ...] = ()  # selectors, as in `chosen_names`
    exclude: tuple[str, ...] = ()
    min_keep: int = 0  # weights in every layer
    min_keep_row: int = 0  # weights in every row of the classifier
    seed: int = 0  # for random scores
    # For scores that need images.
    score_batches: int = SCORE_BATCHES  # per group
    score_groups: tuple[str, ...] = ()  # each combination of their values has its own importances
    score_reduce: str = "max"  # reduction over groups

    def __post_init__(self) -> None:
        """Raise UserError for unknown names."""
        _check("score", self.score, SCORES)
        _check("scope", self.scope, SCOPES)
        _check("reduction over groups", self.score_reduce, REDUCTIONS)
        parse_pattern(self.pattern)

    @property
    def implied_sparsity(self) -> float | None:
        """The sparsity that an N:M pattern implies; None if any sparsity can be requested."""
        pattern = parse_pattern(self.pattern)
        return pattern.sparsity if pattern else None

    def record(self) -> dict[str, Any]:
        """Return the values for a checkpoint."""
        more: dict[str, Any] = {"score_seed": self.seed} if self.score == "random" else {}
        if self.score in OF_DATA:
            more = {"score_batches": self.score_batches, "score_groups": list(self.score_groups)}
            more |= {"score_reduce": self.score_reduce} if self.score_groups else {}
        return {
            "score": self.score,
            **more,
            "scope": self.scope,
            "pattern": self.pattern,
            "only": list(self.only),
            "exclude": list(self.exclude),
            "min_keep": self.min_keep,
            "min_keep_row": self.min_keep_row,
            "tie_rule": TIE_RULE,
        }


class Chooser:
    """A method applied to the weights of a network, which may change in the meantime.

    `weights` contains those that may be pruned.
    """

    def __init__(
        self, method: Method, weights: Weights, classifier: str, measure: Measure | None = None
    ) -> None:
        """Apply `method`; `classifier` names the weight to which `min_keep_row` applies.

        `measure` returns the score of the current weights, for methods that need images.
        """
        self.method, self.measure, self.classifier = method, measure, classifier
        names = chosen_names(list(weights), method.only, method.exclude)
        self.weights = {name: weights[name] for name in names if weights[name].numel()}
        self.num_weights = sum(weight.numel() for weight in self.weights.values())
        self.score = self._keeping(SCORES[method.score](method.seed))

    def num_pruned(self, sparsity: float) -> int:
        """Return how many of the weights are zero at `sparsity`.

        At the sparsity that a pattern implies, this is the number that the pattern prunes; below
        it, never more than that. Raises UserError if more weights would have to stay.
        """
        wanted = num_zeros(sparsity, self.num_weights)
        if not isinstance(self.score, Keeping):
            return wanted
        most = self.num_weights - int(self._tally()[1].sum())
        implied = self.method.implied_sparsity
        if implied is not None:
            return most if sparsity >= implied - MAX_ROUNDING else min(wanted, most)
        if wanted > most:
            raise UserError(
                f"sparsity {sparsity:g} needs {wanted:,} zeros, but --min-keep and --min-keep-row"
                f" leave at most {most:,} of {self.num_weights:,} weights to prune; ask for at most"
                f" {np.floor(1e6 * most / self.num_weights) / 1e6:g}"
            )
        return wanted

    def masks(self, num_pruned: int) -> Iterator[tuple[str, Tensor]]:
        """Yield the name and mask of each tensor, True for pruned weights, one tensor at a time."""
        self._measure()
        for weights, num in self._pools(num_pruned):
            cut = selection.select(weights, num, self.score)
            yield from selection.pruned_masks(weights, cut, self.score)

    def prune(self, num_pruned: int) -> None:
        """Set pruned weights to exactly +0.0, in place."""
        self._measure()
        for weights, num in self._pools(num_pruned):
            selection.prune(weights, num, self.score)

    def asked_by_layer(self, sparsity: float) -> dict[str, float]:
        """Return the requested sparsity of each layer, as if no weight were zero or had to stay.

        Empty if the method does not set a sparsity per layer.
        """
        if self.method.implied_sparsity is not None:
            return dict.fromkeys(self.weights, self.method.implied_sparsity)
        if SCOPES[self.method.scope] is None:
            return {}
        sizes = np.array([weight.numel() for weight in self.weights.values()])
        num_left = self.num_weights - num_zeros(sparsity, self.num_weights)
        left = in_proportion(self._shares(), np.zeros_like(sizes), sizes, num_left)
        return dict(zip(self.weights, (1 - left / sizes).tolist(), strict=True))

    def _measure(self) -> None:
        if self.method.score in OF_DATA:
            assert self.measure is not None, "a score of images needs images"
            self.score = self._keeping(self.measure(self.weights))

    def _keeping(self, score: Score) -> Score:
        method, pattern = self.method, parse_pattern(self.method.pattern)
        if not (pattern or method.min_keep or method.min_keep_row):
            return score
        return Keeping(score, pattern, method.min_keep, method.min_keep_row, self.classifier)

    def _pools(self, num_pruned: int) -> list[tuple[Weights, int]]:
        """Return the sets of weights to compare, and how many weights to prune in each."""
        if SCOPES[self.method.scope] is None:
            return [(self.weights, num_pruned)]
        zeros, kept = self._tally()
        sizes = np.array([weight.numel() for weight in self.weights.values()])
        num_left = self.num_weights - num_pruned
        ideal = in_proportion(self._shares(), kept, sizes - zeros, num_left)
        num_pruned_l = (sizes - whole(ideal, sizes - zeros)).tolist()
        pairs = zip(self.weights.items(), num_pruned_l, strict=True)
        return [({name: weight}, num) for (name, weight), num in pairs]

    def _shares(self) -> Shares:
        share = SCOPES[self.method.scope]
        assert share is not None
        return np.array([max(share(weight.shape), 1) for weight in self.weights.values()], float)

    def _tally(self) -> tuple[Counts, Counts]:
        """Return how many weights of each tensor are zero, and how many must stay."""
        counts = np.zeros((2, len(self.weights)), np.int64)
        for index, (name, weight) in enumerate(self.weights.items()):
            for block in self.score(name, weight):
                keys = block & MAGNITUDE
                counts[0, index] += np.count_nonzero(keys == 0)
                counts[1, index] += np.count_nonzero(keys == KEPT)
        return counts[0], counts[1]


def _check(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise UserError(f"unknown {what} {name!r}; choose one of {', '.join(known)}")


def in_proportion(shares: Shares, lowest: Counts, highest: Counts, total: int) -> Shares:
    """Return the weights left in each layer: `total` in proportion to `shares`, within the bounds.

    If a bound changes a layer's number, the other layers share the difference in proportion.
    `total` is within the sums of the bounds. These are the densities of RigL's Erdos-Renyi-Kernel
    (Evci et al., ICML 2020, section 3), in which a layer that would need more weights than it has
    is dense.
    """
    assert lowest.sum() <= total <= highest.sum()
    # The sum over the layers of clip(scale * shares) is linear between the scales at which a layer
    # meets a bound. Interpolating between these scales therefore finds the right scale.
    scales = np.unique(np.concatenate([lowest / shares, highest / shares]))
    sums = [float(np.clip(scale * shares, lowest, highest).sum()) for scale in scales]
    scale = np.interp(total, sums, scales)
    ideal: Shares = np.clip(scale * shares, lowest, highest)
    return ideal


def whole(ideal: Shares, highest: Counts) -> Counts:
    """Round `ideal` to whole numbers with the same sum, none above `highest`.

    The largest remainders are rounded up; ties round up earlier layers.
    """
    counts = np.floor(ideal).astype(np.int64)
    missing = round(float(ideal.sum())) - int(counts.sum())
    remainders = np.where(counts < highest, ideal - counts, -1.0)
    counts[np.argsort(-remainders, kind="stable")[:missing]] += 1
    assert (counts <= highest).all()
    return counts
