"""Results of workflows: a table of numbers, with reports of it for people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pbias.auditing.findings.finding import Findings
    from pbias.auditing.findings.selection import AtLevel, Widened
    from pbias.files.table import Table
    from pbias.reporting.audit_header import Header
    from pbias.reporting.sections import Section


class Result(ABC):
    """Table of numbers; a notebook shows its report, and `repr` shows the headline."""

    def __init__(self, rows: Table) -> None:
        """Keep the rows of the table, without pandas."""
        self.rows = rows

    @property
    def table(self) -> pd.DataFrame:
        """Return the columns of the command's CSV; an empty number is NaN, an empty text is ""."""
        import pandas as pd

        return pd.DataFrame({name: _filled(cells) for name, cells in self.rows.columns.items()})

    @abstractmethod
    def sections(self) -> list[Section]:
        """Return the report, as titled tables of text."""

    def headline(self) -> list[Section]:
        """Return the part of the report that `repr` shows: the first table."""
        return self.sections()[:1]

    def __len__(self) -> int:
        """Return the number of rows in the table."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return the headline as text."""
        from pbias.reporting.renderers.terminal import render_terminal

        return render_terminal(self.headline(), color=False).rstrip("\n")

    def _repr_html_(self) -> str:
        """Return the whole report, for notebooks."""
        from pbias.reporting.renderers.html import render_html

        return render_html(self.sections())


class AuditTable(Result):
    """Table of an audit with its explanation in words, just measured or read from a file.

    `level` is the level of its intervals, `verdicts` contains the outcomes of its gates as plain
    data, and `together` the joint verdict of several gates. `at_level` computes the rows of a
    metric at another level (None: intervals are widened with the normal distribution). `asked`
    contains the chosen metrics (None: all). `source` is the file, if the table was read from one.
    """

    level: float
    verdicts: Sequence[dict[str, Any]] = ()
    together: str = ""
    at_level: AtLevel | None = None
    asked: list[str] | None = None
    source: str = ""

    @property
    @abstractmethod
    def header(self) -> Header:
        """The subject of the audit."""

    @cached_property
    def findings(self) -> Findings:
        """What got worse or better beyond correction, and what is unknown."""
        from dataclasses import replace

        from pbias.auditing.findings.finding import find

        header = self.header
        return replace(
            find(self.rows, self.level, self.at_level),
            num_clusters=header.num_clusters,
            effective_clusters=header.effective_clusters,
        )

    @property
    def verdict(self) -> str:
        """The findings in words; begins with `Worst:` if something got worse."""
        from pbias.reporting.verdict.paragraphs import verdict

        return verdict(self.findings)

    @cached_property
    def widened(self) -> Widened:
        """Intervals at other levels, for numbers that were chosen among many."""
        from pbias.auditing.findings.selection import Widened

        return Widened(self.level, self.at_level)

    def sections(self) -> list[Section]:
        """Return the whole report: the verdict, the subject, group values, gates, and more.

        The rest are means over attributes, largest changes, undefined numbers, and what could have
        been missed.
        """
        return [*self._about(), *self.values(), *self._gates(), *self.rest()]

    def headline(self) -> list[Section]:
        """Return the verdict, the subject of the audit, the gates, and means over attributes."""
        return [*self._about(), *self._gates(), *self.rest()[:1]]

    def values(self) -> list[Section]:
        """Return the numbers of each group value, and of each class."""
        from pbias.reporting.audit_report import value_sections

        return value_sections(self.rows, self.widened)

    def rest(self) -> list[Section]:
        """Return what follows the gates: means over attributes first."""
        from pbias.reporting.audit_report import audit_sections

        return audit_sections(self.rows, self.asked, self.widened)

    def _about(self) -> list[Section]:
        from pbias.reporting.audit_header import header_section
        from pbias.reporting.verdict.paragraphs import verdict_section

        return [verdict_section(self.findings), header_section(self.header)]

    def _gates(self) -> list[Section]:
        from pbias.reporting.audit_header import gate_sections

        return gate_sections(self.verdicts, self.together)


class TableResult(Result):
    """A table and the function that makes a report of it."""

    def __init__(self, rows: Table, report: Callable[[Table], list[Section]]) -> None:
        """Keep the rows and the function `report`, which is called when somebody looks."""
        super().__init__(rows)
        self._report = report

    def sections(self) -> list[Section]:
        """Return the report, as titled tables of text."""
        return self._report(self.rows)


def _filled(cells: Sequence[Any]) -> list[Any]:
    """Replace missing numbers in cells by NaN."""
    return [float("nan") if cell is None else cell for cell in cells]
