"""The table of measurements: tidy, one number per row; its columns are a stable interface."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbias.files.escaping import json_text, spreadsheet

SCHEMA = 1
_QUOTE = '"'
_SPECIAL = re.compile('[",\r\n]').search
_NUMBERS = {float, int, type(None)}
COLUMNS = (
    "metric", "attribute", "group", "contrast", "value", "low", "high", "status", "reason",
    "reference", "change", "change_low", "change_high", "change_status", "p", "p_adjusted",
    "detectable", "n", "n_positive", "n_predicted_positive", "n_discordant", "runs",
)  # fmt: skip
TEXT = frozenset({
    "metric", "attribute", "group", "contrast", "status", "reason", "change_status", "runs",
})  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Columns of equal length, by name; a missing number is NaN or None, a missing text ""."""

    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as dicts."""
        names = list(self.columns)
        return [dict(zip(names, row, strict=True)) for row in self._rows()]

    def where(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the rows whose columns equal the given values."""
        return [r for r in self.records() if all(r[k] == v for k, v in wanted.items())]

    def tagged(self, tags: Mapping[str, str]) -> Table:
        """Return the table with one constant column of text per tag, after the others."""
        return Table({**self.columns, **{k: [v] * len(self) for k, v in tags.items()}})

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        return zip(*self.columns.values(), strict=True)


def to_csv(table: Table, *, safe: bool = False) -> str:
    """Return RFC 4180 CSV in UTF-8 with `\\n` and full precision; undefined numbers are empty.

    Texts are unchanged; with `safe`, those that a spreadsheet would evaluate get an apostrophe.
    """
    if safe:
        table = Table({spreadsheet(k): _uncomputed(v) for k, v in table.columns.items()})
    columns = map(_cells, table.columns.values())
    return csv_text(table.columns, []) + _lines(zip(*columns, strict=True))


def csv_text(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a header and rows of text as RFC 4180 with `\\n` between lines."""
    return _lines([map(_quoted, header), *(map(_quoted, row) for row in rows)])


def _lines(rows: Iterable[Iterable[str]]) -> str:
    """Join quoted cells to lines; a row that would be an empty line is quoted."""
    return "".join((",".join(row) or '""') + "\n" for row in rows)


def _quoted(cell: str) -> str:
    return f'"{cell.replace(_QUOTE, _QUOTE * 2)}"' if _SPECIAL(cell) else cell


def to_json(table: Table, **header: Any) -> str:
    """Return `{"schema": 1, ..., "rows": [...]}`; an undefined number is null."""
    rows = [{k: _plain(v) for k, v in row.items()} for row in table.records()]
    document = {"schema": SCHEMA, **header, "columns": list(table.columns), "rows": rows}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return json_text(text) + "\n"


def _uncomputed(column: Sequence[Any]) -> list[Any]:
    return [spreadsheet(value) if isinstance(value, str) else value for value in column]


def _cells(column: Sequence[Any]) -> list[str]:
    """Return a column as text, quoted where it must be."""
    kinds = set(map(type, column))
    if column and kinds <= _NUMBERS:
        # As `_number` does, without a call for each of some hundred thousand cells.
        text = repr(list(column))[1:-1].replace("nan", "").replace("None", "")
        return text.split(", ")
    quoted = {value: _quoted(value) for value in set(column) if isinstance(value, str)}
    if kinds == {str}:
        return list(map(quoted.__getitem__, column))
    return [quoted[v] if isinstance(v, str) else _number(v) for v in column]


def _number(value: Any) -> str:
    return "" if value is None or value != value else repr(value)


def _plain(value: Any) -> Any:
    """Convert values that JSON lacks: NaN to null, infinities to inf and -inf."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if value != value else str(value)
    return value
