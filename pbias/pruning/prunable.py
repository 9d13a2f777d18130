"""Which parameters may be pruned."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

LAYERS = (_ConvNd, nn.Linear)
# An attention layer holds its input projections itself; its output projection is a linear layer.
PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of convolutions, linear and attention layers by name, in state-dict order.

    Never biases, normalisations, embeddings. A weight that two layers share counts once.
    """
    chosen = set()
    for module in model.modules():
        if isinstance(module, LAYERS):
            chosen.add(id(module.weight))
        elif isinstance(module, nn.MultiheadAttention):
            chosen.update(id(getattr(module, name)) for name in PROJECTIONS)
    return {name: weight for name, weight in model.named_parameters() if id(weight) in chosen}
