"""A chart of gates: the bound of each, drawn on the interval of the deciding row."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.gates.verdicts import Outcome, Verdict, in_words
from pbias.files.escaping import printable
from pbias.reporting.charts.axes import axis_of
from pbias.reporting.charts.figure import COLORS, INK, QUIET, Figure, Spec, whole
from pbias.reporting.sections import Section, number

TITLE = "Bounds of the gates, on the intervals of the rows that decide"
CAPTION = (
    "The line is the interval of the row that decides the gate, the mark on it the value. The tick "
    "is the bound, and its triangle points to the side that the gate allows. A gate passes if the "
    "whole interval of every row is on that side, and fails if that of one is on the other side."
)
LEAST = 0.02  # length of the axis
HEADER = ["gate", "verdict", "row", "value", "low", "high", "bound"]
# Words, shapes and colors carry the same information.
LOOKS = {
    Verdict.PASS: (COLORS[2], "circle"),
    Verdict.INCONCLUSIVE: (QUIET, "diamond"),
    Verdict.FAIL: (COLORS[1], "square"),
}


def gates(outcomes: Sequence[Outcome]) -> Figure | None:
    """Draw gates in the given order, one per line; None if no gate has a row with an interval.

    The caption names those that have none.
    """
    values, rows, missing = [], [], []
    for outcome in outcomes:
        deciding = outcome.at("outside") or outcome.at("undecided") or outcome.at("inside")
        known = [row for row in deciding if row.low == row.low]
        if not known:
            words = in_words({"verdict": outcome.verdict, **outcome.counts()})
            missing.append(f"{printable(outcome.gate.text)}: {words}")
            continue
        worst, gate = known[0], outcome.gate
        verdict = outcome.verdict.value
        text, words = printable(gate.text), printable(worst.words())
        values.append({
            "gate": f"{verdict.upper()}: {text}", "number": worst.value, "low": worst.low,
            "high": worst.high, "bound": gate.bound, "verdict": verdict,
            "allowed": "at most" if gate.at_most else "at least",
            "text": f"{text}: {verdict}; decided by {words}",
        })  # fmt: skip
        name = " ".join(filter(None, (worst.attribute or "mean", worst.group, worst.contrast)))
        numbers = [number(n) for n in (worst.value, worst.low, worst.high, gate.bound)]
        rows.append([text, verdict, printable(name), *numbers])
    if not values:
        return None
    table = Section(TITLE, HEADER, rows)
    return Figure("gates-chart", TITLE, _caption(missing), whole(_spec(values), TITLE), table)


def _caption(missing: Sequence[str]) -> str:
    """Return how to read the chart, and which gates are not in it."""
    if not missing:
        return CAPTION
    return f"{CAPTION} Not drawn, because there is no interval: {'; '.join(missing)}."


def _spec(values: Sequence[Spec]) -> Spec:
    names = list(dict.fromkeys(value["gate"] for value in values))
    known = [verdict for verdict in LOOKS if any(v["verdict"] == verdict for v in values)]
    field = {"field": "verdict", "type": "nominal", "title": "verdict"}
    domain = [verdict.value for verdict in known]
    color = {**field, "scale": {"domain": domain, "range": [LOOKS[v][0] for v in known]}}
    shape = {**field, "scale": {"domain": domain, "range": [LOOKS[v][1] for v in known]}}
    y = {"field": "gate", "type": "nominal", "sort": names, "title": None,
         "axis": {"labelLimit": 420}}  # fmt: skip
    shown = [value[key] for value in values for key in ("number", "low", "high", "bound")]
    x = {"field": "low", "type": "quantitative", "title": "value of the gate's metric",
         **axis_of(shown, least=LEAST, most_ticks=7)}  # fmt: skip
    bound = {"x": {**x, "field": "bound"}, "y": y}
    # At the upper end of the tick, the triangle hides no value that is near the bound.
    ways = {"at most": ("triangle-left", -4), "at least": ("triangle-right", 4)}
    arrows: list[Spec] = [
        {"transform": [{"filter": {"field": "allowed", "equal": way}}],
         "mark": {"type": "point", "shape": symbol, "filled": True, "size": 60, "color": INK,
                  "opacity": 1, "xOffset": offset, "yOffset": -10, "aria": False},
         "encoding": bound}
        for way, (symbol, offset) in ways.items()
        if any(v["allowed"] == way for v in values)
    ]  # fmt: skip
    return {
        "data": {"values": list(values)},
        "width": 380,
        "height": {"step": 32},
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 3, "aria": False},
             "encoding": {"x": x, "x2": {"field": "high"}, "y": y, "color": color}},
            {"mark": {"type": "tick", "thickness": 2, "size": 24, "color": INK, "aria": False},
             "encoding": bound},
            *arrows,
            {"mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
             "encoding": {"x": {**x, "field": "number"}, "y": y, "color": color, "shape": shape,
                          "description": {"field": "text"}}},
        ],
    }  # fmt: skip
