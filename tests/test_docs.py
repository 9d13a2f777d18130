"""What is generated from the program is up to date, and shells and groff take it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.generate import generated

REPO = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", sorted(generated()))
def test_generated_files_are_up_to_date(name: str) -> None:
    assert (REPO / name).read_text(encoding="utf-8") == generated()[name]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", sorted((REPO / "man").glob("*.1")), ids=lambda p: p.name)
def test_groff_has_no_warnings(page: Path) -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", str(page)]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""


def complete(words: list[str]) -> list[str]:
    """What bash offers for the last word."""
    script = f"""source {REPO}/completions/pbias.bash
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


@pytest.mark.parametrize(("shell", "name"), [("zsh", "_pbias"), ("fish", "pbias.fish")])
def test_other_shells_accept_their_scripts(shell: str, name: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = [shell, "-n", str(REPO / "completions" / name)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
