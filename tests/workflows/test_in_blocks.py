"""Files read in blocks by each command that can: the numbers of the same files in memory."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pbias.auditing.remedies import threshold_fitting
from pbias.auditing.risk.flagging import Budget
from pbias.errors import UserError
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.logits.blocks import open_blocks
from pbias.files.logits.npz import Npz
from pbias.files.table import Table
from pbias.workflows.audit import AuditOptions, audit_files
from pbias.workflows.calibrate import calibrate_file
from pbias.workflows.compare import compare_files
from pbias.workflows.exemplars import ExemplarOptions, find_exemplars
from pbias.workflows.flag import FlagOptions, flag_files
from pbias.workflows.override import Override, OverrideInputs

RUNS = ("dense.npz", "s90.npz", "s99.npz")
FAST = AuditOptions(metrics=["tpr", "churn", "did_tpr", "tcb"])


@pytest.fixture(autouse=True)
def folder(audit_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Blocks of a few rows, so that there are many."""
    monkeypatch.chdir(audit_files)
    monkeypatch.setattr("pbias.files.logits.blocks.MIB", 25)
    assert len(list(open_blocks(Npz("dense.npz")).blocks())) > 3
    return audit_files


def assert_same(found: Table, expected: Table, but: tuple[str, ...] = ()) -> None:
    assert found.columns.keys() == expected.columns.keys()
    for name, theirs in expected.columns.items():
        if name in but:
            continue
        if any(isinstance(value, str | None) for value in theirs):
            assert found.columns[name] == theirs, name
        else:
            np.testing.assert_allclose(found.columns[name], theirs, rtol=1e-9, err_msg=name)


def test_compare(caplog: pytest.LogCaptureFixture) -> None:
    found = compare_files(RUNS, groups=["Male", "Skin"], in_memory_mib=0).rows
    expected = compare_files(RUNS, groups=["Male", "Skin"]).rows
    assert_same(found, expected, but=("auc",))
    np.testing.assert_allclose(found.columns["auc"], expected.columns["auc"], atol=0.002)


def test_compare_refuses_other_samples() -> None:
    dense = read_logits("dense.npz")
    assert dense.ids is not None
    write_logits(replace(dense, ids=dense.ids[::-1]), "turned.npz")
    with pytest.raises(UserError, match="have different ids in row 0"):
        compare_files(["dense.npz", "turned.npz"], in_memory_mib=0)


@pytest.mark.parametrize("objective", ["positive-rate", "f1", "balanced-accuracy"])
@pytest.mark.parametrize("max_bytes", [1, 1 << 20])
def test_calibrate(
    make_logits: Callable[..., Logits],
    monkeypatch: pytest.MonkeyPatch,
    objective: str,
    max_bytes: int,
) -> None:
    write_logits(make_logits(seed=7, noise=1.0, split="valid"), "valid.npz")
    monkeypatch.setattr(threshold_fitting, "MAX_BYTES", max_bytes)
    found = calibrate_file("valid.npz", objective=objective, in_memory_mib=0).rows
    assert found == calibrate_file("valid.npz", objective=objective).rows


def test_calibrate_probabilities(make_logits: Callable[..., Logits]) -> None:
    made = make_logits(seed=7, noise=1.0, split="valid")
    p = 1 / (1 + np.exp(-made.logits.astype(np.float64)))
    cuts = np.full(len(made.targets), 0.3)
    write_logits(replace(made, logits=p, thresholds=cuts, meta={}), "valid.npz")
    found = calibrate_file("valid.npz", probabilities=True, in_memory_mib=0).rows
    assert found == calibrate_file("valid.npz", probabilities=True).rows


@pytest.mark.parametrize("budget", [None, Budget(0), Budget(1), Budget(30), Budget(10, True)])
@pytest.mark.parametrize("by_group", [False, True])
@pytest.mark.parametrize("ids", [False, True])
def test_flag(budget: Budget | None, by_group: bool, ids: bool) -> None:
    """Rounded logits have many ties, which ids or rows decide."""
    dense = read_logits("dense.npz")
    coarse = replace(dense, logits=np.round(dense.logits), ids=dense.ids if ids else None)
    write_logits(coarse, "coarse.npz")
    options = FlagOptions(0.2, budget, by_group=by_group)
    found = flag_files("coarse.npz", (), replace(options, in_memory_mib=0)).rows
    expected = flag_files("coarse.npz", (), options).rows
    assert found == expected and (budget == Budget(0) or len(expected) > 0)


def test_flag_in_blocks_warns_alike(caplog: pytest.LogCaptureFixture) -> None:
    dense = read_logits("dense.npz")
    cuts = np.array([1e3, 0, 0])
    write_logits(replace(dense, thresholds=cuts, train_counts=None), "silent.npz")
    said = []
    for mib in (0.0, 256.0):
        caplog.clear()
        flag_files("silent.npz", (), FlagOptions(in_memory_mib=mib))
        said.append(caplog.messages)
    assert said[0] == said[1] and "never predicted" in str(said)


@pytest.mark.parametrize(
    ("work", "command"),
    [
        (lambda: flag_files("dense.npz", ["s90.npz"]), "flag --evaluate"),
        (lambda: flag_files("dense.npz", (), FlagOptions(summary=True)), "flag --summary"),
        (lambda: find_exemplars(RUNS[:1], RUNS[1:], ExemplarOptions(Budget(3))), "exemplars"),
        (lambda: Override(OverrideInputs("s90.npz", "flags.csv", "dense.npz")), "override"),
    ],
)
def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(
    work: Callable[[], object], command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("flags.csv").write_text("id,attribute\n")
    (tmp_path / "meminfo").write_text("MemAvailable: 9 kB\n")
    monkeypatch.setattr("pbias.free_memory.MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr("pbias.files.logits.npz.Npz.read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(UserError, match=f"'pbias {command}' holds all 60 samples") as error:
        work()
    assert "0.0 GiB are free; " in str(error.value)


def test_a_list_of_flags_that_does_not_fit_names_the_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 9 kB\n")
    monkeypatch.setattr("pbias.free_memory.MEMINFO", tmp_path / "meminfo")
    blocks = FlagOptions(margin=0.5, in_memory_mib=0)
    with pytest.raises(UserError, match=r"list of 180 flags takes memory.*limit it with `budget`"):
        flag_files("dense.npz", (), blocks)
    assert len(flag_files("dense.npz", (), replace(blocks, budget=Budget(5))).rows) == 5


def test_float64_and_float32_are_compared() -> None:
    """Rows of float64 are wider, so blocks of equal size would hold fewer of them."""
    dense = read_logits("dense.npz")
    write_logits(replace(dense, logits=dense.logits.astype(np.float64)), "wide.npz")
    blocks = replace(FAST, in_memory_mib=0)
    assert_same(
        audit_files(["s90.npz"], ["wide.npz"], blocks).rows,
        audit_files(["s90.npz"], ["wide.npz"], FAST).rows,
    )


@pytest.fixture
def manifest() -> Path:
    """A manifest with other labels, a group and persons, in another order, and rows of train."""
    dense = read_logits("dense.npz")
    assert dense.ids is not None
    rng = np.random.default_rng(3)
    path = Path("labels.csv")
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "split", *dense.targets, "Age", "person"])
        for image in [*rng.permutation(dense.ids).tolist(), *(f"t{i}.png" for i in range(99))]:
            split = "train" if image.startswith("t") else "test"
            labels = [["0", "1", ""][i] for i in rng.integers(0, 3, len(dense.targets))]
            age = ["young", "old", ""][rng.integers(3)]
            rows.writerow([image, split, *labels, age, f"p{rng.integers(60)}" * rng.integers(2)])
    return path


def test_labels_of_a_manifest(manifest: Path) -> None:
    options = replace(
        FAST, groups=["Male", "Age", "Male:Age"], labels=str(manifest), cluster="person"
    )
    for name in ("dense", "s90"):
        write_logits(replace(read_logits(f"{name}.npz"), train_counts=None), f"{name}.npz")
    whole = audit_files(["s90.npz"], ["dense.npz"], options)
    found = audit_files(["s90.npz"], ["dense.npz"], replace(options, in_memory_mib=0))
    assert {"Age", "Male:Age"} <= set(whole.rows.columns["group"]) and whole.header.clustered
    assert_same(found.rows, whole.rows)


def test_a_manifest_that_lacks_ids_is_refused_alike(manifest: Path) -> None:
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:1] + lines[4:]) + "\n")
    said = []
    for mib in (0, 256):
        with pytest.raises(UserError, match="lacks 3 of the") as e:
            audit_files(["s90.npz"], [], replace(FAST, labels=str(manifest), in_memory_mib=mib))
        said.append(str(e.value))
    assert said[0] == said[1]
