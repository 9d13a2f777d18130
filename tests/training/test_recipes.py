"""Named recipes: the numbers of the paper (its table of recipes), and what each is for."""

from __future__ import annotations

import math

import pytest

from pbias.errors import UserError
from pbias.training.recipe import Recipe
from pbias.training.recipes import RECIPES, find_recipe


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
        ("paper", "dense", "no recipe 'paper'; use one of paper-dense, paper-gmp-ri"),
        ("paper-gmp-pt", "dense", "is for prune, not for training without --sparsity"),
        ("paper-dense", "ri", "use one of paper-gmp-ri, paper-single, small"),
        ("paper-gmp-ri", "pt", "is for train --sparsity, not for prune"),
    ],
)
def test_a_recipe_for_something_else_is_refused(name: str, use: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        find_recipe(name, use)
    assert message in str(error.value)
