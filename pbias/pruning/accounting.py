"""What is left of a network: zeros per layer, filters and labels without weights, size."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pbias.pruning.prunable import prunable


@dataclass(frozen=True)
class Layer:
    """Counts of one weight tensor."""

    name: str
    num_weights: int
    num_zeros: int
    num_filters: int
    num_empty_filters: int  # outputs (first axis) all of whose weights are zero

    @property
    def sparsity(self) -> float:
        """The share of zeros."""
        return self.num_zeros / self.num_weights


@dataclass(frozen=True)
class Account:
    """Counts of a network; sparsity is the share of zeros among the weights that may be pruned."""

    layers: list[Layer]
    num_parameters: int  # of the whole network, biases and normalisation included
    dense_bytes: int
    packed_bytes: int  # a bit for each prunable weight, the values left, all else as it is
    empty_outputs: list[int]  # rows of the classifier without weights: labels of constant output

    @property
    def num_weights(self) -> int:
        """How many weights may be pruned."""
        return sum(layer.num_weights for layer in self.layers)

    @property
    def num_zeros(self) -> int:
        """How many of them are zero."""
        return sum(layer.num_zeros for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """The share of zeros; 0 where nothing may be pruned."""
        return self.num_zeros / self.num_weights if self.num_weights else 0.0

    def only(self, names: Container[str]) -> Account:
        """The same network with the counts of some layers alone."""
        return replace(self, layers=[layer for layer in self.layers if layer.name in names])

    def per_layer(self) -> dict[str, float]:
        """Sparsity by name, in state-dict order."""
        return {layer.name: layer.sparsity for layer in self.layers}


def account(model: nn.Module, classifier: str) -> Account:
    """Count a network; `classifier` names the weight [outputs, ...] whose empty rows matter."""
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    tensors = model.state_dict()
    empty = np.flatnonzero(_num_left(tensors[classifier]) == 0).tolist()
    return _account(prunable(model), tensors, num_parameters, empty)


def account_bare(state_dict: Mapping[str, Tensor]) -> Account:
    """Count weights whose network is not known: all with two axes or more are taken as prunable."""
    floating = {name: t for name, t in state_dict.items() if t.is_floating_point()}
    weights = {name: tensor for name, tensor in floating.items() if tensor.ndim > 1}
    num_parameters = sum(t.numel() for name, t in floating.items() if "running_" not in name)
    return _account(weights, state_dict, num_parameters, [])


def _account(
    weights: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    num_parameters: int,
    empty_outputs: list[int],
) -> Account:
    layers = [_count(name, weight) for name, weight in weights.items()]
    dense_bytes = sum(tensor.nbytes for tensor in tensors.values())
    saved_bytes = sum(
        layer.num_zeros * tensors[layer.name].element_size() - (layer.num_weights + 7) // 8
        for layer in layers
    )
    return Account(layers, num_parameters, dense_bytes, dense_bytes - saved_bytes, empty_outputs)


def _count(name: str, weight: Tensor) -> Layer:
    left = _num_left(weight)
    num_zeros = weight.numel() - int(left.sum())
    return Layer(name, weight.numel(), num_zeros, len(left), int((left == 0).sum()))


def _num_left(weight: Tensor) -> NDArray[np.intp]:
    """Weights that are not zero by output, the first axis; -0.0 is zero."""
    left: NDArray[np.intp] = np.count_nonzero(weight.detach().cpu().flatten(1).numpy(), axis=1)
    return left
