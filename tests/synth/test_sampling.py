"""Labels of drawn faces: frequencies and correlations of the table, never impossible ones."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.synth import ATTRIBUTES, draw_labels, with_label
from pbias.synth.labels.celeba_table import GROUPS, read_table
from pbias.synth.labels.label_model import BEARD_PARTS, HAIR_COLORS


@functools.cache
def many() -> NDArray[np.int8]:
    return draw_labels(60_000, seed=1)


def column(name: str) -> NDArray[np.bool_]:
    return many()[:, ATTRIBUTES.index(name)] == 1


def test_most_of_celeba_is_there() -> None:
    assert len(ATTRIBUTES) == 39
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES, key=str.lower)
    assert set(GROUPS) <= set(ATTRIBUTES)


def test_rates_follow_the_table() -> None:
    assert np.abs(many().mean(axis=0) - read_table().rates).max() < 0.01


@pytest.mark.parametrize("group", GROUPS)
def test_rates_given_a_group_follow_the_table(group: str) -> None:
    table = read_table()
    rate, given = table.rates[ATTRIBUTES.index(group)], table.rates_given[:, GROUPS.index(group)]
    given_not = (table.rates - rate * given) / (1 - rate)
    assert np.abs(many()[column(group)].mean(axis=0) - given).max() < 0.05
    assert np.abs(many()[~column(group)].mean(axis=0) - given_not).max() < 0.05


def test_a_rate_quoted_from_celeba_is_reached() -> None:
    assert column("Wearing_Lipstick")[~column("Male")].mean() == pytest.approx(0.804, abs=0.05)
    assert column("Big_Nose")[column("Chubby")].mean() == pytest.approx(0.784, abs=0.05)
    assert column("Gray_Hair")[~column("Young")].mean() == pytest.approx(0.183, abs=0.05)


def test_correlations_follow_the_table_in_sign_and_size() -> None:
    target, reached = read_table().correlations, np.corrcoef(many().T)
    assert np.abs(reached - target).max() < 0.1
    strong = np.abs(target) >= 0.06
    assert (np.sign(reached) == np.sign(target))[strong].all()


def test_nobody_has_two_hair_colours_textures_or_hairlines() -> None:
    for names in (HAIR_COLORS, ("Straight_Hair", "Wavy_Hair"), ("Bangs", "Receding_Hairline")):
        assert sum(column(name).astype(int) for name in names).max() == 1


def test_bald_heads_have_no_hair_to_describe() -> None:
    bald = column("Bald")
    hair = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Bangs", "Straight_Hair", "Wavy_Hair")
    assert bald.sum() > 1000
    assert not any((bald & column(name)).any() for name in hair)


def test_no_beard_excludes_its_parts() -> None:
    assert not any((column("No_Beard") & column(part)).any() for part in BEARD_PARTS)


def test_more_faces_begin_with_the_same_ones() -> None:
    assert np.array_equal(draw_labels(500, seed=3)[:120], draw_labels(120, seed=3))


def test_seeds_differ() -> None:
    assert not np.array_equal(draw_labels(50, seed=3), draw_labels(50, seed=4))


def test_setting_a_label_clears_what_it_excludes() -> None:
    for row in draw_labels(40, seed=5):
        bald = dict(zip(ATTRIBUTES, with_label(row, "Bald", 1), strict=True))
        assert bald["Bald"] == 1
        assert bald["Bangs"] == bald["Wavy_Hair"] == bald["Blond_Hair"] == 0
        assert bald["Gray_Hair"] == row[ATTRIBUTES.index("Gray_Hair")]


def test_clearing_a_label_changes_nothing_else() -> None:
    row = draw_labels(1, seed=6)[0]
    changed = with_label(row, "Young", 0)
    assert set(np.flatnonzero(row != changed)) <= {ATTRIBUTES.index("Young")}
