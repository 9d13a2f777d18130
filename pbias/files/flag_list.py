"""Lists of flagged predictions: CSV with the columns `id` and `attribute`, most at risk first."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from pbias.errors import UserError
from pbias.files.provenance import sha256
from pbias.files.streams import read_bytes

COLUMNS = ("id", "attribute")
RISK = "risk"


@dataclass(frozen=True)
class Flags:
    """Samples and attributes, most at risk first, each once."""

    path: str
    pairs: list[tuple[str, str]]
    sha256: str = ""

    def __len__(self) -> int:
        """The number of flagged predictions."""
        return len(self.pairs)


def read_flags(path: str) -> Flags:
    """Read a list of flags; `-` is standard input.

    Ranked by the column `risk`, largest first, where there is one; else, and among equals, in the
    order of the file. Other columns are ignored. Raises UserError for a missing column, a row that
    is too short, a risk that is no number, or a pair that stands there twice.
    """
    data = read_bytes(path)
    try:
        header, *rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one") from error
    if not set(COLUMNS) <= set(header):
        raise UserError(
            f"{path} needs the columns {' and '.join(COLUMNS)}; 'pbias flag' writes such a file"
        )
    rows = [row for row in rows if row]
    _check_lengths(path, rows, len(header))
    places = [header.index(name) for name in COLUMNS]
    pairs = [(row[places[0]], row[places[1]]) for row in rows]
    if RISK in header:
        risks = _risks(path, [row[header.index(RISK)] for row in rows])
        pairs = [pairs[i] for i in sorted(range(len(pairs)), key=lambda i: -risks[i])]
    _check_twice(path, pairs)
    return Flags(path, pairs, sha256(data))


def _check_lengths(path: str, rows: list[list[str]], length: int) -> None:
    for number, row in enumerate(rows, start=1):
        if len(row) != length:
            raise UserError(
                f"{path}, row {number} has {len(row)} cells but the header {length}; is it whole?"
            )


def _risks(path: str, cells: list[str]) -> list[float]:
    found = []
    for number, cell in enumerate(cells, start=1):
        try:
            risk = float(cell)
        except ValueError:
            risk = float("nan")
        if risk != risk:
            raise UserError(
                f"{path}, row {number}: '{cell}' is no risk; "
                f"give a number, or drop the column {RISK} to keep the order of the file"
            )
        found.append(risk)
    return found


def _check_twice(path: str, pairs: list[tuple[str, str]]) -> None:
    if len(set(pairs)) == len(pairs):
        return
    seen: set[tuple[str, str]] = set()
    for sample, attribute in pairs:
        if (sample, attribute) in seen:
            raise UserError(f"{path} lists {sample}, {attribute} twice; remove one of them")
        seen.add((sample, attribute))
