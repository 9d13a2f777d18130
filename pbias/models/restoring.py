"""Restore networks from state dicts, including weights that several layers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError
from pbias.models.architectures import ARCHITECTURES, build_for_weights
from pbias.models.user_factory import is_own

if TYPE_CHECKING:
    from torch import Tensor, nn


def restore(
    name: str, num_outputs: int, args: Mapping[str, Any], state_dict: Mapping[str, Tensor]
) -> nn.Module:
    """Return the network that `state_dict` belongs to; it takes over the tensors without a copy.

    A weight that two layers share stays one weight. Raises UserError naming the tensors that do not
    fit.
    """
    import torch

    model = build_for_weights(name, num_outputs, **args)
    wanted, groups = model.state_dict(), shared_names(model)
    # The batch counter of a batch norm: nothing here reads it, and files from before torch 0.4.1
    # lack it.
    counters = {key: torch.tensor(0) for key in wanted if key.endswith("num_batches_tracked")}
    given = with_shared(counters | dict(state_dict), groups)
    _check_fit(name, wanted, given, num_outputs)
    _check_shared(name, given, groups)
    model.load_state_dict(given, assign=True)
    _share_again(model, groups)
    return model.requires_grad_() if name in ARCHITECTURES else model


def shared_names(model: nn.Module) -> list[list[str]]:
    """Return all names of each weight that several layers share."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def with_shared(
    state_dict: Mapping[str, Tensor], groups: Sequence[Sequence[str]]
) -> dict[str, Tensor]:
    """Return the state dict with all names of shared weights; files may contain only one."""
    found = dict(state_dict)
    for group in groups:
        held = [name for name in group if name in state_dict]
        if held:
            found |= {name: state_dict[held[0]] for name in group if name not in state_dict}
    return found


def _check_shared(name: str, given: Mapping[str, Tensor], groups: Sequence[Sequence[str]]) -> None:
    import torch

    for first, *others in groups:
        for other in others:
            if not torch.equal(given[first], given[other]):
                raise UserError(
                    f"{first} and {other} are one weight of {name} but differ in the file; check "
                    "the architecture"
                )


def _share_again(model: nn.Module, groups: Sequence[Sequence[str]]) -> None:
    for first, *others in groups:
        parameter = model.get_parameter(first)
        for other in others:
            path, _, attribute = other.rpartition(".")
            setattr(model.get_submodule(path), attribute, parameter)


def _check_fit(
    name: str, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], num_outputs: int
) -> None:
    odd = [key for key in wanted if key not in given] + [key for key in given if key not in wanted]
    if odd:
        where = "lack" if odd[0] in wanted else "hold an unknown"
        raise UserError(
            f"the weights {where} {odd[0]} ({len(odd)} names differ), so they do not belong to "
            f"{name}; check the architecture"
        )
    for key, tensor in wanted.items():
        if tensor.is_floating_point() != given[key].is_floating_point():
            kinds = [str(one.dtype).removeprefix("torch.") for one in (given[key], tensor)]
            raise UserError(
                f"{key} holds {kinds[0]} numbers but {name} needs {kinds[1]}; save the weights as"
                " float32"
            )
        if tensor.shape != given[key].shape:
            num = len(given[key]) if given[key].ndim else 0
            if is_own(name) and tensor.shape == (num_outputs, *given[key].shape[1:]):
                raise UserError(
                    f"the weights have {num} outputs but --targets names {num_outputs} ({key}); "
                    "name each output"
                )
            raise UserError(
                f"{key} has shape {list(given[key].shape)} but {name} needs {list(tensor.shape)};"
                " check the architecture and its arguments"
            )
