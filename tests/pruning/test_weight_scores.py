"""Scores: refused weights, and zeros first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.pruning import weight_scores
from pbias.pruning.weight_scores import MAGNITUDE, Score, magnitude, magnitude_norm, random

SCORES = {"magnitude": magnitude, "magnitude_norm": magnitude_norm, "random": random(0)}
DENORMAL = 1e-45
BIG = float(np.finfo(np.float32).max)


def _keys(score: Score, values: list[float], name: str = "w") -> np.ndarray:
    blocks = list(score(name, torch.tensor(values, dtype=torch.float32)))
    return np.concatenate(blocks) & MAGNITUDE


@pytest.mark.parametrize("score", SCORES)
@given(values=st.lists(st.sampled_from([0.0, -0.0, DENORMAL, -1.0, 1e38]), min_size=1, max_size=9))
def test_zeros_and_they_alone_have_the_key_0(score: str, values: list[float]) -> None:
    keys = _keys(SCORES[score], values)
    assert (keys == 0).tolist() == [value == 0 for value in values]


@pytest.mark.parametrize("score", SCORES)
def test_blocks_leave_no_seam(score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=100).tolist()
    whole = _keys(SCORES[score], values)
    monkeypatch.setattr(weight_scores, "BLOCK", 7)
    np.testing.assert_array_equal(_keys(SCORES[score], values), whole)


def test_the_norm_by_hand() -> None:
    quotients = _keys(magnitude_norm, [3.0, -4.0, 0.0]).view(np.float32)
    np.testing.assert_array_equal(quotients, np.float32([0.6, 0.8, 0.0]))


def test_the_norm_makes_layers_of_another_scale_the_same() -> None:
    values = np.random.default_rng(0).normal(size=20).tolist()
    scaled = [64 * value for value in values]
    np.testing.assert_array_equal(_keys(magnitude_norm, values), _keys(magnitude_norm, scaled))


def test_random_keys_differ_by_seed_and_by_name() -> None:
    ones = [1.0] * 50
    keys = [_keys(random(seed), ones, name) for seed in (0, 1) for name in ("a", "b")]
    assert len({key.tobytes() for key in keys}) == 4
    np.testing.assert_array_equal(_keys(random(0), ones, "a"), keys[0])


@pytest.mark.parametrize("score", ["magnitude_norm", "random"])
def test_nan_is_refused_by_name(score: str) -> None:
    with pytest.raises(UserError, match="fc holds 1 NaN among 2 weights"):
        _keys(SCORES[score], [1.0, torch.nan], "fc")


@pytest.mark.parametrize("value", [np.inf, BIG])
def test_without_a_norm_there_is_no_score_by_it(value: float) -> None:
    with pytest.raises(UserError, match="fc holds weights too large for a norm; use --score"):
        _keys(magnitude_norm, [value, value], "fc")
