"""Lists of flagged predictions: CSV with the columns `id` and `attribute`, most at risk first."""

from __future__ import annotations

from dataclasses import dataclass

from pbias.errors import UserError
from pbias.files.csv_reader import read_csv

COLUMNS = ("id", "attribute")
RISK = "risk"


@dataclass(frozen=True)
class Flags:
    """Samples and attributes, most at risk first, without repetition."""

    path: str
    pairs: list[tuple[str, str]]
    sha256: str = ""

    def __len__(self) -> int:
        """Return the number of flagged predictions."""
        return len(self.pairs)


def read_flags(path: str) -> Flags:
    """Read a list of flags; `-` is standard input.

    The flags are sorted by the column `risk`, largest first, if it exists; ties, and files without
    it, keep the order of the file. Other columns are ignored. Raises UserError for a missing
    column, a row with missing or extra cells, a risk that is not a number, or a repeated pair.
    """
    file = read_csv(path)
    path = file.path
    if not set(COLUMNS) <= set(file.header):
        raise UserError(
            f"{path} needs the columns {' and '.join(COLUMNS)}; 'pbias flag' writes such a file"
        )
    columns = dict(zip(file.header, file.columns(), strict=True))
    pairs = list(zip(*(columns[name] for name in COLUMNS), strict=True))
    if RISK in columns:
        risks = _risks(path, columns[RISK], file.lines)
        pairs = [pairs[i] for i in sorted(range(len(pairs)), key=lambda i: -risks[i])]
    _check_twice(path, pairs)
    return Flags(path, pairs, file.sha256)


def _risks(path: str, cells: list[str], lines: list[int]) -> list[float]:
    found = []
    for line, cell in zip(lines, cells, strict=True):
        try:
            risk = float(cell)
        except ValueError:
            risk = float("nan")
        if risk != risk:
            raise UserError(
                f"{path}, line {line}: '{cell}' is not a risk; "
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
