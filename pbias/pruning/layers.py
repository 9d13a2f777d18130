"""The layers that may be pruned, and the selectors (`--only`, `--exclude`) that choose them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

from pbias.errors import UserError
from pbias.pruning.name_pattern import compile_pattern

LAYERS = (_ConvNd, nn.Linear)
# An attention layer holds its input projections directly; its output projection is a linear layer.
PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
REGEX = "re:"
MAX_LISTED = 5


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return weights of convolutions, linear and attention layers by name, in state-dict order.

    Biases, normalizations and embeddings are never included. A weight that two layers share counts
    once.
    """
    chosen = set()
    for path, module in model.named_modules():
        if is_parametrized(module) or hasattr(module, "weight_g"):
            raise UserError(
                f"layer {path or 'of the network'} keeps its weight behind a parametrization (such "
                "as weight_norm), so its zeros cannot be set or counted; remove it in the factory "
                "with torch.nn.utils.parametrize.remove_parametrizations"
            )
        if "StdConv" in type(module).__name__:  # from timm
            raise UserError(
                f"layer {path} standardizes its weight before it uses it, so a zero does not stay "
                "zero; choose a network without weight standardization"
            )
        if isinstance(module, LAYERS):
            chosen.add(id(module.weight))
        elif isinstance(module, nn.MultiheadAttention):
            chosen.update(id(getattr(module, name)) for name in PROJECTIONS)
    return {name: weight for name, weight in model.named_parameters() if id(weight) in chosen}


def chosen_names(names: Sequence[str], only: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Return the names that `only` selects (empty: all), without those that `exclude` selects.

    A selector is the name of a weight (`fc.weight`), of its layer (`fc`), or `re:REGEX`. The
    expression is searched for anywhere in the name of the weight, in linear time (name_pattern.py).
    Raises UserError for a selector that matches nothing, and if no name is left.

    >>> chosen_names(["conv1.weight", "fc.weight"], [], ["fc"])
    ['conv1.weight']
    """
    wanted = {name for selector in only for name in _matches(selector, names)}
    unwanted = {name for selector in exclude for name in _matches(selector, names)}
    chosen = [name for name in names if (not only or name in wanted) and name not in unwanted]
    if not chosen:
        raise UserError(f"none of the {len(names)} layers is left to prune; exclude fewer layers")
    return chosen


def _matches(selector: str, names: Sequence[str]) -> list[str]:
    if selector.startswith(REGEX):
        matches = compile_pattern(selector.removeprefix(REGEX)).search
        found = [name for name in names if matches(name)]
    else:
        found = [name for name in names if selector in (name, _layer(name))]
    if not found:
        near = difflib.get_close_matches(selector, [*names, *map(_layer, names)], MAX_LISTED)
        listed = ", ".join(near or names[:MAX_LISTED])
        raise UserError(
            f"no layer that may be pruned is called '{selector}';"
            f" {'did you mean' if near else 'there are'} {listed}{'?' if near else ', ...'}"
        )
    return found


def _layer(name: str) -> str:
    """Return the name of the module that a weight belongs to."""
    return name.rpartition(".")[0]
