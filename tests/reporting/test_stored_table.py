"""A page from the table of an audit, and tables that are not from an audit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pbias.files.table_reader import read_table
from pbias.workflows.reports.stored_table import read_audit
from tests.conftest import Run, needs

AUDIT = ("s90.npz", "--ref", "dense.npz")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that keeps the files of `stored` for the next test."""
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def stored(kept: Path, audit_files: Path, pbias: Run) -> Path:
    """Write `t.json` and `t.csv` of one audit, and `a.html` of its logits."""
    needs("jinja2")
    needs("vl_convert")
    gate = ("--gate", "accuracy >= 0.99")
    if not any(kept.iterdir()):
        for name in ("t.json", "t.csv"):
            assert pbias("metrics", *AUDIT, *gate, "-o", name).returncode in (1, 4)
        assert pbias("report", *AUDIT, *gate, "-o", "a.html").returncode in (1, 4)
        for name in ("t.json", "t.csv", "a.html"):
            shutil.copy(audit_files / name, kept)
    shutil.copytree(kept, audit_files, dirs_exist_ok=True)
    return audit_files


def test_a_table_is_read_back_as_it_was_written(stored: Path) -> None:
    import pbias

    files = (str(stored / name) for name in ("s90.npz", "dense.npz"))
    ours, theirs = files
    expected = pbias.audit(ours, reference=theirs).rows
    for name in ("t.json", "t.csv"):
        found = read_table(str(stored / name)).table
        assert repr(found.columns) == repr(dict(expected.columns))


def test_the_page_of_a_table_is_that_of_its_logits_without_predictions(
    stored: Path, pbias: Run
) -> None:
    done = pbias("report", "t.json", "-o", "b.html")
    assert done.returncode == 0, done.stderr
    ours, theirs = ((stored / name).read_text() for name in ("b.html", "a.html"))
    for key in ("groups", "moved", "largest", "terms"):
        parts = [page.split(f'<section id="{key}"')[1].split("</section>")[0] for page in
                 (ours, theirs)]  # fmt: skip
        assert parts[0] == parts[1]
    assert 'id="predictions"' in theirs and 'id="predictions"' not in ours
    assert "Made from t.json, without the logits" in ours
    assert "<title>Audit of s90.npz against dense.npz</title>" in ours
    assert "sparsity 90.0%" in ours and "FAIL</strong> <code>accuracy &gt;= 0.99" in ours


def test_a_table_from_before_precision_was_told_is_read(stored: Path, pbias: Run) -> None:
    document = json.loads((stored / "t.json").read_text())
    (file,) = document["audit"]["audited"]
    assert file.pop("precision") == ""
    (stored / "old.json").write_text(json.dumps(document))
    assert pbias("report", "old.json", "-o", "b.html").returncode == 0
    assert "Audited: s90.npz (sparsity 90.0%)" in (stored / "b.html").read_text()
    file["precision"] = "int8"
    (stored / "new.json").write_text(json.dumps(document))
    assert pbias("report", "new.json", "-o", "b.html").returncode == 0
    assert "Audited: s90.npz (int8, sparsity 90.0%)" in (stored / "b.html").read_text()


def test_a_csv_names_neither_files_nor_gates(stored: Path, pbias: Run) -> None:
    assert pbias("report", "t.csv", "-o", "b.html").returncode == 0
    page = (stored / "b.html").read_text()
    assert "<title>Audit of model against reference</title>" in page
    assert "Samples: 60" in page and 'class="gate' not in page


def changed(stored: Path, **changes: Any) -> str:
    """Rewrite `t.json` with other entries; `row` changes the first row."""
    document = json.loads((stored / "t.json").read_text())
    document["rows"][0] |= changes.pop("row", {})
    (stored / "bad.json").write_text(json.dumps(document | changes))
    return "bad.json"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "bad.json is of schema 2, not 1; give one that `pbias metrics"),
        ({"columns": ["metric"]}, "it lacks the columns attribute, group, contrast, and 18 more;"),
        ({"rows": []}, "bad.json has no rows;"),
        ({"rows": {}}, "bad.json is not the table of an audit;"),
        ({"row": {"value": "high"}}, "'value' holds 'high', which is not a number;"),
        ({"row": {"group": 3}}, "'group' holds 3, which is not text;"),
        ({"row": {"metric": "tprr"}}, "has the metric 'tprr', which this version of pbias does"),
        (
            {"row": {"runs": "0:1"}},
            "'runs' holds '0:1', which is not the number of runs of one audit",
        ),
        ({"gates": [{"gate": "x"}]}, "'gates' are not gate verdicts;"),
        ({"audit": {"level": 5}}, "'audit' does not name what was audited;"),
    ],
)
def test_what_is_no_table_of_an_audit_is_one_line(
    stored: Path, pbias: Run, changes: dict[str, Any], said: str
) -> None:
    done = pbias("report", changed(stored, **changes), "-o", "b.html")
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (stored / "b.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ref", "dense.npz"], "--ref needs logits"),
        (["--gate", "accuracy >= 0.5"], "--gate needs logits"),
        (["--images", "."], "--images needs logits"),
        (["--groups", "Male"], "--groups needs logits"),
    ],
)
def test_options_that_need_logits_are_refused(
    stored: Path, pbias: Run, arguments: list[str], said: str
) -> None:
    done = pbias("report", "t.json", *arguments, "-o", "b.html")
    assert done.returncode == 2 and f"t.json is the table of an audit, but {said}" in done.stderr


def test_the_verdict_of_a_table_names_what_that_of_the_logits_names(stored: Path) -> None:
    import pbias

    files = [str(stored / name) for name in ("s90.npz", "dense.npz")]
    whole = pbias.audit(files[0], reference=files[1]).findings
    found = read_audit(str(stored / "t.json")).findings
    assert [(f.metric, f.attribute, f.group) for f in found.found] == [
        (f.metric, f.attribute, f.group) for f in whole.found
    ]
    assert found.looked_at == whole.looked_at and found.too_few == whole.too_few
