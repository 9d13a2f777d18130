"""The report of a manifest's content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pbias.files.table import Table
from pbias.reporting.sections import Section

SHOWN = 20
Records = Sequence[dict[str, Any]]


def manifest_sections(table: Table, *, decoded: bool = True) -> list[Section]:
    """Return images and groups by split, findings and attributes; empty tables are left out.

    If images were not `decoded`, it is unknown whether they are broken.
    """
    by_check: dict[str, list[dict[str, Any]]] = {}
    for record in table.records():
        by_check.setdefault(record["check"], []).append(record)
    splits = [record["split"] for record in by_check["images"]]
    labels = [record for record in by_check["labels"] if not record["group"]]
    sections = [
        _images(by_check, decoded=decoded),
        _bad(by_check.get("image", [])),
        _attributes(labels, splits),
        _groups(by_check.get("group", []), splits),
        _undefined(by_check.get("bias_amplification", [])),
    ]
    return [section for section in sections if section.rows]


def _images(by_check: dict[str, list[dict[str, Any]]], *, decoded: bool) -> Section:
    bad = [(record["split"], record["status"]) for record in by_check.get("image", [])]
    clusters = {record["split"]: record for record in by_check.get("clusters", [])}
    header = ["split", "images", "missing", "broken", *(["clusters"] if clusters else [])]
    rows = []
    for record in by_check["images"]:
        split = record["split"]
        broken = bad.count((split, "broken")) if decoded else None
        counts = [record["n"], bad.count((split, "missing")), broken]
        counts += [clusters[split]["n"]] if clusters else []
        rows.append([split, *("" if count is None else f"{count:,}" for count in counts)])
    notes = [f"{split}: {r['reason']}" for split, r in clusters.items() if r["reason"]]
    notes += [] if decoded else ["Images were not decoded (--no-images): broken ones not counted."]
    return Section("Images", header, rows, notes)


def _bad(records: Records) -> Section:
    rows = [[r["split"], r["value"], r["reason"]] for r in records[:SHOWN]]
    rest = len(records) - len(rows)
    notes = [f"and {rest} more: --format csv lists all"] if rest else []
    return Section("Images that cannot be used", ["split", "image", "reason"], rows, notes)


def _attributes(records: Records, splits: Sequence[str]) -> Section:
    """Report known labels and the share of positive ones; a note lists constant attributes."""
    found = {(r["attribute"], r["split"]): r for r in records}
    names = list(dict.fromkeys(r["attribute"] for r in records))
    rows = [[name, *(_share(found[name, split]) for split in splits)] for name in names]
    notes = [f"{r['attribute']}, {r['split']}: {r['reason']}" for r in records if r["reason"]]
    return Section("Attributes: known labels, and positive ones", ["", *splits], rows, notes)


def _share(record: dict[str, Any]) -> str:
    known, positive = record["n_known"], record["n_positive"]
    return f"{known:,}, {100 * positive / known:.1f} %" if known else "0"


def _groups(records: Records, splits: Sequence[str]) -> Section:
    counts = {(r["group"], r["value"], r["split"]): r["n"] for r in records}
    pairs = list(dict.fromkeys((r["group"], r["value"]) for r in records))
    rows = [
        [group, value or "unknown", *(f"{counts[group, value, split]:,}" for split in splits)]
        for group, value in pairs
        if value or any(counts[group, value, split] for split in splits)
    ]
    empty = [r for r in records if r["status"] == "empty"]
    notes = [f"{r['group']} {r['value']}, {r['split']}: {r['reason']}" for r in empty]
    return Section("Groups", ["group", "value", *splits], rows, notes)


def _undefined(records: Records) -> Section:
    """Report groups with the attributes of each reason, because lists of 40 attributes repeat."""
    rows: dict[tuple[str, str], list[str]] = {}
    for r in records:
        if r["status"] == "undefined":
            rows.setdefault((r["group"], r["reason"]), []).append(r["attribute"])
    cells = [[g, why, str(len(names)), ", ".join(names)] for (g, why), names in rows.items()]
    header = ["group", "reason", "n", "attributes"]
    return Section("Bias amplification will be undefined in the test split", header, cells)
