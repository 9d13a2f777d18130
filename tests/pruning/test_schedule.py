"""Schedules: their start, their end, and their rise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.pruning.schedule import pruning_times, sparsities

SHAPES = st.sampled_from(["cubic", "linear", "constant"])
PAIRS = st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)).map(sorted)


@given(SHAPES, PAIRS, st.integers(0, 5), st.integers(1, 30), st.integers(1, 5))
def test_the_last_step_reaches_the_target_exactly(
    shape: str, pair: list[float], start: int, num_steps: int, every: int
) -> None:
    epochs = range(start, start + num_steps * every, every)
    schedule = sparsities(shape, *pair, epochs)
    assert list(schedule) == list(epochs)
    assert schedule[epochs[-1]] == pair[1]


@given(SHAPES, PAIRS, st.integers(1, 30))
def test_sparsity_never_falls_and_never_passes_the_target(
    shape: str, pair: list[float], num_steps: int
) -> None:
    values = list(sparsities(shape, *pair, range(num_steps)).values())
    assert values == sorted(values)
    assert pair[0] - 1e-12 <= values[0]
    assert values[-1] <= pair[1]


def test_the_cubic_schedule_by_hand() -> None:
    # GMP-PT's 15 steps; step 7 of 15 is halfway: 0.95 - 0.9 / 8.
    schedule = sparsities("cubic", 0.05, 0.95, range(1, 60, 4))
    assert len(schedule) == 15
    assert schedule[1] == pytest.approx(0.05)
    assert schedule[29] == pytest.approx(0.95 - 0.9 / 8)
    assert schedule[57] == 0.95


def test_linear_and_constant_by_hand() -> None:
    assert sparsities("linear", 0.0, 0.8, range(3)) == {0: 0.0, 1: pytest.approx(0.4), 2: 0.8}
    assert set(sparsities("constant", 0.0, 0.8, range(3)).values()) == {0.8}


def test_a_single_step_prunes_to_the_target() -> None:
    assert sparsities("cubic", 0.05, 0.9, range(2, 3)) == {2: 0.9}


def test_an_unknown_shape_lists_the_known_ones() -> None:
    with pytest.raises(
        UserError, match="'quadratic'; choose one of cubic, linear, constant, paper"
    ):
        sparsities("quadratic", 0.0, 0.5, range(3))


@given(st.integers(1, 100), st.integers(1, 100))
def test_pruning_is_even_and_leaves_time_to_recover(num_epochs: int, num_steps: int) -> None:
    times = pruning_times(num_epochs, num_steps)
    assert len(times) == num_steps
    assert times[0] == 0
    assert times[-1] < 0.6 * num_epochs
    assert np.diff(times) == pytest.approx(0.6 * num_epochs / num_steps)


def test_the_authors_schedule_stops_one_step_early() -> None:
    # The paper's single-attribute runs: steps 2 to 15 towards an end of 16.
    schedule = sparsities("paper", 0.05, 0.995, range(2, 16), end=16)
    last = 0.995 - 0.945 * (1 / 14) ** 3
    assert schedule[15] == pytest.approx(last)
    # docs/pruning.md: 6.9 % more weights than stated.
    assert (1 - schedule[15]) / (1 - 0.995) == pytest.approx(1.069, abs=0.001)
    assert sparsities("paper", 0.05, 0.995, range(2, 16)) == schedule


def test_the_authors_schedule_reaches_nothing_in_one_step() -> None:
    assert sparsities("paper", 0.05, 0.9, [3.0]) == {3.0: pytest.approx(0.05)}


def test_the_number_of_steps_is_bounded() -> None:
    with pytest.raises(UserError, match="999999999 pruning steps; use 1 to 10,000"):
        pruning_times(10, 999_999_999)
