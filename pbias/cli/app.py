"""The command tree, and the only place that turns outcomes into exit statuses."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import typer

from pbias.cli import console
from pbias.cli.build import build
from pbias.cli.command_table import COMMANDS, GROUPS
from pbias.cli.options.naming import option
from pbias.cores import wait_shortly
from pbias.errors import OutputClosed, Status, UserError, arguments_named_by

STATUSES = {
    Status.DONE: "done",
    Status.GATE_FAILED: "a gate failed",
    Status.USAGE: "usage or input error",
    Status.BUG: "a bug",
    Status.INCONCLUSIVE: "a gate is inconclusive",
    Status.INTERRUPTED: "Ctrl-C",
    Status.CLOSED_PIPE: "reader closed the pipe",
    Status.TERMINATED: "terminated",
}
# Packages that commands on logits do not need, by module; the first missing one is named.
PACKAGES = {
    "torch": ("torch", "pip install torch torchvision"),
    "torchvision": ("torchvision", "pip install torch torchvision"),
    "PIL": ("pillow", "pip install pillow"),
}
MAX_LINE = 4000  # characters per line of a traceback
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OUT_OF_MEMORY = (
    "out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc",
    "can't start new thread", "failed to map segment",  # from importing a library
)  # fmt: skip
SMALLER = "use a smaller batch, image size or model, fewer files, or a machine with more"
FEWER = "choose fewer attributes, groups or metrics, fewer files, or a machine with more"
EXIT_STATUSES = """\b
Exit status: 0 done, 1 a gate failed, 2 usage or input error, 3 a bug,
4 a gate is inconclusive, 130 Ctrl-C, 141 reader closed the pipe, 143 terminated."""


def tree(only: str | None = None) -> Any:
    """Return the parser of all commands, or of one with the names of the others."""
    return build(COMMANDS, GROUPS, EXIT_STATUSES, only)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(int(Status.TERMINATED))


def main() -> NoReturn:
    """Run the command line; every way out of it ends here."""
    wait_shortly()
    console.start()
    signal.signal(signal.SIGTERM, _terminate)
    if sys.stderr is None:  # `2>&-`: no opened file may take its place
        sys.stderr = open(_occupied(), "w", encoding="utf-8")  # noqa: SIM115
    try:
        with arguments_named_by(option), _without_collector(sys.argv[1:]):
            status = _run(sys.argv[1:])
    except Exception as error:  # raised while another error was reported
        if not _is_out_of_memory(error):
            raise
        status = _without_memory()
    sys.exit(_flushed(status))


@contextlib.contextmanager
def _without_collector(arguments: list[str]) -> Iterator[None]:
    """Spare `metrics` the search for cycles of objects, a tenth of its time: it makes none."""
    enabled = gc.isenabled()
    if arguments[:1] == ["metrics"]:
        gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _without_memory() -> Status:
    """Report it without anything that needs memory, such as importing and formatting."""
    with contextlib.suppress(OSError):
        os.write(2, b"pbias: error: out of memory; " + SMALLER.encode() + b"\n")
    return Status.USAGE


def _occupied() -> int:
    """Return a descriptor of the null device, with the three standard ones below it in use."""
    null = os.open(os.devnull, os.O_RDWR)
    return null if null > 2 else _occupied()


def _flushed(status: int) -> int:
    """Return the status after flushing standard output; Python would fail with 120 at exit."""
    if sys.stdout is None:
        return status
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = Status.CLOSED_PIPE
    except OSError as error:
        console.logger.error("%s", _unwritable(error))
        status = Status.USAGE
    else:
        return status
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


def _unwritable(error: OSError) -> str:
    said = (error.strerror or str(error)).lower()
    return f"cannot write standard output: {said}; is the disk full?"


def _run(arguments: list[str]) -> int:
    if not arguments or arguments in ([group] for group in GROUPS):
        arguments = [*arguments, "-h"]
    command = next((word for word in arguments if not word.startswith("-")), "")
    try:
        return int(
            tree(command)(arguments, prog_name="pbias", standalone_mode=False) or Status.DONE
        )
    except typer.TyperException as error:
        return _usage(error, arguments)
    except UserError as error:
        return _refused(str(error))
    except SystemExit as ended:
        return _status(ended.code)
    except OutputClosed:
        return Status.CLOSED_PIPE
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    except typer.Abort:
        return Status.INTERRUPTED
    except Exception as error:
        if _is_out_of_memory(error):
            advice = FEWER if _audits(command) else SMALLER
            return _refused(f"out of memory{_said(error)}; {advice}")
        if isinstance(error, OSError) and error.errno in FULL:
            return _refused(_unwritable(error))
        if isinstance(error, OSError) and error.filename is not None:
            said = (error.strerror or "it cannot be used").lower()
            return _refused(f"cannot use {error.filename}: {said}; check the path")
        if missing := _missing_package(command, error):
            console.logger.error("%s", missing)
            return Status.USAGE
        _print_traceback()
        console.logger.error("this is a bug in pbias; please report it with the lines above")
        return Status.BUG


def _audits(command: str) -> bool:
    """Return whether a command, by its first word, reads logits and no images."""
    entry = COMMANDS.get(command)
    return entry is not None and entry.where.startswith("audits.")


def _status(code: object) -> int:
    """Return the status of a SystemExit: a number, nothing, or a text with the error."""
    if code is None or isinstance(code, int):
        # The parser exits like this if the reader of its help is gone; 1 would mean a failed gate.
        return Status.CLOSED_PIPE if code == 1 else int(code or 0)
    return _refused(str(code))


def _refused(message: str) -> int:
    if console.debug:
        _print_traceback()
    console.logger.error("%s", message)
    return Status.USAGE


def _print_traceback() -> None:
    """Print the traceback, escaping text from files in its messages line by line."""
    import traceback

    from pbias.files.escaping import printable

    lines = traceback.format_exc().split("\n")
    text = "\n".join(printable(line[:MAX_LINE]) for line in lines)
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, end="")


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out, including errors of torch, the loader and the system."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    says = isinstance(error, RuntimeError | ImportError) and any(
        words in str(error) for words in OUT_OF_MEMORY
    )
    return isinstance(error, MemoryError) or says


def _said(error: Exception) -> str:
    first = str(error).partition("\n")[0].rstrip(".")
    return f" ({first[:200]})" if first else ""


def _missing_package(command: str, error: Exception) -> str:
    """Return what to install if the command needs a package that audits do not; else nothing."""
    named = error.name if isinstance(error, ModuleNotFoundError) else None
    if (named or "").partition(".")[0] not in PACKAGES:
        return ""
    from importlib.util import find_spec

    missing = [PACKAGES[name] for name in PACKAGES if find_spec(name) is None]
    if not missing:
        return ""
    package, how = missing[0]
    return f"pbias {command} needs {package}; install it with '{how}'"


def _usage(error: typer.TyperException, arguments: list[str]) -> int:
    from pbias.cli.hints import hint

    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pbias"
    said = error.format_message().rstrip(".") + hint(error, arguments)
    console.logger.error("%s; see '%s -h'", said, command)
    return Status.USAGE
