"""What workflows return: a table of numbers, with reports of it for people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pbias.files.table import Table
    from pbias.reporting.sections import Section


class Result(ABC):
    """A table of numbers; a notebook shows its report, `repr` the headline."""

    def __init__(self, rows: Table) -> None:
        """`rows` are the table without pandas."""
        self.rows = rows

    @property
    def table(self) -> pd.DataFrame:
        """The columns of the CSV that the command writes; an empty number is NaN, a text ""."""
        import pandas as pd

        return pd.DataFrame({name: _filled(cells) for name, cells in self.rows.columns.items()})

    @abstractmethod
    def sections(self) -> list[Section]:
        """The report, as titled tables of text."""

    def headline(self) -> list[Section]:
        """The part of the report that `repr` shows: the first table."""
        return self.sections()[:1]

    def __len__(self) -> int:
        """The number of rows in the table."""
        return len(self.rows)

    def __repr__(self) -> str:
        """The headline as text."""
        from pbias.reporting.renderers.terminal import render_terminal

        return render_terminal(self.headline(), color=False).rstrip("\n")

    def _repr_html_(self) -> str:
        """The whole report, for notebooks."""
        from pbias.reporting.renderers.html import render_html

        return render_html(self.sections())


class TableResult(Result):
    """A table and the function that makes a report of it."""

    def __init__(self, rows: Table, report: Callable[[Table], list[Section]]) -> None:
        """`report` is called when somebody looks."""
        super().__init__(rows)
        self._report = report

    def sections(self) -> list[Section]:
        """The report, as titled tables of text."""
        return self._report(self.rows)


def _filled(cells: Sequence[Any]) -> list[Any]:
    """Cells with NaN for an absent number."""
    return [float("nan") if cell is None else cell for cell in cells]
