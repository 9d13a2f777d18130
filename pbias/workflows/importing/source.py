"""Read tables of predictions as columns of text, from CSV or Parquet, recognized by content."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pbias.errors import UserError, argument, did_you_mean, first_repeated, listed
from pbias.extras import load_extra
from pbias.files.csv_reader import SEPARATORS, decode, parse_csv
from pbias.files.provenance import sha256
from pbias.files.signatures import PARQUET, ZIP
from pbias.files.streams import input_name, read_bytes

LISTED = 30
COMMA = {",": "commas"}


@dataclass(frozen=True)
class Source:
    """A table of text columns without surrounding spaces; "" and "nan" are missing cells.

    `path` is the name for messages; `lines` are the lines of a CSV file on which its rows end.
    """

    path: str
    sha256: str
    columns: dict[str, list[str]]
    lines: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values())))

    def where(self, row: int, column: str) -> str:
        """Name a cell for a message: its file, line (or row, from 1) and column."""
        place = f"line {self.lines[row]}" if self.lines else f"row {row + 1}"
        return f"{self.path}, {place}, column '{column}'"

    def cells(self, column: str, name: str) -> list[str]:
        """Return the cells of a column, which the argument `name` names; UserError without it."""
        if column not in self.columns:
            raise UserError(
                f"{self.path} has no column '{column}'; "
                f"{did_you_mean(column, self.columns, f'it has {self.listed()}')} "
                f"(named by {argument(name)})"
            )
        return self.columns[column]

    def listed(self) -> str:
        """List the names of the columns, for messages."""
        return listed(list(self.columns), LISTED)


def read_source(path: str, sep: str = ",") -> Source:
    """Read a table; `-` is standard input, `sep` separates the cells of a CSV file.

    Columns without a name, such as the index that pandas writes, are left out. Raises UserError for
    a file that is not a table, has no rows, or names a column twice.
    """
    data, path = read_bytes(path), input_name(path)
    source = _parquet(path, data) if data.startswith(PARQUET) else _csv(path, data, sep)
    if not source.columns or not len(source):
        raise UserError(f"{path} holds no rows below its header; did a filter remove all rows?")
    return source


def _csv(path: str, data: bytes, sep: str) -> Source:
    if data.startswith(ZIP):
        raise UserError(
            f"{path} is an archive (spreadsheet, .npz or .pt), not a table of predictions; save it "
            "as CSV or Parquet"
        )
    separator = "\t" if sep == "\\t" else sep
    if len(separator) != 1 or separator in '"\r\n':
        raise UserError(
            f"{argument('sep')} is {separator!r}; give one character, such as ';' or '\\t'"
        )
    _check_separator(path, data, separator)
    file = parse_csv(path, data, separator)
    names = [name.strip() for name in file.header]
    _check_names(path, names)
    if not any(names):
        raise UserError(f"{path} is empty; it needs a header line with column names")
    columns = {
        name: [cell.strip() for cell in cells]
        for name, cells in zip(names, file.columns(), strict=True)
        if name
    }
    return Source(path, file.sha256, columns, file.lines)


def _check_separator(path: str, data: bytes, separator: str) -> None:
    """Raise UserError for a header without this separator, but with another one."""
    header = decode(path, data).partition("\n")[0]
    if separator in header:
        return
    for sign, name in (COMMA | SEPARATORS).items():
        if sign in header:
            shown = "\\t" if sign == "\t" else sign
            raise UserError(
                f"{path}, line 1: the cells are separated by {name}; add {argument('sep')} "
                f"'{shown}'"
            )


def _check_names(path: str, names: Sequence[str]) -> None:
    twice = first_repeated(name for name in names if name)
    if twice is not None:
        raise UserError(f"{path} has two columns named '{twice}'; rename one of them")


def _parquet(path: str, data: bytes) -> Source:
    parquet = load_extra("pyarrow.parquet", "parquet", "reading Parquet files")
    arrow = load_extra("pyarrow", "parquet", "reading Parquet files")
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        kinds = {str(field.name): field.type for field in file.schema_arrow}
        _check_names(path, [str(name) for name in file.schema_arrow.names])
        flat = [name for name, kind in kinds.items() if not arrow.types.is_nested(kind)]
        table = file.read(columns=flat)
        columns = {
            name: _texts(table.column(name)) if name in flat else [f"({kind})"] * len(table)
            for name, kind in kinds.items()
            if name.strip()
        }
    except (arrow.ArrowException, OSError, ValueError) as error:
        what = " ".join(str(error).split(";")[0].split()) or type(error).__name__
        raise UserError(f"{path} is not a usable Parquet file: {what}; write it again") from error
    return Source(path, sha256(data), columns)


def _texts(column: Any) -> list[str]:
    """Convert cells to the text of a pandas CSV file; numbers keep all their digits."""
    return ["" if cell is None else _text(cell).strip() for cell in column.to_pylist()]


def _text(cell: Any) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
