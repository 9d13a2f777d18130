"""Recipes by name: the paper's, exactly, and the one for small networks on CPUs.

Source of the numbers: paper.md, "Set-up"; Iofinova et al., CVPR 2023. Imports no torch, so that
help texts can list the names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pbias.errors import UserError
from pbias.training.recipe import Recipe

USES = {
    "dense": "training without --sparsity",
    "ri": "train --sparsity",
    "pt": "prune",
}


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe with the pictures' size and the pruning steps that go with it."""

    recipe: Recipe
    image_size: int | None = None  # pixels, of the crop; None: what the pictures have
    pruning_epochs: tuple[float, float, float] | None = None  # start, every, end (not included)
    uses: Collection[str] = tuple(USES)


_DENSE = Recipe(
    name="paper-dense", epochs=100, batch_size=256, optimizer="sgd", lr=0.256, momentum=0.875,
    weight_decay=3.0518e-5, lr_schedule="cosine", warmup_epochs=5.0, lr_per_epoch=True,
    reset_momentum=True,
)  # fmt: skip
_GMP_PT = Recipe(
    name="paper-gmp-pt", epochs=80, batch_size=256, optimizer="adam", lr=1e-4,
    lr_schedule="constant", warmup_epochs=0.0,
)  # fmt: skip
_SINGLE = Recipe(
    name="paper-single", epochs=20, batch_size=256, optimizer="sgd", lr=0.1, momentum=0.9,
    weight_decay=1e-4, lr_schedule="constant", warmup_epochs=0.0, reset_momentum=True,
)  # fmt: skip

# Dense and pruned networks share one recipe, but for the pruning.
RECIPES: Mapping[str, NamedRecipe] = {
    "paper-dense": NamedRecipe(_DENSE, 224, uses=["dense"]),
    "paper-gmp-ri": NamedRecipe(
        _DENSE.replace(name="paper-gmp-ri"), 224, (10.0, 10.0, 81.0), uses=["ri"]
    ),
    "paper-gmp-pt": NamedRecipe(_GMP_PT, 224, (1.0, 4.0, 60.0), uses=["pt"]),
    "paper-single": NamedRecipe(_SINGLE, 224, (2.0, 1.0, 16.0)),
    "small": NamedRecipe(Recipe()),
}


def find_recipe(name: str, use: str) -> NamedRecipe:
    """The recipe of this name, which must be for this of `USES`."""
    if name not in RECIPES:
        raise UserError(f"no recipe '{name}'; use one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if use not in recipe.uses:
        others = ", ".join(other for other, found in RECIPES.items() if use in found.uses)
        uses = " and ".join(USES[each] for each in recipe.uses)
        raise UserError(f"recipe {name} is for {uses}, not for {USES[use]}; use one of {others}")
    return recipe
