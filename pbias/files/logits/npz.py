"""Read NPZ archives member by member: no pickle, shapes known before any data, rows in blocks."""

from __future__ import annotations

import io
import math
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.files.signatures import check_is_logits, first_bytes
from pbias.files.streams import STDIO, check_inputs, first_of, input_name, is_regular, spool

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError)
# Exceptions that numpy raises for headers that are not a Python literal, or a very deep one.
SENSELESS = (SyntaxError, tokenize.TokenError, TypeError, RecursionError, MemoryError)
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The arrays of a logits file; others are neither read nor checked.
KNOWN = frozenset((
    "logits", "probabilities", "labels", "ids", "targets", "groups", "group_names", "group_values",
    "clusters", "train_counts", "activation", "thresholds", "split", "meta",
))  # fmt: skip
ENCRYPTED = 1
MAX_AXES = 32
# zlib cannot shrink data by more than about 1,032 times; a larger claim is false or a bomb.
MAX_EXPANSION = 1100
# In total for all arrays. Real logits hardly shrink; zeros do, and a small file can fill memory.
MAX_UNFOLDED = 1 << 28
MAX_UNFOLDING = 64
# The types as which arrays of objects, which pandas makes, should be saved; others are text.
OBJECT_KINDS = {
    "logits": "float", "probabilities": "float", "labels": "float", "thresholds": "float",
    "groups": "int", "train_counts": "int",
}  # fmt: skip


class Member(NamedTuple):
    """The header of an array, known before its data are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False


class Npz:
    """An open archive; `-` and pipes are copied first, because archives need seeking."""

    def __init__(
        self,
        path: str,
        names: Collection[str] | None = None,
        *,
        what: str = "",
        again: str = "write it again with numpy",
        packed: bytes | None = None,
    ) -> None:
        """Open the archive and read every header, or only those of `names`.

        The bytes are `packed`, if given. `what` names the expected content (default: logits).
        Raises UserError naming the error, and `again`, what to do.
        """
        self.path = input_name(path)
        self._what, self._again = what or "NPZ file", again
        self._closing = ExitStack()
        if packed is None:
            check_inputs([path])
        try:
            source: Any = path
            if packed is not None:
                source = io.BytesIO(packed)
            elif path == STDIO or not is_regular(path):
                source = self._closing.enter_context(spool(path))
            if not what:
                first = first_bytes(path) if source is path else first_of(source)
                check_is_logits(first, self.path)
            self._zip = self._closing.enter_context(zipfile.ZipFile(source))
            self.members = {
                info.filename.removesuffix(".npy"): self._header(info)
                for info in self._zip.infolist()
                if info.filename.endswith(".npy")
                and (names is None or info.filename.removesuffix(".npy") in names)
            }
        except DAMAGED as error:
            raise self._damaged(error) from error
        self._check_unfolded()

    def __enter__(self) -> Npz:
        """Enter the context that closes the file at its end."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._closing.close()

    def read(self, name: str) -> NDArray[Any]:
        """Return one whole array."""
        member = self.members[name]
        blocks = list(self.blocks(name, max(1, member.shape[0] if member.shape else 1)))
        return blocks[0] if blocks else np.empty(member.shape, member.dtype)

    def checksum(self, name: str) -> tuple[int, int]:
        """Return CRC-32 and size of an array from the archive, without reading its data."""
        info = self._zip.getinfo(f"{name}.npy")
        return info.CRC, info.file_size

    def packed_size(self, name: str) -> int:
        """Return the number of bytes of an array in the archive."""
        return self._zip.getinfo(f"{name}.npy").compress_size

    def blocks(self, name: str, rows: int) -> Iterator[NDArray[Any]]:
        """Yield the array in blocks of `rows` rows (first axis), stored or deflated.

        An array in Fortran order, whose rows are not contiguous, is read whole. Raises UserError
        for arrays of Python objects.
        """
        member = self.members[name]
        if member.dtype.hasobject:
            raise self._of_objects(name)
        length = member.shape[0] if member.shape else 1
        if member.fortran and length > rows:
            whole = next(self.blocks(name, length))
            yield from (whole[start : start + rows] for start in range(0, length, rows))
            return
        row_bytes = member.dtype.itemsize * math.prod(member.shape[1:])
        try:
            with self._zip.open(f"{name}.npy") as file:
                _read_header(file)
                for start in range(0, length, rows):
                    count = min(rows, length - start)
                    data = _read_exactly(file, count * row_bytes)
                    shape = (count, *member.shape[1:]) if member.shape else ()
                    order: Literal["F", "C"] = "F" if member.fortran else "C"
                    yield _array(data, member.dtype).reshape(shape, order=order)
                file.read(1)  # at the end of the file, zipfile checks the CRC
        except DAMAGED as error:
            raise self._damaged(error) from error

    def _header(self, info: zipfile.ZipInfo) -> Member:
        if info.flag_bits & ENCRYPTED:
            raise ValueError(f"{info.filename} is encrypted")
        if info.compress_type not in COMPRESSIONS:
            raise ValueError(f"{info.filename} is compressed in a way that numpy never does")
        with self._zip.open(info) as file:
            member = _read_header(file)
        if member.dtype.hasobject:
            return member
        claimed = _size(member)
        if claimed > info.file_size:
            raise ValueError(
                f"{info.filename} claims {claimed} bytes but the archive holds {info.file_size}"
            )
        if info.file_size > MAX_EXPANSION * (info.compress_size + 1):
            raise ValueError(
                f"{info.filename} claims {info.file_size} bytes, more than {MAX_EXPANSION:,} times "
                f"its {info.compress_size} compressed ones"
            )
        return member

    def _check_unfolded(self) -> None:
        """Raise UserError for a small file whose arrays would fill memory, before reading them."""
        packed = sum(self._zip.getinfo(f"{name}.npy").compress_size for name in self.members)
        limit = max(MAX_UNFOLDED, MAX_UNFOLDING * packed)
        unfolded = sum(_size(member) for member in self.members.values())
        if unfolded > limit:
            self._closing.close()
            raise UserError(
                f"{self.path}: its arrays expand from {packed:,} to {unfolded:,} bytes, more than "
                f"{limit:,}; if that is correct, save them uncompressed with numpy.savez"
            )

    def _of_objects(self, name: str) -> UserError:
        kind = OBJECT_KINDS.get(name, "str")
        return UserError(
            f"{self.path}: '{name}' holds pickled Python objects, which are never loaded; save "
            f"{name}.astype({kind}) instead"
        )

    def _damaged(self, error: Exception) -> UserError:
        return self.damaged(" ".join(str(error).split(";")[0].split()) or type(error).__name__)

    def damaged(self, what: str) -> UserError:
        """Return the error for a damaged file; `what` is wrong with it."""
        return UserError(f"{self.path} is not a usable {self._what}: {what}; {self._again}")


def _size(member: Member) -> int:
    return member.dtype.itemsize * math.prod(member.shape)


def _read_header(file: IO[bytes]) -> Member:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version} is not known")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's warnings about files from Python 2
            shape, fortran, dtype = read(file)
    except SENSELESS as error:
        raise ValueError("the header of an array makes no sense") from error
    # numpy makes no array with such sides, even if another side is 0 and there are no data.
    if any(type(side) is not int for side in shape):  # True is a number to numpy
        raise ValueError(f"an array claims the shape {str(shape)[:80]}")
    largest = max(dtype.itemsize, 1) * math.prod(max(side, 1) for side in shape)
    if min(shape, default=0) < 0 or len(shape) > MAX_AXES or largest > sys.maxsize:
        raise ValueError(f"an array claims the shape {str(shape)[:80]}")
    return Member(shape, dtype, fortran and len(shape) > 1)


def _array(data: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the values; text must be Unicode, because Python cannot print other text."""
    if dtype.kind == "U":
        points = np.frombuffer(data, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
            raise ValueError("an array of text holds what is no Unicode")
    return np.frombuffer(data, dtype)


def _read_exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"the data end early ({len(data)} of {size} bytes)")
    return data
