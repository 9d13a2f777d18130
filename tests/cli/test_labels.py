"""`--labels`: logits, targets and ids alone then give the same results as a complete file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import Logits, read_logits, write_logits

Run = Callable[..., CompletedProcess[str]]
TAKEN = ("--labels", "labels.csv", "--groups", "Male,Skin")
FLAGS = "id,attribute\nimages/0003.png,Young\nimages/0004.png,Smiling\n"


def labels_csv(logits: Logits) -> str:
    """Return a complete file's knowledge of its samples, as a manifest."""
    assert logits.ids is not None
    names = (*logits.targets, *logits.group_names)
    lines = [f"image,split,{','.join(names)}"]
    for row, name in enumerate(logits.ids):
        labels = ["" if y < 0 else str(y) for y in logits.labels[row]]
        groups = [
            "" if g < 0 else values[g]
            for g, values in zip(logits.groups[row], logits.group_values, strict=True)
        ]
        lines.append(",".join([name, "test", *labels, *groups]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def folders(audit_files: Path) -> list[Path]:
    """Return `whole` and `bare`: the files with all sample data, and with ids alone."""
    found = [audit_files / "whole", audit_files / "bare"]
    for folder in found:
        folder.mkdir()
        (folder / "flags.csv").write_text(FLAGS)
    for name in ("dense.npz", "s90.npz", "s99.npz"):
        logits = replace(read_logits(str(audit_files / name)), train_counts=None, meta={})
        write_logits(logits, str(found[0] / name))
        bare = {"logits": logits.logits, "targets": logits.targets, "ids": logits.ids}
        np.savez(found[1] / name, **bare)
        (found[1] / "labels.csv").write_text(labels_csv(logits))
    return found


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (("compare", "dense.npz", "s90.npz"), TAKEN),
        (("exemplars", "--dense", "dense.npz", "--sparse", "s90.npz"), TAKEN),
        (("exemplars", "--dense", "dense.npz", "--sparse", "s90.npz", "--summary"), TAKEN),
        (("flag", "dense.npz"), TAKEN),
        (("flag", "dense.npz", "--summary"), TAKEN),
        (("flag", "dense.npz", "--evaluate", "s99.npz"), TAKEN),
        (("calibrate", "dense.npz"), TAKEN[:2]),
        (("override", "s99.npz", "--flags", "flags.csv", "--with", "labels", "--ref", "dense.npz",
          "--curve", "-"), TAKEN[:2]),
    ],
)  # fmt: skip
def test_a_manifest_stands_in_for_what_a_file_lacks(
    pbias: Run,
    monkeypatch: pytest.MonkeyPatch,
    folders: list[Path],
    command: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    if command[0] == "override":  # its curve uses the file's groups
        for path in folders[0].glob("*.npz"):
            nobody = np.empty((60, 0), np.int16)
            whole = read_logits(str(path))
            ungrouped = replace(
                whole, groups=nobody, group_names=(), group_values=(), train_counts=None
            )
            write_logits(ungrouped, str(path))
    monkeypatch.chdir(folders[0])
    expected = pbias(*command)
    monkeypatch.chdir(folders[1])
    found = pbias(*command, *options)
    assert found.returncode == expected.returncode == 0, found.stderr + expected.stderr
    assert found.stdout == expected.stdout
    assert len(found.stdout.splitlines()) > 2
