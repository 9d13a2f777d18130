"""Distributions of predicted probabilities, by group value and label."""

from __future__ import annotations

from collections.abc import Mapping

from pbias.auditing.score_bins import ScoreBins
from pbias.files.escaping import printable
from pbias.reporting.charts.figure import Figure, Spec, scale_of, whole
from pbias.reporting.sections import Section, number

MAX_VALUES = 7
LABELS = {1: "label 1", 0: "label 0"}


def scores(
    bins: Mapping[str, ScoreBins], group: str, attribute: str, key: str = "scores"
) -> Figure | None:
    """Draw the share of samples by predicted probability, one column per model, one row per label.

    `bins` are by model name; `attribute` names what was predicted. Returns None if no label is
    known.
    """
    values = [v for model, found in bins.items() for v in _shares(model, found)]
    if not values:
        return None
    group = printable(group) or "everyone"
    names = list(dict.fromkeys(v["series"] for v in values))
    title = f"Predicted probabilities of {printable(attribute)}, by {group}"
    spec = whole(_spec(values, names, group), title)
    caption = (
        "A model that tells well has the samples with label 1 at the right and those with label 0 "
        "at the left. A group whose curve moves to the middle is one the model became unsure of."
    )
    header = ["model", group, "label", "p from", "p to", "share", "n"]
    rows = [
        [v["model"], v["series"], v["label"], number(v["low"], 2), number(v["high"], 2),
         number(v["share"]), str(v["n"])]
        for v in values
    ]  # fmt: skip
    return Figure(key, title, caption, spec, Section(title, header, rows), title)


def _shares(model: str, bins: ScoreBins) -> list[Spec]:
    num_bins = bins.n.shape[2]
    return [
        {
            "model": model, "series": printable(value) or "everyone", "label": name,
            "low": b / num_bins, "high": (b + 1) / num_bins,
            "share": n / total, "n": n,
        }
        for v, value in enumerate(bins.values[:MAX_VALUES])
        for label, name in LABELS.items()
        if (total := int(bins.n[v, label].sum()))
        for b, n in enumerate(bins.n[v, label].tolist())
    ]  # fmt: skip


def _spec(values: list[Spec], names: list[str], group: str) -> Spec:
    field = {"field": "series", "type": "nominal", "title": group}
    shown: Spec = {"color": {**field, "scale": scale_of(names, "color")}}
    if len(names) > 1:
        shown["strokeDash"] = {**field, "scale": scale_of(names, "dash")}
    encoding = {
        "x": {"field": "low", "type": "quantitative", "scale": {"domain": [0, 1]},
              "title": "predicted probability"},
        "y": {"field": "share", "type": "quantitative", "title": "share of samples"},
        "column": {"field": "model", "type": "nominal", "title": None,
                   "sort": list(dict.fromkeys(v["model"] for v in values))},
        "row": {"field": "label", "type": "nominal", "sort": list(LABELS.values()), "title": None},
        **shown,
    }  # fmt: skip
    mark = {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "aria": False}
    ends = [{**v, "low": v["high"]} for v in values if v["high"] == 1.0]  # of the last steps
    return {
        "data": {"values": [*values, *ends]}, "width": 240, "height": 110, "mark": mark,
        "encoding": encoding,
    }  # fmt: skip
