"""Reading and writing bytes: whole or not at all, standard streams by name, no hangs."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pbias.errors import OutputClosed, UserError
from pbias.files import streams
from pbias.files.streams import (
    check_inputs,
    check_output,
    read_bytes,
    write_bytes,
    write_text,
    write_texts,
)

LONG = "a" * 300  # longer than a file name can be
LONGEST = "é" * 127  # 254 of at most 255 bytes


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def standard(data: bytes = b"", kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> Any:
    return kind(io.BytesIO(data), encoding="utf-8")


def refusal(call: Callable[..., object], *arguments: Any, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_is_written_whole_and_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "a b 'é.csv")
    write_bytes(path, b"\x00one\r\n")
    assert read_bytes(path) == b"\x00one\r\n"
    assert [each.name for each in tmp_path.iterdir()] == ["a b 'é.csv"]


def test_an_existing_file_is_replaced_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("a much longer text than the new one")
    path.chmod(0o640)
    before = path.stat().st_ino
    write_text(str(path), "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_ino != before and list(tmp_path.iterdir()) == [path]


def test_who_reads_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with path.open() as reader:
        write_text(str(path), "new")
        assert reader.read() == "old"


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_honours_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_bytes(str(tmp_path / "out"), b"")
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o666 & ~umask
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_a_symlink_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/real")
    write_text(str(tmp_path / "link"), "text")
    assert (tmp_path / "folder" / "real").read_text() == "text"
    assert (tmp_path / "link").is_symlink()


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / LONGEST
    check_output(str(path))
    write_text(str(path), "text")
    assert path.read_text() == "text"


def test_a_fifo_is_written_in_place(tmp_path: Path) -> None:
    path, found = tmp_path / "fifo", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    check_output(str(path), no_clobber=True)
    write_bytes(str(path), b"data" * 30_000)
    reader.join()
    assert found == [b"data" * 30_000] and stat.S_ISFIFO(path.stat().st_mode)


def test_a_fifo_whose_reader_goes_is_a_closed_output(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: path.open("rb").close())
    reader.start()
    with pytest.raises(OutputClosed):
        write_bytes(str(path), b"data" * 100_000)
    reader.join()


def test_the_null_device_swallows_everything() -> None:
    check_output("/dev/null", no_clobber=True)
    write_bytes("/dev/null", b"data")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk_is_said() -> None:
    assert "cannot write /dev/full: no space left on device" in refusal(
        write_bytes, "/dev/full", b"x"
    )


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(TypeError):
        write_bytes(str(path), "no bytes")  # type: ignore[arg-type]
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["missing", "", LONG, "file/below"])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / name)
    assert path in refusal(read_bytes, path)
    assert path in refusal(check_inputs, [path])


def test_a_folder_is_no_input_and_no_output(tmp_path: Path) -> None:
    assert "is a folder" in refusal(check_inputs, [str(tmp_path)])
    assert "is a folder" in refusal(check_output, str(tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [("no/out", "does not exist; create it"), ("file/out", "not a dir"), (LONG, "too long")],
)
def test_an_output_that_cannot_be_written_is_said(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / name)
    assert said in refusal(check_output, path)
    assert f"cannot write {path}" in refusal(write_bytes, path, b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert "is not writable" in refusal(check_output, str(tmp_path / "out"))
    assert "permission denied" in refusal(write_bytes, str(tmp_path / "out"), b"")
    tmp_path.chmod(0o755)


def test_no_clobber_refuses_what_exists_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    check_output(str(path), no_clobber=True)
    path.touch()
    assert "already exists (--no-clobber)" in refusal(check_output, str(path), no_clobber=True)
    check_output(str(path))


def test_standard_input_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", standard(b"\x80bytes\r\n"))
    check_inputs(["-"])
    assert read_bytes("-") == b"\x80bytes\r\n"


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (standard(kind=Terminal), "is a terminal; pipe"),
        (None, "is closed"),
        (standard(), "is empty"),
    ],
    ids=["terminal", "closed", "empty"],
)
def test_standard_input_without_data_is_said(
    monkeypatch: pytest.MonkeyPatch, stdin: Any, said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert said in refusal(read_bytes, "-")
    if said != "is empty":
        assert said in refusal(check_inputs, ["-"])


def test_standard_input_is_one_input_at_most() -> None:
    assert "can be read only once" in refusal(check_inputs, ["-", "-"])


def test_standard_output_takes_bytes_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = standard()
    monkeypatch.setattr(sys, "stdout", stdout)
    write_bytes("-", b"\x80\r\n")
    write_text("-", "é\n")
    assert stdout.buffer.getvalue() == b"\x80\r\n\xc3\xa9\n"


def test_binary_data_never_goes_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", standard(kind=Terminal))
    assert "is a terminal; redirect it" in refusal(check_output, "-")
    check_output("-", binary=False)


def test_a_closed_standard_output_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert "is closed; redirect it" in refusal(check_output, "-", binary=False)


def test_what_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    write_text(str(tmp_path / "out"), os.fsdecode(b"x\xff"))
    assert (tmp_path / "out").read_text(encoding="utf-8") == "x\\udcff"


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    code = (
        "import os, sys, signal\n"
        "from pbias.files import streams\n"
        "with streams._prepared(__import__('pathlib').Path(sys.argv[1]), b'half'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(list(tmp_path.glob(".pbias-*"))) == 1
    (tmp_path / ".pbias-another").write_text("of somebody else")
    write_bytes(str(target), b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".pbias-another", "table.csv"]


def test_a_file_that_somebody_writes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    with streams._prepared(target, b"first"):
        streams._looked_at.clear()
        write_bytes(str(target), b"second")
        assert len(list(tmp_path.glob(".pbias-*"))) == 1


def test_several_texts_are_written_all_or_none(tmp_path: Path) -> None:
    table, report = tmp_path / "t.csv", tmp_path / "no folder" / "r.md"
    with pytest.raises(UserError, match=r"cannot write .*r\.md"):
        write_texts([(str(table), "a"), (str(report), "b")])
    assert list(tmp_path.iterdir()) == []
    write_texts([(str(table), "a"), (str(tmp_path / "r.md"), "b")])
    assert (table.read_text(), (tmp_path / "r.md").read_text()) == ("a", "b")


@pytest.mark.parametrize("path", ["a\0b", "a\ud800"])
def test_a_path_that_cannot_be_is_refused(path: str) -> None:
    for use in (read_bytes, check_output, lambda path: check_inputs([path])):
        with pytest.raises(UserError, match="contains a character that file names cannot have"):
            use(path)
