"""Group values side by side: rates before and after compression, joined by a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pbias.auditing.findings.labels import group_values
from pbias.auditing.metrics.registry import METRICS
from pbias.files.escaping import printable
from pbias.reporting.charts.axes import axis_of
from pbias.reporting.charts.figure import COLORS, QUIET, Figure, Spec, whole
from pbias.reporting.sections import Record, Section, number, signed, span

MAX_VALUES = 12  # of a group
LEAST = 0.1  # length of an axis, so that a small difference looks small
SHOWN = ("accuracy", "tpr", "fpr", "predicted_positive_rate")
SURE, CHANCE = "the interval of the change excludes 0", "the change may be chance"
COLOR_OF = {SURE: COLORS[1], CHANCE: QUIET}


def groups(records: Sequence[Record]) -> Figure | None:
    """Draw the means over attributes of four rates by group value; None without groups.

    With a reference, a filled dot shows the reference and an open one the audited model.
    """
    known = group_values(records)
    places = [(g, v) for g, values in known.items() for v in values[:MAX_VALUES]]
    wanted = {(r["metric"], r["group"], r["contrast"]): r for r in records if not r["attribute"]}
    rows = [
        _row(record, f"{group}={value}")
        for name in SHOWN
        for group, value in places
        if (record := wanted.get((name, group, value))) and record["value"] == record["value"]
    ]
    if not rows:
        return None
    paired = any(row["before"] is not None for row in rows)
    title = "Rates by group value" + (", before and after" if paired else "")
    caption = "Means over attributes. " + (
        "The filled dot is the reference, the open one the audited model, the line the change; "
        "the intervals of the changes are in the data below."
        if paired
        else "Lines are confidence intervals."
    )
    caption += f" Each rate has its own axis, at least {LEAST:g} long."
    order = [printable(f"{group}={value}") for group, value in places]
    spec = whole(_spec(rows, order, paired=paired), title)
    header = (
        ["rate", "group", "reference", "audited", "change"] if paired else ["rate", "group", ""]
    )
    return Figure("groups-chart", title, caption, spec, Section(title, header, [
        _cells(row, paired=paired) for row in rows
    ]))  # fmt: skip


def _row(r: Record, place: str) -> Spec:
    paired = r["change"] == r["change"]
    low, high = (r["change_low"], r["change_high"]) if paired else (r["low"], r["high"])
    label = METRICS[r["metric"]].title
    row: dict[str, Any] = {
        "metric": r["metric"], "label": label, "place": printable(place), "after": r["value"],
        "before": r["reference"] if paired else None,
        "low": None if low != low else low, "high": None if high != high else high,
        "kind": SURE if low > 0 or high < 0 else CHANCE,
    }  # fmt: skip
    said = span(r, changed=paired)
    told = number(r["value"]) + said
    change = signed(r["change"]) + said
    if paired:
        told = f"{number(r['reference'])} to {number(r['value'])}, {change}"
    return row | {"text": f"{label}, {row['place']}: {told}", "told": told, "change": change}


def _cells(row: Spec, *, paired: bool) -> list[str]:
    if not paired:
        return [row["label"], row["place"], row["told"]]
    ends = [number(row[key]) for key in ("before", "after")]
    return [row["label"], row["place"], *ends, row["change"]]


def _spec(rows: Sequence[Spec], order: Sequence[str], *, paired: bool) -> Spec:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    known = [kind for kind in COLOR_OF if any(row["kind"] == kind for row in rows)]
    kinds = {"domain": known, "range": [COLOR_OF[kind] for kind in known]}
    panels = [
        _panel(
            [_plain(r) for r in rows if r["metric"] == metric],
            order, kinds, paired=paired, first=not index,
        )
        for index, metric in enumerate(metrics)
    ]  # fmt: skip
    return {"hconcat": panels, "spacing": 16}


def _plain(row: Spec) -> Spec:
    return {k: v for k, v in row.items() if k not in ("told", "change")}


def _panel(
    rows: list[Spec], order: Sequence[str], kinds: Spec, *, paired: bool, first: bool
) -> Spec:
    axis: Spec | None = {} if first else {"labels": False, "ticks": False}
    y = {"field": "place", "type": "nominal", "sort": order, "title": None, "axis": axis,
         "scale": {"domain": order}}  # fmt: skip
    ends = ("before", "after") if paired else ("low", "high")
    shown_numbers = [row[key] for row in rows for key in ("after", *ends) if row[key] is not None]
    x = {"field": "after", "type": "quantitative", "title": rows[0]["label"],
         **axis_of(shown_numbers, least=LEAST, most_ticks=4, within=(0.0, 1.0))}  # fmt: skip
    color = {"field": "kind", "type": "nominal", "scale": kinds, "title": None,
             "legend": {"orient": "bottom", "columns": 1}}  # fmt: skip
    text = {"description": {"field": "text"}}
    shown: Spec = {"color": color} if paired else {"color": {"value": COLORS[0]}}
    line = {
        "mark": {"type": "rule", "strokeWidth": 2, "aria": False},
        "encoding": {"x": {**x, "field": ends[0]}, "x2": {"field": ends[1]}, "y": y, **shown},
    }
    before = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "aria": False},
        "encoding": {"x": {**x, "field": "before"}, "y": y, **shown},
    }
    after = {
        "mark": {"type": "point", "filled": not paired, "size": 60, "opacity": 1,
                 "fill": "white" if paired else COLORS[0], "strokeWidth": 2},
        "encoding": {"x": x, "y": y, **shown, **text},
    }  # fmt: skip
    layer = [line, *([before] if paired else []), after]
    return {"data": {"values": rows}, "layer": layer, "width": 170, "height": {"step": 18}}
