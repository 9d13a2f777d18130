"""Shared fixtures: real images, files to audit, images to train on, two ways to run commands."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from pbias.files.logits import Logits, write_logits
from pbias.models.torchvision_import import amend_torchvision
from tests.started import started

REPO = Path(__file__).resolve().parent.parent
TEST_DATA = Path(os.environ.get("PBIAS_TEST_DATA", REPO.parent / "shared"))

# A busy machine or a slow disk is not a failure.
settings.register_profile("any_speed", deadline=None)
settings.load_profile("any_speed")

Run = Callable[..., subprocess.CompletedProcess[str]]


def needs(module: str) -> None:
    """Skip a test if an optional package is missing; fail in CI."""
    if importlib.util.find_spec(module) is None:
        message = f"{module} is not installed; pip install 'pbias[all]'"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with slow tests first, so that no worker ends with a slow one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def onnx() -> Any:
    """Return the package `onnx`, if ONNX Runtime is also installed."""
    needs("onnxruntime")
    needs("onnx")
    return importlib.import_module("onnx")


@pytest.fixture
def safetensors() -> Any:
    """Return the module `safetensors.torch`."""
    needs("safetensors")
    return importlib.import_module("safetensors.torch")


@pytest.fixture
def timm() -> Any:
    """Return the package `timm`, which imports torchvision."""
    needs("timm")
    amend_torchvision()
    return importlib.import_module("timm")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real images; skip the test if it is missing."""
    if not (TEST_DATA / "data").is_dir():
        message = f"no test data at {TEST_DATA}; set PBIAS_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return TEST_DATA


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Return the folder with an input and the results of the paper's analysis for it."""
    return Path(__file__).resolve().parent / "data" / "vectors"


@pytest.fixture
def shell(tmp_path: Path) -> Run:
    """Run a bash command line in its own folder, with this environment's `pbias`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def quick_pbias() -> Iterator[str]:
    """Return a PATH whose `pbias` need not import torch each time."""
    with started() as folder:
        first = [str(folder), str(Path(sys.executable).parent)]
        yield os.pathsep.join([*first, os.environ["PATH"]])


@pytest.fixture
def quick_shell(shell: Run, quick_pbias: str) -> Run:
    """Return `shell` with a `pbias` that starts at once, but inherits no limits from bash."""
    return functools.partial(shell, PATH=quick_pbias)


@pytest.fixture
def pbias(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run a command in this process, in its own folder; return exit status, output and errors."""
    from pbias.cli.app import main

    logger, terminate = logging.getLogger("pbias"), signal.getsignal(signal.SIGTERM)
    before = logger.handlers, logger.propagate, logger.level
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["pbias", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        status = int(ended.value.code or 0)
        return subprocess.CompletedProcess(arguments, status, shown.out, shown.err)

    yield run
    logger.handlers, logger.propagate, logger.level = before
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Draw `photos/labels.csv` for `pbias` and `shell`: 64 images of 24 px."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["image,split,bright,red,male,band,person"]
    for number in range(64):
        bright, red, male = rng.integers(0, 2, 3)
        pixels = rng.normal(90, 15, (24, 24, 3)) + 80 * bright
        pixels[..., 0] += 60 * red
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        split = ("train", "train", "train", "train", "valid", "test")[number % 6]
        known = "" if number % 7 == 0 else male
        band = ("young", "old")[number % 2]
        rows.append(f"{number}.png,{split},{bright},{red},{known},{band},p{number // 3}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def make_logits() -> Callable[..., Logits]:
    """Return a builder of logits files: three attributes, a binary and a categorical group."""
    return _make_logits


@pytest.fixture
def audit_files(tmp_path: Path, make_logits: Callable[..., Logits]) -> Path:
    """Write `dense.npz`, `s90.npz`, `s99.npz` in the working directory of `pbias` and `shell`."""
    for name, noise, sparsity in (("dense", 0.0, 0.0), ("s90", 0.5, 0.9), ("s99", 2.0, 0.99)):
        logits = make_logits(noise=noise, meta={"sparsity": sparsity})
        write_logits(logits, str(tmp_path / f"{name}.npz"))
    return tmp_path


def _make_logits(seed: int = 0, num: int = 60, noise: float = 0.0, **changes: Any) -> Logits:
    """Make random but plausible logits; some labels and group values are unknown.

    `noise` changes only the logits, so that files with the same seed can be compared.
    """
    labels, groups = _draw(np.random.default_rng(seed), num)
    rng = np.random.default_rng([seed, 1])
    z = 2.5 * labels - 1.5 + 0.4 * groups[:, :1] + rng.normal(0, 1.5, labels.shape)
    z += noise * np.random.default_rng([seed, 2]).normal(size=labels.shape)
    whole = Logits(
        logits=z.astype(np.float32),
        labels=_forget(rng, labels).astype(np.int8),
        targets=("Smiling", "Wearing_Hat", "Young"),
        ids=np.array([f"images/{row:04d}.png" for row in range(num)]),
        groups=_forget(rng, groups).astype(np.int16),
        group_names=("Male", "Skin"),
        group_values=(("0", "1"), ("I", "II", "III")),
        train_counts=_count(*_draw(np.random.default_rng([seed, 3]), 4 * num)),
        path=f"run{seed}.npz",
    )
    return replace(whole, **changes)


def _draw(rng: np.random.Generator, num: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw labels [N, 3] that depend on the groups [N, 2]."""
    groups = np.stack([rng.random(num) < 0.4, rng.choice(3, num, p=[0.4, 0.35, 0.25])], axis=1)
    rates = np.array([0.35, 0.3, 0.7]) + groups[:, :1] * [0.25, 0.2, -0.3]
    rates = rates + groups[:, 1:] * [0.02, -0.05, 0.1]
    return (rng.random(rates.shape) < rates).astype(int), groups.astype(int)


def _forget(rng: np.random.Generator, codes: NDArray[Any]) -> NDArray[Any]:
    return np.where(rng.random(codes.shape) < 0.05, -1, codes)


def _count(labels: NDArray[Any], groups: NDArray[Any]) -> NDArray[np.int64]:
    """Return training counts [A, G+1, V+1, 2], in the layout of a logits file."""
    counts = np.zeros((labels.shape[1], 3, 4, 2), np.int64)
    for row, values in zip(labels, groups, strict=True):
        for target, label in enumerate(row):
            counts[target, [0, 1, 2], [*values, 3], label] += 1
    return counts
