"""Closed and full streams, no memory, and factories that exit: the right exit status for each."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from pbias.cli import app
from tests.conftest import needs

Run = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize("command", ["-h", "metrics -h", "explain", "--version"])
def test_a_closed_pipe_is_141_and_never_a_failed_gate(shell: Run, command: str) -> None:
    done = shell(f"(sleep 0.1; pbias {command}; echo $? >&2) | true")
    assert done.stderr == "141\n"


@pytest.mark.parametrize("command", ["-h", "explain", "--version"])
def test_a_full_disk_is_one_line_and_2(shell: Run, command: str) -> None:
    done = shell(f"pbias {command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == (
        "pbias: error: cannot write standard output: no space left on device; is the disk full?\n"
    )


def test_closed_streams(shell: Run) -> None:
    done = shell("pbias explain nonsense 2>&-")
    assert (done.returncode, done.stdout) == (2, "")
    done = shell("pbias explain >&-")
    assert done.returncode == 2
    assert done.stderr.startswith("pbias: error: standard output is closed;")
    assert shell("pbias explain nonsense >&- 2>&- <&-").returncode == 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 3 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 3 GiB.\nMore lines"),
        RuntimeError("can't start new thread"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory", "photos"),
    ],
)
def test_out_of_memory_is_one_line_with_advice(
    pbias: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(only: str | None = None) -> None:
        raise error

    monkeypatch.setattr(app, "tree", fail)
    done = pbias("explain")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("pbias: error: out of memory")
    assert "use a smaller batch" in done.stderr
    assert "choose fewer attributes, groups or metrics" in pbias("count", "a.npz").stderr


def test_no_memory_to_report_with_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(app, "tree", fail)
    monkeypatch.setattr(app, "_refused", fail)
    monkeypatch.setattr(sys, "argv", ["pbias", "explain"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    said = capfd.readouterr().err
    assert ended.value.code == 2 and said.startswith("pbias: error: out of memory; use a smaller")


def test_charts_without_room_for_addresses_are_one_line_and_2(
    shell: Run, audit_files: object
) -> None:
    """The engine that draws them once ended the process with a signal."""
    needs("vl_convert")
    done = shell("ulimit -v 8000000; pbias report s90.npz --ref dense.npz -o audit.html -q")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "reserves 96 GiB of addresses (not of memory), and this process" in done.stderr


def test_a_machine_without_room_for_torch_is_one_line_and_2(shell: Run) -> None:
    done = shell("ulimit -v 307200; echo > x.pt; pbias pack x.pt -o y.pt")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("pbias: error: out of memory (")


@pytest.mark.parametrize("place", ["import", "call"])
@pytest.mark.parametrize("code", ["", "0", "1", "'no'"])
def test_a_factory_that_exits_has_failed(shell: Run, photos: object, place: str, code: str) -> None:
    body = f"sys.exit({code})"
    lines = [body if place == "import" else "", "def make(n, **args):", f"    {body}"]
    text = "import sys\n" + "\n".join(lines) + "\n"
    done = shell(
        f"cat > quits.py <<'E'\n{text}E\n"
        "pbias train photos/labels.csv --model quits:make --epochs 1 -o x.pt; echo $?"
    )
    assert done.stdout == "2\n", done.stderr
    assert "SystemExit" in done.stderr and sys.executable not in done.stderr
