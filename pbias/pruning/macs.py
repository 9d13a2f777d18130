"""How often a network uses each weight on one picture: multiply-accumulates are counted so."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pbias.pruning.prunable import LAYERS, PROJECTIONS


@torch.inference_mode()
def num_uses(model: nn.Module, size: int) -> dict[str, int]:
    """Per prunable weight tensor, at how many places each weight is used on one picture.

    Multiply-accumulates of a layer are its weights times its uses; those of its non-zero weights
    are what could be left after pruning. Pictures are `size` pixels square. Products without a
    weight (attention scores, normalisation) are not counted. Runs the network on a black picture.
    """
    uses: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(_counter(uses, path))
        for path, module in model.named_modules()
        if isinstance(module, (*LAYERS, nn.MultiheadAttention))
    ]
    model.eval()(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return uses


def _counter(uses: dict[str, int], path: str) -> Callable[[nn.Module, object, object], None]:
    """A forward hook that adds the places at which the module at `path` was used."""

    def count(module: nn.Module, inputs: object, output: object) -> None:
        # Attention uses its output projection without calling it, once a token like the others.
        attention = isinstance(module, nn.MultiheadAttention)
        for name in (*PROJECTIONS, "out_proj.weight") if attention else ("weight",):
            key = f"{path}.{name}" if path else name
            uses[key] = uses.get(key, 0) + _num_places(module, output)

    return count


def _num_places(module: nn.Module, output: object) -> int:
    """Pixels of a convolution's output [1, C, ...], tokens of any other [..., C]."""
    first = output[0] if isinstance(output, tuple) else output
    assert isinstance(first, Tensor)
    inner = (
        first.shape[:-1]
        if isinstance(module, nn.Linear | nn.MultiheadAttention)
        else first.shape[2:]
    )
    return inner.numel()
