"""A short run of the fuzzer, and a check that it would notice failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="one of the readers needs pip install '.[onnx]'")
FUZZ = Path(__file__).with_name("fuzz.py")


def run(
    tmp_path: Path, *options: str, code: str = "", name: str = "fuzz"
) -> subprocess.CompletedProcess[str]:
    """Run a fuzzer in its own process, after `code`, which may change its module."""
    lines = ["import sys", f"sys.path.insert(0, {str(FUZZ.parent)!r})", f"import {name}", code]
    program = "\n".join([*lines, f"{name}.main()"])
    command = [sys.executable, "-c", program, *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)


@pytest.mark.slow
def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    done = run(tmp_path, "--num", "960", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("80 inputs") == 12 and " 0 refused" not in done.stdout


@pytest.mark.slow
def test_killed_commands_end_as_whole_ones(tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ.with_name("kills.py")), "--num", "12", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "all ended as the whole ones" in done.stdout


BAD = {
    "KeyError": "raise KeyError(path)",
    "os.system": "os.system('true')",
    "open": "open(path + '.new', 'w')",
    "MemoryError": "bytearray(3 << 30)",
    "longer than": "signal.alarm(1); time.sleep(3)",
}
# One process that forks before each, because the imports take longer than everything else.
EACH = """
import os, signal, time
def reader(text):
    return lambda path: exec(text, {**globals(), "path": path})
for name, text in BAD.items():
    fuzz.READERS["npz"] = (lambda: [b"x"], reader(text))
    sys.argv[1:] = ["--only", "npz", "--num", "1", "--save", name]
    sys.stderr.flush()
    if os.fork() == 0:
        break
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 1
else:
    sys.exit()
"""


def test_what_a_reader_may_not_do_is_noticed(tmp_path: Path) -> None:
    done = run(tmp_path, code=f"BAD = {BAD!r}{EACH}")
    assert done.returncode == 0, done.stderr
    errors = done.stderr.split("input 0 of seed 0 failed")
    for name, error in zip(BAD, errors, strict=False):
        assert name in error and (tmp_path / name).exists()


def test_a_failing_input_of_the_guided_fuzzer_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="needs pip install '.[fuzz]'")
    lines = ["def bad(path):", "    if open(path, 'rb').read(1) == b'^':", "        raise KeyError"]
    reader = "structured.READERS['words'] = structured.READERS['words']._replace(read=bad)"
    program = "\n".join([*lines, reader])
    done = run(tmp_path, "--only", "words", "--seconds", "9", code=program, name="structured")
    assert done.returncode == 1 and "KeyError" in done.stdout + done.stderr
    (crash,) = tmp_path.glob("crash-*")
    assert crash.read_bytes().startswith(b"\0^")
