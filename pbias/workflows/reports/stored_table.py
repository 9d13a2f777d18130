"""Audits read from the tables that `pbias metrics` wrote, without logits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument
from pbias.files.table_reader import REMEDY, StoredTable, read_table
from pbias.workflows.results import AuditTable

if TYPE_CHECKING:
    from pbias.reporting.audit_header import Header
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.reports.report import ReportOptions

_RUNS = re.compile(r"[1-9]\d*(:[1-9]\d*)?")
SUFFIXES = (".json", ".csv")
_NAMES = {"gates": "gate", "cluster": "clusters"}  # options by other names than arguments
_GATE = ("gate", "verdict", "covers", "note")
_COUNTS = ("inside", "outside", "undecided", "not_assessable")
_VERDICTS = ("pass", "fail", "inconclusive")


class StoredAudit(AuditTable):
    """An audit read from a file: its table, and the verdicts of its gates if it has any."""

    def __init__(self, stored: StoredTable, level: float) -> None:
        """Check the table; `level` applies if the table does not state the level of its intervals.

        Raises UserError for unknown metrics, and for gates or an `audit` in another form than
        `pbias metrics` writes.
        """
        super().__init__(stored.table)
        self.source = stored.path
        _check_table(stored)
        self._header = _header(stored, level)
        self.level = self._header.level or level
        self.verdicts = _gates(stored)

    @property
    def header(self) -> Header:
        """The subject of the audit, from the table."""
        return self._header

    def report(self, path: str, options: ReportOptions) -> None:
        """Write the page, without the parts that need logits; `-` is standard output."""
        from pbias.workflows.reports.report import write_page

        write_page(self, path, options)


def is_table(paths: Sequence[str]) -> bool:
    """Return whether an input has the name of an audit table, not of logits."""
    return len(paths) == 1 and Path(paths[0]).suffix.lower() in SUFFIXES


def refuse_beside_table(
    path: str,
    references: Sequence[str],
    options: AuditOptions,
    others: Mapping[str, object],
) -> None:
    """Raise UserError for options that need logits if the input is a table.

    `others` contains further options by argument name.
    """
    usual = type(options)()
    given: dict[str, object] = {"reference": references or None, **others}
    given |= {
        name: value
        for name, value in vars(options).items()
        if name not in ("level", "probabilities") and value != getattr(usual, name)
    }
    for name, value in given.items():
        if value is not None and value != []:
            raise UserError(
                f"{path} is the table of an audit, but {argument(_NAMES.get(name, name))} needs "
                "logits; leave it out, or give logits files"
            )


def read_audit(path: str, level: float = 0.95) -> StoredAudit:
    """Read the table of an audit, JSON or CSV; UserError for other files."""
    return StoredAudit(read_table(path), level)


def _check_table(stored: StoredTable) -> None:
    from pbias.auditing.metrics.registry import METRICS

    columns = stored.table.columns
    unknown = [name for name in dict.fromkeys(columns["metric"]) if name not in METRICS]
    if unknown:
        raise UserError(
            f"{stored.path} has the metric '{unknown[0]}', which this version of pbias does not "
            f"know; {REMEDY} with this version"
        )
    odd = [runs for runs in dict.fromkeys(columns["runs"]) if not _RUNS.fullmatch(runs)]
    if odd or len(set(columns["runs"])) != 1:
        raise UserError(
            f"{stored.path}: 'runs' holds {(odd or sorted(set(columns['runs'])))[0]!r}, which is "
            f"not the number of runs of one audit; {REMEDY}"
        )


def _gates(stored: StoredTable) -> Sequence[dict[str, Any]]:
    gates = stored.beside.get("gates", [])
    known = isinstance(gates, list) and all(
        isinstance(gate, dict)
        and all(isinstance(gate.get(key), str) for key in _GATE)
        and gate["verdict"] in _VERDICTS
        and all(isinstance(gate.get(key), int) for key in _COUNTS)
        for gate in gates
    )
    if not known:
        raise UserError(f"{stored.path}: 'gates' are not gate verdicts; {REMEDY}")
    return list(gates)


def _header(stored: StoredTable, level: float) -> Header:
    """Return the header in the file; if there is none, the facts that follow from its rows."""
    from pbias.reporting.audit_header import File, Header, header_from

    said = stored.beside.get("audit")
    if said is not None:
        found: Header | None = header_from(said)
        if found is None:
            raise UserError(f"{stored.path}: 'audit' does not name what was audited; {REMEDY}")
        return found
    columns = stored.table.columns
    runs = [int(num) for num in columns["runs"][0].split(":")]
    names = [
        [File(side if num == 1 else f"{side} {run + 1}", None) for run in range(num)]
        for side, num in zip(("model", "reference"), runs, strict=False)
    ]
    has_intervals = any(low == low for low in columns["low"])
    return Header(
        audited=names[0],
        references=names[1] if len(names) > 1 else [],
        num_samples=max((n for n in columns["n"] if n == n), default=0),
        clustered=False,
        num_clusters=None,
        level=level if has_intervals else None,
    )
