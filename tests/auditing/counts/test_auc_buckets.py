"""AUC from buckets: order, additivity and the bound on its error."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.auc_buckets import (
    NUM_BUCKETS,
    add_to_buckets,
    auc_from_buckets,
    bucket,
    empty_buckets,
    label_cells,
    value_cells,
)
from pbias.auditing.counts.ranks.ranking import auc_left_out, rank

FLOATS = st.floats(width=32, allow_nan=False)


def sample(seed: int, scale: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1, 0, 1], (2, 400), p=[0.1, 0.6, 0.3]).astype(np.int8)
    logits = (scale * (rng.normal(size=labels.shape) + labels)).astype(np.float32)
    return logits, labels, rng.integers(-1, 2, 400).astype(np.int16)


def counted(rows: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> NDArray[np.uint32]:
    """Count two targets by two group values."""
    logits, labels, codes = rows
    counts = empty_buckets(2, 2)
    for a in range(2):
        cells = label_cells(bucket(logits[a]), labels[a])
        add_to_buckets(counts[:, a], cells, value_cells(codes))
    return counts


def exact_auc(z: NDArray[Any], y: NDArray[Any], member: NDArray[Any]) -> float:
    kept = member & (y >= 0)
    order, run = rank(z[kept])
    return float(auc_left_out(y[kept][order], run, None, 1).item())


@given(st.lists(FLOATS, min_size=2, max_size=30))
def test_buckets_ascend_with_the_logit(values: list[float]) -> None:
    found = bucket(np.sort(np.array(values, np.float32)))
    assert (np.diff(found) >= 0).all()
    assert found.min() >= 0 and found.max() < NUM_BUCKETS


def test_logits_half_a_permille_apart_have_buckets_of_their_own() -> None:
    logits = np.float32(2.0**-9) * np.float32(1.001) ** np.arange(10_000, dtype=np.float32)
    found = bucket(np.concatenate([-logits[::-1], logits]))
    assert (np.diff(found) > 0).all()
    assert bucket(np.array([0.0, -0.0], np.float32)).tolist() == [32768, 32768]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-5, 1e-3, 0.02, 1.0, 30.0]))
def test_exact_auc_is_within_the_stated_error(seed: int, scale: float) -> None:
    logits, labels, codes = sample(seed, scale)
    found = auc_from_buckets(counted((logits, labels, codes)))
    exact = [
        [exact_auc(z, y, codes == value) for z, y in zip(logits, labels, strict=True)]
        for value in range(2)
    ]
    assert (np.abs(found.auc - exact) <= found.error + 1e-12).all()


def test_counts_add_over_blocks() -> None:
    logits, labels, codes = sample(0, 1.0)
    parts = [
        counted((logits[:, rows], labels[:, rows], codes[rows]))
        for rows in (slice(0, 150), slice(150, 400))
    ]
    np.testing.assert_array_equal(counted((logits, labels, codes)), parts[0] + parts[1])


def test_an_empty_class_is_undefined() -> None:
    found = auc_from_buckets(empty_buckets(1, 3))
    assert np.isnan(found.auc).all() and np.isnan(found.error).all()
