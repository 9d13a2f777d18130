"""Charts: what their specifications show of a table, and that every format can be drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbias.auditing.counts.strata import Partition
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.judged import Judged
from pbias.auditing.gates.verdicts import Outcome, Verdict
from pbias.auditing.score_bins import score_bins
from pbias.files.logits import Logits, write_logits
from pbias.reporting.charts.axes import axis_of
from pbias.reporting.charts.calibration import calibration
from pbias.reporting.charts.cells import cells
from pbias.reporting.charts.curves import Place, curves
from pbias.reporting.charts.figure import Figure
from pbias.reporting.charts.forest import forest
from pbias.reporting.charts.gates import gates
from pbias.reporting.charts.groups import groups
from pbias.reporting.charts.heatmap import heatmap
from pbias.reporting.charts.scores import scores
from pbias.reporting.page.number_table import number_table
from tests.conftest import Run, needs

NAN = float("nan")


def row(attribute: str, contrast: str, change: float, **other: Any) -> dict[str, Any]:
    """Make a row of an audit table: the change of TPR for a value of `sex`."""
    known = change == change
    return {
        "metric": "tpr", "attribute": attribute, "group": "sex", "contrast": contrast,
        "value": 0.9 + change, "low": NAN, "high": NAN, "status": "ok" if known else "undefined",
        "reason": "" if known else "no positive labels in group", "reference": 0.9,
        "change": change, "change_low": change - 0.1, "change_high": change + 0.1,
        "change_status": "ok" if known else "undefined", "p": 0.01, "p_adjusted": 0.2,
        "detectable": 0.1, "n": 40, "n_positive": 20, "n_predicted_positive": 10,
        "n_discordant": 4, "runs": "1:1", **other,
    }  # fmt: skip


ROWS = [
    row("", "f", -0.1),
    row("smiling", "f", -0.2, p_adjusted=0.01),
    row("smiling", "m", 0.01, change_status="low_power"),
    row("smiling", "f-rest", 0.3),
    row("hat", "f", -0.3),
    row("hat", "m", NAN, p_adjusted=NAN),
    row("young", "m", 0.25, p_adjusted=0.04, value=0.85),
]


def test_cells_are_the_values_of_groups_without_means_and_contrasts() -> None:
    found = cells(ROWS, "tpr")
    assert [(c.attribute, c.place, c.note) for c in found] == [
        ("smiling", "sex=f", "fell, beyond chance"),
        ("smiling", "sex=m", "few samples"),
        ("hat", "sex=f", ""),
        ("hat", "sex=m", "undefined"),
        ("young", "sex=m", "rose, beyond chance"),
    ]
    assert found[0].text("TPR") == (
        "TPR of smiling, sex=f: 0.900 to 0.700, -0.200 [-0.300, -0.100]; n = 40; "
        "fell, beyond chance"
    )
    assert found[3].text("TPR") == ("TPR of hat, sex=m: undefined, no positive labels in group")


def test_a_heat_map_begins_with_the_attribute_that_moved_most() -> None:
    figure = heatmap(ROWS)
    assert figure is not None and figure.title.startswith("Change of true-positive rate")
    layer = figure.spec["layer"][0]["encoding"]
    assert layer["y"]["sort"] == ["hat", "young", "smiling"]
    assert layer["x"]["sort"] == ["sex=f", "sex=m"]
    assert layer["color"]["scale"]["domain"] == [-0.3, 0, 0.3]
    assert figure.spec["data"]["values"][3]["number"] is None
    assert [r[0] for r in figure.data.rows] == ["smiling", "smiling", "hat", "hat", "young"]
    assert figure.data.rows[0][2:6] == ["0.900", "0.700", "-0.200", "[-0.300, -0.100]"]


def test_without_a_reference_a_heat_map_shows_values() -> None:
    alone = [dict(r, change=NAN, reference=NAN, change_status="") for r in ROWS]
    figure = heatmap(alone)
    assert figure is not None and figure.title.startswith("True-positive rate")
    assert figure.spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == [0, 1]


def test_a_heat_map_whose_every_cell_is_of_few_samples_is_hatched() -> None:
    """Sizes of a single mark were once scaled from 0, and nothing was drawn."""
    needs("vl_convert")
    from pbias.reporting.charts import render

    few = [dict(r, change_status="low_power") for r in ROWS if r["change_status"] == "ok"]
    figure = heatmap(few)
    assert figure is not None
    drawn = re.findall(r'<path [^>]*d="(M-[^"]+L[^"]+M-[^"]+)"', render.svg(figure))
    num_cells = len(cells(few, "tpr"))
    assert len(drawn) == num_cells + 1  # plus one in the legend
    # Cells are 72 by 28 pixels, 28 / 18 times as high as in a large map.
    assert all(11 < max(map(float, re.findall(r"[.\d]+", path))) < 13 for path in drawn)


def test_a_caption_explains_the_marks_that_are_drawn_alone() -> None:
    def caption(*kept: str) -> str:
        figure = heatmap([r for r in ROWS if r["attribute"] in kept])
        assert figure is not None
        return figure.caption

    first = "Rows are sorted by their largest number."
    triangle = "A triangle marks a change beyond chance, corrected for how many numbers were"
    assert caption("hat") == f"{first} Crossed cells are undefined."
    assert caption("young") == f"{first} {triangle} looked at."
    assert caption("smiling") == f"{first} {triangle} looked at. Hatched cells rest on few samples."


def test_cells_are_larger_where_they_are_few() -> None:
    def steps(num_attributes: int, num_values: int) -> tuple[int, int]:
        rows = [
            row(f"a{i}", f"v{j}", -0.1) for i in range(num_attributes) for j in range(num_values)
        ]
        figure = heatmap(rows)
        assert figure is not None
        return figure.spec["width"]["step"], figure.spec["height"]["step"]

    assert steps(2, 2) == (72, 28)
    assert steps(20, 6) == (330 // 6, 400 // 20)
    assert steps(40, 20) == (22, 18)


@pytest.mark.parametrize(
    ("values", "domain", "labels"),
    [
        ([0.0, 0.0], [-0.005, 0.105], ["0.00", "0.05", "0.10"]),  # all equal
        ([0.855, 0.880], [0.8125, 0.9225], ["0.85", "0.90"]),  # 0.1 long around 0.8675
        ([0.99, 1.0], [0.895, 1.005], ["0.90", "0.95", "1.00"]),  # not beyond 1
        ([0.2, 0.8], [0.17, 0.83], ["0.2", "0.4", "0.6", "0.8"]),
    ],
)
def test_an_axis_has_room_and_labels_that_differ(
    values: list[float], domain: list[float], labels: list[str]
) -> None:
    found = axis_of(values, least=0.1, most_ticks=4, within=(0.0, 1.0))
    assert found["scale"]["domain"] == pytest.approx(domain)
    digits = found["axis"]["format"]
    assert [f"{tick:{digits}}" for tick in found["axis"]["values"]] == labels


@pytest.mark.parametrize("span", [0.021, 0.2, 1.7, 37.0, 4200.0])
@pytest.mark.parametrize("start", [-1.0, -0.0123, 0.0, 0.333, 250.0])
def test_no_two_labels_of_an_axis_are_equal(start: float, span: float) -> None:
    found = axis_of([start, start + span], least=0.02, most_ticks=7)
    labels = [f"{tick:{found['axis']['format']}}" for tick in found["axis"]["values"]]
    assert 2 <= len(labels) == len(set(labels)) <= 7 and "-0" not in labels
    assert [float(label) for label in labels] == pytest.approx(found["axis"]["values"])


def test_a_forest_plot_begins_with_what_is_beyond_chance() -> None:
    figure = forest(ROWS)
    assert figure is not None
    names = [v["name"] for v in figure.spec["data"]["values"]]
    # smiling's other value of sex is nearer to 0; that of hat is undefined.
    assert names == ["young, sex=m", "smiling, sex=f", "hat, sex=f"]
    first = figure.spec["data"]["values"][0]
    assert (first["low"], first["high"]) == (pytest.approx(0.15), pytest.approx(0.35))
    assert forest(ROWS, top=1) != figure
    assert figure.caption.endswith(
        " Changes beyond chance come first, then the others, each by size. "
        "One beside 0 may be chance too, because many numbers were looked at."
    )


def test_what_moved_most_is_sorted_by_size_whatever_the_number_of_samples() -> None:
    small = row("upper", "f", 0.0)
    large = row("t_shirt", "f", -0.05, change_status="low_power")
    figure = forest([small, large])
    assert figure is not None
    kinds = [(v["name"], v["kind"]) for v in figure.spec["data"]["values"]]
    assert kinds == [("t_shirt, sex=f", "few samples"), ("upper, sex=f", "may be chance")]
    assert figure.caption.endswith(" The largest changes come first. A line that crosses 0 may be "
                                   "chance.")  # fmt: skip


def test_the_legend_of_rates_names_the_colors_that_are_drawn() -> None:
    def kinds(*changes: float) -> list[str]:
        figure = groups(
            [row("", value, change) for value, change in zip("fm", changes, strict=True)]
        )
        assert figure is not None
        (panel,) = figure.spec["hconcat"]
        return list(panel["layer"][0]["encoding"]["color"]["scale"]["domain"])

    assert kinds(-0.05, 0.0) == ["the change may be chance"]
    assert kinds(-0.2, 0.3) == ["the interval of the change excludes 0"]
    assert kinds(-0.2, 0.0) == ["the interval of the change excludes 0", "the change may be chance"]


def test_all_numbers_begin_with_what_is_beyond_chance() -> None:
    """Also of a metric that verdicts do not name; narrow intervals around 0 come late."""
    rows = [
        row("young", "f", 0.0, change_low=-0.001, change_high=0.001),
        row("hat", "f", -0.05),
        row("smiling", "f", 0.25),
        row("bald", "f", NAN, p_adjusted=NAN),
        row("smiling", "f", 0.02, metric="brier", change_low=0.01, change_high=0.03,
            p_adjusted=0.01),
    ]  # fmt: skip
    table = number_table(rows)
    found = [(one[2], one[5]) for one in table.rows]
    assert found == [("brier", "+0.020"), ("TPR", "+0.250"), ("TPR", "-0.050"), ("TPR", "+0.000"),
                     ("TPR", "")]  # fmt: skip
    (kept, also) = number_table(rows, max_rows=2).rows
    assert [kept[2], also[2]] == ["TPR", "TPR"]


def test_a_metric_without_numbers_has_no_chart() -> None:
    assert heatmap(ROWS, "fpr") is None and forest(ROWS, "fpr") is None


def four_groups_of_ten() -> tuple[Logits, Partition]:
    """p = 0.25 with 1 of 10 positive for `f`, p = 0.75 with 9 of 10 for `m`, three of neither."""
    p = np.repeat([0.25, 0.75, 0.5], [30, 30, 3])
    y = np.concatenate([np.arange(30) % 10 == 0, np.arange(30) % 10 != 0, [0, 0, 0]]).astype(int)
    y[0] = -1
    logits = Logits.from_arrays(np.log(p / (1 - p)), y, targets=["smiling"])
    codes = np.repeat([0, 1, -1], [30, 30, 3]).astype(np.int16)
    return logits, Partition("sex", ("f", "m"), codes)


def test_predictions_are_counted_by_probability_group_and_label() -> None:
    logits, partition = four_groups_of_ten()
    bins = score_bins([logits], partition)
    assert bins.n.sum() == 60  # three have no group
    assert bins.n[0, :, 2].tolist() == [27, 2, 1] and bins.n[1, :, 7].tolist() == [3, 27, 0]
    assert bins.p[1, 1, 7] == pytest.approx(27 * 0.75)
    assert score_bins([logits, logits], partition).n.sum() == 120


def test_calibration_is_the_share_of_positives_at_each_probability() -> None:
    logits, partition = four_groups_of_ten()
    figure = calibration({"dense": score_bins([logits], partition)}, "sex", "smiling")
    assert figure is not None
    f, m = figure.data.rows
    # Wilson's interval of 2 of 29: (0.0189, 0.2196).
    assert f == ["dense", "f", "0.250", "0.069", "0.019", "0.220", "29"]
    assert m[:4] == ["dense", "m", "0.750", "0.900"]


def test_scores_are_shares_of_the_samples_with_a_label() -> None:
    logits, partition = four_groups_of_ten()
    figure = scores({"dense": score_bins([logits], partition, num_bins=4)}, "sex", "smiling")
    assert figure is not None
    shown = {(r[1], r[2], r[3]): (r[5], r[6]) for r in figure.data.rows if r[6] != "0"}
    assert shown["f", "label 0", "0.25"] == ("1.000", "27")
    assert shown["m", "label 1", "0.75"] == ("1.000", "27")


def test_curves_are_means_over_seeds_with_bands() -> None:
    records = [{"accuracy": 0.9}, {"accuracy": 0.8}, {"accuracy": 0.6}, {"accuracy": NAN}]
    dense, sparse = Place("a", "0 %", 0.0), Place("a", "90 %", 0.9)
    places = [[sparse], [dense], [sparse], [sparse]]
    figure = curves(records, places, ["accuracy"], "sparsity")
    assert figure is not None
    assert figure.data.rows == [
        ["accuracy", "a", "0 %", "0.800", "0.800", "0.800", "1"],
        ["accuracy", "a", "90 %", "0.750", "0.600", "0.900", "2"],
    ]
    assert len(figure.spec["concat"][0]["layer"]) == 3  # band, line, points


@pytest.fixture
def figures(audit_files: Path) -> dict[str, Figure]:
    """Make one figure of each kind, from files."""
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.reports.plot import PlotOptions, plot_audit, plot_curves

    files = [str(audit_files / f"{name}.npz") for name in ("dense", "s90", "s99")]
    kinds = ("heatmap", "forest", "calibration", "scores")
    options = AuditOptions(folds=20)
    found = {k: plot_audit(k, files[1:2], files[:1], options, PlotOptions()) for k in kinds}
    return {**found, "curves": plot_curves(files, axis="sparsity")}


def test_specifications_are_vega_lite(figures: dict[str, Figure]) -> None:
    needs("altair")
    import altair

    for figure in figures.values():
        altair.Chart.from_dict(figure.spec)  # raises if the schema is violated


def test_a_figure_is_drawn_with_its_title(figures: dict[str, Figure]) -> None:
    needs("vl_convert")
    from pbias.reporting.charts import render

    for figure in figures.values():
        assert figure.title in render.svg(figure)
    assert render.png(figures["forest"]).startswith(b"\x89PNG")
    assert render.pdf(figures["forest"]).startswith(b"%PDF")


def test_every_suffix_has_its_form(audit_files: Path, pbias: Run) -> None:
    needs("vl_convert")
    needs("jinja2")
    begins = {"svg": b"<svg", "html": b"<!DOCTYPE html>", "json": b"{"}
    for suffix, start in begins.items():
        done = pbias("plot", "forest", "s90.npz", "--ref", "dense.npz", "-o", f"f.{suffix}")
        assert done.returncode == 0
        assert (audit_files / f"f.{suffix}").read_bytes().lstrip().startswith(start)
    spec = json.loads((audit_files / "f.json").read_text())
    assert "vega-lite" in spec["$schema"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["forest", "s90.npz", "-o", "f.gif"], "f.gif: charts cannot be written as '.gif'; use"),
        (["heatmap", "s90.npz", "-o", "f.svg", "--metric", "tprr"], "did you mean 'tpr'?"),
        (["heatmap", "s90.npz", "-o", "f.svg", "--metric", "did_tpr"], "need --ref"),
        (["scores", "s90.npz", "-o", "f.svg", "--group", "Mal"], "did you mean 'Male'?"),
        (["curves", "s90.npz", "-o", "f.svg", "--x", "time"], "--x time is not an axis; choose"),
        (["curves", "s90.npz", "-o", "f.svg", "--metrics", "tpr"], "curves cannot show 'tpr'"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    audit_files: Path, pbias: Run, arguments: list[str], said: str
) -> None:
    done = pbias("plot", *arguments)
    assert done.returncode == 2 and said in done.stderr
    assert not (audit_files / "f.svg").exists()


def test_files_without_a_sparsity_stand_in_the_order_named(
    tmp_path: Path, make_logits: Callable[..., Logits]
) -> None:
    from pbias.workflows.reports.plot import plot_curves

    paths = [str(tmp_path / f"{name}.npz") for name in ("z", "a")]
    for seed, path in enumerate(paths):
        make_logits(noise=seed, meta={}).save(path)
    rows = plot_curves(paths, axis="sparsity", metrics=["accuracy"]).data.rows
    assert [r[2] for r in rows] == ["z", "a"]


def test_gates_are_drawn_with_the_row_that_decides() -> None:
    """A row that is certainly outside decides a failure, not one whose value is further out."""
    wide = Judged("undecided", "hat", "sex", "f", "", 0.9, 0.0, 1.0, 0.0, 1.0)
    sure = Judged("outside", "smiling", "sex", "f", "", 0.4, 0.3, 0.5, 0.3, 0.5)
    fine = Judged("inside", "young", "sex", "f", "", 0.1, 0.05, 0.15, 0.05, 0.15)
    lost = Judged("not_assessable", "bald", "sex", "f", "none", NAN, NAN, NAN, NAN, NAN)
    fails = Outcome(parse_gate("tpr@sex <= 0.2"), Verdict.FAIL, (wide, sure, fine))
    passes = Outcome(parse_gate("tpr@sex/young >= 0.01"), Verdict.PASS, (fine,))
    nothing = Outcome(parse_gate("tpr@sex/bald >= 0.01"), Verdict.PASS, (lost,))
    figure = gates([fails, passes, nothing])
    assert figure is not None
    low, high = figure.spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < 0.01 and high > 0.5  # of the lowest bound and the highest end
    assert figure.data.rows == [
        ["tpr@sex <= 0.2", "fail", "smiling sex f", "0.400", "0.300", "0.500", "0.200"],
        ["tpr@sex/young >= 0.01", "pass", "young sex f", "0.100", "0.050", "0.150", "0.010"],
    ]
    names = [value["gate"] for value in figure.spec["data"]["values"]]
    assert names == ["FAIL: tpr@sex <= 0.2", "PASS: tpr@sex/young >= 0.01"]
    assert gates([nothing]) is None
    assert figure.caption.endswith(
        " Not drawn, because there is no interval: tpr@sex/bald >= 0.01: pass (1 of 1 not checked)."
    )
    drawn = gates([fails, passes])
    assert drawn is not None and "Not drawn" not in drawn.caption


def test_a_chart_of_too_many_marks_is_one_line(pbias: Run, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2000)).astype(np.float32)
    targets = [f"t{number}" for number in range(2000)]
    groups = np.arange(20)[:, None] % 2
    labels = (rows > 0).astype(np.int8)
    many = Logits(rows, labels, targets, groups=groups, group_names=["g"])  # type: ignore[arg-type]
    write_logits(many, str(tmp_path / "many.npz"))
    done = pbias("plot", "heatmap", "many.npz", "-q", "-o", "many.svg")
    assert done.returncode == 2 and "choose fewer attributes" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "many.svg").exists()
