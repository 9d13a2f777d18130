"""Auditing does not need torch: numpy, pandas, rich and typer are enough."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPO = Path(__file__).resolve().parent.parent
NEEDED = ("numpy", "pandas", "rich", "typer")
COMMANDS = [
    "metrics s90.npz --ref dense.npz --format table --gate 'accuracy >= 0'",
    "compare dense.npz s90.npz",
    "flag dense.npz --budget 9 -o flags.csv",
    "flag dense.npz --summary --format md",
    "exemplars --dense dense.npz --sparse s90.npz",
    "calibrate dense.npz -o thresholds.csv",
    "override s90.npz --flags flags.csv --with dense.npz -o better.npz --curve curve.csv",
    "explain accuracy",
    "info s90.npz",
    "metrics -h",
    "train -h",
]
LIBRARY = """
import pbias, sys
logits, dense = pbias.read_logits("s90.npz"), "dense.npz"
result = pbias.audit(logits, reference=dense, groups=["Male"])
assert len(result.table) and result._repr_html_() and repr(result)
assert len(pbias.flag(dense).table) and len(pbias.compare([logits, dense]).table) == 2
assert "torch" not in sys.modules
"""


def closure(names: tuple[str, ...]) -> set[str]:
    """Return the named packages and everything that they require."""
    found: set[str] = set()
    ahead = set(names)
    while ahead:
        found |= ahead
        lines = [line for name in ahead for line in distribution(name).requires or []]
        wanted = [Requirement(line) for line in lines]
        ahead = {
            one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})
        } - found
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with the packages that auditing needs, and no others."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "pbias").symlink_to(REPO / "pbias")
    for name in closure(NEEDED):
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            place = Path(str(distribution(name).locate_file(top)))
            if not (folder / top).exists():
                (folder / top).symlink_to(place)
    return folder


def run(
    packages: Path, folder: Path, *arguments: str, code: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run Python, or bash with `pbias`, in an environment with only these packages."""
    alone = [sys.executable, "-S", *arguments]  # -S: no site-packages
    environment = {**os.environ, "PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONSTARTUP", None)
    return subprocess.run(
        [*alone, "-c", code] if code else alone,
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def words(command: str) -> list[str]:
    import shlex

    return ["-m", "pbias", *shlex.split(command)]


def test_there_is_no_torch_in_the_environment(packages: Path, tmp_path: Path) -> None:
    for name in ("torch", "torchvision", "PIL"):
        done = run(packages, tmp_path, code=f"import {name}")
        assert "ModuleNotFoundError" in done.stderr, name


def test_the_commands_on_logits_need_no_torch(packages: Path, audit_files: Path) -> None:
    for command in COMMANDS:
        done = run(packages, audit_files, *words(command))
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_the_library_needs_no_torch(packages: Path, audit_files: Path) -> None:
    done = run(packages, audit_files, code=LIBRARY)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["train labels.csv -o dense.pt", "env"])
def test_a_command_that_needs_torch_says_so(packages: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "labels.csv").write_text("image,split,a\n1.png,train,0\n2.png,train,1\n")
    done = run(packages, tmp_path, *words(command))
    name = command.split()[0]
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"pbias: error: pbias {name} needs torch; install it with 'pip install torch torchvision'\n"
    )
