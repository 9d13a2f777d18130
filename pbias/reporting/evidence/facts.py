"""Facts about a system that no logits file contains: read from TOML, completed by hand."""

from __future__ import annotations

import difflib
from datetime import date
from typing import Any

from pbias.errors import UserError
from pbias.files.streams import input_name
from pbias.files.toml_reader import read_toml
from pbias.reporting.sections import Section

MISSING = "to be completed"
# The keys of a facts file, with the titles that readers see.
TITLES = {
    "system": "System",
    "version": "Version",
    "purpose": "Intended purpose",
    "responsible": "Person or body responsible",
    "contact": "Contact",
    "auditor": "Auditor",
    "deployment": "Where and on what it runs",
    "users": "Who uses it, and about whom it decides",
    "data": "Source and period of the data",
    "labeling": "How labels and groups were determined",
    "risks": "Known risks and limits",
    "license": "License",
}


def read_facts(path: str) -> dict[str, str]:
    """Read facts from a TOML file: text, a date, a number or a list of these for each key.

    Raises UserError for a file that is not TOML, for unknown keys and for other values.
    """
    name = input_name(path)
    table = read_toml(path, 'write lines like system = "..."')
    return {key: _text(name, key, value) for key, value in table.items()}


def facts_section(facts: dict[str, str]) -> Section:
    """Return all facts with their titles; missing ones are left to be completed."""
    rows = [[title, facts.get(key, MISSING)] for key, title in TITLES.items()]
    return Section("System", ["fact", "stated by the user"], rows)


def _text(path: str, key: str, value: Any) -> str:
    if key not in TITLES:
        near = difflib.get_close_matches(key, TITLES, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"use {', '.join(TITLES)}"
        raise UserError(f"{path}: unknown fact '{key}'; {hint}")
    cells = value if isinstance(value, list) else [value]
    if not cells or not all(isinstance(cell, str | int | float | date) for cell in cells):
        raise UserError(f"{path}: '{key}' is {value!r}; write text, or a list of texts")
    return "; ".join(" ".join(str(cell).split()) for cell in cells) or MISSING
