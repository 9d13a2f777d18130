"""Counts of a network: zeros by layer, empty filters and outputs, bytes, multiply-accumulates."""

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
    num_empty_filters: int  # outputs (first axis) whose weights are all zero

    @property
    def sparsity(self) -> float:
        """Share of zeros."""
        return self.num_zeros / self.num_weights


@dataclass(frozen=True)
class Account:
    """Counts of a network; sparsity is the share of zeros among the weights that may be pruned."""

    layers: list[Layer]
    num_parameters: int  # of the whole network, biases and normalization included
    dense_bytes: int
    packed_bytes: int  # a bit per prunable weight, the non-zero values, and all other tensors
    empty_outputs: list[int]  # rows of the classifier without weights: labels with constant output

    @property
    def num_weights(self) -> int:
        """Number of weights that may be pruned."""
        return sum(layer.num_weights for layer in self.layers)

    @property
    def num_zeros(self) -> int:
        """Number of those weights that are zero."""
        return sum(layer.num_zeros for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """Share of zeros; 0 if nothing may be pruned."""
        return self.num_zeros / self.num_weights if self.num_weights else 0.0

    def only(self, names: Container[str]) -> Account:
        """Return the same network with only the counts of some layers."""
        return replace(self, layers=[layer for layer in self.layers if layer.name in names])

    def per_layer(self) -> dict[str, float]:
        """Return the sparsity by name, in state-dict order."""
        return {layer.name: layer.sparsity for layer in self.layers}


def account(model: nn.Module, classifier: str) -> Account:
    """Count a network; `classifier` names the weight [outputs, ...] to search for empty rows."""
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    tensors = model.state_dict()
    empty = np.flatnonzero(_num_left(tensors[classifier]) == 0).tolist()
    return _account(prunable(model), tensors, num_parameters, empty)


def account_bare(state_dict: Mapping[str, Tensor]) -> Account:
    """Count weights of an unknown network: all with two or more axes are taken as prunable."""
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
    """Return the counts with the number of bytes that the tensors take in their file.

    Counting may have converted types, such as bfloat16, to larger ones. Packed files hold float32.
    """
    num_bytes = sum(tensor.nbytes for tensor in _once(state_dict).values())
    return replace(counts, dense_bytes=num_bytes)


def _once(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, dropping additional names of the same memory, as for shared weights."""
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
    """Return the number of non-zero weights by output, the first axis; -0.0 is zero."""
    left: NDArray[np.intp] = np.count_nonzero(weight.detach().cpu().flatten(1).numpy(), axis=1)
    return left


@torch.inference_mode()
def num_uses(model: nn.Module, size: int) -> dict[str, int]:
    """Return the number of places at which each weight is used on one image, by prunable tensor.

    The multiply-accumulates of a layer are its weights times its uses; those of its non-zero
    weights are what could remain after pruning. Images are `size` pixels square. Products without a
    weight (attention scores, normalization) are not counted. Runs the network on a black image;
    above 512 pixels it computes only shapes if the network supports that.
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
    """Run a network once; on a large image only for shapes, as a file may claim any size."""
    if size > LARGE:
        tensors = itertools.chain(model.named_parameters(), model.named_buffers())
        shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
        try:
            picture = torch.zeros(1, 3, size, size, device="meta")
            torch.func.functional_call(model, shapes, (picture,))
        except Exception:  # a user's own network can raise any exception
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
    """Return a forward hook that adds the number of places where the module at `path` was used."""

    def count(module: nn.Module, inputs: object, output: object) -> None:
        # Attention uses its output projection without calling it, once per token like the others.
        attention = isinstance(module, nn.MultiheadAttention)
        for name in (*PROJECTIONS, "out_proj.weight") if attention else ("weight",):
            key = f"{path}.{name}" if path else name
            uses[key] = uses.get(key, 0) + _num_places(module, output)

    return count


def _num_places(module: nn.Module, output: object) -> int:
    """Return the number of pixels (of a convolution, [1, C, ...]) or tokens ([..., C])."""
    first = output[0] if isinstance(output, tuple) else output
    assert isinstance(first, Tensor)
    inner = (
        first.shape[:-1]
        if isinstance(module, nn.Linear | nn.MultiheadAttention)
        else first.shape[2:]
    )
    return inner.numel()


def inventory(counts: Account, uses: Mapping[str, int], pruned: Mapping[str, Any]) -> Table:
    """Return one row per layer; the first row, without a name, is the total.

    `uses` is the number of times that each weight is used on one image (`num_uses`); without it,
    multiply-accumulates are omitted. `pruned` is a checkpoint's `sparsity`. A row has a requested
    sparsity only if the method sets one per layer.
    """
    asked = pruned.get("per_layer_asked", {})
    rows = [_row(layer, uses.get(layer.name), asked.get(layer.name)) for layer in counts.layers]
    names = [name for name in COLUMNS if name not in ("layer", "asked", "sparsity")]
    whole: dict[str, Any] = {name: _total(rows, name) for name in names}
    whole |= {"layer": "", "asked": pruned.get("asked"), "sparsity": counts.sparsity}
    return Table({name: [row[name] for row in (whole, *rows)] for name in COLUMNS})


def facts(counts: Account) -> dict[str, Any]:
    """Return the size facts of a network file's content."""
    return {
        "parameters": counts.num_parameters,
        "prunable": counts.num_weights,
        "nonzero": counts.num_weights - counts.num_zeros,
        "sparsity": counts.sparsity,
        "bytes_dense": counts.dense_bytes,
        "bytes_packed": counts.packed_bytes,
    }


def checkpoint_facts(checkpoint: Checkpoint, counts: Account) -> dict[str, Any]:
    """Return the facts about a checkpoint: its contents, size and origin."""
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
