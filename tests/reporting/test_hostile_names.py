"""Names with markup, from a file to the output of commands: in a terminal and as Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from pbias.files.logits import Logits
from tests.conftest import Run

TARGETS = (
    "<script>alert(1)</script>",
    "a`b`[x](http://e.x)",
    "\x1b[31mred|pipe",
    "![i](http://e.x/p.png)",
    "[link=file:///x]y[/link]",
)
VALUES = ("`f`<i>", "m|[u](http://u.x)")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Write a model and one that lost the positives of the first group value."""
    rng, num = np.random.default_rng(0), 300
    labels = (rng.random((num, len(TARGETS))) < 0.4).astype(int)
    sex = rng.integers(0, 2, num)
    logits = 4.0 * labels - 2 + rng.normal(size=labels.shape)
    for name, loss in (("dense", 0), ("s90", 4)):
        Logits.from_arrays(
            (logits - loss * labels * (sex == 0)[:, None]).astype(np.float32),
            labels,
            targets=TARGETS,
            groups={"se`x*_": np.array(VALUES)[sex]},
            ids=[f"<b>{row}</b>" for row in range(num)],
        ).save(str(tmp_path / f"{name}.npz"))
    return tmp_path


COMMANDS = {
    "metrics": ["metrics", "s90.npz", "--ref", "dense.npz"],
    "flag": ["flag", "dense.npz", "--budget", "20"],
    "summary": ["flag", "dense.npz", "--summary"],
    "exemplars": ["exemplars", "--dense", "dense.npz", "--sparse", "s90.npz"],
}


@pytest.mark.parametrize("command", [*COMMANDS, "evidence"])
def test_names_are_text_in_markdown(files: Path, pbias: Run, command: str) -> None:
    arguments = COMMANDS.get(command)
    done = pbias(
        *([*arguments, "-f", "md"] if arguments else ["evidence", "s90.npz", "--ref", "dense.npz"])
    )
    assert done.returncode == 0, done.stderr
    tokens = MarkdownIt("commonmark").enable("table").parse(done.stdout)
    inline = [part for token in tokens for part in token.children or ()]
    kinds = {part.type for part in inline}
    assert kinds <= {"text", "text_special", "softbreak"}, kinds
    text = "".join(part.content for part in inline)
    assert TARGETS[0] in text and "\\x1b[31mred|pipe" in text and TARGETS[1] in text
    assert "html_block" not in {token.type for token in tokens} and "\x1b" not in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_names_are_text_on_a_terminal(
    files: Path, pbias: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    done = pbias(*COMMANDS[command], "--format", "table")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert TARGETS[0] in done.stdout and "\\x1b[31mred|pipe" in done.stdout
    assert "[link=file:///x]y[/link]" in done.stdout
