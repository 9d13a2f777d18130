"""Counts of a network: zeros per layer, empty filters and outputs, bytes, multiply-accumulates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.table import Table
from pbias.pruning.layers import LAYERS, PROJECTIONS, prunable

COLUMNS = (
    "layer", "weights", "nonzero", "asked", "sparsity", "filters", "empty_filters",
    "macs", "macs_nonzero",
)  # fmt: skip
LARGE = 512  # pixels


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
    num_parameters: int  # of the whole network, biases and normalization included
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
        """Return the same network with the counts of some layers alone."""
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
    floating = {name: t for name, t in _once(state_dict).items() if t.is_floating_point()}
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
    dense_bytes = sum(tensor.nbytes for tensor in _once(tensors).values())
    saved_bytes = sum(
        layer.num_zeros * tensors[layer.name].element_size() - (layer.num_weights + 7) // 8
        for layer in layers
    )
    return Account(layers, num_parameters, dense_bytes, dense_bytes - saved_bytes, empty_outputs)


def stored(counts: Account, state_dict: Mapping[str, Tensor]) -> Account:
    """Return the counts with the bytes that the tensors take as their file holds them.

    Counting may have made larger numbers of them, as of bfloat16. Packed files hold float32.
    """
    num_bytes = sum(tensor.nbytes for tensor in _once(state_dict).values())
    return replace(counts, dense_bytes=num_bytes)


def _once(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without further names of the same memory, as of shared weights."""
    first: dict[tuple[int, torch.Size], str] = {}
    for name, tensor in tensors.items():
        if tensor.numel():
            first.setdefault((tensor.data_ptr(), tensor.shape), name)
    return {name: tensors[name] for name in first.values()}


def _count(name: str, weight: Tensor) -> Layer:
    left = _num_left(weight)
    num_zeros = weight.numel() - int(left.sum())
    return Layer(name, weight.numel(), num_zeros, len(left), int((left == 0).sum()))


def _num_left(weight: Tensor) -> NDArray[np.intp]:
    """Weights that are not zero by output, the first axis; -0.0 is zero."""
    left: NDArray[np.intp] = np.count_nonzero(weight.detach().cpu().flatten(1).numpy(), axis=1)
    return left


@torch.inference_mode()
def num_uses(model: nn.Module, size: int) -> dict[str, int]:
    """Per prunable weight tensor, at how many places each weight is used on one picture.

    Multiply-accumulates of a layer are its weights times its uses; those of its non-zero weights
    are what could be left after pruning. Pictures are `size` pixels square. Products without a
    weight (attention scores, normalization) are not counted. Runs the network on a black picture,
    above 512 pixels without any numbers, where the network can do that.
    """
    uses: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(_counter(uses, path))
        for path, module in model.named_modules()
        if isinstance(module, (*LAYERS, nn.MultiheadAttention))
    ]
    try:
        _run_on_black(model.eval(), size, uses)
    finally:
        for hook in hooks:
            hook.remove()
    return uses


def _run_on_black(model: nn.Module, size: int, uses: dict[str, int]) -> None:
    """Run a network once; a large picture takes shapes alone, for a file may claim any size."""
    if size > LARGE:
        tensors = itertools.chain(model.named_parameters(), model.named_buffers())
        shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
        try:
            picture = torch.zeros(1, 3, size, size, device="meta")
            torch.func.functional_call(model, shapes, (picture,))
        except Exception:  # of the user's own network, any
            uses.clear()
        else:
            return
    try:
        model(torch.zeros(1, 3, size, size))
    except Exception as error:
        if isinstance(error, MemoryError) or "alloc" in str(error):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"the network cannot take images of {size} px ({said[:200]}); check the crop in its"
            " 'preprocess', or its code"
        ) from error


def _counter(uses: dict[str, int], path: str) -> Callable[[nn.Module, object, object], None]:
    """Return a forward hook that adds the places at which the module at `path` was used."""

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


def inventory(counts: Account, uses: Mapping[str, int], pruned: Mapping[str, Any]) -> Table:
    """Return a row a layer, the first (without a name) over all of them.

    `uses` says how often each weight is used on one picture (`num_uses`); without it the
    multiply-accumulates are absent. `pruned` is a checkpoint's `sparsity`: a layer was asked for
    a sparsity of its own only where the method does so.
    """
    asked = pruned.get("per_layer_asked", {})
    rows = [_row(layer, uses.get(layer.name), asked.get(layer.name)) for layer in counts.layers]
    names = [name for name in COLUMNS if name not in ("layer", "asked", "sparsity")]
    whole: dict[str, Any] = {name: _total(rows, name) for name in names}
    whole |= {"layer": "", "asked": pruned.get("asked"), "sparsity": counts.sparsity}
    return Table({name: [row[name] for row in (whole, *rows)] for name in COLUMNS})


def facts(counts: Account) -> dict[str, Any]:
    """Return the size of a network file's content."""
    return {
        "parameters": counts.num_parameters,
        "prunable": counts.num_weights,
        "nonzero": counts.num_weights - counts.num_zeros,
        "sparsity": counts.sparsity,
        "bytes_dense": counts.dense_bytes,
        "bytes_packed": counts.packed_bytes,
    }


def checkpoint_facts(checkpoint: Checkpoint, counts: Account) -> dict[str, Any]:
    """Return what a checkpoint is, how large it is, and where it comes from."""
    return {
        "kind": "checkpoint",
        "sha256": checkpoint.sha256,
        "architecture": checkpoint.model["name"],
        "arguments": checkpoint.model["args"],
        "targets": checkpoint.targets,
        "groups": dict(zip(checkpoint.groups, checkpoint.group_values, strict=True)),
        "preprocess": checkpoint.preprocess,
        **facts(counts),
        "empty_outputs": [checkpoint.targets[index] for index in counts.empty_outputs],
        "pruning": {k: v for k, v in checkpoint.sparsity.items() if not k.startswith("per_layer")},
        "recipe": checkpoint.recipe,
        "data": checkpoint.data,
        "parents": checkpoint.parents,
        "environment": checkpoint.environment,
    }


def _row(layer: Layer, uses: int | None, asked: float | None) -> dict[str, Any]:
    num_left = layer.num_weights - layer.num_zeros
    return {
        "layer": layer.name,
        "weights": layer.num_weights,
        "nonzero": num_left,
        "asked": asked,
        "sparsity": layer.sparsity,
        "filters": layer.num_filters,
        "empty_filters": layer.num_empty_filters,
        "macs": None if uses is None else uses * layer.num_weights,
        "macs_nonzero": None if uses is None else uses * num_left,
    }


def _total(rows: list[dict[str, Any]], name: str) -> int | None:
    values = [row[name] for row in rows]
    return None if None in values else sum(values)
