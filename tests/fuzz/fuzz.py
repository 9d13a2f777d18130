"""Feed damaged and hostile inputs to every reader, which may only raise UserError or succeed.

    python tests/fuzz/fuzz.py --num 200000     # what `make fuzz` runs
    python tests/fuzz/fuzz.py --only npz --seed 7 --num 1 --save case.bin

Valid files are changed at random: bytes are flipped, cut, doubled and spliced. Archives are also
changed member by member and packed again with right checksums, so that the change reaches the
reader; text is also changed cell by cell. Other inputs are generated (kinds.py): checkpoints,
names, gates, expressions, options. An input fails if it raises anything but UserError, takes longer
than 20 seconds, needs more than 1 GiB beyond the imports, starts a process, connects, or writes a
file. The first failing input is saved.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np
import onnx.numpy_helper  # noqa: F401  # before memory is bounded
import torch
from kinds import KINDS

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint, load_network_file, serialize
from pbias.files.flag_list import read_flags
from pbias.files.logits import read_logits
from pbias.files.manifest import read_manifest, select, train_counts
from pbias.files.threshold_file import read_thresholds
from pbias.models.onnx.graph_file import image_input, read_onnx_file
from pbias.models.onnx.inventory import facts, inventory
from pbias.workflows.importing.table import import_table

LIMIT_S, LIMIT_BYTES = 20, 1 << 30
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "socket.")
NUMBERS = (
    b"-1",
    b"0",
    b"1",
    b"nan",
    b"inf",
    b"-inf",
    b"1e999",
    b"9" * 30,
    b"",
    b'"',
    b"\x00",
    b",",
)


class Forbidden(BaseException):
    """A reader did something forbidden; no `except Exception` hides it."""


def main() -> None:
    """Run, print how many inputs were refused and read, and exit with 1 at the first failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=200_000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[*READERS, *KINDS], help="one reader")
    parser.add_argument("--save", default="fuzz-failure.bin", help="where the failing input goes")
    given = parser.parse_args()
    names = [given.only] if given.only else [*READERS, *KINDS]
    guard()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            run(name, given.num // len(names), given.seed, Path(folder), given.save)


def run(name: str, num: int, seed: int, folder: Path, save: str) -> None:
    """Feed one reader."""
    if name in KINDS:
        make, reader = KINDS[name]
    else:
        seeds, reader = READERS[name]
        make = mutating(seeds(), archive=name in ("npz", "pt"))
    path = folder / f"input.{name}"
    counts = {"read": 0, "refused": 0}
    for number in range(num):
        rng = random.Random(f"{name} {seed} {number}")
        data = make(rng)
        path.write_bytes(data)
        try:
            with watched():
                reader(str(path))
            counts["read"] += 1
        except UserError:
            counts["refused"] += 1
        except BaseException:
            Path(save).write_bytes(data)
            traceback.print_exc()
            sys.exit(f"{name}: input {number} of seed {seed} failed; it is in {save}")
    print(f"{name}: {num} inputs, {counts['refused']} refused, {counts['read']} read")


def mutating(examples: list[bytes], *, archive: bool) -> Callable[[random.Random], bytes]:
    """Return a function that changes one of the examples at random."""
    return lambda rng: mutate(rng, rng.choice(examples), archive=archive)


def mutate(rng: random.Random, data: bytes, *, archive: bool) -> bytes:
    """Return a changed copy: of the bytes, or of one member of an archive."""
    if archive and rng.random() < 0.6:
        return _repack(rng, data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        data = _change(rng, data)
    return data


def _change(rng: random.Random, data: bytes) -> bytes:
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 16, 200))
    kind = rng.randrange(7)
    if kind == 0:
        return data[:at] + rng.randbytes(length) + data[at + length :]
    if kind == 1:
        return data[:at] + data[at + length :]
    if kind == 2:
        return data[:at] + data[at : at + length] * rng.choice((2, 3, 50)) + data[at:]
    if kind == 3:
        return data[:at]
    if kind == 4:
        return data[:at] + rng.choice(NUMBERS) + data[at + rng.choice((0, 1)) :]
    if kind == 5 and at < len(data):
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    other = rng.randrange(len(data) + 1)
    return data[:at] + data[other : other + length] + data[at:]


def _repack(rng: random.Random, data: bytes) -> bytes:
    """Change, drop, double or rename one member in an otherwise valid archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    index = rng.randrange(len(members))
    name, content = members[index]
    kind = rng.randrange(8)
    if kind == 0:
        del members[index]
    elif kind == 1:
        members[index] = (rng.choice(members)[0], content)
    elif kind == 2:
        members[index] = (name, rng.choice(members)[1])
    else:
        members[index] = (name, _change(rng, content))
    buffer = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # repeated names are intended here
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def guard() -> None:
    """Forbid what no reader may do, and limit the memory."""
    warnings.simplefilter("ignore")
    torch.zeros(8, 8) @ torch.zeros(8, 8)  # start the threads before memory is limited
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _too_slow)
    sys.addaudithook(_hook)


WATCHING = [False]


class watched:  # noqa: N801
    """The context in which a reader runs."""

    def __enter__(self) -> None:
        WATCHING[0] = True
        signal.alarm(LIMIT_S)

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        WATCHING[0] = False


def _too_slow(signum: int, frame: FrameType | None) -> NoReturn:
    raise Forbidden(f"longer than {LIMIT_S} s")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not WATCHING[0]:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
    if event.startswith(FORBIDDEN) or writes:
        raise Forbidden(f"{event} {arguments}")


def _npz() -> list[bytes]:
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 2, (20, 3)).astype(np.int8)
    arrays: dict[str, Any] = {
        "logits": rng.normal(size=(20, 3)).astype(np.float32),
        "labels": labels,
        "ids": np.array([f"images/{row}.png" for row in range(20)]),
        "targets": np.array(["Smiling", "Young", "Bald"]),
        "groups": rng.integers(-1, 2, (20, 2)).astype(np.int16),
        "group_names": np.array(["Male", "Skin"]),
        "group_values": np.array([["0", "1"], ["I", "II"]]),
        "clusters": rng.integers(0, 5, 20),
        "train_counts": rng.integers(0, 50, (3, 3, 3, 2)),
        "activation": np.array("sigmoid"),
        "thresholds": np.zeros(3),
        "split": np.array("test"),
        "meta": np.array('{"schema": 1, "sparsity": 0.9}'),
    }
    few = {name: arrays[name] for name in ("logits", "labels")}
    return [_saved(np.savez, arrays), _saved(np.savez_compressed, arrays), _saved(np.savez, few)]


def _saved(save: Callable[..., None], arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def _pt() -> list[bytes]:
    weights = {"conv.weight": torch.randn(4, 3, 3, 3), "fc.bias": torch.zeros(2)}
    weights["conv.weight"][:, :2] = 0
    checkpoint = Checkpoint(
        model={"name": "resnet_small", "args": {"width": 8}},
        state_dict=weights,
        targets=["Smiling", "Young"],
        groups=["Male"],
        group_values=[["0", "1"]],
        preprocess={"size": 32, "crop": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
        data={"path": "labels.csv", "sha256": "0" * 64},
        train_counts=np.ones((2, 2, 3, 2), np.int64),
        recipe={"epochs": 1},
        sparsity={"asked": 0.5, "reached": 0.5},
        parents=[],
        environment={"pbias": "0"},
    )
    bare = io.BytesIO()
    torch.save({"state_dict": weights}, bare)
    return [serialize(checkpoint), serialize(checkpoint, packed=True), bare.getvalue()]


def _manifest() -> list[bytes]:
    splits = ("train", "valid", "test")
    lines = [f"a/{n}.png,{splits[n % 3]},{n % 2},,{n % 4},p{n % 5},grayscale" for n in range(12)]
    text = "\n".join(["image,split,Smiling,Young,age,person,transform", *lines]) + "\n"
    quoted = 'image,Smiling\n"a ""b"", c.png",1\n"d\ne.png",0\n'
    return [text.encode(), text.encode("utf-8-sig"), quoted.encode()]


def _read_manifest(path: str) -> None:
    manifest = read_manifest(path)
    labels = select(manifest, targets=None, groups=["age"] if "age" in manifest.columns else [])
    train_counts(labels, manifest.rows("train"))


def _thresholds() -> list[bytes]:
    return [b"attribute,threshold\nSmiling,0.25\nYoung,inf\nBald,-inf\n"]


def _read_thresholds(path: str) -> None:
    read_thresholds(path)


def _flags() -> list[bytes]:
    lines = [f"images/{n}.png,Smiling,0.{n},uncertain" for n in range(9)]
    text = "\n".join(["id,attribute,risk,reasons", *lines]) + "\n"
    return [text.encode(), b'attribute,id\n"a, ""b""",0\n']


def _table() -> list[bytes]:
    rows = ["a,1,0.9,f,x,0.1,0.9", "b,FALSE,0.1,m,y,.5,.5", "c,,0.999999999999,f,,1,0"]
    text = "\n".join(["id,label,p,sex,person,p_0,p_1", *rows]) + "\n"
    return [text.encode(), text.encode("utf-8-sig")]


def _read_table(path: str) -> None:
    samples = {"groups": "sex", "cluster": "person"}
    import_table(path, label="label", probability="p", threshold=0.3, **samples)
    import_table(path, label="label", probability="p_{class}")


def _onnx() -> list[bytes]:
    """Return a network with constants of several kinds, and one from a node."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    kernel = numpy_helper.from_array(rng.normal(size=(2, 3, 3, 3)).astype(np.float32), "kernel")
    weights = numpy_helper.from_array(rng.integers(-9, 9, (2, 2)).astype(np.int8), "weights")
    scale = numpy_helper.from_array(np.float32(0.1), "scale")
    zero = numpy_helper.from_array(np.int8(0), "zero")
    nodes = [
        helper.make_node("Constant", [], ["plain"], value=kernel),
        helper.make_node("Identity", ["plain"], ["same"]),
        helper.make_node("Conv", ["images", "same"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("DequantizeLinear", ["weights", "scale", "zero"], ["floats"]),
        helper.make_node("MatMul", ["flat", "floats"], ["logits"]),
    ]
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", kind, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", kind, ["n", 2])],
        [weights, scale, zero],
    )
    data: bytes = helper.make_model(graph).SerializeToString()
    return [data]


def _read_onnx(path: str) -> None:
    file = read_onnx_file(path)
    inventory(file)
    facts(file)
    image_input(file)


READERS: dict[str, tuple[Callable[[], list[bytes]], Callable[[str], object]]] = {
    "npz": (_npz, read_logits),
    "pt": (_pt, load_network_file),
    "manifest": (_manifest, _read_manifest),
    "thresholds": (_thresholds, _read_thresholds),
    "flags": (_flags, read_flags),
    "table": (_table, _read_table),
    "onnx": (_onnx, _read_onnx),
}


if __name__ == "__main__":
    main()
