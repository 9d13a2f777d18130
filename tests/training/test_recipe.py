"""Recipes: learning rates over time, and refused values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.training.recipe import LR_SCHEDULES, RECIPES, Recipe, find_recipe


def test_the_learning_rate_rises_linearly_and_then_follows_the_schedule() -> None:
    recipe = Recipe(epochs=10, lr=0.4, warmup_epochs=2, lr_schedule="cosine")
    rates = [recipe.lr_at(epoch) for epoch in (0, 1, 2, 6, 10)]
    assert rates == pytest.approx([0, 0.2, 0.4, 0.2, 0])


def test_a_linear_schedule_falls_evenly() -> None:
    recipe = Recipe(epochs=10, lr=1.0, warmup_epochs=0, lr_schedule="linear")
    assert [recipe.lr_at(epoch) for epoch in (0, 2.5, 10)] == pytest.approx([1, 0.75, 0])


def test_a_constant_schedule_stays() -> None:
    recipe = Recipe(epochs=3, lr=0.1, warmup_epochs=0, lr_schedule="constant")
    assert recipe.lr_at(0) == recipe.lr_at(2.9) == 0.1


def test_a_rate_per_epoch_stays_within_it_and_rises_to_its_highest() -> None:
    recipe = Recipe(epochs=9, lr=1.0, warmup_epochs=4, lr_per_epoch=True, lr_schedule="linear")
    rates = [recipe.lr_at(epoch + within) for epoch in range(9) for within in (0, 0.9)]
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]
    assert rates == pytest.approx([rate for rate in expected for _ in range(2)])


@given(
    epochs=st.integers(1, 50),
    share=st.floats(0, 1),
    warmup=st.floats(0, 60),
    schedule=st.sampled_from(LR_SCHEDULES),
    per_epoch=st.booleans(),
)
def test_the_learning_rate_stays_between_0_and_its_highest(
    epochs: int, share: float, warmup: float, schedule: str, per_epoch: bool
) -> None:
    recipe = Recipe(
        epochs=epochs, lr=0.1, warmup_epochs=warmup, lr_schedule=schedule, lr_per_epoch=per_epoch
    )
    assert 0 <= recipe.lr_at(share * epochs) <= 0.1 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adamw"}, "unknown optimizer 'adamw'; use one of sgd, adam"),
        ({"lr_schedule": "step"}, "unknown learning-rate schedule 'step'; use one of constant"),
        ({"epochs": 0}, "0 epochs of batches of 128; both must be at least 1"),
        ({"lr": 0.0}, "learning rate 0.0 and weight decay"),
        ({"lr": float("nan")}, "learning rate nan"),
        ({"weight_decay": -1.0}, "weight decay -1.0"),
        ({"loss": "hinge"}, "unknown loss 'hinge'; use one of binary-cross-entropy, cross-entropy"),
        ({"momentum": 1.0}, "momentum 1.0"),
        ({"warmup_epochs": -1.0}, "-1.0 warm-up epochs"),
    ],
)
def test_what_cannot_be_trained_with_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UserError) as error:
        Recipe().replace(**changes)
    assert message in str(error.value)


def test_a_recipe_survives_a_checkpoint_of_a_newer_version() -> None:
    recipe = Recipe(epochs=3, lr=0.5, seed=7)
    assert Recipe.from_dict({**recipe.as_dict(), "from_the_future": 1}) == recipe


def test_changes_that_are_none_keep_what_is_there() -> None:
    assert Recipe(lr=0.5).replace(lr=None, epochs=2) == Recipe(lr=0.5, epochs=2)


def test_the_paper_trains_dense_networks_and_prunes_random_ones_alike() -> None:
    dense, pruned = RECIPES["paper-dense"].recipe, RECIPES["paper-gmp-ri"].recipe
    assert dense == pruned.replace(name="paper-dense")
    assert (dense.epochs, dense.batch_size, dense.optimizer) == (100, 256, "sgd")
    assert (dense.lr, dense.momentum, dense.weight_decay) == (0.256, 0.875, 3.0518e-5)
    assert dense.reset_momentum


def test_the_paper_changes_the_learning_rate_once_an_epoch() -> None:
    recipe = RECIPES["paper-dense"].recipe
    rates = [recipe.lr_at(epoch + 0.5) / 0.256 for epoch in (0, 3, 4, 5, 52, 99)]
    left = [math.pi * (epoch - 5) / 95 for epoch in (5, 52, 99)]
    expected = [0.2, 0.8, 1.0, *((1 + math.cos(angle)) / 2 for angle in left)]
    assert rates == pytest.approx(expected)


def test_the_paper_prunes_trained_networks_with_adam() -> None:
    recipe = RECIPES["paper-gmp-pt"].recipe
    assert (recipe.epochs, recipe.batch_size, recipe.optimizer) == (80, 256, "adam")
    assert {recipe.lr_at(epoch) for epoch in (0, 40, 79.9)} == {1e-4}
    assert (recipe.weight_decay, recipe.reset_momentum) == (0.0, False)


def test_the_paper_trains_one_attribute_with_a_constant_rate() -> None:
    recipe = RECIPES["paper-single"].recipe
    assert (recipe.epochs, recipe.batch_size, recipe.optimizer) == (20, 256, "sgd")
    assert (recipe.momentum, recipe.weight_decay, recipe.reset_momentum) == (0.9, 1e-4, True)
    assert {recipe.lr_at(epoch) for epoch in (0, 10, 19.9)} == {0.1}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_its_own_name_and_the_size_of_the_paper(name: str) -> None:
    assert RECIPES[name].recipe.name == name
    assert RECIPES[name].image_size == (224 if name.startswith("paper") else None)


def test_small_is_what_is_used_unless_asked_otherwise() -> None:
    assert RECIPES["small"].recipe == Recipe()


@pytest.mark.parametrize(
    ("name", "use", "message"),
    [
        ("paper", "dense", "unknown recipe 'paper'; use one of paper-dense, paper-gmp-ri"),
        ("paper-gmp-pt", "dense", "is for prune, not for training without --sparsity"),
        ("paper-dense", "ri", "use one of paper-gmp-ri, paper-acdc, paper-single, small"),
        ("paper-gmp-ri", "pt", "is for train --sparsity, not for prune"),
    ],
)
def test_a_recipe_for_something_else_is_refused(name: str, use: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        find_recipe(name, use)
    assert message in str(error.value)
