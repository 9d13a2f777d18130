"""A metric is one entry: toy metrics of each behavior appear, with right values, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.auditing.counts.sums import JointSums
from pbias.auditing.engine import Audit, Options
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.verdicts import judge
from pbias.auditing.metrics.entry import Compares, Counted, Curve, Metric, Noise, Scale
from pbias.auditing.metrics.explain import describe, list_metrics
from pbias.auditing.metrics.measures import Measure, ratio, ratio_of_counts, share_of_pairs
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.registry import METRICS
from pbias.auditing.remedies.override_curve import override_curve
from pbias.auditing.remedies.overriding import from_model
from pbias.auditing.run_comparison import compare
from pbias.files.logits import Logits
from pbias.files.table import Table
from pbias.reporting.audit_report import audit_sections
from tools.pages import metrics_page

NAN = float("nan")
Make = Callable[..., Logits]


def entry(compute: Callable[[Any], Any], **behavior: Any) -> Metric:
    """Make a metric with only the required fields."""
    words = dict.fromkeys(("plain", "formula", "range", "better", "undefined", "source"), "so")
    return Metric(name="toy", title="a toy", compute=compute, **{**words, **behavior})


def hits(model: Model) -> Measure:
    """Return the share of all rows that are predicted and positive."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 1], sums.num_rows, "no samples")


def per_positive(model: Model) -> Measure:
    """Return predictions over positive labels."""
    sums = model.sums
    return ratio_of_counts(sums.rows, sums.num_predicted, sums.num_positive, "no positive labels")


def both(joint: JointSums) -> Measure:
    """Return the share of all rows that both models predict."""
    c = joint.cells
    return share_of_pairs(joint, c[..., 1, 1].sum(-1), c.sum((-1, -2, -3)), "no samples")


def first_target(model: Model) -> Measure:
    """Return `hits` for the first target alone."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., :1, 1, 1], sums.num_rows[..., :1], "no samples")


def ever(model: Model) -> Measure:
    """Return 1 if there is a hit."""
    found = hits(model)
    return Measure(found.rows, np.ceil(found.value), found.reason, np.zeros_like(found.few))


def of_male(model: Model) -> Measure:
    """Return `hits` for the values of one group."""
    return hits(model).take([1, 2])


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Metric]:
    """Add a toy metric to the registry."""

    def add(compute: Callable[[Any], Any], **behavior: Any) -> Metric:
        metric = entry(compute, **behavior)
        monkeypatch.setitem(METRICS, "toy", metric)
        return metric

    return add


@pytest.fixture
def sides(make_logits: Make) -> tuple[Logits, Logits]:
    return make_logits(num=800, noise=0.8), make_logits(num=800)


def audit(sides: tuple[Logits, ...], **options: Any) -> tuple[Audit, Table]:
    audited = Audit(sides[:1], sides[1:], Options(metrics=["toy"], **options))
    return audited, audited.table()


def row(table: Table, **where: Any) -> dict[str, Any]:
    (found,) = table.where(**{"attribute": "Smiling", "group": "", "contrast": "", **where})
    return found


def share(logits: Logits, mask: NDArray[np.bool_] | bool = True) -> float:
    """Compute `hits` of Smiling among the rows of a mask, by hand."""
    hit = (logits.logits[:, 0] > 0) & (logits.labels[:, 0] == 1)
    return float(hit[np.broadcast_to(mask, hit.shape)].mean())


def reported(table: Table) -> str:
    return "\n".join(
        f"{section.title} {section.rows} {section.notes}" for section in audit_sections(table)
    )


def test_explained_and_documented(toy: Callable[..., Metric]) -> None:
    toy(hits, labels=False)
    assert "toy " in list_metrics() and "a toy" in list_metrics()
    assert describe("toy").startswith("toy: a toy\n") and "not needed" in describe("toy")
    assert "## toy\n\nA toy. so\n" in metrics_page()


@pytest.mark.parametrize("scale", [Scale.IDENTITY, Scale.LOGIT])
def test_a_share(toy: Callable[..., Metric], sides: tuple[Logits, Logits], scale: Scale) -> None:
    toy(hits, scale=scale)
    found = row(audit(sides)[1])
    assert found["value"] == share(sides[0]) and found["reference"] == share(sides[1])
    assert found["change"] == pytest.approx(share(sides[0]) - share(sides[1]))
    assert found["low"] < found["value"] < found["high"]
    assert found["change_low"] < found["change"] < found["change_high"]


def test_by_group_and_contrasted(toy: Callable[..., Metric], sides: tuple[Logits, Logits]) -> None:
    toy(hits, contrasted=True)
    male = [sides[0].groups[:, 0] == value for value in (0, 1)]
    _, table = audit(sides[:1])
    values = [row(table, group="Male", contrast=value)["value"] for value in "01"]
    assert values == [share(sides[0], mask) for mask in male]
    difference = row(table, group="Male", contrast="1-0")
    assert difference["value"] == values[1] - values[0] and difference["p"] < 1
    assert row(table, group="Skin", contrast="max-min")["value"] > 0


def test_without_contrasts_there_are_none(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(hits)
    assert set(audit(sides)[1].columns["contrast"]) <= {"", "0", "1", "I", "II", "III"}


def test_a_ratio_of_counts(toy: Callable[..., Metric], sides: tuple[Logits, Logits]) -> None:
    toy(per_positive, scale=Scale.LOG, counted=Counted.RATIO)
    known = sides[0].labels[:, 0] >= 0
    predicted = (sides[0].logits[:, 0] > 0) & known
    found = row(audit(sides)[1])
    assert found["value"] == predicted.sum() / (sides[0].labels[:, 0] == 1).sum()
    up, down = found["high"] / found["value"], found["value"] / found["low"]
    assert up == pytest.approx(down, rel=1e-9)  # symmetric on the log scale


@pytest.mark.parametrize("noise", [Noise.ALIKE, Noise.LARGEST])
def test_noise_takes_intervals(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits], noise: Noise
) -> None:
    toy(hits, noise=noise)
    found = row(audit(sides)[1])
    assert found["low"] != found["low"]
    assert (found["change_low"] == found["change_low"]) == (noise is Noise.ALIKE)


def test_a_signed_one_is_tested_without_a_reference(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    for signed in (False, True):
        toy(hits, signed=signed)
        p = row(audit(sides[:1])[1])["p"]
        assert (p == p) == signed


def test_a_change_of_predictions(toy: Callable[..., Metric], sides: tuple[Logits, Logits]) -> None:
    toy(both, compares=Compares.PREDICTIONS, labels=False, scale=Scale.LOGIT)
    found = row(audit(sides)[1])
    assert found["value"] == ((sides[0].logits > 0) & (sides[1].logits > 0))[:, 0].mean()
    assert found["change"] != found["change"] and found["n"] == 800


def test_a_difference_of_models(toy: Callable[..., Metric], sides: tuple[Logits, Logits]) -> None:
    toy(hits, compares=Compares.MODELS)
    found = row(audit(sides)[1])
    assert found["value"] == pytest.approx(share(sides[0]) - share(sides[1]))
    assert found["low"] < found["value"] < found["high"] and found["p"] == found["p"]


def test_changes_need_a_reference(toy: Callable[..., Metric], make_logits: Make) -> None:
    for compares in (Compares.PREDICTIONS, Compares.MODELS):
        toy(hits, compares=compares)
        with pytest.raises(Exception, match="have no rows here"):
            audit((make_logits(),))


def test_scores_that_mean_nothing_leave_it_undefined(
    toy: Callable[..., Metric], make_logits: Make
) -> None:
    logits = make_logits(meta={"no_scores": {"Smiling": "overridden by labels"}})
    for of_scores in (False, True):
        toy(hits, of_scores=of_scores)
        found = row(audit((logits,))[1])
        assert (found["status"] == "undefined") == of_scores
        assert found["reason"] == ("overridden by labels" if of_scores else found["reason"])


def test_one_number_over_all_attributes(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(first_target, pooled=True, contrasted=True, labels=False)
    audited, table = audit(sides)
    assert set(table.columns["attribute"]) == {""}
    assert row(table, attribute="")["value"] == share(sides[0])
    gate = parse_gate(f"toy >= {share(sides[0]) - 0.2}")
    assert judge(gate, table, audited.table(0.99)).verdict == "pass"


def test_a_fact_has_no_interval_and_is_told(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(ever, fact="Ever hit", headline=True)
    audited, table = audit(sides)
    assert row(table)["value"] == 1 and row(table)["low"] != row(table)["low"]
    assert "Ever hit, nor by the reference (3): Smiling, Wearing_Hat, Young" in reported(table)
    gate = parse_gate("toy >= 1")
    assert judge(gate, table, audited.table(0.99)).verdict == "pass"


def test_a_headline_leads_reports_and_comparisons(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(hits, headline=True, short="TY", mean_title="mean toy")
    assert "'mean toy'" in reported(audit(sides)[1])
    assert compare(sides).columns["toy"][0] == pytest.approx(
        np.mean([row(audit(sides)[1], attribute=name)["value"] for name in sides[0].targets])
    )


def test_a_spotlight_has_a_section_of_its_own(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(of_male, spotlight="toys", of_groups=True)
    assert "Male: toys, largest changes" in reported(audit(sides)[1])


def test_a_watched_one_says_what_could_be_missed(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(hits, watched=True)
    assert "What could have been missed [['toy'," in reported(audit(sides)[1])


def test_the_overriding_curve_shows_it(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(hits, curve=Curve.OVERALL)
    sparse, dense = sides
    table = override_curve(sparse, dense, from_model(dense, sparse), np.arange(100), num_draws=2)
    start = table.where(order="flags", metric="toy", budget=0.0)[0]["value"]
    (end,) = {
        round(record["value"], 12)
        for record in table.where(order="random", metric="toy")
        if record["budget"] == 1.0
    }
    rows = audit(sides)[1].where(group="", contrast="")
    assert start == pytest.approx(np.mean([r["value"] for r in rows if r["attribute"]]))
    assert end == pytest.approx(np.mean([r["reference"] for r in rows if r["attribute"]]))


def test_gates_take_it(toy: Callable[..., Metric], sides: tuple[Logits, Logits]) -> None:
    toy(hits)
    audited, table = audit(sides)
    for bound, verdict in ((0.0, "pass"), (0.99, "fail")):
        gate = parse_gate(f"toy >= {bound}")
        assert judge(gate, table, audited.table(0.99)).verdict == verdict


def test_extremes_of_a_group(toy: Callable[..., Metric], sides: tuple[Logits, Logits]) -> None:
    toy(of_male, of_groups=True, smallest=True, scale=Scale.LOGIT)
    _, table = audit(sides[:1])
    values = [row(table, group="Male", contrast=value) for value in "01"]
    least = row(table, group="Male", contrast="min")
    assert least["value"] == min(one["value"] for one in values)
    assert least["low"] <= min(one["low"] for one in values)


def test_the_largest_change_of_a_group(
    toy: Callable[..., Metric], sides: tuple[Logits, Logits]
) -> None:
    toy(of_male, of_groups=True, largest=True, compares=Compares.MODELS)
    _, table = audit(sides)
    changes = [row(table, group="Male", contrast=value)["value"] for value in "01"]
    assert row(table, group="Male", contrast="max")["value"] == pytest.approx(max(changes))


def test_every_metric_has_a_plain_sentence() -> None:
    for metric in METRICS.values():
        said = metric.plain
        assert said[0].isupper() and said.endswith(".") and "P(" not in said and "_" not in said
        assert f"\n  in words   {said}\n" in describe(metric.name)
    assert len({metric.plain for metric in METRICS.values()}) == len(METRICS)
    assert "in words" not in describe("modal")  # a score, whose title says it
