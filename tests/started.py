"""A `pbias` that starts once: each command runs in a fork of a process that has imported torch.

Starting Python and importing torch takes longer than most commands in tests of scripts. The program
`pbias` in the folder that `started` returns sends its arguments, variables, working directory and
standard streams to that process, and ends with the status of the fork. Real starts are tested
elsewhere (tests/shell).
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

IMPORTED = (
    "pbias.workflows.audit", "pbias.workflows.train", "pbias.workflows.prune",
    "pbias.workflows.predict", "pbias.workflows.synth", "pbias.reporting.renderers.terminal",
    "torch.optim.adamw", "torchvision", "onnx", "onnxruntime", "timm",
)  # fmt: skip
PROGRAM = """#!{python} -IS
import json, os, socket, sys
to = socket.socket(socket.AF_UNIX)
to.connect({address!r})
socket.send_fds(to, [b" "], [0, 1, 2])
to.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
to.shutdown(socket.SHUT_WR)
sys.exit(int(to.recv(10) or 3))
"""


@contextmanager
def started() -> Iterator[Path]:
    """Provide the folder of a program `pbias`, to be put first in the PATH."""
    with tempfile.TemporaryDirectory() as name:
        address = f"{name}/socket"
        program = Path(name, "pbias")
        program.write_text(PROGRAM.format(python=sys.executable, address=address))
        program.chmod(0o755)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
            assert server.stdout is not None and server.stdout.readline() == b"ready\n"
            yield Path(name)
            server.terminate()


def main(address: str) -> NoReturn:
    """Import everything, then serve commands, several at once."""
    from pbias.models.torchvision_import import amend_torchvision

    amend_torchvision()
    for name in IMPORTED:
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            if os.fork() == 0:  # so that nobody has to wait for this process
                _answer(connection)
            os._exit(0)
        connection.close()
        os.wait()


def _answer(connection: socket.socket) -> NoReturn:
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    told = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    pid = os.fork()
    if pid == 0:
        connection.close()
        _run(*json.loads(told), streams)
    _, status = os.waitpid(pid, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status) % 256).encode())
    os._exit(0)


def _run(arguments: list[str], folder: str, variables: dict[str, str], streams: list[int]) -> None:
    from pbias.cli.app import main as pbias

    status = 3
    try:
        for to, stream in enumerate(streams):
            os.dup2(stream, to)
            os.close(stream)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = ["pbias", *arguments]
        pbias()
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
