"""The notebook and the code of docs/library.md run unchanged from top to bottom."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parent.parent
NOTEBOOK = json.loads((REPO / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def run_all(blocks: list[str]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks:
        exec(block, names)
    return names


def test_the_notebook_is_one_without_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        assert cell["cell_type"] in ("code", "markdown") and cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_the_notebook_runs_and_finds_what_was_drawn() -> None:
    names = run_all(CODE)
    rows = names["accuracy"].set_index("contrast")
    assert rows.loc["m", "change"] < rows.loc["f", "change"] + 1e-9
    verdicts = {gate: str(names["result"].gate(gate).verdict) for gate in names["gates"]}
    assert verdicts == {
        "accuracy >= 0.5": "pass", "abs(did_tpr)@sex <= 0.01": "fail", "churn <= 0.2": "pass",
    }  # fmt: skip
    assert len(names["flags"].table) == 40


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (REPO / "docs" / "library.md").read_text(encoding="utf-8")
    first, *_ = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names = run_all([first])
    assert len(names["result"].table) and "Means over attributes" in capsys.readouterr().out


def test_the_page_lists_every_argument() -> None:
    import inspect

    import pbias

    page = (REPO / "docs" / "library.md").read_text(encoding="utf-8")
    missing = [n for n in inspect.signature(pbias.audit).parameters if f"`{n}`" not in page]
    assert not missing
