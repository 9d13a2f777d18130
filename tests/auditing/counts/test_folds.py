"""Folds: independent of width, order, machine and byte order; even; one per owner if few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pbias.auditing.counts.folds import assign_folds, row_folds

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
IDS = [f"images/{i:06d}.jpg" for i in range(20_000)]


def fnv_then_splitmix(text: str) -> int:
    """Compute the published algorithms with Python's whole numbers."""
    mask, h = 2**64 - 1, 0xCBF29CE484222325
    for character in text:
        h = ((h ^ ord(character)) * 0x100000001B3) & mask
    h = (h + 0x9E3779B97F4A7C15) & mask
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & mask
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & mask
    return h ^ (h >> 31)


@given(st.lists(TEXT, min_size=4, max_size=20, unique=True))
def test_folds_follow_the_published_hash(texts: list[str]) -> None:
    folds, num_folds = assign_folds(texts, 3)
    assert num_folds == 3
    assert folds.tolist() == [fnv_then_splitmix(text) % 3 for text in texts]


def test_width_byte_order_and_row_order_change_nothing() -> None:
    folds, _ = assign_folds(IDS)
    wide = np.array(IDS, "U99")
    np.testing.assert_array_equal(assign_folds(wide)[0], folds)
    np.testing.assert_array_equal(assign_folds(wide.astype(">U99"))[0], folds)
    np.testing.assert_array_equal(assign_folds(wide[::-1])[0], folds[::-1])


@pytest.mark.parametrize("folds", [assign_folds(IDS)[0], row_folds(0, 20_000)])
def test_folds_are_as_even_as_chance(folds: np.ndarray) -> None:
    counts = np.bincount(folds, minlength=200)
    assert 0.001 < stats.chisquare(counts).pvalue < 0.999
    # neighbors are not kept together
    assert np.mean(folds[1:] == folds[:-1]) == pytest.approx(1 / 200, abs=0.002)


def test_few_owners_have_a_fold_each() -> None:
    owners = np.repeat(["ann", "bob", "eve"], 4)
    folds, num_folds = assign_folds(owners)
    assert num_folds == 3
    assert sorted({(o, f) for o, f in zip(owners, folds, strict=True)})[0][0] == "ann"
    assert len({(o, f) for o, f in zip(owners, folds, strict=True)}) == 3
    assert assign_folds([str(i) for i in range(200)])[1] == 200
    assert np.bincount(assign_folds([str(i) for i in range(200)])[0]).tolist() == [1] * 200


def test_whole_numbers_are_their_digits() -> None:
    numbers = np.arange(-500, 5000)
    np.testing.assert_array_equal(assign_folds(numbers)[0], assign_folds(numbers.astype(str))[0])


def test_rows_have_the_same_fold_in_any_block() -> None:
    blocks = [row_folds(0, 70), row_folds(70, 1000)]
    np.testing.assert_array_equal(np.concatenate(blocks), row_folds(0, 1000))


def test_no_samples_have_no_folds() -> None:
    assert assign_folds([])[1] == 0
