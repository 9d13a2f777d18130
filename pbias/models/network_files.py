"""Networks to prune, read from files: checkpoints, and bare state dicts made into checkpoints."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint, parse_network
from pbias.files.checkpoint.foreign import fit_names
from pbias.files.logits import default_targets
from pbias.files.provenance import environment, sha256
from pbias.files.streams import input_name, read_bytes
from pbias.models import build_for_weights, num_outputs_of, restore, shared_names
from pbias.models.architectures import args_of_weights
from pbias.models.exported_program import Program, load_program
from pbias.models.library_networks import is_library, sized_args
from pbias.models.onnx.graph_file import OnnxFile, read_onnx_file
from pbias.models.onnx.metadata import checkpoint_of
from pbias.models.onnx.runtime import OnnxNetwork
from pbias.models.preprocess import Preprocess
from pbias.models.user_factory import is_own

logger = logging.getLogger(__name__)


def network(checkpoint: Checkpoint) -> nn.Module:
    """Return the network of a checkpoint. They share memory, so pruning the network prunes both."""
    return restore(
        checkpoint.model["name"],
        len(checkpoint.targets),
        checkpoint.model["args"],
        checkpoint.state_dict,
    )


@dataclasses.dataclass(frozen=True)
class Named:
    """Options that describe a network whose file may not describe itself.

    They name the architecture or the user's own factory, arguments, targets, groups, and how images
    are prepared. `given` lists options that only make sense for such files.
    """

    name: str | None
    args: dict[str, Any]
    targets: list[str] | None
    groups: list[str]
    preprocess: dict[str, Any]
    given: list[str]


def read_network(path: str, named: Named) -> Checkpoint:
    """Read a checkpoint, or make one of a bare state dict and the options that describe it.

    A checkpoint of a user's own network uses the factory that was named for it. Raises UserError
    for options that contradict a checkpoint, and for missing options of a state dict.
    """
    data, path = read_bytes(path), input_name(path)
    return recognize(parse_network(data, path), sha256(data), path, named)


def recognize(
    content: Checkpoint | Mapping[str, Tensor], digest: str, path: str, named: Named
) -> Checkpoint:
    """Return `read_network` for the content of a file with this SHA-256; `path` is for messages."""
    if isinstance(content, Checkpoint):
        return _renamed(content, path, named)
    if named.name is None:
        raise UserError(
            f"{path} is a bare state dict, which does not name its network; add --arch NAME or "
            "--model package.module:factory"
        )
    return adopt(content, digest, path, named)


def _renamed(checkpoint: Checkpoint, path: str, named: Named) -> Checkpoint:
    own = is_own(checkpoint.model["name"])
    known = list(named.given)
    if named.name and not (own and is_own(named.name)):
        known.insert(0, "model" if is_own(named.name) else "arch")
    if named.groups and checkpoint.groups:
        known.append("groups")
    if named.args and not own:
        known.append("model-args")
    if known:
        raise UserError(
            f"{path} is a checkpoint of {checkpoint.model['name']}, which names its network "
            f"itself; leave out --{known[0]}"
        )
    if not named.name:
        return checkpoint
    args = {**checkpoint.model["args"], **named.args}
    return dataclasses.replace(checkpoint, model={"name": named.name, "args": args})


def adopt(state_dict: Mapping[str, Tensor], digest: str, path: str, named: Named) -> Checkpoint:
    """Return a checkpoint of a bare state dict with this SHA-256.

    Targets without names are called `output_0`, `output_1`, ... Raises UserError if the number of
    named targets differs from the number of outputs.
    """
    assert named.name is not None
    state_dict = {name: _single(tensor) for name, tensor in state_dict.items()}
    args = named.args
    if is_library(named.name):
        args = sized_args(named.name, args, named.preprocess["crop"])
    # The names of its tensors are the same for any number of outputs.
    usual = build_for_weights(named.name, len(named.targets or "12"), **args)
    further = [name for group in shared_names(usual) for name in group[1:]]
    state_dict = fit_names(state_dict, usual.state_dict(), path, further)
    args = args_of_weights(named.name, args, state_dict)
    # The named targets take precedence: factories may ignore the number that they are asked for.
    own = is_own(named.name) and named.targets
    num_outputs = len(named.targets or ()) if own else num_outputs_of(state_dict, named.name, args)
    return _foreign(
        {"name": named.name, "args": args}, state_dict, num_outputs, digest, path, named
    )


def read_program(path: str, named: Named, *, trusted: bool) -> tuple[Checkpoint, Program]:
    """Read an exported program (`.pt2`), and make a checkpoint without weights of the options.

    A program of a fixed size determines the size of its images. Raises UserError if the file is not
    trusted, because opening it can run code, and for options that contradict it.
    """
    data, path = read_bytes(path), input_name(path)
    if named.name is not None:
        option = "model" if is_own(named.name) else "arch"
        raise UserError(
            f"{path} is an exported program, which contains the network; leave out --{option}"
        )
    program = load_program(data, path, trusted=trusted)
    named = _of_size(named, program.side, path)
    model = {"name": "torch.export", "args": {}}
    return _foreign(model, {}, program.num_outputs, sha256(data), path, named), program


def read_onnx(
    path: str, named: Named, output_name: str | None = None, *, threads: int = 0
) -> tuple[Checkpoint, OnnxNetwork, OnnxFile]:
    """Read an ONNX network, its description from its metadata or else from `named`, and the file.

    A graph of a fixed size determines the size of its images. Raises UserError for files that
    cannot be run, and for options that contradict them.
    """
    file = read_onnx_file(path)
    path = file.path
    if named.name is not None:
        option = "model" if is_own(named.name) else "arch"
        raise UserError(
            f"{path} is an ONNX network, which contains the weights; leave out --{option}"
        )
    net = OnnxNetwork(file, output_name, threads=threads)
    known = checkpoint_of(file.properties, path, file.sha256)
    if known is not None:
        if given := [*named.given, *(["groups"] if named.groups and known.groups else [])]:
            raise UserError(f"{path} has this in its metadata; leave out --{given[0]}")
        return known, net, file
    if net.raw:
        named = _raw(named, path)
    named = _of_size(named, net.side, path)
    num = net.num_outputs or net.count_outputs(named.preprocess["crop"])
    return _foreign({"name": "onnx", "args": {}}, {}, num, file.sha256, path, named), net, file


def _raw(named: Named, path: str) -> Named:
    """Return the options without normalization, because the graph takes the images' bytes."""
    given = {"mean", "std"}.intersection(named.given)
    if given:
        raise UserError(
            f"{path} takes images of uint8, and normalizes them itself; leave out --{min(given)}"
        )
    preprocess = {**named.preprocess, "mean": [0.0] * 3, "std": [1.0] * 3}
    return dataclasses.replace(named, preprocess=preprocess, given=[*named.given, "mean"])


def _of_size(named: Named, side: int | None, path: str) -> Named:
    """Return the options with the image size that a program was exported for."""
    crop, size = named.preprocess["crop"], named.preprocess["size"]
    if side is None or side == crop:
        return named
    if "image-size" in named.given:
        raise UserError(f"{path} takes images of {side} px, not {crop}; leave out --image-size")
    if "resize" not in named.given:
        size = Preprocess.for_crop(side).size
    preprocess = {**named.preprocess, "crop": side, "size": size}
    given = [*named.given, "image-size"]
    return dataclasses.replace(named, preprocess=preprocess, given=given)


def _foreign(
    model: dict[str, Any],
    state_dict: dict[str, Tensor],
    num_outputs: int,
    digest: str,
    path: str,
    named: Named,
) -> Checkpoint:
    size, crop = named.preprocess["size"], named.preprocess["crop"]
    if size < crop:
        raise UserError(
            f"--resize {size} is smaller than the network's input of {crop} px; raise it, or lower "
            "--image-size"
        )
    targets = named.targets or list(default_targets(num_outputs))
    if len(targets) != num_outputs:
        raise UserError(
            f"{path} has {num_outputs} outputs but --targets names {len(targets)}; name each output"
        )
    if not named.targets:
        logger.info(
            "%s: %d outputs, called output_0 to output_%d; --targets names them",
            *(path, num_outputs, num_outputs - 1),
        )
    if "mean" not in named.given or "image-size" not in named.given:
        logger.info("%s: %s", path, _assumed(named.preprocess))
    return Checkpoint(
        model=model,
        state_dict=state_dict,
        targets=targets,
        groups=[],
        group_values=[],
        preprocess=dict(named.preprocess),
        data={},
        train_counts=None,
        recipe={},
        sparsity={},
        parents=[],
        environment=environment("cpu"),
        sha256=digest,
    )


def _assumed(preprocess: Mapping[str, Any]) -> str:
    mean, std = (",".join(f"{value:g}" for value in preprocess[key]) for key in ("mean", "std"))
    return (
        f"images are resized to {preprocess['size']}, cropped to {preprocess['crop']} px, less "
        f"{mean}, over {std}; --image-size, --resize, --mean and --std say otherwise"
    )


def _single(tensor: Tensor) -> Tensor:
    """Convert half precision to float32, which all computations use; leave counters as is."""
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor
