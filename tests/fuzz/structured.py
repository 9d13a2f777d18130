"""Feed coverage-guided inputs to the four readers, with Atheris (libFuzzer).

    python tests/fuzz/structured.py --seconds 600      # what `make fuzz` runs
    python tests/fuzz/structured.py --only weights --replay crash-1234

The first byte of an input chooses a form; the rest is a complete file, a member of an otherwise
valid archive, or choices from which a file is built. Atheris changes the bytes, and keeps inputs
that reach a line of pbias for the first time. Limits are those of fuzz.py: anything but a
UserError, 20 seconds, 1 GiB beyond the imports, a process, a connection, or a written file fails.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

try:
    import atheris
except ImportError:
    sys.exit("the fuzzer needs atheris; install it with: pip install -c constraints.txt '.[fuzz]'")

with atheris.instrument_imports(include=["pbias"], enable_loader_override=False):
    import fuzz
    import kinds
    import numpy as np
    import torch

    from pbias.auditing.gates.grammar import parse_gate
    from pbias.errors import UserError

GRACE_S = 90  # how long a reader may hang in code that no signal interrupts
OPTIONS = ("-timeout=0", "-rss_limit_mb=0", "-max_len=16384", "-len_control=0", "-verbosity=0",
           "-print_final_stats=1")  # fmt: skip
DTYPES = ("<f4", "<f8", "<f2", "<i8", "|i1", "|u1", "|b1", "<U5", "<U0", "|O", "<c8", "<M8[s]",
          ">f4", "<U999999999", "V3", "f4,i4")  # fmt: skip
SIZES = (0, 1, 2, 3, 20, 2**16, 2**31, 2**63, 10**30, -1)


class Reader(NamedTuple):
    """A reader: its first inputs, how an input becomes a file, and the function that reads it."""

    seeds: Callable[[], list[bytes]]
    make: Callable[[bytes], bytes]
    read: Callable[[str], object]


def main() -> None:
    """Feed each reader for its share of the time; exit with 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="for all readers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=list(READERS), help="one reader")
    parser.add_argument("--replay", metavar="FILE", help="read one input, of the reader --only")
    given = parser.parse_args()
    names = [given.only] if given.only else list(READERS)
    with tempfile.TemporaryDirectory() as folder:
        if given.replay:
            return feed(
                READERS[given.only], Path(folder) / "input", Path(given.replay).read_bytes()
            )
        for name in names:
            if status := _in_fork(name, given.seconds // len(names), given.seed, Path(folder)):
                sys.exit(f"{name}: failed with status {status}; its input is in crash-*")
    return None


def feed(reader: Reader, path: Path, data: bytes) -> None:
    """Read one input; bad ones should raise a UserError."""
    path.write_bytes(reader.make(data))
    try:
        with fuzz.watched():
            reader.read(str(path))
    except UserError:
        pass


def _in_fork(name: str, seconds: int, seed: int, folder: Path) -> int:
    """Run libFuzzer for `seconds`; return its exit status."""
    print(f"{name}: {seconds} s", flush=True)
    pid = os.fork()
    if pid == 0:
        _fuzz(name, seconds, seed, folder)
    deadline = time.monotonic() + seconds + GRACE_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return -signal.SIGKILL


def _fuzz(name: str, seconds: int, seed: int, folder: Path) -> None:
    reader, corpus = READERS[name], folder / name
    corpus.mkdir()
    for number, data in enumerate(reader.seeds()):
        (corpus / str(number)).write_bytes(data)
    options = [f"-max_total_time={seconds}", f"-seed={seed}", *OPTIONS]
    path = folder / f"{name}.input"
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: feed(reader, path, data))
    fuzz.guard()
    atheris.Fuzz()


def _file_or(build: Callable[[atheris.FuzzedDataProvider], bytes]) -> Callable[[bytes], bytes]:
    """Use an input as it is after a 0, otherwise build it from choices."""

    def make(data: bytes) -> bytes:
        return data[1:] if data[:1] == b"\0" else build(atheris.FuzzedDataProvider(data[1:]))

    return make


def _as_files(examples: list[bytes]) -> list[bytes]:
    chosen = random.Random(0)
    return [b"\0" + data for data in examples] + [b"\1" + chosen.randbytes(400) for _ in range(20)]


def _pick(bits: atheris.FuzzedDataProvider, among: Any) -> Any:
    return among[bits.ConsumeIntInRange(0, len(among) - 1)]


def npz(bits: atheris.FuzzedDataProvider) -> bytes:
    """Make arrays with chosen types and shapes, and headers that may disagree."""
    names = ["logits", "labels", "ids", "targets", "groups", "group_names", "group_values", "meta",
             "clusters", "train_counts", "activation", "thresholds", "split"]  # fmt: skip
    buffer = io.BytesIO()
    method = _pick(bits, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names[: bits.ConsumeIntInRange(0, len(names))]:
            archive.writestr(name + _pick(bits, (".npy", ".npy", ".npy", "")), _array(bits))
    return buffer.getvalue()


def _array(bits: atheris.FuzzedDataProvider) -> bytes:
    kind = bits.ConsumeIntInRange(0, 3)
    if kind == 0:  # a header that need not match the data
        shape = [_pick(bits, SIZES) for _ in range(bits.ConsumeIntInRange(0, 4))]
        header = f"{{'descr': {_pick(bits, DTYPES)!r}, 'fortran_order': {bits.ConsumeBool()}, "
        header += f"'shape': {tuple(shape)}, }}{bits.ConsumeUnicodeNoSurrogates(8)}\n"
        text = header.encode("utf-8", "replace")
        version = _pick(bits, (b"\1\0", b"\2\0", b"\3\0", b"\4\0"))
        size = len(text).to_bytes(2 if version == b"\1\0" else 4, "little")
        return b"\x93NUMPY" + version + size + text + bits.ConsumeBytes(40)
    if kind == 1:
        array = np.array([bits.ConsumeUnicodeNoSurrogates(6) for _ in range(3)], np.str_)
    else:
        rows, columns = bits.ConsumeIntInRange(0, 4), bits.ConsumeIntInRange(0, 3)
        dtype = np.dtype(_pick(bits, ("<f4", "<f8", "<f2", "<i8", "|i1", "|b1")))
        raw = bits.ConsumeBytes(rows * columns * dtype.itemsize)
        raw = raw.ljust(rows * columns * dtype.itemsize, b"\0")
        shape = _pick(bits, ((rows, columns), (rows * columns,), (1, rows, columns)))
        array = np.frombuffer(raw, dtype).reshape(shape)
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@functools.cache
def _checkpoints() -> list[bytes]:
    torch.manual_seed(0)
    return fuzz._pt()


def weights(bits: atheris.FuzzedDataProvider) -> bytes:
    """Make a checkpoint of random values, a pickle in a valid archive, or a safetensors header."""
    kind = bits.ConsumeIntInRange(0, 2)
    if kind == 0:
        return kinds.checkpoint(_Choices(bits))  # type: ignore[arg-type]
    if kind == 1:
        buffer, plain = io.BytesIO(), _checkpoints()[bits.ConsumeIntInRange(0, 1)]
        with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(buffer, "w") as archive:
            for info in old.infolist():
                content = old.read(info)
                if info.filename.endswith("data.pkl"):
                    at = bits.ConsumeIntInRange(0, len(content))
                    new = bits.ConsumeBytes(bits.ConsumeIntInRange(0, 12))
                    content = content[:at] + new + content[at + bits.ConsumeIntInRange(0, 12) :]
                archive.writestr(info.filename, content)
        return buffer.getvalue()
    entries = {
        bits.ConsumeUnicodeNoSurrogates(5): {
            "dtype": _pick(bits, ("F32", "BF16", "F8_E4M3", "I64", "BOOL", "X9")),
            "shape": [_pick(bits, SIZES) for _ in range(bits.ConsumeIntInRange(0, 3))],
            "data_offsets": [_pick(bits, SIZES), _pick(bits, SIZES)],
        }
        for _ in range(bits.ConsumeIntInRange(0, 3))
    }
    text = json.dumps(entries).encode() + bits.ConsumeBytes(bits.ConsumeIntInRange(0, 4))
    return len(text).to_bytes(8, "little") + text + bits.ConsumeBytes(64)


class _Choices(random.Random):
    """Choices of `random`, made by the input; when it is used up, numbers still come."""

    def __init__(self, bits: atheris.FuzzedDataProvider) -> None:
        super().__init__(0)
        self.bits = bits

    def random(self) -> float:
        return self.bits.ConsumeIntInRange(0, 2**16 - 1) / 2**16 if hasattr(self, "bits") else 0.0

    def getrandbits(self, k: int, /) -> int:
        return int.from_bytes(self.bits.ConsumeBytes((k + 7) // 8), "little") & ((1 << k) - 1)


def _tables() -> list[bytes]:
    return [*fuzz._manifest(), *fuzz._thresholds(), *fuzz._flags(), *fuzz._table()]


def table(bits: atheris.FuzzedDataProvider) -> bytes:
    """Make rows of chosen cells below a chosen header."""
    headers = ("image,split,Smiling,age,person", "attribute,threshold", "id,attribute,risk", "",
               "id,label,p,sex,person", "id,label,p_0,p_1,sex,person", "image_id,Male")  # fmt: skip
    cells = ("0", "1", "", "-1", "nan", "a.png", "../b.png", "/c", "train", "test", '"', "x\ny",
             "1e999", "\0", "Smiling", "=1", "0.5", "٣", "'")  # fmt: skip
    lines = [_pick(bits, headers)]
    for _ in range(bits.ConsumeIntInRange(0, 8)):
        chosen = [_pick(bits, cells) for _ in range(bits.ConsumeIntInRange(0, 7))]
        lines.append(",".join([*chosen, bits.ConsumeUnicodeNoSurrogates(4)]))
    return _pick(bits, ("\n", "\r\n", "\r")).join(lines).encode("utf-8", "surrogatepass")


def read_table(path: str) -> None:
    """Read it with every reader of tables."""
    for read in (fuzz._read_manifest, fuzz._read_thresholds, fuzz.read_flags, fuzz._read_table):
        try:
            read(path)
        except UserError:
            pass


def words(bits: atheris.FuzzedDataProvider) -> bytes:
    """Make words of gates, expressions and TOML, in any order."""
    toml = ["[metrics]\n", "gate", "level", "folds", " = ", "\n", "[", "]", "{", "}", '"', "'",
            "1979-05-27", "true", "\\u0000", "#", "'''", '"""']  # fmt: skip
    among = [*kinds.WORDS, *kinds.MARKS, *kinds.NUMBERS, *toml]
    chosen = [_pick(bits, among) for _ in range(bits.ConsumeIntInRange(0, 40))]
    return "".join([*chosen, bits.ConsumeUnicodeNoSurrogates(10)]).encode("utf-8", "replace")


def read_words(path: str) -> None:
    """Read it as a gate, as an expression, and as a file of options."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        parse_gate(text)
    except UserError:
        pass
    try:
        kinds.compile_pattern(text).search("layer1." * 20 + "a" * 60)
    except UserError:
        pass
    kinds.read_toml(path)


def _words() -> list[bytes]:
    return [
        b"abs(did_tpr)@sex=1/Smiling <= 0.05",
        b"^layer[1,2]\\.(conv|bn)",
        b"[metrics]\nlevel = 0.9",
    ]


READERS = {
    "logits": Reader(lambda: _as_files(fuzz._npz()), _file_or(npz), fuzz.read_logits),
    "weights": Reader(lambda: _as_files(_checkpoints()), _file_or(weights), kinds.read_checkpoint),
    "tables": Reader(lambda: _as_files(_tables()), _file_or(table), read_table),
    "words": Reader(lambda: _as_files(_words()), _file_or(words), read_words),
}


if __name__ == "__main__":
    main()
