"""The reader of every CSV file: strict RFC 4180, UTF-8 with or without a byte-order mark."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import chain

from pbias.errors import UserError
from pbias.files.provenance import sha256
from pbias.files.streams import input_name, read_bytes

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class CsvFile:
    """A CSV file as text: its header, and its rows with the line on which each ends.

    `path` is the name for messages. Lines without any content are left out, including lines of
    commas alone, which spreadsheets write below a table. Rows may have any number of cells until
    `check_widths` or `columns` is called.
    """

    path: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    sha256: str

    def check_widths(self) -> None:
        """Raise UserError for a row whose number of cells differs from the header's."""
        width = len(self.header)
        for line, row in zip(self.lines, self.rows, strict=True):
            if len(row) != width:
                raise UserError(
                    f"{self.path}, line {line}: {len(row)} cells, but the header has {width}; "
                    "quote cells that contain commas"
                )

    def columns(self) -> list[list[str]]:
        """Return the cells of each column, in file order; UserError as in `check_widths`."""
        self.check_widths()
        # Slice one flat list, because zip(*rows) takes four times as long.
        cells = list(chain.from_iterable(self.rows))
        width = len(self.header)
        return [cells[column::width] for column in range(width)]


def read_csv(path: str) -> CsvFile:
    """Read a CSV file; `-` is standard input.

    Raises UserError for text that is not UTF-8 and for quotes that RFC 4180 does not allow.
    """
    return parse_csv(input_name(path), read_bytes(path))


def parse_csv(path: str, data: bytes, separator: str | None = None) -> CsvFile:
    """Parse the bytes of a CSV file; `path` is the name for messages.

    `separator` is one character. Without it, cells are separated by commas, and a header with
    another separator is refused. Raises UserError as `read_csv` does.
    """
    text = decode(path, data)
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=separator or ",", strict=True)
    rows, lines = [], []
    try:
        header = next(reader, [])
        _check_header(path, header, commas=separator is None)
        for row in reader:
            if any(row) or len(row) == 1:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {_remedy(str(error))}") from error
    return CsvFile(path, header, rows, lines, sha256(data))


def decode(path: str, data: bytes) -> str:
    """Decode UTF-8; raises UserError with the probable encoding and the remedy."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            seems = "UTF-16"
        else:
            seems = "Windows-1252 or Latin-1 as spreadsheets write it"
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start}; perhaps {seems}); save it as CSV in "
            "UTF-8"
        ) from error


def _remedy(error: str) -> str:
    if error.startswith("field larger"):
        return (
            f"a cell has more than {csv.field_size_limit():,} characters; shorten it, or close the"
            " quote that opens it"
        )
    return f"{error}; fix the quotes in that line"


def _check_header(path: str, header: list[str], *, commas: bool) -> None:
    """Raise UserError for lines above the header, or separators other than `commas`."""
    if header and header[0].strip().lower().startswith("sep="):
        raise UserError(
            f"{path}, line 1 is 'sep=', which only spreadsheets understand; remove this line"
        )
    if commas and len(header) == 1:
        for sign, name in SEPARATORS.items():
            if sign in header[0]:
                raise UserError(
                    f"{path}, line 1: the cells are separated by {name}; save it as CSV with commas"
                )
