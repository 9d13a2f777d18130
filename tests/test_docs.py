"""Generated files are up to date, and shells and groff accept them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pbias.cli.command_tree import commands
from pbias.cli.options import training
from pbias.cli.sections import SECTIONS
from pbias.training import recipe
from tools.generate import generated

REPO = Path(__file__).resolve().parent.parent


GENERATED = generated()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_files_are_up_to_date(name: str) -> None:
    assert (REPO / name).read_text(encoding="utf-8") == GENERATED[name]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", sorted((REPO / "man").glob("*.1")), ids=lambda p: p.name)
def test_groff_has_no_warnings(page: Path) -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", str(page)]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""


def complete(words: list[str], folder: Path = REPO) -> list[str]:
    """Return bash's completions of the last word."""
    script = f"""cd '{folder}'; source {REPO}/completions/pbias.bash
    COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
    _pbias; printf '%s\\n' "${{COMPREPLY[@]}}" """
    command = ["bash", "-c", script]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()


def test_bash_completes_commands_options_and_choices() -> None:
    assert complete(["pbias", "met"]) == ["metrics"]
    assert complete(["pbias", "metrics", "--gate-s"]) == ["--gate-strict"]
    assert complete(["pbias", "metrics", "--format", "j"]) == ["json"]


def test_bash_completes_the_commands_below_a_command() -> None:
    assert complete(["pbias", "mani"]) == ["manifest"]
    assert complete(["pbias", "manifest", "c"]) == ["celeba", "check"]
    assert complete(["pbias", "manifest", "celeba", "--unc"]) == ["--uncropped"]
    assert complete(["pbias", "manifest", "check", "-f", "m"]) == ["md"]


def test_bash_completes_metrics_architectures_recipes_and_commands() -> None:
    assert complete(["pbias", "metrics", "--metrics", "accuracy,tp"]) == ["accuracy,tpr"]
    assert complete(["pbias", "explain", "directional"]) == ["directional_ba"]
    assert complete(["pbias", "train", "--arch", "vit_l"]) == ["vit_l_16"]
    assert complete(["pbias", "train", "--recipe", "paper-s"]) == ["paper-single"]
    assert complete(["pbias", "help", "overr"]) == ["override"]


# A header that would run a command if a shell expanded it.
HEADER = 'image,split,"smiling",$(touch owned),`touch owned`,age_band\r\n'


def test_bash_completes_columns_of_the_csv_file_without_running_them(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(HEADER)
    words = ["pbias", "train", "labels.csv", "--groups", "sm"]
    assert complete(words, tmp_path) == ["smiling"]
    assert complete([*words[:-1], "smiling,ag"], tmp_path) == ["smiling,age_band"]
    assert not complete([*words[:-1], "tou"], tmp_path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_columns_of_the_csv_file_without_running_them(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(HEADER)
    script = f"source {REPO}/completions/pbias.fish; complete -C 'pbias train labels.csv --groups '"
    command = ["fish", "--no-config", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert offered == ["age_band", "image", "smiling", "split"]
    assert not (tmp_path / "owned").exists()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("pbias train labels.csv --groups split,sm", "split,smiling"),
        ("pbias metrics --metrics accuracy,tp", "accuracy,tpr"),
        ("pbias help evi", "evidence"),
    ],
)
def test_zsh_completes_names(tmp_path: Path, typed: str, completed: str) -> None:
    (tmp_path / "labels.csv").write_text(HEADER)
    shown = type_into_zsh(tmp_path, typed)
    assert completed in shown
    assert not (tmp_path / "owned").exists()


def type_into_zsh(folder: Path, typed: str) -> str:
    """Return the screen of an interactive zsh after the tab key is pressed behind `typed`."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ["TERM"] = "dumb"
        os.execvp("zsh", ["zsh", "-f", "-i"])
    setup = (
        f"fpath=({REPO}/completions $fpath); autoload -Uz compinit; compinit -D -u; echo rea''dy"
    )
    os.write(terminal, f"{setup}\n".encode())
    read_until(terminal, "ready")
    os.write(terminal, f"{typed}\t".encode())
    shown = read_until(terminal, typed.rpartition(" ")[2], more=0.5)
    os.write(terminal, b"\x15exit\n")
    os.waitpid(process, 0)
    os.close(terminal)
    return shown


def read_until(terminal: int, expected: str, more: float = 0.0) -> str:
    """Read until `expected` was printed, and `more` seconds longer; at most 30 s."""
    text, end = "", time.monotonic() + 30
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            text += os.read(terminal, 65_536).decode(errors="replace")
        if expected in text and more >= 0:
            end, more = min(end, time.monotonic() + more), -1
    return text


@pytest.mark.parametrize(("shell", "name"), [("zsh", "_pbias"), ("fish", "pbias.fish")])
def test_other_shells_accept_their_scripts(shell: str, name: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = [shell, "-n", str(REPO / "completions" / name)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["train", "prune"])
def test_options_of_long_commands_stand_under_headings(name: str) -> None:
    """A new option must go into a section, not to the end."""
    (command,) = (each for each in commands() if each.name == name)
    assert {option.section for option in command.options} == set(SECTIONS)


def test_names_in_help_are_those_of_the_library() -> None:
    architectures = pytest.importorskip("pbias.models.architectures")
    assert tuple(architectures.ARCHITECTURES) == training.ARCHITECTURES
    assert tuple(recipe.RECIPES) == training.RECIPES


PAGES = sorted([*REPO.glob("*.md"), *REPO.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_prose_keeps_to_120_columns(page: Path) -> None:
    """This excludes tables, code, images and generated pages; it keeps diffs readable."""
    if page.name in ("commands.md", "metrics.md"):
        return
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "!["))]
    assert not [line for line in prose if len(line) > 120]


def test_pages_that_include_others_find_their_marks() -> None:
    """Without a mark the website cannot be built."""
    marks = [
        (page.parent / path, mark)
        for page in PAGES
        for path, options in re.findall(
            r"^```\{include\} (\S+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
        )
        for mark in re.findall(r'^:(?:start-after|end-before): "(.*)"$', options, re.M)
    ]
    assert marks
    for path, mark in marks:
        assert path.read_text(encoding="utf-8").count(mark) == 1, mark
