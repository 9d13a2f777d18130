"""Hostile inputs, generated, not mutated: each kind makes bytes from a seed and reads them."""

from __future__ import annotations

import functools
import io
import os
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from pbias.auditing.gates.grammar import parse_gate
from pbias.cli import app, build, console
from pbias.errors import Status, UserError
from pbias.files.checkpoint import Checkpoint, load_network_file
from pbias.files.logits import Logits, read_logits
from pbias.models.network_files import network
from pbias.models.preprocess import Preprocess
from pbias.pruning.name_pattern import compile_pattern
from pbias.reporting.renderers.html import render_html
from pbias.reporting.renderers.markdown import render_markdown
from pbias.reporting.renderers.terminal import render_terminal
from pbias.reporting.sections import Section

Make = Callable[[random.Random], bytes]
NAMES = ["\x1b[31m", "a\nb", "# h", "![x](http://y)", "<img src=x>", "|", "`", "=1+1", "\u202e",
         "", "nan", "a,b", '"', "@x", "\r", "\x00b", "é" * 50, "a" * 3000, "-1", "$x$"]  # fmt: skip
NUMBERS = ["0", "1", "-1", "0.5", "1e999", "nan", "inf", "9" * 400, "1e-400", "١", "0x1", "1_0"]
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**30, "", "x" * 10_000, "\x1b[31m",
    [], {}, [1], ["a"], [[1]], {"a": 1}, {1: 2}, {1}, torch.zeros(2), b"x", 1j,
]  # fmt: skip
WORDS = ["tpr >= 0.5", "abs(did_tpr) <= ", "tpr", "abs(", ")", "<=", ">=", "<", "==", " " * 40,
         "max(", "[", "]", ":", "did_tpr",
         "Male=1", ",", "-", "+", "*", "/", "(", "and", "%", "\t", "@", "'"]  # fmt: skip
MARKS = ["(", ")", "[", "]", "*", "+", "?", "{2,9}", "{", "}", "|", ".", "^", "$", "\\d", "\\", "a",
         "(?:", "(?=", "[^", "a-z", "\\1", "{999}", "é"]  # fmt: skip
# Terminal controls, and markup that no report may contain.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
MARKUP = re.compile(r"(?<!\\)!\[|^#+ h|(?<!\\)<img", re.MULTILINE)


def checkpoint(rng: random.Random) -> bytes:
    """Make a checkpoint, or a bare state dict, with odd values and odd tensors."""
    weights: dict[Any, Any] = {"conv1.weight": torch.randn(4, 3, 3, 3), "fc.bias": torch.zeros(2)}
    content: dict[str, Any] = {
        "format": "pbias-checkpoint", "schema": 1, "model": {"name": "resnet_small", "args": {}},
        "state_dict": weights, "targets": ["a", "b"], "groups": ["g"], "group_values": [["0"]],
        "preprocess": {"size": 8, "crop": 8, "mean": [0.5] * 3, "std": [0.5] * 3},
        "data": {"path": "l.csv"}, "train_counts": torch.zeros(2, 2, 2, 2, dtype=torch.int64),
        "recipe": {"epochs": 1, "lr": 0.1}, "sparsity": {"asked": 0.5, "per_layer": {"w": 0.5}},
        "parents": [], "environment": {"torch": "2"},
    }  # fmt: skip
    if rng.random() < 0.6:
        weights[rng.choice(list(weights))] = _odd_tensor(rng)
    for _ in range(rng.choice((0, 1, 1, 2))):
        _put(rng, content, rng.choice([*VALUES, _deep(rng)]))
    buffer = io.BytesIO()
    torch.save(weights if rng.random() < 0.2 else content, buffer)
    return buffer.getvalue()


def read_checkpoint(path: str) -> None:
    """Read a checkpoint and build its network."""
    found = load_network_file(path)
    if isinstance(found, Checkpoint):
        Preprocess.from_dict(found.preprocess)
        network(found)


def _odd_tensor(rng: random.Random) -> Any:
    kind = rng.choice(["float16", "bfloat16", "float64", "int64", "bool", "complex64", "uint8",
                       "float8_e4m3fn", "float8_e5m2", "uint16", "complex32"])  # fmt: skip
    plain = torch.zeros(4, 3, 3, 3)
    shape = rng.choice([[], [0], [1], [4, 3, 3, 3], [2**31, 2**31], [-1], [8] * 30, [2**40]])
    mask = torch.zeros(rng.choice((0, 1, 14)), dtype=torch.uint8)
    made: list[Callable[[], Any]] = [
        lambda: plain.to(getattr(torch, kind)),
        plain.to_sparse,
        lambda: plain.to("meta"),
        lambda: torch.zeros(1).expand(10**9),
        lambda: torch.quantize_per_tensor(plain, 0.1, 0, torch.qint8),
        lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
        lambda: torch._neg_view(plain),
        lambda: plain.to(torch.complex64).conj(),
        lambda: torch.tensor(float("nan")),
        lambda: {"shape": shape, "mask": mask, "values": torch.zeros(rng.choice((0, 1, 9)))},
        lambda: {
            "shape": [8 * 10**8],
            "mask": plain.byte()[0, 0, 0, :1].expand(10**8),
            "values": plain[:0],
        },
        lambda: rng.choice(VALUES),
    ]
    return rng.choice(made)()


def _put(rng: random.Random, content: dict[str, Any], value: Any) -> None:
    """Replace a value at random, at any depth."""
    at: Any = content
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = rng.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and rng.random() < 0.7:
            at = at[key]
            continue
        at[key] = value
        return


def _deep(rng: random.Random) -> Any:
    value: list[Any] = []
    for _ in range(rng.choice((5, 50, 300))):
        value = [value, value] if rng.random() < 0.5 else [value]
    if rng.random() < 0.3:
        value.append(value)
    return value


def names(rng: random.Random) -> bytes:
    """Make a logits file whose names contain escapes, markup and line ends."""
    num_targets, num_groups, rows = rng.randint(1, 3), rng.randint(0, 2), 6
    targets = _some(rng, num_targets)
    logits = Logits.from_arrays(
        np.zeros((rows, num_targets), np.float32),
        np.zeros((rows, num_targets), np.int8),
        targets=targets,
        groups={name: [rng.choice(NAMES) for _ in range(rows)] for name in _some(rng, num_groups)},
        ids=[f"{rng.choice(NAMES)} {row}" for row in range(rows)],
    )
    buffer = io.BytesIO()
    arrays = {
        "logits": logits.logits, "labels": logits.labels, "targets": np.array(targets),
        "groups": logits.groups, "group_names": np.array(logits.group_names, np.str_),
        "ids": np.asarray(logits.ids),
    }  # fmt: skip
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _some(rng: random.Random, num: int) -> list[str]:
    return [f"{rng.choice(NAMES)}{number}" for number in range(num)]


def read_names(path: str) -> None:
    """Render the names in every form; anything a reader could execute must be escaped."""
    logits = read_logits(path)
    cells = [[name, *logits.group_names] for name in logits.targets]
    header = ["target", *logits.group_names]
    sections = [Section(logits.targets[0], header, cells)]
    for text in (render_markdown(sections), render_terminal(sections, color=False)):
        assert not CONTROL.search(text), "a control character"
    assert not MARKUP.search(render_markdown(sections)), "markup"
    assert "<img" not in render_html(sections), "markup"


def _words(words: list[str], longest: int) -> Make:
    def make(rng: random.Random) -> bytes:
        chosen = [rng.choice([*words, *NUMBERS]) for _ in range(rng.choice((1, 1, 3, longest)))]
        return "".join(chosen * rng.choice((1, 1, 1, 50))).encode("utf-8", "surrogatepass")

    return make


def read_gate(path: str) -> None:
    """Parse a gate."""
    parse_gate(Path(path).read_text(encoding="utf-8"))


def read_pattern(path: str) -> None:
    """Compile a selector's expression and search a long name."""
    compile_pattern(Path(path).read_text(encoding="utf-8")).search("layer1." * 20 + "a" * 60)


def toml(rng: random.Random) -> bytes:
    """Make a file of options, or the text of a variable, for `pbias metrics`."""
    keys = ["level", "folds", "groups", "metrics", "gate", "format", "seed", "nothing", "help",
            "report", "labels", "config", "metrics.level", "in-memory", "joint"]  # fmt: skip
    values = ["true", "1979-05-27", "07:32:00", "[1, 2]", "[[1]]", "{a = 1}", '"\\u0000"',
              '"\\u001b[31m"', "[" * 2000 + "]" * 2000, "''", '"x"', *NUMBERS]  # fmt: skip
    lines = [f"{rng.choice(keys)} = {rng.choice(values)}" for _ in range(rng.randint(1, 3))]
    return "\n".join([rng.choice(("", "[metrics]", "[[metrics]]", "[nothing]")), *lines]).encode()


def read_toml(path: str) -> None:
    """Pass it to a command as --config, and as a variable."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    _command(["metrics", "no file.npz", "--config", path])
    with _variable("PBIAS_METRICS_GATE", text.replace("\0", "")):
        _command(["metrics", "no file.npz"])
    raise UserError("refused")


@contextmanager
def _variable(name: str, text: str) -> Iterator[None]:
    os.environ[name] = text
    try:
        yield
    finally:
        del os.environ[name]


_build = build.build


@functools.cache
def _parser(only: str | None) -> Any:
    return _build(app.COMMANDS, app.GROUPS, app.EXIT_STATUSES, only)


def _built(entries: Any, groups: Any, statuses: str, only: str | None = None) -> Any:
    """Return a cached parser: making one takes 50 times as long as using it."""
    return _parser(only)


def _command(arguments: list[str]) -> None:
    console.start()
    with (
        patch.object(app, "build", _built),
        patch.object(build, "build", _built),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()) as said,
    ):
        status = app._run(arguments)
    assert status == Status.USAGE, f"status {status}: {said.getvalue()[-2000:]}"
    assert not CONTROL.search(said.getvalue()), "a control character"


KINDS: dict[str, tuple[Make, Callable[[str], object]]] = {
    "checkpoint": (checkpoint, read_checkpoint),
    "names": (names, read_names),
    "gate": (_words(WORDS, 12), read_gate),
    "pattern": (_words(MARKS, 30), read_pattern),
    "toml": (toml, read_toml),
}
