"""Nothing refers to a document that a clone lacks."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
CITED = re.compile(r"[\w./-]*\w\.md\b")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
WRITTEN = re.compile(r"(-o|--output|--report) [\w./-]*\w\.md\b")  # written by an example
ADDRESS = re.compile(r"https?://\S+")


FOLDERS = ("bench", "docs", "examples", "pbias", "tests", "tools")


def sources() -> list[str]:
    """Return the paths of the program, its tests and its documents in the repository."""
    found = [*REPO.glob("*.md"), REPO / "Makefile", REPO / "pyproject.toml", REPO / ".ci" / "run"]
    for folder in FOLDERS:
        found += [*(REPO / folder).rglob("*.py"), *(REPO / folder).rglob("*.md")]
    return sorted(path.relative_to(REPO).as_posix() for path in found)


def prose(source: str) -> Iterator[str]:
    """Yield the comments and docstrings of a module."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


def cited(name: str) -> set[str]:
    text = (REPO / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        return set(LINKED.findall(text))
    found = "\n".join(prose(text)) if name.endswith(".py") else text
    return set(CITED.findall(ADDRESS.sub("", WRITTEN.sub("", found))))


@pytest.mark.parametrize("name", sources())
def test_every_document_that_is_cited_is_here(name: str) -> None:
    for document in cited(name):
        places = (REPO / document, (REPO / name).parent / document)
        assert any(place.exists() for place in places), f"{name} cites {document}"


def test_citations_are_found() -> None:
    assert list(prose('"""After paper.md."""\nx = "a.md"  # notes.md')) == [
        "# notes.md", "After paper.md.",
    ]  # fmt: skip
    assert "docs/metrics.md" in cited("README.md")
