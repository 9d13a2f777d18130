"""Reports for people: headline first, then largest changes, then undefined values with reasons."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.auditing.risk.attribute_risk import attribute_risk
from pbias.auditing.risk.evaluation import evaluate
from pbias.auditing.risk.flagging import Budget, flag_samples
from pbias.auditing.run_comparison import compare
from pbias.files.logits import Logits
from pbias.files.table import Table
from pbias.reporting.audit_report import audit_sections
from pbias.reporting.flag_report import (
    evaluation_sections,
    flag_sections,
    found_in_words,
    summary_sections,
)
from pbias.reporting.renderers.markdown import render_markdown
from pbias.reporting.renderers.terminal import render_terminal
from pbias.reporting.sections import Section
from pbias.reporting.small_tables import compare_sections

MakeLogits = Callable[..., Logits]
NEVER_HATS = np.array([0.0, np.inf, 0.0])


@pytest.fixture(scope="module")
def pair(make_logits: MakeLogits) -> tuple[Logits, Logits]:
    worse = make_logits(num=300, noise=2.0, thresholds=NEVER_HATS, path="s99.npz")
    return worse, make_logits(num=300, path="dense.npz")


@pytest.fixture(scope="module")
def table(pair: tuple[Logits, Logits]) -> Table:
    return audit([pair[0]], [pair[1]])


def find(sections: list[Section], title: str) -> Section:
    (section,) = [section for section in sections if title in section.title]
    return section


def everything(sections: list[Section]) -> str:
    return render_markdown(sections) + render_terminal(sections, color=False)


@pytest.fixture(scope="module")
def sections(table: Table) -> list[Section]:
    return audit_sections(table)


def test_means_come_first_and_what_is_undefined_near_the_end(sections: list[Section]) -> None:
    titles = [section.title for section in sections]
    assert titles[0].startswith("Means over attributes")
    assert titles.index("Undefined, and why") >= len(titles) - 2


def test_every_headline_is_the_mean_of_the_table(table: Table, sections: list[Section]) -> None:
    rows = {row[0]: row for row in sections[0].rows}
    for metric in ("accuracy", "auc", "uncertainty", "tcb", "interdependence"):
        (mean,) = table.where(metric=metric, attribute="", group="")
        _, reference, audited, change, _ = rows[metric.replace("_", " ")]
        assert reference == f"{mean['reference']:.3f}" and audited == f"{mean['value']:.3f}"
        assert change.startswith(f"{mean['change']:+.3f}")


def test_a_mean_says_over_how_many_attributes(sections: list[Section]) -> None:
    over = {row[0]: row[-1] for row in sections[0].rows}
    assert over["accuracy"] == "all" and over["interdependence"] == "2 of 3 (1 lost)"


def test_attributes_never_predicted_are_named_new_ones_first(make_logits: MakeLogits) -> None:
    both = np.array([0.0, np.inf, np.inf]), NEVER_HATS
    runs = [make_logits(thresholds=t, path=f"{i}.npz") for i, t in enumerate(both)]
    assert audit_sections(audit(runs[:1], runs[1:]))[0].notes[:-1] == [
        "Never predicted, but by the reference (1): Young",
        "Never predicted, nor by the reference (1): Wearing_Hat",
        "Means that leave out most attributes, of which they say nothing: interdependence over 1 "
        "of 3 (1 lost).",
    ]
    alone = audit_sections(audit(runs[1:]))[0].notes
    assert alone[:-1] == ["Never predicted (1): Wearing_Hat"]


def test_true_positive_rates_that_did_not_move_apart_are_left_out(make_logits: MakeLogits) -> None:
    never = np.full(3, np.inf)
    runs = [make_logits(noise=n, thresholds=never, path=f"{n}.npz") for n in (1.0, 0.0)]
    for section in audit_sections(audit(runs[:1], runs[1:])):
        if "moved apart" in section.title:
            assert section.rows == [] and section.notes == ["none moved"]


def test_true_positive_rates_are_those_of_named_values(
    table: Table, sections: list[Section]
) -> None:
    section = find(sections, "Male: true-positive rates that moved apart")
    assert section.header[3:5] == ["TPR of Male=1", "TPR of Male=0"]
    for name, _, _, *moves, _ in section.rows:
        for value, move in zip("10", moves, strict=True):
            (one,) = table.where(metric="tpr", attribute=name, group="Male", contrast=value)
            assert move == f"{one['reference']:.3f} to {one['value']:.3f}"
    skin = find(sections, "Skin: true-positive rates that moved apart")
    assert skin.header[3:] == ["TPR of the value", ""] and all(row[3] for row in skin.rows)


def test_the_largest_changes_of_amplification_come_first(
    table: Table, sections: list[Section]
) -> None:
    rows = table.where(metric="bias_amplification", group="Male", contrast="")
    changes = {r["attribute"]: r["change"] for r in rows if r["attribute"]}
    known = [name for name, change in changes.items() if change == change]
    expected = sorted(known, key=lambda name: -abs(changes[name]))
    assert [row[0] for row in find(sections, "Male: bias amplification").rows] == expected


def test_every_group_has_its_sections(sections: list[Section]) -> None:
    for group in ("Male", "Skin"):
        assert sum(section.title.startswith(f"{group}: ") for section in sections) == 2


def test_what_is_undefined_stands_under_its_reason(table: Table, sections: list[Section]) -> None:
    section = find(sections, "Undefined, and why")
    reasons = {row[0] for row in section.rows}
    undefined = {r["reason"] for r in table.records() if r["status"] == "undefined"}
    assert {"never predicted", "never predicted in group", "constant predictions"} <= reasons
    assert reasons <= undefined
    assert all("Wearing_Hat" in row[-1] for row in section.rows if "never" in row[0])


def test_without_a_reference_values_take_the_place_of_changes(pair: tuple[Logits, Logits]) -> None:
    sections = audit_sections(audit([pair[1]]))
    assert sections[0].title == "Means over attributes"
    assert "change" not in sections[0].header
    assert "largest values" in find(sections, "Male: bias amplification").title


@pytest.mark.parametrize(
    "options",
    [
        {"groups": []},
        {"metrics": ["accuracy"]},
        {"metrics": ["bias_amplification"]},
        {"metrics": ["did_tpr"]},
        {"metrics": ["churn"], "groups": []},
        {"groups": ["Male:Skin", "Young"]},
        {"attributes": ["Wearing_Hat"]},
        {"num_folds": 1},
    ],
)
def test_any_selection_can_be_shown(pair: tuple[Logits, Logits], options: dict[str, Any]) -> None:
    table = audit([pair[0]], [pair[1]], Options(**options))
    assert "###" in everything(audit_sections(table))


def test_nothing_is_called_nan(
    table: Table, sections: list[Section], pair: tuple[Logits, Logits]
) -> None:
    bare = replace(pair[0], train_counts=None, labels=np.full_like(pair[0].labels, -1))
    runs = compare_sections(compare([bare, replace(bare, path="b.npz")]))
    for text in map(everything, (sections, audit_sections(audit([bare])), runs)):
        assert not re.search(r"\bnan\b|None", text)


def test_runs_side_by_side(pair: tuple[Logits, Logits]) -> None:
    sparse = replace(pair[0], meta={"sparsity": 0.995})
    table = compare([pair[1], sparse])
    (section,) = compare_sections(table)
    assert section.header[:3] == ["run", "sparsity", "accuracy"] and "BA Skin" in section.header
    assert [row[:2] for row in section.rows] == [["dense", "-"], ["s99", "99.5%"]]
    assert section.rows[0][2] == f"{table.columns['accuracy'][0]:.3f}"
    assert section.rows[1][-1] == "1"


def test_runs_say_over_how_many_attributes_means_run(pair: tuple[Logits, Logits]) -> None:
    (section,) = compare_sections(compare(list(pair)))
    (note,) = section.notes
    assert note.startswith("Means over the attributes defined in all runs: 3 of them")
    assert "interdep. over 2" in note


def test_flags_show_the_first_and_count_the_rest(pair: tuple[Logits, Logits]) -> None:
    table = flag_samples(pair[1])
    (section,) = flag_sections(table)
    assert len(section.rows) == 20 and str(len(table)) in section.title
    assert section.rows[0][0] == table.columns["id"][0]
    assert section.notes == [f"and {len(table) - 20} more: -o flags.csv writes all"]


def test_a_summary_shows_low_risks_and_why_there_are_none(make_logits: MakeLogits) -> None:
    sure = make_logits(num=300, thresholds=NEVER_HATS)
    table = attribute_risk(replace(sure, logits=sure.logits * 5))
    (section,) = summary_sections(table)
    known = [r for r in table.records() if r["verdict"] != "undefined"]
    assert "low" in table.columns["verdict"] and len(known) == 4
    assert [row[:2] for row in section.rows] == [[r["attribute"], r["group"]] for r in known]
    said = "Undefined, constant predictions: Wearing_Hat (Male), Wearing_Hat (Skin)"
    assert said in section.notes


def test_every_undefined_number_of_an_evaluation_has_its_reason(make_logits: MakeLogits) -> None:
    sides = [make_logits(num=1000, noise=noise, path=f"{noise}.npz") for noise in (0.0, 3.0)]
    sections = evaluation_sections(evaluate(sides[0], sides[1:]))
    section = find(sections, "share of the change of bias")
    assert section.notes == [
        "Undefined, the change is within chance: did tpr Male by random, did tpr Skin, BA Skin"
    ]


def test_a_long_summary_counts_the_rest(make_logits: MakeLogits) -> None:
    table = attribute_risk(make_logits(num=300))
    many = Table({name: column * 5 for name, column in table.columns.items()})
    (section,) = summary_sections(many)
    assert len(section.rows) == 20 and section.notes[0].startswith("and 10 more: -o risk.csv")


def test_no_flags_are_no_rows(pair: tuple[Logits, Logits]) -> None:
    (section,) = flag_sections(flag_samples(pair[1], budget=Budget(0)))
    assert section.rows == section.notes == []
    assert everything([section])


def test_differences_in_differences_alone_are_shown(pair: tuple[Logits, Logits]) -> None:
    table = audit([pair[0]], [pair[1]], Options(metrics=["did_tpr"]))
    sections = audit_sections(table, ["did_tpr"])
    assert find(sections, "Male: true-positive rates that moved apart").rows
    assert not any(section.title.startswith("Means") for section in sections)


def test_flags_are_held_against_chance_in_words() -> None:
    """The sentence uses the first run; it says so if there are no flags or no changes."""
    nan = float("nan")
    columns = {
        "run": ["s90"] * 4 + ["s95"] * 2,
        "measure": ["recall"] * 6,
        "outcome": ["flips", "flips", "lost_positives", "lost_positives", "flips", "flips"],
        "ranking": ["risk", "random"] * 3,
        "value": [0.5, 0.04, nan, nan, 0.9, 0.1],
        "low": [0.4, 0.0, nan, nan, 0.8, 0.0],
        "high": [0.6, 0.1, nan, nan, 1.0, 0.2],
        "n_outcome": [80, 80, 0, 0, 9, 9],
        "n_flagged": [20] * 6,
    }
    assert found_in_words(Table(columns), "5 % of all") == (
        "Of the 80 predictions that the audited model changed, 50 % [40, 60] were among the flags; "
        "as many chosen at random, 5 % of all, found 4 %."
    )
    nothing = Table(columns | {"n_outcome": [0] * 6})
    assert found_in_words(nothing, "5 %") == "The audited model overturned no prediction."
    few = found_in_words(Table(columns | {"n_outcome": [12, 12, 1, 1, 9, 9]}), "5 %")
    assert few.startswith("Of the 12 predictions that")
    assert few.endswith(" found 4 %. It lost 1 true positive: too few to tell what the flags find.")
    fewer = found_in_words(Table(columns | {"n_outcome": [9, 9, 1, 1, 9, 9]}), "5 %")
    assert fewer == (
        "The audited model changed 9 predictions: too few to tell what the flags find."
    )
    unflagged = Table(columns | {"n_flagged": [0] * 6})
    assert found_in_words(unflagged, "5 %") == "No prediction was flagged."
