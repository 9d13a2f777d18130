"""The header of a report: what was audited, and the verdicts of gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pbias.auditing.gates.together import tally
from pbias.auditing.gates.verdicts import in_words
from pbias.reporting.sections import Section

MAX_FILES = 3
MAX_VALUES = 12
_NONE = type(None)
COUNTS = ("inside", "outside", "undecided", "not_assessable")


@dataclass(frozen=True)
class File:
    """A file of an audit, and what it says of its network: share of zeros, `int8` or nothing."""

    path: str
    sparsity: float | None
    precision: str = ""


@dataclass(frozen=True)
class Header:
    """The subject of an audit: files, samples, and the number of samples by group value.

    `num_clusters` None: unknown; `effective_clusters` None: many; `level` None: no intervals.
    Samples of an unknown group are in none of its values.
    """

    audited: Sequence[File]
    references: Sequence[File]
    num_samples: int
    clustered: bool
    num_clusters: int | None
    level: float | None
    effective_clusters: float | None = None
    groups: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def header_from(told: Any) -> Header | None:
    """Return the header in a JSON table, written by `dataclasses.asdict`; None if it is not one.

    >>> header_from({"num_samples": 3}) is None
    True
    """
    try:
        return _header_from(told)
    except (KeyError, TypeError):
        return None


def _header_from(told: Any) -> Header:
    audited, references = (
        [
            File(
                _is(one["path"], str),
                _is(one["sparsity"], float, int, _NONE),
                _is(one.get("precision", ""), str),
            )
            for one in _is(told[side], list)
        ]
        for side in ("audited", "references")
    )
    level = _is(told["level"], float, _NONE)
    if not audited or (level is not None and not 0 < level < 1):
        raise TypeError
    return Header(
        audited=audited,
        references=references,
        num_samples=_is(told["num_samples"], int),
        clustered=_is(told["clustered"], bool),
        num_clusters=_is(told["num_clusters"], int, _NONE),
        level=level,
        effective_clusters=_is(told["effective_clusters"], float, int, _NONE),
        groups={
            name: {value: _is(n, int) for value, n in _is(sizes, dict).items()}
            for name, sizes in _is(told["groups"], dict).items()
        },
    )


def _is(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise TypeError
    return value


def header_section(header: Header) -> Section:
    """Return a line each for the audited files, the reference, the samples and the intervals."""
    lines = [f"Audited: {_files(header.audited)}"]
    if header.references:
        lines.append(f"Reference: {_files(header.references)}")
    lines.append(f"Samples: {header.num_samples}{_clusters(header)}")
    lines += [f"{name}: {_values(sizes)}" for name, sizes in header.groups.items()]
    lines.append(f"Intervals: {_intervals(header)}")
    return Section("Audit", [], [], lines)


def _files(files: Sequence[File]) -> str:
    named = ", ".join(map(_file, files[:MAX_FILES]))
    more = f", and {len(files) - MAX_FILES} more" if len(files) > MAX_FILES else ""
    return named + more + (f" ({len(files)} runs)" if len(files) > 1 else "")


def _file(file: File) -> str:
    facts = [file.precision] if file.precision else []
    if file.sparsity is not None and (file.sparsity or not facts):
        facts.append(f"sparsity {file.sparsity:.1%}")
    return f"{file.path} ({', '.join(facts)})" if facts else file.path


def _clusters(header: Header) -> str:
    if not header.clustered:
        return ""
    count = "" if header.num_clusters is None else f"{header.num_clusters} "
    few = header.effective_clusters
    worth = "" if few is None else f" of uneven size, as good as {max(round(few), 1)} of equal size"
    return f", in {count}clusters{worth}"


def _values(sizes: Mapping[str, int]) -> str:
    named = [f"{value} ({count})" for value, count in sizes.items()]
    more = [f"and {len(named) - MAX_VALUES} more"] if len(named) > MAX_VALUES else []
    return ", ".join(named[:MAX_VALUES] + more)


def _intervals(header: Header) -> str:
    if header.level is None:
        return "none"
    runs = min(len(header.audited), len(header.references) or len(header.audited))
    rest = "" if runs > 1 else "; one run a side, so that run-to-run variation is not in them"
    return f"{100 * header.level:.6g} %{rest}"


def gate_sections(records: Sequence[Mapping[str, Any]], together: str = "") -> list[Section]:
    """Return the gates' verdicts, coverage, counts of rows and deciding rows; empty without gates.

    `together` is the verdict on several gates, and how often it errs.
    """
    if not records:
        return []
    rows = [[r["gate"], in_words(r), r["covers"], _counts(r), r["note"]] for r in records]
    header = ["gate", "verdict", "covers", "rows", "which"]
    title = f"Gates: {tally([r['verdict'] for r in records])}"
    return [Section(title, header, rows, [together] if together else [])]


def _counts(record: Mapping[str, Any]) -> str:
    counts = {name.replace("_", " "): record[name] for name in COUNTS}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
