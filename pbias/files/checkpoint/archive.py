"""Read files that torch wrote, without running any code in them."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from pathlib import PurePosixPath

import torch

from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.files.checkpoint.expansion import check_expansion
from pbias.files.signatures import check_is_network

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the start of torch.save files before 1.6


def read_archive(data: bytes, path: str) -> object:
    """Return the content of a file that `torch.save` wrote: only tensors and plain values.

    `path` is for messages. Raises UserError for anything else without opening it: damaged files,
    pickles that would call functions, TorchScript and exported programs.
    """
    if not data:
        raise UserError(f"{path} is empty; did the command that wrote it fail?")
    check_is_network(data, path)
    if _is_safetensors(data):
        return _read_safetensors(data, path)
    if data.startswith(ZIP):
        _check_zip(data, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's warnings are for the file's author
            content: object = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # the reader has no common exception class for broken files
        raise UserError(_diagnose(data, path, str(error))) from error
    check_expansion(content, len(data), path)
    return content


def _is_safetensors(data: bytes) -> bool:
    """Return whether a file begins like safetensors: a length, then a JSON object."""
    return data[8:10] in (b'{"', b"{}") and int.from_bytes(data[:8], "little") < 100_000_000


def _read_safetensors(data: bytes, path: str) -> object:
    package, purpose = "safetensors", f"{path} is a safetensors file, which"
    damaged = load_extra(package, package, purpose).SafetensorError
    read = load_extra("safetensors.torch", package, purpose).load
    try:
        content: object = read(data)
        return content
    except (damaged, KeyError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); copy or write it again") from error


def _check_zip(data: bytes, path: str) -> None:
    """Raise UserError for damage, because torch does not compare checksums when it reads."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # Torch stores without compression; a compressed entry may become a thousand times as
            # large.
            compressed = [info for info in archive.infolist() if info.compress_type]
            # Overlapping entries would each be read in full.
            if sum(info.file_size for info in archive.infolist()) > len(data) and not compressed:
                raise zipfile.BadZipFile("entries overlap")
            damaged = None if compressed else archive.testzip()
            names = {PurePosixPath(name).name for name in archive.namelist()}
    except Exception as error:  # zipfile has no common exception class either
        raise UserError(
            f"{path} is truncated or damaged ({len(data):,} bytes); copy or write it again"
        ) from error
    if damaged:
        raise UserError(f"{path} is damaged ({damaged}); copy or write it again")
    if "constants.pkl" in names:
        raise UserError(
            f"{path} is a TorchScript program, not weights;"
            " save torch.jit.load(FILE).state_dict() instead"
        )
    if "archive_format" in names or "serialized_exported_program.json" in names:
        raise UserError(
            f"{path} is an exported program, which 'pbias predict --trust-program' runs; name its"
            " weights here, saved with torch.save(model.state_dict(), FILE)"
        )
    if compressed or "data.pkl" not in names:
        raise UserError(f"{path} is a zip file but not a checkpoint; check the path")


def _diagnose(data: bytes, path: str, message: str) -> str:
    name = re.search(r"GLOBAL ([\w.]+)", message)
    if name or (data.startswith(PICKLE) and not data.startswith(LEGACY)):
        what = f" ({name[1]})" if name else ""
        return (
            f"{path} could run Python code when opened{what}, so it was not opened;"
            " save the weights alone with torch.save(model.state_dict(), FILE)"
        )
    if data.startswith((ZIP, LEGACY)):
        return f"{path} is damaged; copy or write it again"
    return f"{path} is neither a checkpoint nor a state dict; make one with 'pbias train'"
