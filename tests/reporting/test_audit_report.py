"""Reports of chosen metrics, and of effects that too few samples could show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import pytest

import pbias
from pbias.auditing.engine import Options, audit
from pbias.auditing.findings.selection import Widened
from pbias.files.logits import Logits
from pbias.files.table import Table
from pbias.reporting.audit_report import audit_sections, value_sections
from pbias.reporting.change_lists import Ranking, chosen_lists
from pbias.reporting.renderers.terminal import render_terminal
from pbias.reporting.sections import Section, numbers, with_legend

MakeLogits = Callable[..., Logits]
CHOSEN = ["tpr", "churn"]


@pytest.fixture(scope="module")
def table(make_logits: MakeLogits) -> Table:
    worse, dense = make_logits(num=300, noise=2.0, path="s.npz"), make_logits(num=300, path="d.npz")
    return audit([worse], [dense], Options(("Male",), None, CHOSEN))


@pytest.fixture(scope="module")
def sections(table: Table) -> dict[str, Section]:
    return {section.title: section for section in audit_sections(table, CHOSEN)}


def test_only_what_was_asked_for_is_shown(sections: dict[str, Section]) -> None:
    assert list(sections) == [
        "Means over attributes, and what changed",
        "tpr, largest changes",
        "Male: tpr, largest changes",
        "churn, largest values",
        "Male: churn, largest values",
        "Undefined, and why",
        "What could have been missed",
    ]


def test_lists_go_by_the_end_of_the_interval_nearer_0(
    table: Table, sections: dict[str, Section]
) -> None:
    """Intervals without 0 come first, by distance from it; then the others by their change."""
    records = [r for r in table.where(metric="tpr", group="Male") if r["attribute"]]
    known = [r for r in records if r["change"] == r["change"]]

    def rank(r: dict[str, Any]) -> tuple[float, float]:
        return -max(r["change_low"], -r["change_high"], 0.0), -abs(r["change"])

    shown = [row[4].partition(" ")[0] for row in sections["Male: tpr, largest changes"].rows]
    assert shown == [f"{r['change']:+.3f}" for r in sorted(known, key=rank)[:5]]


def test_no_list_leaves_out_groups_with_few_samples(table: Table) -> None:
    """The largest of ten changes has few samples: it is listed, and marked."""
    few = [
        {"attribute": f"a{i}", "change": c, "change_low": c - 0.2, "change_high": c + 0.2,
         "change_status": "low_power" if i == 9 else "ok"}
        for i, c in enumerate(np.arange(10) / 10)
    ]  # fmt: skip
    blank = table.where(metric="tpr", group="", attribute="Smiling")[0]
    (section,) = chosen_lists([blank | row for row in few], ["tpr"], Ranking())
    assert [row[0] for row in section.rows] == ["a9", "a8", "a7", "a6", "a5"]
    assert [row[-1] for row in section.rows] == ["few samples", "", "", "", ""]
    assert with_legend(section).notes[-1].startswith("few: fewer than 10 samples decide it")
    assert with_legend(replace(section, rows=section.rows[1:])).notes == section.notes


def test_a_list_widens_its_intervals_for_the_choice(table: Table) -> None:
    """5 of 10 are shown: each interval has the level 1 - .05 / 2, 2.2414 / 1.96 times as wide."""
    blank = table.where(metric="tpr", group="", attribute="Smiling")[0]
    rows = [
        blank | {"attribute": f"a{i}", "change": 0.5, "change_low": 0.4, "change_high": 0.6}
        for i in range(10)
    ]
    (section,) = chosen_lists(rows, ["tpr"], Ranking(Widened(0.95)))
    assert {row[4] for row in section.rows} == {"+0.500 [+0.386, +0.614]"}
    assert section.notes[0].endswith("nearer 0; intervals allow for this choice.")


@pytest.mark.parametrize(
    ("metric", "contrast", "low", "high", "said"),
    [
        ("tpr", "", -1.0, 0.9996, "+0.500 [no information]"),  # a change of a share
        ("tpr", "", -0.99, 1.0, "+0.500 [-0.990, +1.000]"),
        ("bias_amplification", "", -1.0, 1.0, "+0.500 [-1.000, +1.000]"),  # from -2 to 2
        ("bias_amplification", "", -2.0, 2.0, "+0.500 [no information]"),
        ("tpr", "1-0", -1.0, 1.0, "+0.500 [-1.000, +1.000]"),  # a change of a difference
        ("tcb", "", -1.9, 9.0, "+0.500 [-1.900, +9.000]"),
        ("tcb", "", -9.0, 9.0, "+0.500 [no information]"),  # a ratio, of which 1 is right
        ("did_tpr", "1-0", -4.0, 4.0, "+0.500 [no information]"),
    ],
)
def test_an_interval_of_every_possible_change_holds_no_information(
    table: Table, metric: str, contrast: str, low: float, high: float, said: str
) -> None:
    blank = table.where(metric="tpr", group="", attribute="Smiling")[0]
    row = blank | {"metric": metric, "contrast": contrast, "change": 0.5}
    shown = numbers(row | {"change_low": low, "change_high": high}, changed=True)
    assert shown[-1] == said
    notes = with_legend(Section("", ["", "", ""], [shown])).notes
    assert any(note.startswith("no information: ") for note in notes) == ("[no" in said)


def test_what_is_undefined_everywhere_is_one_line(make_logits: MakeLogits) -> None:
    """Nothing is predicted, so that precision and bias amplification are undefined."""
    dense, worse = (
        replace(one, logits=np.full_like(one.logits, -1.0), thresholds=None)
        for one in (make_logits(num=300), make_logits(num=300, path="s.npz"))
    )
    table = audit([worse], [dense], Options(("Male",)))
    found = {section.title: section for section in audit_sections(table)}
    assert "Male: bias amplification, largest changes" not in found
    assert found["Undefined, and why"].notes[-1] == (
        "Left out, undefined for every attribute: Male: bias amplification, largest changes."
    )
    (by_value,) = value_sections(table)
    assert {row[0] for row in by_value.rows} == {"accuracy", "positive", "TPR", "FPR"}
    assert "Undefined for every value: PPV, impact." in by_value.notes


def test_contrasts_that_mirror_each_other_are_listed_once(make_logits: MakeLogits) -> None:
    named = {"group_values": (("m", "f"), ("I", "II", "III"))}
    worse, dense = (make_logits(num=300, noise=n, path=f"{n}.npz", **named) for n in (2.0, 0.0))
    table = audit([worse], [dense], Options(("Male",), None, ["tpr", "did_tpr"]))
    found = {s.title: s for s in audit_sections(table, ["did_tpr", "tpr"])}
    apart = found["Male: true-positive rates that moved apart (difference in differences)"]
    assert apart.header[3:5] == ["TPR of Male=m", "TPR of Male=f"]
    assert {row[1] for row in apart.rows} == {"m-rest"} and len(apart.rows) == 3
    assert "f-rest" not in {row[1] for row in found["Male: tpr, largest changes"].rows}


def test_intervals_say_whether_they_are_of_weights_or_of_the_method(
    make_logits: MakeLogits,
) -> None:
    runs = [make_logits(noise=0.1 * n, path=f"{n}.npz") for n in range(5)]
    options = Options((), None, ["accuracy"])
    said = {
        (1, 1): "Intervals are about these weights, not about the method: one run a side.",
        (2, 2): "Intervals are about the method: 2 runs a side.",
        (3, 2): "Intervals are about the method: 2 runs or more a side.",
        (1, 3): "Intervals are about the method on the side of several runs, these weights on the "
        "other.",
        (1, 0): "Intervals are about these weights, not about the method: one run.",
        (3, 0): "Intervals are about the method: 3 runs.",
    }
    for (num, others), text in said.items():
        table = audit(runs[:num], runs[num : num + others], options)
        assert audit_sections(table)[0].notes[-1] == text


def of_groups(num_values: int, *, prefix: str = "", targets: int = 2) -> Table:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (600, targets))
    z = labels * 2.0 - 1 + rng.normal(size=labels.shape)
    group = [f"{prefix}{row % num_values}" for row in range(600)]
    names = ["a", "b"][:targets]
    return pbias.audit(
        z, labels, reference=z + rng.normal(0, 0.3, z.shape), groups={"g": group}, targets=names
    ).rows


def test_each_group_value_has_its_numbers_for_both_models() -> None:
    table = of_groups(2, prefix="v", targets=1)
    (section,) = value_sections(table)
    assert section.title == "g: each value, `a`"
    assert section.header == ["", "g", "n", "from, to", "change", ""]
    names = ["accuracy", "positive", "TPR", "FPR", "PPV", "impact"]
    assert [row[:3] for row in section.rows] == [
        [name, value, "300"] for name in names for value in ("v0", "v1")
    ]
    (tpr,) = table.where(metric="tpr", attribute="a", group="g", contrast="v1")
    assert section.rows[5][3:5] == [
        f"{tpr['reference']:.3f} to {tpr['value']:.3f}",
        f"{tpr['change']:+.3f} [{tpr['change_low']:+.3f}, {tpr['change_high']:+.3f}]",
    ]


def test_twelve_values_are_shown_and_the_rest_is_counted() -> None:
    (section,) = value_sections(of_groups(17))
    assert {row[1] for row in section.rows} == {str(i) for i in range(12)}
    assert section.notes[0] == "and 5 more values: -f csv has all"


def test_tables_of_groups_fit_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for prefix in ("value-", "a-value-with-a-long-name-"):
        text = render_terminal(value_sections(of_groups(4, prefix=prefix)), color=False)
        assert max(map(len, text.splitlines())) <= 80
        assert text.count("0.") > 60


def test_the_headline_has_the_means_of_what_was_asked_for(sections: dict[str, Section]) -> None:
    rows = sections["Means over attributes, and what changed"].rows
    assert [row[0] for row in rows] == CHOSEN


def test_what_could_have_been_missed_is_the_median(
    table: Table, sections: dict[str, Section]
) -> None:
    found = [r["detectable"] for r in table.where(metric="tpr", group="") if r["attribute"]]
    known = [size for size in found if size == size]
    row = sections["What could have been missed"].rows[0]
    assert row[:3] == ["tpr", "", ""] and row[3] == f"{median(known):.3f}"
    assert row[4] == f"{sum(size > 0.05 for size in known)} of {len(known)}"


def test_what_never_varied_is_no_sign_of_power(make_logits: MakeLogits) -> None:
    never = np.full(3, np.inf)
    pair = [make_logits(num=300, noise=n, thresholds=never, path=f"{n}.npz") for n in (1.0, 0.0)]
    table = audit(pair[:1], pair[1:], Options(("Male",), None, ["did_tpr", "never_predicted"]))
    found = [r for r in table.where(metric="did_tpr", contrast="1-0") if r["attribute"]]
    assert all(r["value"] == 0 and r["detectable"] > r["high"] > 0 for r in found)
    last = audit_sections(table, ["did_tpr", "never_predicted"])[-1]
    assert [row[4] for row in last.rows if row[:3] == ["did tpr", "Male", "1-0"]] == ["3 of 3"]
    assert any(note.startswith("Left out: ") for note in last.notes)


def test_a_whole_audit_says_it_for_the_headlines_alone(make_logits: MakeLogits) -> None:
    worse, dense = make_logits(num=300, noise=1.0, path="s.npz"), make_logits(num=300, path="d.npz")
    last = audit_sections(audit([worse], [dense], Options(("Male",))))[-1]
    assert {row[0] for row in last.rows} <= {"accuracy", "bias amplification", "did tpr"}
    assert {row[2] for row in last.rows} <= {"", "1-0"}
