"""Networks to prune, as files hold them: checkpoints, and bare state dicts made into one."""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from pbias.files.checkpoint import Checkpoint, parse_state_dict
from pbias.files.provenance import environment, sha256
from pbias.files.streams import read_bytes
from pbias.models import num_outputs_of, restore

# What torchvision's weights were trained with.
IMAGENET = {
    "size": 256,
    "crop": 224,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}

logger = logging.getLogger(__name__)


def network(checkpoint: Checkpoint) -> nn.Module:
    """The network of a checkpoint; it shares its memory, so that pruning it prunes both."""
    return restore(
        checkpoint.model["name"],
        len(checkpoint.targets),
        checkpoint.model["args"],
        checkpoint.state_dict,
    )


def adopt(path: str, arch: str) -> Checkpoint:
    """A checkpoint of a bare state dict of architecture `arch`.

    The file does not say what the outputs mean or how pictures were prepared: targets are called
    `output_0`, `output_1`, ..., and pictures are prepared as for torchvision's ImageNet weights.
    """
    data = read_bytes(path)
    state_dict = {name: _single(tensor) for name, tensor in parse_state_dict(data, path).items()}
    num_outputs = num_outputs_of(state_dict, arch)
    logger.info(
        "%s: %d outputs, called output_0 to output_%d; preprocessing of ImageNet is assumed",
        *(path, num_outputs, num_outputs - 1),
    )
    return Checkpoint(
        model={"name": arch, "args": {}},
        state_dict=state_dict,
        targets=[f"output_{index}" for index in range(num_outputs)],
        groups=[],
        group_values=[],
        preprocess=dict(IMAGENET),
        data={},
        train_counts=None,
        recipe={},
        sparsity={},
        parents=[],
        environment=environment("cpu"),
        sha256=sha256(data),
    )


def _single(tensor: Tensor) -> Tensor:
    """Half precision as float32, in which everything here computes; counters stay as they are."""
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor
