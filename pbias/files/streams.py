"""Read and write bytes: `-` is a standard stream; a named output is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, cast

from pbias.errors import OutputClosed, UserError

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

STDIO = "-"
SPOOLED = 1 << 26  # bytes of a pipe kept in memory; beyond, they go to a temporary file
_looked_at: set[tuple[Path, str]] = set()  # folders already searched, and for which files


def check_encodable(text: str, what: str) -> None:
    """Raise UserError for text that no path can hold: a NUL, or half of a surrogate pair."""
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise UserError(
            f"{what}: {text[:100]!r} contains a character that file names cannot have; correct it"
        )


def read_bytes(path: str) -> bytes:
    """Return all bytes of a file, or of standard input for `-`; UserError if it cannot be read."""
    if path == STDIO:
        return _read_stdin()
    check_encodable(path, "input")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}; check the path") from error


def spool(path: str) -> IO[bytes]:
    """Return all bytes of a pipe, or of standard input for `-`, as a file, on disk if large.

    Raises UserError as `read_bytes` does.
    """
    if path == STDIO:
        _check_stdin()
    else:
        check_encodable(path, "input")
    import tempfile  # slow to import, and for pipes and new files alone

    found = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 - it is closed with the archive
    try:
        with nullcontext(sys.stdin.buffer) if path == STDIO else Path(path).open("rb") as pipe:
            shutil.copyfileobj(pipe, found, 1 << 20)
    except OSError as error:
        raise UserError(
            f"cannot read {input_name(path)}: {reason(error)}; check the path, and the room in "
            f"{tempfile.gettempdir()}"
        ) from error
    if path == STDIO and not found.tell():
        raise _empty_stdin()
    found.seek(0)
    return cast("IO[bytes]", found)


def first_of(file: IO[bytes]) -> bytes:
    """Return the first bytes of an open file without moving its position."""
    found = file.read(256)
    file.seek(0)
    return found


def _read_stdin() -> bytes:
    _check_stdin()
    data = sys.stdin.buffer.read()
    if not data:
        raise _empty_stdin()
    return data


def _empty_stdin() -> UserError:
    return UserError("standard input is empty; did the previous command in the pipe fail?")


def _check_stdin() -> None:
    if sys.stdin is None:
        raise UserError("standard input is closed; pipe a file into it, or name a file")
    if sys.stdin.isatty():
        raise UserError("standard input is a terminal; pipe a file into it, or name a file")


def check_inputs(paths: Sequence[str]) -> None:
    """Raise UserError for unreadable inputs, before any long work; at most one may be `-`."""
    if list(paths).count(STDIO) > 1:
        raise UserError("'-' is given for several inputs; standard input can be read only once")
    for path in paths:
        check_encodable(path, "input")
        if path == STDIO:
            _check_stdin()
        elif stat.S_ISDIR(_mode(Path(path))):
            raise UserError(f"{path} is a folder; name a file in it")
        elif not os.access(path, os.R_OK):
            raise UserError(f"{path} does not exist or is not readable; check the path")


def is_regular(path: str) -> bool:
    """Return whether a path names a file that can be read at any position, unlike a pipe."""
    return stat.S_ISREG(_mode(Path(path)))


def is_replaceable(path: str) -> bool:
    """Return whether an output is or will be a file, unlike standard output, pipes and devices."""
    return path != STDIO and not _in_place(_mode(Path(path)))


def input_name(path: str) -> str:
    """Return the name of an input for messages."""
    return "standard input" if path == STDIO else path


def output_name(path: str) -> str:
    """Return the name of an output for messages."""
    return "standard output" if path == STDIO else path


def check_output(
    path: str,
    inputs: Iterable[str | None] = (),
    *,
    no_clobber: bool = False,
    binary: bool = True,
) -> None:
    """Raise UserError, before long work, for an unwritable output or one that is an input."""
    if path == STDIO:
        _check_stdout(binary)
        return
    check_encodable(path, "output")
    check_no_input(path, inputs)
    mode = _mode(Path(path))
    if stat.S_ISDIR(mode):
        raise UserError(f"{path} is a folder; name a file in it with -o")
    if _in_place(mode):
        return
    if no_clobber and mode:
        raise UserError(f"{path} already exists (--no-clobber); name another output")
    target = _resolve(Path(path))
    _check_name(path, target)
    folder = target.parent
    if not stat.S_ISDIR(_mode(folder)):
        raise UserError(f"the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise UserError(f"the folder {folder} is not writable; name another output")


def check_no_input(path: str, inputs: Iterable[str | None]) -> None:
    """Raise UserError for an output that is the same file as an input, under any name."""
    for name in inputs:
        if name is None or STDIO in (path, name) or not (is_regular(path) and is_regular(name)):
            continue
        if Path(path).samefile(name):
            called = path if path == name else f"{path} (that is {name})"
            raise UserError(f"{called} is an input; name another output")


def _check_name(path: str, target: Path) -> None:
    """Raise UserError for impossible file names, such as too long ones."""
    try:
        target.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}; name another output") from error


def _check_stdout(binary: bool) -> None:
    if sys.stdout is None:
        raise UserError("standard output is closed; redirect it, or name a file with -o")
    if binary and sys.stdout.isatty():
        raise UserError("standard output is a terminal; redirect it, or name a file with -o")


def write_bytes(path: str, data: bytes) -> None:
    """Write all of `data` or nothing: a temporary file in the same folder, then a rename.

    `-` is standard output. Devices and FIFOs are written in place. Symlinks are followed, and the
    umask applies. Raises UserError if the disk is full or the folder is gone, and OutputClosed if
    the reader is gone.
    """
    if path == STDIO:
        _write_stdout(data)
        return
    target = Path(path)
    try:
        if _in_place(_mode(target)):
            with target.open("wb") as file:
                file.write(data)
        else:
            _replace(_resolve(target), data)
    except BrokenPipeError as error:
        raise OutputClosed from error
    except OSError as error:
        raise _unwritten(path, error) from error


def write_texts(texts: Sequence[tuple[str, str]]) -> None:
    """Write several texts, `(path, text)`, all of them or none; raises as `write_bytes` does.

    Files are complete on the disk before streams are written, and get their names after that.
    """
    files = [(path, text) for path, text in texts if is_replaceable(path)]
    with ExitStack() as stack:
        ready = []
        for path, text in files:
            target = _resolve(Path(path))
            try:
                ready.append((stack.enter_context(_prepared(target, _encoded(text))), target))
            except OSError as error:
                raise _unwritten(path, error) from error
        for path, text in texts:
            if not is_replaceable(path):
                write_text(path, text)
        for temporary, target in ready:
            temporary.replace(target)


def write_text(path: str, text: str) -> None:
    """Write text as UTF-8 with `write_bytes`, keeping line ends; escape non-Unicode text."""
    write_bytes(path, _encoded(text))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _unwritten(path: str, error: OSError) -> UserError:
    return UserError(f"cannot write {path}: {reason(error)}; nothing was changed there")


def reason(error: OSError) -> str:
    """Return the system's message, without its number and path."""
    return (error.strerror or str(error)).lower()


def _write_stdout(data: bytes) -> None:
    _check_stdout(binary=False)
    try:
        sys.stdout.flush()
        left = memoryview(data)
        while left:  # with PYTHONUNBUFFERED, one write may take only a part
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        # Python flushes standard output again at exit, and would report the closed pipe a second
        # time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputClosed from error
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(
            f"cannot write standard output: {reason(error)}; is the disk full?"
        ) from error


def _mode(path: Path) -> int:
    """Return kind and permissions; 0 if there is nothing, or for an impossible path."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _in_place(mode: int) -> bool:
    """Return whether this is a device, FIFO or socket, which a rename cannot replace."""
    return bool(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _resolve(target: Path) -> Path:
    """Return the target of a symlink, because that file is replaced, not the link."""
    return Path(os.path.realpath(target)) if os.path.islink(target) else target  # noqa: PTH114


def _replace(target: Path, data: bytes) -> None:
    with _prepared(target, data) as temporary:
        temporary.replace(target)


@contextmanager
def _prepared(target: Path, data: bytes) -> Iterator[Path]:
    """Provide a file beside the target with these bytes on disk; remove it if it is left over."""
    import hashlib
    import tempfile

    # Not named after the target, whose name may already have the maximum length.
    own = f".pbias-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:10]}-"
    _remove_abandoned(target.parent, own)
    handle, name = tempfile.mkstemp(prefix=own, dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _lock(file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(_permissions(target))
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _lock(file: int) -> bool:
    """Lock a file until it is closed or the process dies; False if another process holds it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_abandoned(folder: Path, own: str) -> None:
    """Remove unlocked files that a killed process left when it wrote the same target."""
    if (folder, own) in _looked_at:
        return
    _looked_at.add((folder, own))
    for path in folder.glob(own + "*"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            if _lock(file.fileno()):
                path.unlink()


def _permissions(target: Path) -> int:
    if mode := _mode(target):
        return stat.S_IMODE(mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
