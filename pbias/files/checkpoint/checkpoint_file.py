"""Checkpoints (`.pt`): a network, the meaning of its outputs, and its provenance.

A checkpoint is a dict that `torch.load(weights_only=True)` accepts: reading one never runs code.
"""

from __future__ import annotations

import dataclasses
import io
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbias.errors import UserError, first_repeated, listed
from pbias.files.checkpoint.archive import read_archive
from pbias.files.checkpoint.foreign import as_float32, without_wrappers
from pbias.files.checkpoint.metadata import Fault, find_fault
from pbias.files.checkpoint.packed import pack, unpack_all
from pbias.files.checkpoint.weights import check_weights, fold_masks, is_plain, is_state_dict, plain
from pbias.files.provenance import sha256
from pbias.files.streams import input_name, read_bytes, write_bytes

FORMAT = "pbias-checkpoint"
SCHEMA = 1
CROSS_ENTROPY = "cross-entropy"  # the loss of a network that chooses one of its outputs
# In order of preference: a plain network before an average of it.
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "model_ema", "ema", "params")

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Checkpoint:
    """A network and its provenance; everything but `state_dict` is small.

    `model` is `{"name", "args"}` for `models.build`; `preprocess` has `size`, `crop`, `mean`,
    `std`; `data` has the manifest's `path` and `sha256` (empty for weights from elsewhere);
    `train_counts` is int64 [A, G+1, V+1, 2] as in logits files; `sparsity` is empty for a dense
    network; `parents` are the SHA-256 of the files from which this one was made. `sha256` is the
    hash of the file that was read; it is not stored.
    """

    model: dict[str, Any]
    state_dict: dict[str, Tensor]
    targets: list[str]
    groups: list[str]
    group_values: list[list[str]]
    preprocess: dict[str, Any]
    data: dict[str, Any]
    train_counts: NDArray[np.int64] | None
    recipe: dict[str, Any]
    sparsity: dict[str, Any]
    parents: list[str]
    environment: dict[str, str]
    sha256: str = ""

    @property
    def activation(self) -> str | None:
        """The function that turns outputs into probabilities; None for an unknown loss."""
        loss = self.recipe.get("loss")
        return loss and ("softmax" if loss == CROSS_ENTROPY else "sigmoid")


# In writing order.
_FIELDS = tuple(f.name for f in dataclasses.fields(Checkpoint) if f.name != "sha256")
TENSORS = ("state_dict", "train_counts")


def load_checkpoint(path: str) -> Checkpoint:
    """Read a checkpoint, from standard input for `-`.

    Raises UserError for a file that is missing, truncated, not a checkpoint or newer than this
    version, and for values of wrong types and NaN weights.
    """
    content, digest = _parse(read_bytes(path), input_name(path))
    if not _has_format(content):
        raise UserError(_foreign(content, path))
    return _checkpoint(content, input_name(path), digest)


def load_network_file(path: str) -> Checkpoint | dict[str, Tensor]:
    """Read a checkpoint or a bare state dict, whichever the file holds; `-` is standard input."""
    return parse_network(read_bytes(path), path)


def parse_network(
    data: bytes, path: str, *, as_stored: bool = False
) -> Checkpoint | dict[str, Tensor]:
    """Return the result of `load_network_file` for bytes already read; `path` is for messages.

    With `as_stored`, the tensors of a bare state dict keep types that numpy lacks.
    """
    path = input_name(path)
    content, digest = _parse(data, path)
    if _has_format(content):
        return _checkpoint(content, path, digest)
    return _bare(content, path, as_stored=as_stored)


def save_checkpoint(checkpoint: Checkpoint, path: str, *, packed: bool = False) -> None:
    """Write a checkpoint, to standard output for `-`; equal content gives equal bytes.

    With `packed`, tensors with zeros are stored as a bitmask and values, which `load_checkpoint`
    also reads.
    """
    write_bytes(path, serialize(checkpoint, packed=packed))


def serialize(checkpoint: Checkpoint, *, packed: bool = False) -> bytes:
    """Return the bytes of a checkpoint file; equal for equal content."""
    content: dict[str, Any] = {"format": FORMAT, "schema": SCHEMA}
    for name in _FIELDS:
        content[name] = getattr(checkpoint, name)
    if packed:
        state_dict = checkpoint.state_dict
        content["state_dict"] = {name: pack(tensor) for name, tensor in state_dict.items()}
    buffer = io.BytesIO()  # torch would embed the file's name if it saved to a path
    torch.save(plain(content), buffer)
    return buffer.getvalue()


def parse_state_dict(data: bytes, path: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict (`.pt`, `.pth`), bare or in a checkpoint.

    They may lie under `state_dict`, `model_state_dict` or `model`. The prefixes that
    DistributedDataParallel and torch.compile add are removed, and the masks of torch.nn.utils.prune
    are folded. `path` is for messages. Raises UserError like `load_checkpoint`.
    """
    path = input_name(path)
    return _bare(read_archive(data, path), path)


def _parse(data: bytes, path: str) -> tuple[object, str]:
    """Return the content of a file and its SHA-256, which another core computes in parallel."""
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(sha256, data)
        return read_archive(data, path), digest.result()


def _has_format(content: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(content, dict) and content.get("format") == FORMAT


def _checkpoint(content: dict[str, Any], path: str, digest: str) -> Checkpoint:
    schema = content.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        shown = Fault("schema", schema, "").shown
        raise UserError(
            f"{path} has schema {shown} and this pbias reads {SCHEMA};"
            " update pbias or write the file again"
        )
    content = {**content, "state_dict": unpack_all(content.get("state_dict"), path)}
    _check_fields(content, path)
    fields = {name: content[name] for name in _FIELDS}
    fields["train_counts"] = _train_counts(content, path)
    check_weights(fields["state_dict"], path)
    # Networks compute in float32.
    fields["state_dict"] = as_float32(fields["state_dict"], path, keep=[torch.float32])
    return Checkpoint(**fields, sha256=digest)


def _bare(content: object, path: str, *, as_stored: bool = False) -> dict[str, Tensor]:
    _say_which(content, path)
    content = unpack_all(_unwrap(content), path)
    if not is_state_dict(content):
        raise UserError(
            f"{path} holds no state dict{_held(content)}; save one with "
            "torch.save(model.state_dict(), FILE)"
        )
    state_dict = without_wrappers(content, path)
    check_weights(state_dict, path)
    return fold_masks(state_dict if as_stored else as_float32(state_dict, path), path)


def _held(content: object) -> str:
    """Describe what a dict holds instead of tensors, for a message."""
    if not isinstance(content, dict) or not content:
        return ""
    keys = [repr(key) for key in content]
    inside = [repr(key) for key, value in content.items() if is_state_dict(value)]
    found = f"{inside[0]} holds tensors, " if inside else ""
    return f" where one is looked for ({found}keys: {listed(keys, 5)})"


def _foreign(content: object, path: str) -> str:
    if is_state_dict(_unwrap(content)):
        return (
            f"{input_name(path)} is a bare state dict, which does not say what it predicts; make a"
            f" checkpoint of it with 'pbias prune {path} --arch NAME --one-shot --sparsity 0 -o"
            " FILE'"
        )
    return f"{input_name(path)} is not a checkpoint of pbias; make one with 'pbias train'"


def _unwrap(content: object) -> object:
    """Return the weights, without the other values that training scripts save."""
    if isinstance(content, dict):
        for wrapper in WRAPPERS:
            if isinstance(content.get(wrapper), dict):
                return _unwrap(content[wrapper])
    return content


def _say_which(content: object, path: str) -> None:
    """Log which weights are read if a file holds several, such as an average (EMA)."""
    if not isinstance(content, dict):
        return
    held = [key for key, value in content.items() if is_state_dict(_unwrap(value))]
    chosen = next((name for name in WRAPPERS if isinstance(content.get(name), dict)), None)
    others = [repr(key) for key in held if key != chosen]
    if chosen is not None and others:
        logger.info(
            "%s: the weights of '%s' are read, not those of %s", path, chosen, ", ".join(others)
        )


def _check_fields(content: Mapping[str, Any], path: str) -> None:
    for name in _FIELDS:
        if name not in content:
            raise UserError(f"{path} lacks {name!r}; write it again with pbias")
    metadata = {name: content[name] for name in _FIELDS if name not in TENSORS}
    if fault := find_fault(metadata):
        raise _wrong(path, fault)
    targets, values = content["targets"], content["group_values"]
    if first_repeated(targets) is not None:
        raise _wrong(path, Fault("targets", targets, "names that differ"))
    if len(values) != len(content["groups"]):
        raise _wrong(path, Fault("group_values", values, "a list for each group"))
    if not is_state_dict(content["state_dict"]):
        raise _wrong(path, Fault("state_dict", content["state_dict"], "a dict of tensors"))


def _wrong(path: str, fault: Fault) -> UserError:
    return UserError(
        f"{path}: {fault.name!r} is {fault.shown} (expected {fault.words}); write the file again"
    )


def _train_counts(content: Mapping[str, Any], path: str) -> NDArray[np.int64] | None:
    """Return the counts as an array; their shape follows from targets and groups."""
    counts = content["train_counts"]
    if counts is None:
        return None
    values = content["group_values"]
    num_values = max(map(len, values), default=0)
    shape = (len(content["targets"]), len(content["groups"]) + 1, num_values + 1, 2)
    wanted = f"int64 {list(shape)}, none below 0"
    if not isinstance(counts, Tensor):
        raise _wrong(path, Fault("train_counts", counts, wanted))
    if not is_plain(counts) or counts.dtype != torch.int64 or counts.shape != shape:
        kind = str(counts.dtype).removeprefix("torch.")
        raise _wrong(path, Fault("train_counts", f"{kind} {list(counts.shape)}", wanted))
    found: NDArray[np.int64] = counts.numpy()
    if (found < 0).any():
        raise _wrong(path, Fault("train_counts", int(found.min()), wanted))
    return found
