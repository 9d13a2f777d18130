"""Where the real images are, and a shell to run commands in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
TEST_DATA = Path(os.environ.get("PBIAS_TEST_DATA", REPO.parent / "shared"))

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real images and expected numbers; absent, the test is skipped."""
    if not (TEST_DATA / "data").is_dir():
        message = f"no test data at {TEST_DATA}; set PBIAS_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return TEST_DATA


@pytest.fixture(scope="session")
def vectors(test_data: Path) -> Path:
    """The folder with an input and what the paper's analysis gives for it."""
    return test_data / "vectors"


@pytest.fixture
def shell(tmp_path: Path) -> Run:
    """Run a bash command line in a folder of its own, with this environment's `pbias`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    return run
