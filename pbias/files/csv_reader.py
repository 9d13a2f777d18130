"""The reader of every CSV file: strict RFC 4180, UTF-8 with or without a byte-order mark."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import chain

from pbias.errors import UserError
from pbias.files.provenance import sha256
from pbias.files.streams import input_name, read_bytes


@dataclass(frozen=True)
class CsvFile:
    """A CSV file as text: its header, and its rows with the line on which each ends.

    `path` is what messages call it. Empty lines are left out. Rows may have any number of cells
    until `check_widths` or `columns`.
    """

    path: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    sha256: str

    def check_widths(self) -> None:
        """Raise UserError for a row that has not as many cells as the header."""
        width = len(self.header)
        for line, row in zip(self.lines, self.rows, strict=True):
            if len(row) != width:
                raise UserError(
                    f"{self.path}, line {line}: {len(row)} cells where the header has {width}; "
                    "quote cells that hold commas"
                )

    def columns(self) -> list[list[str]]:
        """The cells of each column, in file order; raises UserError as `check_widths` does."""
        self.check_widths()
        # Slices of one flat list: zip(*rows) takes four times as long.
        cells = list(chain.from_iterable(self.rows))
        width = len(self.header)
        return [cells[column::width] for column in range(width)]


def read_csv(path: str) -> CsvFile:
    """Read a CSV file; `-` is standard input.

    Raises UserError for text that is not UTF-8 and for quotes that RFC 4180 does not allow.
    """
    data, path = read_bytes(path), input_name(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, lines = [], []
    try:
        header = next(reader, [])
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}: {error}; mend the quoting of that line"
        ) from error
    return CsvFile(path, header, rows, lines, sha256(data))
