"""A short run of the fuzzer, and that it would notice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz.py")


def run(tmp_path: Path, *options: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """The fuzzer in a process of its own, after `code`, which may change it as module `fuzz`."""
    program = (
        f"import sys; sys.path.insert(0, {str(FUZZ.parent)!r}); import fuzz\n{code}\nfuzz.main()"
    )
    command = [sys.executable, "-c", program, *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)


@pytest.mark.slow
def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    done = run(tmp_path, "--num", "880", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("80 inputs") == 11 and " 0 refused" not in done.stdout


@pytest.mark.slow
def test_killed_commands_end_as_whole_ones(tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ.with_name("kills.py")), "--num", "12", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "all ended as the whole ones" in done.stdout


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("raise KeyError(path)", "KeyError"),
        ("import os; os.system('true')", "os.system"),
        ("open(path + '.new', 'w')", "open"),
        ("bytearray(3 << 30)", "MemoryError"),
        ("fuzz.signal.alarm(1); fuzz.time.sleep(3)", "longer than"),
    ],
)
def test_what_a_reader_may_not_do_is_noticed(tmp_path: Path, bad: str, said: str) -> None:
    lines = "\n    ".join(["def bad(path):", *bad.split("; ")])
    code = f"import time; fuzz.time = time\n{lines}\nfuzz.READERS['npz'] = (lambda: [b'x'], bad)"
    done = run(tmp_path, "--only", "npz", "--num", "1", code=code)
    assert done.returncode == 1 and said in done.stderr
    assert (tmp_path / "fuzz-failure.bin").exists()
