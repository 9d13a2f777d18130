"""Calibration curves: how often predictions of a given confidence are right, by group value."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pbias.auditing.score_bins import ScoreBins
from pbias.files.escaping import printable
from pbias.reporting.charts.figure import QUIET, Figure, Spec, series, whole
from pbias.reporting.sections import Section, number

LEAST = 10  # labels in a bin; with fewer, a share says nothing
Z = 1.96
MAX_VALUES = 7


def calibration(
    bins: Mapping[str, ScoreBins], group: str, attribute: str, key: str = "calibration"
) -> Figure | None:
    """Draw the share of positive labels by predicted probability, one panel per model.

    `bins` are by model name; `attribute` names what was predicted. Returns None if no bin has 10
    known labels.
    """
    values = [v for model, found in bins.items() for v in _points(model, found)]
    if not values:
        return None
    group = printable(group) or "everyone"
    names = list(dict.fromkeys(v["series"] for v in values))
    title = f"Calibration of {printable(attribute)}, by {group}"
    spec = whole(_spec(values, names, group), title)
    caption = (
        "On the dashed line a predicted probability is the share of positive labels. Below it the "
        "model is too sure that the attribute is there, above it not sure enough. Bars are 95 % "
        f"intervals of the share (Wilson); bins under {LEAST} labels are left out."
    )
    header = ["model", group, "mean p", "positive share", "low", "high", "n"]
    rows = [
        [v["model"], v["series"], *(number(v[k]) for k in ("x", "y", "low", "high")), str(v["n"])]
        for v in values
    ]
    return Figure(key, title, caption, spec, Section(title, header, rows), title)


def _points(model: str, bins: ScoreBins) -> list[Spec]:
    points = []
    for v, value in enumerate(bins.values[:MAX_VALUES]):
        for b, n in enumerate(bins.known[v].tolist()):
            if n < LEAST:
                continue
            share = float(bins.n[v, 1, b]) / n
            low, high = _wilson(share, n)
            mean = float(bins.p[v, :2, b].sum()) / n
            name = printable(value) or "everyone"
            points.append({
                "model": model, "series": name, "x": mean, "y": share, "low": low, "high": high,
                "n": n, "text": f"{model}, {name}: of {n} predictions with mean p {mean:.3f}, "
                f"{share:.3f} [{low:.3f}, {high:.3f}] are positive",
            })  # fmt: skip
    return points


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _spec(values: list[Spec], names: list[str], group: str) -> Spec:
    unit = {"domain": [0, 1]}
    x = {"field": "x", "type": "quantitative", "scale": unit, "title": "predicted probability"}
    y = {"field": "y", "type": "quantitative", "scale": unit,
         "title": "share of positive labels"}  # fmt: skip
    shown = series(names, group)
    bars = {key: part for key, part in shown.items() if key == "color"}
    ideal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": QUIET, "aria": False},
        "encoding": {"x": x, "y": y},
    }
    layer: list[Spec] = [
        ideal,
        {"mark": {"type": "rule", "opacity": 0.5, "aria": False},
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, **bars}},
        {"mark": {"type": "line", "aria": False}, "encoding": {"x": x, "y": y, **bars}},
        {"mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
         "encoding": {"x": x, "y": y, **shown, "description": {"field": "text"}}},
    ]  # fmt: skip
    models = list(dict.fromkeys(v["model"] for v in values))
    panel = {"layer": layer, "width": 240, "height": 240}
    facet = {"column": {"field": "model", "type": "nominal", "sort": models, "title": None}}
    return {"data": {"values": values}, "facet": facet, "spec": panel}
