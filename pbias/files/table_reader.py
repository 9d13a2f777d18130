"""Read the table of an audit from the JSON or CSV that `pbias metrics` writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbias.errors import UserError, listed
from pbias.files.csv_reader import read_csv
from pbias.files.streams import input_name, read_bytes
from pbias.files.table import COLUMNS, SCHEMA, TEXT, Table

REMEDY = "give one that `pbias metrics -o table.json` wrote"


@dataclass(frozen=True)
class StoredTable:
    """A table and the other content of its file, which only JSON has."""

    path: str
    table: Table
    beside: Mapping[str, Any]


def read_table(path: str) -> StoredTable:
    """Read a table of an audit.

    Raises UserError for a file that is not JSON or CSV, that lacks the columns of an audit or has
    no rows, and for cells of the wrong type.
    """
    name = input_name(path)
    if Path(path).suffix.lower() == ".csv":
        file = read_csv(path)
        _check_columns(name, file.header)
        cells = dict(zip(file.header, file.columns(), strict=True))
        return StoredTable(path, _typed(name, {key: cells[key] for key in COLUMNS}), {})
    beside = _document(name, read_bytes(path))
    rows = beside.pop("rows")
    columns = {key: [_cell(name, row, key) for row in rows] for key in COLUMNS}
    return StoredTable(path, _typed(name, columns), beside)


def _document(name: str, data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} is not JSON: {error}; {REMEDY}") from None
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise UserError(f"{name} is not the table of an audit; {REMEDY}")
    if document.get("schema") != SCHEMA:
        raise UserError(f"{name} is of schema {document.get('schema')!r}, not {SCHEMA}; {REMEDY}")
    columns = document.get("columns")
    _check_columns(name, columns if isinstance(columns, list) else [])
    return document


def _check_columns(name: str, columns: Sequence[Any]) -> None:
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise UserError(
            f"{name} is not an audit table: it lacks the columns {listed(missing)}; {REMEDY}"
        )


def _cell(name: str, row: Any, key: str) -> Any:
    if not isinstance(row, dict) or key not in row:
        raise UserError(f"{name} has a row without '{key}'; {REMEDY}")
    return row[key]


def _typed(name: str, columns: Mapping[str, Sequence[Any]]) -> Table:
    """Return columns of text and of numbers, with NaN for undefined numbers."""
    if not columns["metric"]:
        raise UserError(f"{name} has no rows; {REMEDY}")
    typed: dict[str, list[Any]] = {}
    for key, cells in columns.items():
        read = _text if key in TEXT else _number
        typed[key] = [read(name, key, cell) for cell in cells]
    return Table(typed)


def _text(name: str, key: str, cell: Any) -> str:
    if not isinstance(cell, str):
        raise UserError(f"{name}: '{key}' holds {cell!r}, which is not text; {REMEDY}")
    return cell


def _number(name: str, key: str, cell: Any) -> float | int:
    """Return a number; counts stay whole. Undefined is null in JSON, an empty cell in CSV."""
    if cell is None or cell == "":
        return math.nan
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if number != number or isinstance(cell, bool):
        raise UserError(f"{name}: '{key}' holds {cell!r}, which is not a number; {REMEDY}")
    whole = key.startswith("n") and number.is_integer()
    return int(number) if whole else number
