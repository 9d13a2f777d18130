"""The audit as a function: files opened once, gates as texts, progress for callers."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pbias.errors import UserError
from pbias.workflows.audit import AuditOptions, audit_files
from pbias.workflows.calibrate import calibrate_file
from pbias.workflows.compare import compare_files
from pbias.workflows.flag import flag_files

FAST = {"metrics": ["tpr", "churn"], "intervals": False}


@pytest.fixture
def files(audit_files: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.chdir(audit_files)
    return "s90.npz", "dense.npz"


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each archive is opened."""
    opened: Counter[str] = Counter()

    class Counted(zipfile.ZipFile):
        def __init__(self, file: Any, *arguments: Any, **options: Any) -> None:
            opened[str(getattr(file, "name", file))] += 1
            super().__init__(file, *arguments, **options)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    return opened


@pytest.mark.parametrize("in_memory", [256.0, 0.0])
def test_each_file_is_opened_once(
    files: tuple[str, str], archives: Counter[str], in_memory: float
) -> None:
    audited, dense = files
    audit_files([audited], [dense], AuditOptions(**FAST, in_memory_mib=in_memory))
    assert archives == {audited: 1, dense: 1}


def test_gates_are_judged_and_recorded(files: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "gates.txt").write_text("accuracy >= 0.99  # too much\n")
    options = AuditOptions(
        metrics=["accuracy"], groups=[], gates=["accuracy >= 0.1"], gate_file="gates.txt"
    )
    result = audit_files([files[0]], options=options)
    assert [r["verdict"] for r in result.verdicts] == ["pass", "fail"]
    assert [s.title for s in result.headline()] == [
        "Verdict",
        "Audit",
        "Gates: fail (1 pass, 1 fail)",
        "Means over attributes",
    ]


def test_progress_goes_to_whoever_asks(files: tuple[str, str]) -> None:
    seen: list[tuple[str, int, int]] = []

    @contextmanager
    def watch(label: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: seen.append((label, done, total))

    audit_files([files[0]], options=AuditOptions(**FAST | {"metrics": ["tpr"]}, in_memory_mib=0),
                watch=watch)  # fmt: skip
    assert seen == [("auditing rows", 60, 60), ("computing metrics", 0, 1)]
    seen.clear()
    audit_files(files[:1], files[1:], AuditOptions(**FAST), watch)
    counted = [("auditing runs", 1, 2), ("auditing runs", 2, 2)]
    assert seen == [*counted, ("computing metrics", 0, 2), ("computing metrics", 1, 2)]
    seen.clear()
    compare_files(files, watch=watch)
    assert seen == [("comparing runs", 1, 2), ("comparing runs", 2, 2)]
    seen.clear()
    flag_files(files[1], files[:1], watch=watch)
    calibrate_file(files[1], watch=watch)
    assert seen == [("evaluating flags", 1, 1), ("fitting thresholds", 3, 3)]


def test_what_is_asked_is_checked_before_anything_is_read(
    files: tuple[str, str], archives: Counter[str]
) -> None:
    for options, said in (
        ({"gates": ["tpr < 1"]}, "is not of the form"),
        ({"gates": ["churn <= 1"]}, "name the dense model with `reference`"),
        ({"reference_thresholds": files[0]}, "belong to the reference"),
        ({"cluster": "person"}, "`clusters` names a column of `labels`"),
    ):
        with pytest.raises(UserError, match=said):
            audit_files([files[0]], options=AuditOptions(**options))
    assert not archives
