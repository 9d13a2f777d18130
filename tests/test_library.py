"""The library: its functions, their inputs, and that its numbers equal those of the commands."""

from __future__ import annotations

import csv
import io
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pbias as library
from pbias.files.logits import Logits, read_logits, select_rows

Run = Callable[..., CompletedProcess[str]]
NAMES = [
    "Logits", "Manifest", "Table", "UserError", "audit", "compare", "count", "export", "flag",
    "power", "predict", "prune", "quantize", "read_logits", "read_manifest", "select", "train",
]  # fmt: skip
TEXTS = {
    "metric", "attribute", "group", "contrast", "status", "reason", "change_status", "runs", "run",
    "id", "reasons", "verdict", "ranking", "measure", "outcome",
}  # fmt: skip
GROUPS = ("Male", "Skin")

pytestmark = pytest.mark.filterwarnings("error")


def same(table: pd.DataFrame, text: str) -> None:
    """Check that a data frame equals a CSV: empty numbers are NaN, others equal in every digit."""
    header, *rows = list(csv.reader(io.StringIO(text)))
    assert list(table.columns) == header and len(table) == len(rows)
    for index, name in enumerate(header):
        cells = [row[index] for row in rows]
        for ours, theirs in zip(table[name].tolist(), cells, strict=True):
            if isinstance(ours, str):
                assert ours == theirs, name
            else:
                number = float(theirs or "nan")
                assert ours == number or (math.isnan(ours) and math.isnan(number)), name


def arrays(path: Path) -> dict[str, Any]:
    """Return the content of a file, as arguments of the library."""
    run = read_logits(str(path))
    return {
        "logits": pd.DataFrame(run.logits, columns=list(run.targets), index=list(run.ids)),
        "labels": pd.DataFrame(
            np.where(run.labels < 0, np.nan, run.labels),
            columns=list(run.targets),
            index=list(run.ids),
        ),
        "groups": groups_of(run),
        "train_counts": run.train_counts,
    }


def groups_of(run: Logits) -> dict[str, pd.Series]:
    """Return the groups of a file as values, None if unknown."""
    found = {}
    for place, (name, values) in enumerate(zip(run.group_names, run.group_values, strict=True)):
        cells = [None if code < 0 else values[code] for code in run.groups[:, place]]
        found[name] = pd.Series(cells, index=list(run.ids), dtype=object)
    return found


@pytest.fixture
def folder(audit_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files, as the working folder."""
    monkeypatch.chdir(audit_files)
    return audit_files


def small(rows: int = 40, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Make logits [N, 2], labels and a group of few samples."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (rows, 2))
    return {
        "logits": labels * 2.0 - 1 + rng.normal(size=(rows, 2)),
        "labels": labels,
        "sex": rng.choice(["f", "m"], rows),
    }


def test_the_public_names_are_these() -> None:
    assert library.__all__ == NAMES
    assert set(NAMES) <= set(dir(library))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(library, name).__doc__


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'pbias' has no attribute 'audits'"):
        library.audits  # noqa: B018


def test_no_room_takes_the_place_of_a_function() -> None:
    """Importing a subpackage sets its name on the package."""
    rooms = {path.name for path in Path(library.__file__).parent.iterdir() if path.is_dir()}
    assert not rooms & set(NAMES)


def test_importing_the_library_imports_nothing_heavy() -> None:
    code = (
        "import pbias, sys; print(*sorted({'numpy', 'torch', 'pandas', 'rich'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize("reference", [None, "dense.npz"])
def test_the_numbers_of_paths_are_those_of_the_command(
    pbias: Run, audit_files: Path, reference: str | None
) -> None:
    more = () if reference is None else ("--ref", reference)
    result = library.audit("s90.npz", reference=reference)
    same(result.table, pbias("metrics", "s90.npz", *more).stdout)


@pytest.mark.parametrize("reference", [None, "dense.npz"])
def test_the_numbers_of_data_frames_are_those_of_the_command(
    pbias: Run, audit_files: Path, reference: str | None
) -> None:
    more = () if reference is None else ("--ref", reference)
    other = None if reference is None else arrays(audit_files / reference)["logits"]
    result = library.audit(**arrays(audit_files / "s90.npz"), reference=other)
    same(result.table, pbias("metrics", "s90.npz", *more).stdout)


def test_the_order_of_rows_does_not_matter_where_they_have_an_index(audit_files: Path) -> None:
    given = arrays(audit_files / "s90.npz")
    mixed = given | {"labels": given["labels"].iloc[::-1]}
    mixed["groups"] = pd.DataFrame(given["groups"]).sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(library.audit(**mixed).table, library.audit(**given).table)


def test_blocks_and_files_in_memory_are_audited_alike(audit_files: Path) -> None:
    metrics = ["tpr", "did_tpr"]
    path, other = str(audit_files / "s90.npz"), audit_files / "dense.npz"
    options = {"reference": other, "metrics": metrics, "groups": ["Male:Skin", "Young"]}
    blocks = library.audit(path, **options, in_memory=0)
    memory = library.audit(read_logits(path), **options)
    pd.testing.assert_frame_equal(blocks.table, memory.table)


def test_counts_are_those_of_the_command(pbias: Run, audit_files: Path, tmp_path: Path) -> None:
    done = pbias("count", "s90.npz", "--ref", "dense.npz", "-o", "a.counts.npz")
    assert done.returncode == 0
    found = library.count("s90.npz", reference="dense.npz")
    found.save(tmp_path / "b.counts.npz")
    assert (tmp_path / "b.counts.npz").read_bytes() == (tmp_path / "a.counts.npz").read_bytes()
    expected = library.audit("a.counts.npz").table
    pd.testing.assert_frame_equal(library.audit(found).table, expected)
    same(expected, pbias("metrics", "a.counts.npz").stdout)
    assert repr(found) == "Counts(60 rows, 3 targets, groups: Male, Skin)"


def test_counts_of_data_frames_are_those_of_the_files(folder: Path) -> None:
    """The reference stands in another order: it is joined by its index."""
    other = arrays(folder / "dense.npz")["logits"].iloc[::-1]
    found = library.audit(library.count(**arrays(folder / "s90.npz"), reference=other)).table
    expected = library.audit(library.count("s90.npz", reference="dense.npz")).table
    pd.testing.assert_frame_equal(found, expected)


def test_counts_of_parts_add_up_in_memory_and_in_files(folder: Path) -> None:
    run = read_logits("s90.npz")
    parts = [library.count(select_rows(run, rows)) for rows in np.split(np.arange(60), [25])]
    parts[1].save("b.counts.npz")
    whole = library.audit(library.count(run)).table
    for sources in (parts, [parts[0], "b.counts.npz"], parts):  # twice: nothing is changed
        pd.testing.assert_frame_equal(library.audit(sources).table, whole)


def test_counts_of_probabilities_with_thresholds_and_few_groups(folder: Path) -> None:
    run = read_logits("s90.npz")
    p = 1 / (1 + np.exp(-run.logits.astype(np.float64)))
    given = {"labels": run.labels, "targets": list(run.targets), "ids": run.ids}
    ours = library.count(p, **given, probabilities=True, thresholds=0.5, metrics=["tpr", "auc"])
    plain = replace(run, train_counts=None, groups=run.groups[:, :0], group_names=(),
                    group_values=(), thresholds=np.full(3, 0.5))  # fmt: skip
    theirs = library.audit(plain, metrics=["tpr"]).table
    found = library.audit(ours, metrics=["tpr"]).table
    np.testing.assert_allclose(found["value"], theirs["value"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"labels": "labels.csv"}, "counts hold no rows for `labels`"),
        ({"reference": "dense.npz"}, "counts hold no rows for `reference`"),
        ({"groups": {"sex": ["f"] * 60}}, "counts hold no rows for `groups`"),
        ({"groups": ["Age"]}, "the counts are not by group 'Age'"),
        ({"metrics": ["auc"]}, "the parts were not counted for auc"),
    ],
)
def test_what_counts_cannot_answer(folder: Path, more: dict[str, Any], said: str) -> None:
    found = library.count("s90.npz", metrics="tpr")
    with pytest.raises(library.UserError, match=said):
        library.audit(found, **more)


def test_compare_is_that_of_the_command(pbias: Run, audit_files: Path) -> None:
    table = library.compare(["dense.npz", "s90.npz", "s99.npz"]).table
    same(table, pbias("compare", "dense.npz", "s90.npz", "s99.npz").stdout)


def test_runs_are_compared_by_the_names_of_a_dict(audit_files: Path) -> None:
    given = arrays(audit_files / "dense.npz")
    runs = {"dense 0.0": given["logits"], "s0.9": arrays(audit_files / "s90.npz")["logits"]}
    table = library.compare(runs, given["labels"], groups=given["groups"]).table
    assert table["run"].tolist() == ["dense 0.0", "s0.9"]
    assert table["accuracy"].notna().all()


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, ()),
        ({"budget": "5%", "margin": 0.5}, ("--budget", "5%", "--margin", "0.5")),
        ({"summary": True}, ("--summary",)),
        ({"evaluate": "s90.npz"}, ("--evaluate", "s90.npz")),
    ],
)
def test_flag_is_that_of_the_command(
    pbias: Run, audit_files: Path, arguments: dict[str, Any], options: tuple[str, ...]
) -> None:
    table = library.flag("dense.npz", **arguments).table
    same(table, pbias("flag", "dense.npz", *options).stdout)


def test_a_gate_is_judged_as_on_the_command_line(pbias: Run, audit_files: Path) -> None:
    given = {"metrics": ["accuracy", "auc"], "groups": []}
    result = library.audit("s90.npz", **given)
    for gate, status in (("accuracy >= 0.1", 0), ("accuracy >= 0.99", 1), ("auc >= 0.7", 4)):
        verdict = {0: "pass", 1: "fail", 4: "inconclusive"}[status]
        assert result.gate(gate).verdict == verdict, gate
        done = pbias("metrics", "s90.npz", "--metrics", "accuracy,auc", "--gate", gate)
        assert done.returncode == status, done.stderr


def test_training_rows_are_counted(audit_files: Path) -> None:
    d = small(200)
    trained = {"train_labels": d["labels"], "train_groups": {"sex": d["sex"]}}
    options = {"groups": {"sex": d["sex"]}, "metrics": ["tcb", "bias_amplification"]}
    table = library.audit(d["logits"], d["labels"], **options, **trained).table
    of_sex = table[(table["metric"] == "bias_amplification") & (table["group"] == "sex")]
    assert not table.empty and "no training counts" not in set(of_sex["reason"])


def test_plain_lists_and_one_target_are_enough() -> None:
    d = small()
    logits, labels = d["logits"][:, 0].tolist(), [bool(x) for x in d["labels"][:, 0]]
    table = library.audit(logits, labels, targets=["smiling"], groups={"sex": d["sex"]}).table
    right = np.mean((d["logits"][:, 0] > 0) == d["labels"][:, 0])
    mine = table[(table["metric"] == "accuracy") & (table["attribute"] == "smiling")]
    assert mine["value"].iloc[0] == pytest.approx(right)
    assert set(table["group"]) == {"", "sex"}


def test_group_values_are_sorted_numbers_by_value() -> None:
    d = small()
    bands = np.array([10.0, 9.0, np.nan, 100.0] * 10)
    options = {"groups": {"age": bands}, "metrics": ["accuracy"], "intervals": False}
    table = library.audit(d["logits"], d["labels"], **options).table
    values = [c for c in dict.fromkeys(table["contrast"]) if c.isdecimal()]
    assert values == ["9", "10", "100"]


def test_several_runs_are_a_list() -> None:
    d, other = small(), small(seed=1)
    runs = [d["logits"], d["logits"] + 0.1]
    table = library.audit(runs, d["labels"], reference=(other["logits"], other["logits"] - 1)).table
    assert set(table["runs"]) == {"2:2"}


def test_thresholds_are_numbers_or_by_name() -> None:
    d = small()
    given = (d["logits"], d["labels"])
    options = {"targets": ["a", "b"], "metrics": ["predicted_positive_rate"], "intervals": False}
    named = library.audit(*given, **options, thresholds={"b": np.inf, "a": -np.inf}).table
    assert named["value"].tolist()[1:] == [1.0, 0.0]
    assert library.audit(*given, **options, thresholds=np.inf).table["value"].max() == 0.0


def test_probabilities_are_said_to_be_those() -> None:
    d = small()
    p = 1 / (1 + np.exp(-d["logits"]))
    with pytest.raises(library.UserError, match="add `probabilities=True`"):
        library.audit(p, d["labels"])
    ours = library.audit(p, d["labels"], probabilities=True, metrics=["accuracy"]).table
    pd.testing.assert_frame_equal(
        ours, library.audit(d["logits"], d["labels"], metrics=["accuracy"]).table
    )


def test_an_empty_text_is_a_text_and_an_empty_number_nan() -> None:
    d = small()
    table = library.audit(d["logits"], d["labels"]).table
    for name in table.columns:
        kinds = {type(cell) for cell in table[name]}
        assert (str in kinds) == (name in TEXTS), name
    assert table["reference"].isna().all() and (table["group"] == "").all()


def test_a_notebook_shows_the_report_and_escapes_names() -> None:
    d = small()
    options = {"targets": ["<b>", "b"], "groups": {"sex": d["sex"]}}
    result = library.audit(d["logits"], d["labels"], **options)
    html = result._repr_html_()
    assert html.count("<table>") >= 2 and "&lt;b&gt;" in html and "<b>" not in html
    assert "\nAudit\nAudited: logits" in repr(result) and "accuracy" in repr(result)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [[0, 2]] * 40}, "logits: 'labels' runs from 0 to 2; use 0, 1, and -1 unknown"),
        ({"labels": np.full((40, 2), 0.5)}, "logits: 'labels' holds 0.5"),
        ({"labels": np.zeros((39, 2))}, "`labels` has 39 rows but logits has 40"),
        ({"labels": np.zeros((40, 3))}, "`labels` has 3 columns but there are 2 targets"),
        ({"labels": np.zeros((40, 2, 1))}, "`labels` has 3 dimensions"),
        ({"logits": np.full((40, 2), np.nan)}, "logits: 'logits' holds nan"),
        ({"logits": [["a", "b"]] * 40}, "`logits` holds a value that is not a number"),
        ({"groups": {"sex": ["f"]}}, "`groups` has 1 rows but logits has 40"),
        (
            {"groups": {"sex": list(range(40)) * 1}, "ids": ["a"] * 40},
            "logits: 1 ids occur more than once",
        ),
        ({"groups": ["age"]}, "logits has no group or target column 'age'"),
        ({"groups": pd.Series(["f"] * 40)}, "`groups` has no names"),
        ({"attributes": ["hat"]}, "no attribute 'hat'; choose with `attributes`"),
        ({"metrics": ["churn"]}, "those of a change need `reference`"),
        ({"metrics": ["acuracy"]}, "did you mean 'accuracy'?"),
        ({"clusters": "person"}, "`clusters` names a column of `labels`"),
        ({"reference_thresholds": 0.0}, "name it with `reference`"),
        ({"train_groups": {"sex": ["f"]}}, "`train_groups` without `train_labels`"),
        ({"thresholds": [0.0]}, "one logit for each of 2 targets"),
        ({"level": 95}, "`level=95` is not between 0.5 and 0.9999"),
        ({"folds": 5}, "`folds=5` is not between 20 and 10000"),
        ({"activation": "tanh"}, "'activation' is 'tanh'"),
    ],
)
def test_what_does_not_fit_is_said_of_arguments(changes: dict[str, Any], said: str) -> None:
    d = small()
    given = {"logits": d["logits"], "labels": d["labels"], "intervals": False} | changes
    with pytest.raises(library.UserError) as raised:
        library.audit(**given)
    assert said in str(raised.value) and "--" not in str(raised.value)


def test_an_index_that_does_not_match_is_refused() -> None:
    d = small()
    logits = pd.DataFrame(d["logits"], columns=["a", "b"])
    labels = pd.DataFrame(d["labels"], columns=["a", "b"], index=[f"{i}.png" for i in range(40)])
    with pytest.raises(library.UserError, match="the index of `labels` lacks 40 of the 40 samples"):
        library.audit(logits, labels)


def test_a_gate_without_intervals_or_rows_is_refused() -> None:
    d = small()
    result = library.audit(d["logits"], d["labels"], intervals=False)
    with pytest.raises(library.UserError, match="leave out `intervals=False`"):
        result.gate("accuracy >= 0.5")
    whole = library.audit(d["logits"], d["labels"])
    with pytest.raises(library.UserError, match="is about a change; name the dense model with `re"):
        whole.gate("churn <= 0.1")
    with pytest.raises(library.UserError, match=r"not measured by group here.* or see `groups`"):
        whole.gate("accuracy@sex >= 0.1")


def test_labels_of_a_manifest_are_joined_by_id(tmp_path: Path) -> None:
    d = small()
    ids = [f"{i}.png" for i in range(40)]
    columns = {"image": ids, "split": "test", "a": d["labels"][:, 0], "b": d["labels"][:, 1]}
    pd.DataFrame(columns | {"sex": d["sex"]}).to_csv(tmp_path / "labels.csv", index=False)
    logits = pd.DataFrame(d["logits"], columns=["a", "b"], index=ids)
    options = {"groups": ["sex"], "metrics": ["accuracy"]}
    by_path = library.audit(logits, tmp_path / "labels.csv", **options)
    manifest = library.read_manifest(str(tmp_path / "labels.csv"))
    labels = pd.DataFrame(d["labels"], columns=["a", "b"], index=ids)
    by_array = library.audit(logits, labels, groups={"sex": d["sex"]}, metrics=["accuracy"])
    for result in (by_path, library.audit(logits, manifest, **options)):
        pd.testing.assert_frame_equal(result.table, by_array.table)
