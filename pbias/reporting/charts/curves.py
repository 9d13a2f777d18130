"""Headline numbers of many runs against sparsity: a line per network, a band over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pbias.auditing.metrics.registry import METRICS
from pbias.files.escaping import printable
from pbias.reporting.charts.axes import axis_of
from pbias.reporting.charts.figure import Figure, Spec, scale_of, series, whole
from pbias.reporting.sections import Record, Section, number

COLUMNS = 3
LONGEST = 30  # characters in the title of an axis
LEAST = 0.02  # length of an axis
MAX_STEPS = 6  # steps of an axis with whole numbers
# A panel's axis title stands above its numbers; beside them, it would overlap them.
ABOVE = {
    "titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom", "titleX": -36, "titleY": -10,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """The position of a run: on the line `series`, at `at`, ordered by `rank`."""

    series: str
    at: str
    rank: float


def curves(
    records: Sequence[Record], places: Sequence[Sequence[Place]], metrics: Sequence[str], axis: str
) -> Figure | None:
    """Draw each metric of the runs of `pbias compare` against the position of the runs.

    `records` are the rows of the table, `places` the positions of each run, on one or more lines,
    `metrics` the columns to draw, and `axis` the title of the horizontal axis. Runs at the same
    place of a line are seeds: the line is their mean, the band reaches from the lowest to the
    highest. Returns None if no metric is defined.
    """
    values = [v for name in metrics for v in _points(name, records, places)]
    if not values:
        return None
    title = f"Headline numbers against {axis}"
    many = any(v["runs"] > 1 for v in values)
    band = " Bands reach from the lowest to the highest of its runs." if many else ""
    caption = "Each point is the mean over the attributes that are defined in all runs." + band
    spec = whole(_spec(values, places, axis), title)
    rows = [
        [v["title"], v["series"], v["at"], *(number(v[k]) for k in ("mean", "low", "high")),
         str(v["runs"])]
        for v in values
    ]  # fmt: skip
    header = ["metric", "line", axis, "mean", "lowest", "highest", "runs"]
    return Figure("curves", title, caption, spec, Section(title, header, rows))


def column_title(column: str) -> str:
    """Return the title of a column of `pbias compare`, with its group."""
    for metric in METRICS.values():
        if column == metric.name:
            if metric.fact:
                return f"attributes {metric.fact.lower()}"
            return metric.title if len(metric.title) <= LONGEST else metric.label
        if metric.of_groups and column.startswith(f"{metric.name}_"):
            return f"{metric.label}, {printable(column.removeprefix(metric.name + '_'))}"
    return printable(column).replace("_", " ")


def _points(name: str, records: Sequence[Record], places: Sequence[Sequence[Place]]) -> list[Spec]:
    found: dict[Place, list[float]] = {}
    for record, of_run in zip(records, places, strict=True):
        value: Any = record[name]
        if value is None or value != value:
            continue
        for place in of_run:
            found.setdefault(place, []).append(float(value))
    return [
        {
            "text": f"{column_title(name)}, {place.series} {place.at}: "
            f"{number(sum(values) / len(values))} "
            f"({number(min(values))} to {number(max(values))})",
            "column": name, "title": column_title(name), "series": place.series, "at": place.at,
            "mean": sum(values) / len(values), "low": min(values), "high": max(values),
            "runs": len(values),
        }
        for place, values in sorted(found.items(), key=lambda pair: pair[0].rank)
    ]  # fmt: skip


def _spec(values: list[Spec], places: Sequence[Sequence[Place]], axis: str) -> Spec:
    every = [place for of_run in places for place in of_run]
    names = list(dict.fromkeys(place.series for place in every))
    order = list(dict.fromkeys(p.at for p in sorted(every, key=lambda place: place.rank)))
    panels = [
        _panel([v for v in values if v["column"] == name], names, order, axis)
        for name in dict.fromkeys(v["column"] for v in values)
    ]
    return {"concat": panels, "columns": COLUMNS, "resolve": {"scale": {"y": "independent"}}}


def _panel(values: list[Spec], names: list[str], order: list[str], axis: str) -> Spec:
    counts = all(v[key] == int(v[key]) for v in values for key in ("low", "high"))
    axis_y = axis_of([v[key] for v in values for key in ("low", "high")], least=LEAST, most_ticks=5)
    whole_steps = {"values": _whole_numbers(values), "format": "d"} if counts else {}
    x = {"field": "at", "type": "ordinal", "sort": order, "scale": {"domain": order},
         "title": axis, "axis": {"labelAngle": 0 if len(order) < 7 else -45}}  # fmt: skip
    y = {"field": "mean", "type": "quantitative", "scale": axis_y["scale"],
         "title": values[0]["title"], "axis": axis_y["axis"] | ABOVE | whole_steps}  # fmt: skip
    shown = series(names, "network")
    color = {key: part for key, part in shown.items() if key == "color"}
    dash = {}
    if len(names) > 1:
        field = {"field": "series", "type": "nominal", "title": "network"}
        dash = {"strokeDash": {**field, "scale": scale_of(names, "dash"), "legend": None}}
    layer: list[Spec] = [
        {"mark": {"type": "line", "aria": False}, "encoding": {"x": x, "y": y, **color, **dash}},
        {"mark": {"type": "point", "filled": True, "size": 50, "opacity": 1},
         "encoding": {"x": x, "y": y, **shown, "description": {"field": "text"}}},
    ]  # fmt: skip
    if any(v["runs"] > 1 for v in values):
        band = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layer.insert(0, {
            "mark": {"type": "area", "opacity": 0.2, "aria": False},
            "encoding": {"x": x, **band, **color},
        })  # fmt: skip
    return {"data": {"values": values}, "layer": layer, "width": 190, "height": 150}


def _whole_numbers(values: list[Spec]) -> list[int]:
    """Return the ticks of an axis that shows counts."""
    low, high = (int(end(v[key] for v in values)) for end, key in ((min, "low"), (max, "high")))
    return list(range(low, high + 1, max(1, -(-(high - low) // MAX_STEPS))))
