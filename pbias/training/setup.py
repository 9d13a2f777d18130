"""Set up training: device, random numbers, optimizer and initial weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pbias.errors import UserError
from pbias.files.checkpoint import parse_state_dict
from pbias.files.checkpoint.foreign import fit_names
from pbias.files.provenance import sha256
from pbias.files.streams import input_name, read_bytes
from pbias.models import build, classifier_weight, output_names, shared_names, with_shared
from pbias.models.library_networks import is_library
from pbias.training.processes import local_rank
from pbias.training.recipe import Recipe

logger = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """Return and log the device with this name; `auto` is CUDA, then MPS, then the CPU.

    Raises UserError for an unavailable device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
        why = "the first of cuda, mps and cpu that is there"
    else:
        why = "asked for"
    if name == "cuda" and dist.is_torchelastic_launched():
        name, why = f"cuda:{local_rank()}", "one GPU for each process"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device '{name}' is not available here; use --device auto or cpu"
        ) from error
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.backends.cudnn.deterministic = True  # else a seed gives different weights on a GPU
    logger.info("device %s (%s)", describe(device), why)
    return device


def check_compiler(device: torch.device) -> None:
    """Compile a small function, so that a missing compiler is an error before any long work."""
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(2, device=device))
    except Exception as error:  # each backend has its own exceptions
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise UserError(
            f"--compile: torch.compile does not work for {device} here ({first}); install what it "
            "needs (a C++ compiler; Triton for GPUs), or leave --compile out"
        ) from error


def describe(device: torch.device) -> str:
    """Return the device, with the name of its model if it has one."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def new_network(
    arch: str, num_outputs: int, seed: int, args: Mapping[str, Any] | None = None
) -> nn.Module:
    """Return a network with random weights that depend only on the seed."""
    torch.manual_seed(seed)
    model = build(arch, num_outputs, **(args or {}))
    if is_library(arch):
        weight = model.get_parameter(classifier_weight(arch, args=args))
        if not weight.any():  # some start at zero; magnitude would prune the classifier first
            nn.init.trunc_normal_(weight, std=0.02)
    return model


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimizer for the trainable parameters."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # One kernel per step instead of several per tensor; not every device has it.
    fused = parameters[0].device.type in ("cpu", "cuda")
    if recipe.optimizer == "adam":
        return torch.optim.Adam(
            parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused
        )
    return torch.optim.SGD(
        parameters,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=fused,
    )


def epoch_generator(recipe: Recipe, epoch: int) -> torch.Generator:
    """Return the generator of one epoch, which depends only on seed and epoch."""
    seed = (recipe.seed * 1_000_003 + epoch) % 2**63  # PyTorch takes no larger seeds
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


class Weights(NamedTuple):
    """The weights in a file, with its SHA-256; `path` is for messages."""

    state_dict: dict[str, Tensor]
    sha256: str
    path: str


def read_weights(path: str) -> Weights:
    """Read the weights of a checkpoint or a bare state dict."""
    data, path = read_bytes(path), input_name(path)
    return Weights(parse_state_dict(data, path), sha256(data), path)


def start_from(
    model: nn.Module, arch: str, weights: Weights, args: Mapping[str, Any] | None = None
) -> None:
    """Load weights into `model`.

    A classifier with a different number of outputs keeps its random weights, which is logged.
    Raises UserError for weights of another network.
    """
    given, path = weights.state_dict, weights.path
    own, groups = model.state_dict(), shared_names(model)
    given = with_shared(fit_names(given, own, path, [n for g in groups for n in g[1:]]), groups)
    weight = classifier_weight(arch, model, args=args)
    if weight in given and given[weight].shape != own[weight].shape:
        logger.info(
            "%s: the classifier has %d outputs, not %d; it starts from random weights",
            *(path, len(given[weight]), len(own[weight])),
        )
        both = (weight, weight.removesuffix("weight") + "bias")
        names = output_names(arch, args or {}) if is_library(arch) else both
        given |= {name: own[name] for name in names if name in own}
    # Batch counters: files from before torch 0.4.1 lack them, and nothing here reads them.
    counters = {name: own[name] for name in own if name.endswith("num_batches_tracked")}
    given = {**counters, **given}
    odd = [
        name
        for name in {**own, **given}
        if name not in own or name not in given or own[name].shape != given[name].shape
    ]
    if odd:
        raise UserError(
            f"{path} does not fit {arch}: {len(odd)} tensors are missing, unknown or of another "
            f"shape (first: {odd[0]}); name its network with --arch"
        )
    model.load_state_dict(given)
