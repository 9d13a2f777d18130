"""Behavior of metrics, compare and flag in a real shell: streams, pipes, signals, terminals."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import Logits, write_logits

Run = Callable[..., CompletedProcess[str]]
PBIAS = Path(sys.executable).with_name("pbias")
FEW = "-q --groups Male --metrics tpr"

pytestmark = pytest.mark.usefixtures("audit_files")


@pytest.fixture
def large(tmp_path: Path, make_logits: Callable[..., Logits]) -> str:
    """Write a file whose list of flags is larger than the buffer of a pipe."""
    write_logits(make_logits(num=4000), str(tmp_path / "large.npz"))
    return "large.npz"


def one_error(done: CompletedProcess[str], said: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pbias: error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        f"pbias metrics - --ref dense.npz {FEW} < s90.npz",
        f"cat s90.npz | pbias metrics - --ref dense.npz {FEW}",
        f"pbias metrics <(cat s90.npz) --ref <(cat dense.npz) {FEW}",
        f"cat dense.npz | pbias metrics s90.npz --ref - {FEW}",
        f"pbias metrics s90.npz --ref dense.npz {FEW} -o - | cat",
        f"pbias metrics s90.npz --ref dense.npz {FEW} -o >(cat) | cat",
        f"pbias metrics s90.npz --ref dense.npz {FEW} -o /dev/stdout",
    ],
)
def test_streams_in_and_out_give_what_files_give(shell: Run, command: str) -> None:
    expected = shell(f"pbias metrics s90.npz --ref dense.npz {FEW} -o out.csv && cat out.csv")
    done = shell(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected.stdout != ""


def test_labels_from_a_pipe_serve_both_sides(shell: Run) -> None:
    lines = [f"images/{row:04d}.png,test,{row % 2}" for row in range(60)]
    Path(shell("pwd").stdout.strip(), "l.csv").write_text("\n".join(["image,split,Young", *lines]))
    options = "--labels - --groups Young --metrics did_tpr,tpr -q"
    done = shell(f"pbias metrics s90.npz --ref dense.npz {options} < l.csv")
    assert done.returncode == 0, done.stderr
    assert "did_tpr,Smiling,Young,1-0," in done.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("pbias metrics - --ref -", "'-' is given for several inputs"),
        ("pbias metrics - --labels -", "'-' is given for several inputs"),
        ("true | pbias flag -", "standard input is empty"),
        ("pbias flag - <&-", "standard input is closed"),
        ("echo text | pbias flag -", "standard input is not a usable NPZ file"),
        ("head -c 500 dense.npz | pbias flag -", "standard input is not a usable NPZ file"),
        ("pbias flag dense.npz -q > /dev/full", "no space left on device"),
        ("pbias flag dense.npz -q -o /dev/full", "cannot write /dev/full"),
        ("pbias flag dense.npz -q >&-", "standard output is closed"),
        ("pbias flag dense.npz -q -o /proc/out.csv", "/proc"),
        ("pbias flag dense.npz -q -o loop/out.csv", "loop"),
    ],
)
def test_streams_that_fail_are_one_line(
    shell: Run, tmp_path: Path, command: str, said: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    one_error(shell(command), said)


def test_closed_standard_error_hides_messages_alone(shell: Run) -> None:
    expected = shell("pbias flag dense.npz -q").stdout
    for closed in ("2>&-", "2>/dev/full", "2>/dev/null"):
        done = shell(f"pbias flag dense.npz {closed}")
        assert (done.returncode, done.stdout) == (0, expected)


@pytest.mark.parametrize("redirect", ["", "2>&1"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_is_no_error(
    shell: Run, large: str, redirect: str, unbuffered: str
) -> None:
    command = f"pbias flag {large} -q {redirect} | head -1; echo ${{PIPESTATUS[0]}}"
    done = shell(command, PYTHONUNBUFFERED=unbuffered)
    header = "id,attribute,prediction,probability,margin,Male,Skin,risk,reasons"
    assert done.stdout == f"{header}\n141\n"
    assert done.stderr == ""


def test_an_output_is_replaced_at_once(shell: Run, tmp_path: Path, large: str) -> None:
    shell(f"pbias flag {large} -q -o out.csv")
    with (tmp_path / "out.csv").open() as reader:
        assert shell("pbias flag dense.npz -q -o out.csv").returncode == 0
        assert len(reader.read()) > 2**16 > (tmp_path / "out.csv").stat().st_size
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"dense.npz", "s90.npz", "s99.npz", "large.npz", "out.csv"}


def test_a_disk_that_fills_up_leaves_the_old_file(shell: Run, tmp_path: Path, large: str) -> None:
    (tmp_path / "out.csv").write_text("old")
    done = shell(f"ulimit -f 8; trap '' XFSZ; pbias flag {large} -q -o out.csv")
    one_error(done, "cannot write out.csv: file too large; nothing was changed there")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert not list(tmp_path.glob(".pbias*"))


def test_names_with_blanks_quotes_and_any_letters(shell: Run) -> None:
    name = 'it\'s "a" é 名 $HOME;.npz'
    quoted = "'it'\\''s \"a\" é 名 $HOME;.npz'"
    done = shell(f"cp s90.npz {quoted} && pbias compare {quoted} -f json", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert f'"run": "{name[:-4]}"'.replace('"a"', '\\"a\\"') in done.stdout


def test_a_name_that_is_no_text_is_escaped(shell: Run) -> None:
    done = shell("cp s90.npz $'x\\xff.npz' && pbias compare $'x\\xff.npz' -q")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nx\\udcff,,,0.9," in done.stdout
    one_error(shell("pbias flag $'y\\xff.npz'"), "y\\udcff.npz does not exist")


def test_messages_can_be_printed_in_any_locale(shell: Run) -> None:
    done = shell("pbias flag é.npz", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 2 and done.stderr.startswith("pbias: error: ")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_same_bytes_in_every_process(shell: Run, threads: str) -> None:
    command = f"pbias metrics s90.npz --ref dense.npz {FEW},churn -f json | sha256sum"
    done = shell(f"{command}; PYTHONHASHSEED=7 {command}", OMP_NUM_THREADS=threads)
    first, second = done.stdout.splitlines()
    assert first == second and not done.stderr


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "kill"]
)
def test_signals_end_quietly_with_nothing_written(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    os.mkfifo(tmp_path / "fifo.npz")
    # A background job of a shell ignores Ctrl-C, and so would its children.
    heed = "import os, signal, sys; signal.signal(2, signal.SIG_DFL); "
    heed += "os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", heed, PBIAS, "flag", "fifo.npz", "-o", "out.csv"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **pipes) as process:
        with (tmp_path / "fifo.npz").open("wb"):  # it has opened the file
            time.sleep(0.5)  # it now waits for data
            os.killpg(process.pid, number)
            assert process.wait(30) == status
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read() == process.stderr.read() == b""
    assert not (tmp_path / "out.csv").exists()


def test_a_bug_shows_its_traceback_and_has_its_own_status(shell: Run) -> None:
    program = """
import sys
from pbias.cli import app, build
from pbias.cli.commands.service import explain
explain.boom = lambda: 1 / 0
app.COMMANDS["boom"] = build.Entry("service.explain:boom", "")
sys.argv = ["pbias", "boom"]
app.main()
"""
    done = shell(f"python -c '{program}'")
    assert (done.returncode, done.stdout) == (3, "")
    assert "Traceback" in done.stderr and "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith("this is a bug in pbias; please report it with the lines above\n")


def test_module_and_script_are_the_same(shell: Run) -> None:
    assert shell("python -m pbias -V").stdout == shell("pbias -V").stdout


def on_terminal(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Return status and output of pbias with a terminal as all its standard streams."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(PBIAS, ["pbias", *arguments], {**os.environ, "TERM": "xterm", **environment})
    output = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        output += data
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return status, output.decode().replace("\r\n", "\n")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_on_a_terminal_people_get_a_table(tmp_path: Path) -> None:
    status, text = on_terminal(tmp_path, "compare", "s90.npz", "dense.npz", NO_COLOR="1")
    assert status == 0 and "Runs\n" in text and "90.0%" in text
    assert "\x1b" not in text and "run,sparsity" not in text
    _, colored = on_terminal(tmp_path, "compare", "s90.npz", "dense.npz", COLUMNS="120")
    assert "\x1b[1m" in colored


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_the_table_fits_the_terminal_and_breaks_no_number(tmp_path: Path) -> None:
    arguments = ("metrics", "s90.npz", "--ref", "dense.npz", "--no-intervals", "-q")
    wide, narrow = (
        on_terminal(tmp_path, *arguments, COLUMNS=columns, NO_COLOR="1")
        for columns in ("100", "40")
    )
    assert wide[0] == narrow[0] == 0
    assert max(map(len, wide[1].splitlines())) <= 100
    numbers = re.findall(r"[-+]?\d\.\d{3}", wide[1])
    assert len(numbers) > 30
    assert sorted(re.findall(r"[-+]?\d\.\d{3}", narrow[1])) == sorted(numbers)  # in more tables


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_terminal_is_no_input(tmp_path: Path) -> None:
    status, text = on_terminal(tmp_path, "flag", "-")
    assert status == 2
    assert (
        text == "pbias: error: standard input is a terminal; pipe a file into it, or name a file\n"
    )


def test_logits_of_another_framework_are_audited(shell: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, (50, 2))
    np.savez(tmp_path / "any.npz", logits=z, labels=(z > 0).astype(int))
    done = shell("pbias metrics any.npz -f csv --metrics accuracy")
    assert done.returncode == 0 and "\naccuracy,output_1,,,1.0," in done.stdout
    assert "training counts" not in done.stderr


def test_control_characters_of_a_plan_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        'architectures = ["resnet_small"]\nseeds = [0]\nsparsities = [0.5]\n'
        '[data]\nlabels = "labels.csv"\n[train]\nrecipe = "a\\u001b[2J"\n'
    )
    status, output = on_terminal(tmp_path, "sweep", "plan.toml", "--dry-run")
    assert status == 2 and "\x1b" not in output and "a\\x1b[2J" in output
