"""The files around the program, read like the services that use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pbias

REPO = Path(__file__).resolve().parent.parent
YAML = [
    REPO / "CITATION.cff", REPO / ".pre-commit-config.yaml",
    *sorted(REPO.glob(".github/**/*.yml")), *sorted(REPO.glob("examples/**/*.yml")),
]  # fmt: skip


def read(path: Path) -> Any:
    return pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.relative_to(REPO).as_posix())
def test_yaml_files_are_mappings(path: Path) -> None:
    assert isinstance(read(path), dict) and read(path)


def test_the_citation_is_of_this_version() -> None:
    assert read(REPO / "CITATION.cff")["version"] == pbias.__version__.removesuffix(".dev0")


@pytest.mark.parametrize("path", [p for p in YAML if p.parent.name == "workflows"], ids=str)
def test_workflows_have_jobs_with_steps_and_no_wide_permissions(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"] and all({"uses", "run"} & step.keys() for step in job["steps"])


def test_issue_forms_have_labels_for_every_field() -> None:
    forms = [p for p in YAML if p.parent.name == "ISSUE_TEMPLATE" and p.stem != "config"]
    assert len(forms) >= 3
    for form in map(read, forms):
        assert form["name"] and form["description"]
        assert all(field["attributes"]["label"] for field in form["body"])
