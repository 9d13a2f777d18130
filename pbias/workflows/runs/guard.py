"""Protection of a training run: one run per output, enough disk space, and unchanged images."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import socket
import tempfile
import zlib
from pathlib import Path

import numpy as np
from torch import nn

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint, save_checkpoint
from pbias.files.streams import is_replaceable
from pbias.workflows.runs.training_data import TrainingData

MIB = 2**20
# A training state contains the weights, the best ones, and at most two moments of each.
WEIGHTS_IN_STATE = 4
BLOCK = 1024  # images

_held: dict[str, socket.socket] = {}

logger = logging.getLogger(__name__)


def hold(output: str) -> None:
    """Raise UserError if another process is training this output; reserve it for this one.

    The lock is an address that disappears with its process, however it ends, and leaves no file.
    Only Linux has such addresses; on other systems there is no lock.
    """
    if not is_replaceable(output) or output in _held:
        return
    place = os.fsencode(os.path.realpath(output))
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(b"\0pbias-" + hashlib.sha256(place).hexdigest().encode())
    except OSError as error:
        lock.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"another process is already training {output}; wait for it, or name another output"
            ) from error
        return
    _held[output] = lock


def release(output: str) -> None:
    """Allow other processes to write the output."""
    if lock := _held.pop(output, None):
        lock.close()


def check_room(output: str, model: nn.Module) -> None:
    """Raise UserError if the disk has no space for the network; warn if states will not fit."""
    if not is_replaceable(output):
        return
    folder = Path(os.path.realpath(output)).parent
    free = shutil.disk_usage(folder).free
    weights = sum(tensor.nbytes for tensor in model.state_dict().values()) + MIB
    if free < weights:
        raise UserError(
            f"{folder} has {free / MIB:,.0f} MiB free but the network needs {weights / MIB:,.0f}; "
            "make room, or name another output"
        )
    # While a state is replaced, there are two.
    wanted = weights * (1 + 2 * WEIGHTS_IN_STATE)
    if free < wanted:
        logger.warning(
            "%s has %s MiB free; with less than %s a run cannot be resumed where it is interrupted",
            *(folder, f"{free / MIB:,.0f}", f"{wanted / MIB:,.0f}"),
        )


def rescue(made: Checkpoint, error: UserError, *, packed: bool) -> UserError:
    """Save a network in the folder for temporary files after `error`; return the new error."""
    handle, path = tempfile.mkstemp(prefix="pbias-", suffix=".pt")
    os.close(handle)
    try:
        save_checkpoint(made, path, packed=packed)
    except UserError:
        Path(path).unlink(missing_ok=True)
        return UserError(f"{error}, and {Path(path).parent} is full, too; train again")
    return UserError(f"{error}; the network was saved as {path}; move it")


def image_digest(data: TrainingData) -> str:
    """Return a checksum of the decoded images and their labels, to detect changes."""
    sums = []
    for part in data:
        if part is None:
            continue
        crc = zlib.crc32(part.labels.contiguous().numpy().tobytes())
        for start in range(0, len(part), BLOCK):
            crc = zlib.crc32(np.ascontiguousarray(part.images[start : start + BLOCK]).data, crc)
        sums.append(f"{len(part)}:{crc:08x}")
    return " ".join(sums)
