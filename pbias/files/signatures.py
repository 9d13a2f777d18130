"""Recognize the kind of a file from its first bytes."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from pbias.errors import UserError
from pbias.files.streams import STDIO, input_name

ZIP = b"PK\x03\x04"
NAME_AT = 30  # position of the first file name in a zip archive
NUM_BYTES = 256
WEIGHTS = rb"[^/]*/data\.pkl"  # the first entry that torch.save writes
# A line of two or more cells; the first begins like a name or is empty.
CSV = rb"(\xef\xbb\xbf)?([\"A-Za-z_][^\x00-\x1f,;|]*)?([,;|\t][^\x00-\x1f,;|]+)+(\r?\n|\Z)"
# The first entries in archives of exported programs; torch.save writes NAME/data.pkl first.
PROGRAM = rb"[^/]*/(data/(weights|constants)|models|archive_format)|serialized_exported_program"
# Fields of a model: ir_version, then any other (docs of ONNX, "onnx.proto").
ONNX = rb"\x08[\x01-\x7f][\x12\x1a\x22\x28\x32\x3a\x42\x72]"
PARQUET = b"PAR1"
ONNX_SUFFIX = ".onnx"
COUNTS = "pbias_counts"  # the first array in a counts file


def holds_arrays(path: str) -> bool:
    """Return whether a file (`-`: standard input, not consumed) is an archive of numpy arrays."""
    first = first_bytes(path)
    return first.startswith(ZIP) and b".npy" in first[NAME_AT:]


def is_counts(first: bytes) -> bool:
    """Return whether these first bytes belong to a counts file."""
    return first.startswith(ZIP) and first[NAME_AT:].startswith(f"{COUNTS}.npy".encode())


def holds_program(path: str) -> bool:
    """Return whether a file (`-`: standard input, not consumed) comes from `torch.export.save`."""
    first = first_bytes(path)
    return first.startswith(ZIP) and re.match(PROGRAM, first[NAME_AT:]) is not None


def holds_onnx(path: str) -> bool:
    """Return whether a file (`-`: standard input, not consumed) is ONNX by content or name."""
    first = first_bytes(path)
    if re.match(ONNX, first):
        return True
    return Path(path).suffix.lower() == ONNX_SUFFIX and not first.startswith((ZIP, b"\x80"))


def check_is_logits(first: bytes, path: str) -> None:
    """Raise UserError if the first bytes show another kind of file than logits."""
    name = first[NAME_AT:] if first.startswith(ZIP) else b""
    if re.match(WEIGHTS, name) or re.match(PROGRAM, name):
        what = "a checkpoint" if re.match(WEIGHTS, name) else "an exported program"
        raise UserError(f"{path} is {what}, not logits; run 'pbias predict' with it first")
    if is_counts(first):
        raise UserError(
            f"{path} is a counts file, which holds no rows; name logits here, and counts files "
            "alone in 'pbias metrics', report and evidence"
        )
    if re.match(ONNX, first):
        raise UserError(f"{path} is an ONNX network, not logits; run 'pbias predict' with it first")
    if first.startswith(PARQUET):
        raise UserError(
            f"{path} is a Parquet table, not logits; import it first: pbias import table "
            f"{shlex.quote(_as_typed(path))} -o {Path(path).stem}.npz (which then asks for columns)"
        )
    if re.match(CSV, first[:NUM_BYTES]):
        raise UserError(f"{path} is a CSV file, not logits; {_how_to_import(first, path)}")


def _how_to_import(first: bytes, path: str) -> str:
    """Return how to import a CSV file that was given instead of logits."""
    from pbias.files.import_command import SAMPLE, command_of_bytes  # needed only before an error

    if len(first) == NUM_BYTES and Path(path).is_file():
        with Path(path).open("rb") as file:
            first = file.read(SAMPLE)
    if command := command_of_bytes(_as_typed(path), first):
        return f"import it first: {command}"
    return (
        "name what 'pbias predict' wrote, or import predictions with 'pbias import table FILE "
        "--label COLUMN' and one of --probability, --logit and --prediction COLUMN"
    )


def _as_typed(path: str) -> str:
    """Return an input's name as on the command line."""
    return STDIO if path == input_name(STDIO) else path


def check_is_network(first: bytes, path: str) -> None:
    """Raise UserError if the first bytes show another kind of file than a network."""
    if first.startswith(ZIP) and b".npy" in first[NAME_AT:NUM_BYTES]:
        raise UserError(
            f"{path} is a logits file, not a network; name a checkpoint or state dict here, and "
            "use logits with 'pbias metrics'"
        )
    if re.match(ONNX, first):
        raise UserError(
            f"{path} is an ONNX network, which predict, quantize and info read; name the "
            "checkpoint it was exported from"
        )
    if re.match(CSV, first[:NUM_BYTES]):
        raise UserError(
            f"{path} is a CSV file, not a network; name the network first, then this file"
        )


def first_bytes(path: str) -> bytes:
    """Return the first bytes of a file, or of standard input for `-`, which is not consumed."""
    if path == STDIO:
        first: bytes = getattr(sys.stdin.buffer, "peek")(NUM_BYTES)[:NUM_BYTES]  # noqa: B009
        return first
    with Path(path).open("rb") as file:
        return file.read(NUM_BYTES)
