"""`pbias metrics`: its options, their effect on the table, and its exit statuses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.files.logits import Logits, read_logits, select_rows, write_logits
from pbias.files.table import to_csv

Run = Callable[..., CompletedProcess[str]]
Write = Callable[[str, dict[str, float]], None]
FAST = ("--metrics", "tpr,did_tpr,churn", "--no-intervals")
GATED = ("--metrics", "accuracy,never_predicted,churn,did_tpr")

pytestmark = pytest.mark.usefixtures("audit_files")


def rows_of(done: CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def only(rows: Sequence[dict[str, str]], **wanted: str) -> dict[str, str]:
    (row,) = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
    return row


def values(rows: Sequence[dict[str, str]], column: str = "value") -> list[str]:
    return [row[column] for row in rows]


def change(name: str, **changes: Any) -> None:
    """Rewrite a file with some of its arrays changed."""
    write_logits(replace(read_logits(name), **changes), name)


def test_the_table_is_that_of_the_engine(pbias: Run) -> None:
    done = pbias("metrics", "s90.npz", "--ref", "dense.npz")
    expected = audit([read_logits("s90.npz")], [read_logits("dense.npz")])
    assert (done.returncode, done.stdout) == (0, to_csv(expected))
    assert done.stderr == "pbias: one run: run-to-run variation not assessed\n"


def test_tags_are_columns_behind_those_of_the_table(pbias: Run) -> None:
    plain = pbias("metrics", "s90.npz", *FAST[2:], "--metrics", "tpr").stdout.splitlines()
    tags = ("--tag", "arch=resnet18", "--tag", "note=a=b,c")
    tagged = pbias("metrics", "s90.npz", *FAST[2:], "--metrics", "tpr", *tags).stdout.splitlines()
    assert tagged[0] == plain[0] + ",arch,note"
    assert tagged[1:] == [f'{line},resnet18,"a=b,c"' for line in plain[1:]]
    document = json.loads(pbias("metrics", "s90.npz", *tags, "-f", "json").stdout)
    assert document["columns"][-2:] == ["arch", "note"]
    assert {row["arch"] for row in document["rows"]} == {"resnet18"}


def test_without_a_reference_there_are_no_changes(pbias: Run) -> None:
    rows = rows_of(pbias("metrics", "s90.npz", "--no-intervals"))
    assert set(values(rows, "change")) == set(values(rows, "reference")) == {""}
    assert not {"churn", "did_tpr", "excess_ba", "ceag"} & set(values(rows, "metric"))


def test_without_intervals_there_are_values_alone(pbias: Run) -> None:
    args = ("metrics", "s90.npz", "--ref", "dense.npz", "--metrics", "brier,calibration_gap")
    whole, bare = rows_of(pbias(*args)), rows_of(pbias(*args, "--no-intervals"))
    for column in ("value", "reference", "change"):
        pairs = zip(values(whole, column), values(bare, column), strict=True)
        assert all(float(a) == pytest.approx(float(b), abs=1e-12) for a, b in pairs)
    for column in ("low", "high", "change_low", "change_high", "p", "p_adjusted", "detectable"):
        assert set(values(bare, column)) == {""} != set(values(whole, column)), column


def test_a_higher_level_is_a_wider_interval(pbias: Run) -> None:
    args = ("metrics", "s90.npz", "--metrics", "brier", "--level")
    narrow, wide = (rows_of(pbias(*args, level))[1] for level in ("0.8", "0.99"))
    assert float(wide["low"]) < float(narrow["low"]) < float(narrow["value"])
    assert float(narrow["value"]) < float(narrow["high"]) < float(wide["high"])


@pytest.mark.parametrize(
    ("option", "value"), [("--level", "1"), ("--level", "95"), ("--level", "nan"), ("--folds", "1")]
)
def test_levels_and_folds_that_make_no_sense(pbias: Run, option: str, value: str) -> None:
    done = pbias("metrics", "s90.npz", option, value)
    assert done.returncode == 2 and f"'{option}'" in done.stderr


def test_groups_attributes_and_metrics_are_chosen_by_name(pbias: Run) -> None:
    options = ("--groups", "Skin, Male:Skin,Skin", "--attributes", "Young,Smiling")
    rows = rows_of(pbias("metrics", "s90.npz", *options, "--metrics", "tpr,accuracy"))
    assert list(dict.fromkeys(values(rows, "metric"))) == ["tpr", "accuracy"]
    assert list(dict.fromkeys(values(rows, "attribute"))) == ["", "Young", "Smiling"]
    assert list(dict.fromkeys(values(rows, "group"))) == ["", "Skin", "Male:Skin"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--groups", "Mal"), "no group or target column 'Mal'; did you mean 'Male'?"),
        (("--attributes", "Hat"), "no attribute 'Hat'"),
        (("--metrics", "tpd"), "unknown metric 'tpd'; did you mean"),
        (("--metrics", "churn"), "need --ref"),
        (
            ("dense.npz", "--ref", "s90.npz"),
            "s90.npz is both the audited and the reference file; name two different files",
        ),
        (
            ("dense.npz", "--ref", "./s90.npz"),
            "./s90.npz is both the audited and the reference file",
        ),
        (("s90.npz",), "s90.npz is named twice"),
        (("--ref", "none.npz"), "none.npz does not exist"),
        (("--labels", "none.csv"), "none.csv does not exist"),
        (("--thresholds", "none.csv"), "none.csv does not exist"),
        (("--ref-thresholds", "none.csv"), "none.csv does not exist"),
        (("--gate-file", "none.txt"), "none.txt does not exist"),
        (("--cluster", "person"), "--cluster names a column of --labels"),
        (("--probabilities",), "they are not probabilities; leave out --probabilities"),
        (("--tag", "seed"), "--tag seed is not KEY=VALUE; write it like --tag seed=23"),
        (("--tag", "=23"), "--tag =23 is not KEY=VALUE"),
        (
            ("--tag", "group=1"),
            "--tag group=1: the table already has a column group; use another key",
        ),
        (("--tag", "a=1", "--tag", "a=2"), "--tag a=2: a is given twice; use each key once"),
        (("--gate", "tpr < 1"), "is not of the form METRIC@GROUP/ATTRIBUTE <= NUMBER"),
        (("--gate", "tpr <= 1.2.3"), "is not of the form METRIC@GROUP/ATTRIBUTE <= NUMBER"),
        (("--gate", "churn <= 1"), "is about a change; name the dense model with --ref"),
        (("--gate", "tpr@Age >= 0"), "matches no row"),
        (("--gate", "tpr >= 0", "--no-intervals"), "gates need intervals"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    pbias: Run, options: tuple[str, ...], said: str
) -> None:
    done = pbias("metrics", "s90.npz", *options, "-q")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pbias: error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr


def test_several_runs_a_side_by_glob_and_by_repeating(pbias: Run) -> None:
    change("s99.npz", meta={"sparsity": 0.9})
    Path("r1.npz").write_bytes(Path("s90.npz").read_bytes())
    Path("d1.npz").write_bytes(Path("dense.npz").read_bytes())
    args = ("--ref", "d*.npz", *FAST)
    rows = rows_of(pbias("metrics", "s9*.npz", "r1.npz", *args))
    assert set(values(rows, "runs")) == {"3:2"}
    again = pbias(
        "metrics", "s90.npz", "s99.npz", "r1.npz", "--ref", "d1.npz", "--ref", "dense.npz"
    )
    assert set(values(rows_of(again), "runs")) == {"3:2"}


def test_a_file_whose_name_looks_like_a_pattern_is_itself(pbias: Run) -> None:
    Path("s[9]9.npz").write_bytes(Path("dense.npz").read_bytes())
    rows = rows_of(pbias("metrics", "s[9]9.npz", *FAST))
    assert values(rows) == values(rows_of(pbias("metrics", "dense.npz", *FAST)))


def test_thresholds_of_each_side(pbias: Run, write_thresholds: Write) -> None:
    write_thresholds("never.csv", {"Smiling": np.inf, "Young": 0.0, "Wearing_Hat": 0.0})
    args = ("metrics", "s90.npz", "--ref", "dense.npz", *FAST)
    ours = rows_of(pbias(*args, "--thresholds", "never.csv"))
    theirs = rows_of(pbias(*args, "--ref-thresholds", "never.csv"))
    place = {"metric": "tpr", "attribute": "Smiling", "group": "", "contrast": ""}
    assert only(ours, **place)["value"] == "0.0" != only(ours, **place)["reference"]
    assert only(theirs, **place)["reference"] == "0.0" != only(theirs, **place)["value"]


def test_thresholds_have_no_meaning_for_a_softmax(pbias: Run, write_thresholds: Write) -> None:
    change("s90.npz", activation="softmax")
    write_thresholds("t.csv", {"Smiling": 0.0, "Young": 0.0, "Wearing_Hat": 0.0})
    done = pbias("metrics", "s90.npz", "--thresholds", "t.csv")
    assert done.returncode == 2 and "s90.npz is from a softmax" in done.stderr


def test_probabilities_are_those_of_their_logits(pbias: Run) -> None:
    logits = read_logits("s90.npz")
    before = rows_of(pbias("metrics", "s90.npz", *FAST, "--metrics", "tpr,brier,uncertainty"))
    p = 1 / (1 + np.exp(-logits.logits.astype(float)))
    change("s90.npz", logits=p.astype(np.float32))
    refused = pbias("metrics", "s90.npz", *FAST)
    assert refused.returncode == 2 and "add --probabilities" in refused.stderr
    options = (*FAST, "--metrics", "tpr,brier,uncertainty", "--probabilities")
    after = rows_of(pbias("metrics", "s90.npz", *options))
    assert [float(v) for v in values(after)] == pytest.approx([float(v) for v in values(before)])


def labels_csv(name: str, logits: Logits) -> None:
    """Write every id in reverse order, with Smiling, Age and the person."""
    assert logits.ids is not None
    rows = [
        f"{i},test,{n % 2},{('old', 'young')[n % 3 > 0]},p{n // 4}"
        for n, i in enumerate(logits.ids)
    ]
    Path(name).write_text("\n".join(["image,split,Smiling,Age,person", *rows[::-1]]) + "\n")


def test_labels_groups_and_clusters_from_a_manifest(pbias: Run) -> None:
    labels_csv("labels.csv", read_logits("s90.npz"))
    options = ("--labels", "labels.csv", "--groups", "Age,Male", "--cluster", "person")
    done = pbias("metrics", "s90.npz", "--ref", "dense.npz", *options)
    rows = rows_of(done)
    assert "only 15 folds" in done.stderr
    prevalence = only(rows, metric="prevalence", attribute="Smiling", group="", contrast="")
    assert (prevalence["value"], prevalence["n"]) == ("0.5", "60")
    old = only(rows, metric="accuracy", attribute="Smiling", group="Age", contrast="old")
    assert old["n"] == "20"
    amplified = [r for r in rows if r["metric"] == "bias_amplification" and r["attribute"]]
    reasons = {r["reason"] for r in amplified if r["group"] == "Age"}
    assert reasons == {"no training counts of this group"}
    assert not any("counts" in r["reason"] for r in amplified if r["group"] == "Male")


def test_logits_targets_and_ids_are_enough_beside_a_manifest(pbias: Run) -> None:
    logits = read_logits("s90.npz")
    labels_csv("labels.csv", logits)
    with Path("labels.csv").open("a") as file:
        file.writelines(
            f"t{i}.png,train,{int(i < 4)},{'old' if i % 3 else 'young'},\n" for i in range(20)
        )
    np.savez("own.npz", logits=logits.logits, ids=logits.ids, targets=logits.targets)
    done = pbias(
        "metrics", "own.npz", "--labels", "labels.csv", "--groups", "Age", "--no-intervals"
    )
    rows = [r for r in rows_of(done) if r["attribute"] == "Smiling" and r["group"] in ("", "Age")]
    assert "training counts of own.npz are those of the split 'train' of labels.csv" in done.stderr
    for metric in ("accuracy", "tcb", "bias_amplification"):
        assert any(r["value"] for r in rows if r["metric"] == metric), metric


def test_without_labels_what_needs_none_remains(pbias: Run) -> None:
    for name in ("s90.npz", "dense.npz"):
        change(name, labels=np.full((60, 3), -1, np.int8))
    done = pbias("metrics", "s90.npz", "--ref", "dense.npz", "--no-intervals")
    assert "warning: s90.npz has no labels" in done.stderr
    defined = {r["metric"] for r in rows_of(done) if r["status"] != "undefined"}
    expected = {"predicted_positive_rate", "uncertainty", "interdependence", "churn", "excess_ba"}
    expected |= {"never_predicted", "did_predicted_positive_rate", "impact_ratio"}
    assert defined == expected


def test_without_training_counts_it_is_said_what_is_missing(pbias: Run) -> None:
    """Where it matters: if a metric that needs them is asked for, and among what is undefined."""
    change("s90.npz", train_counts=None)
    assert "training counts" not in pbias("metrics", "s90.npz", "-f", "csv").stderr
    asked = ("--metrics", "accuracy,tcb,excess_ba", "-f", "csv")
    done = pbias("metrics", "s90.npz", *asked)
    assert "pbias: s90.npz has no training counts: tcb, excess_ba stay undefined; --" in done.stderr
    assert "training counts" not in pbias("metrics", "s90.npz", *asked, "-q").stderr
    report = pbias("metrics", "s90.npz", "-f", "table").stdout.partition("Undefined, and why")[2]
    assert "no training counts" in report and "Training counts: --labels adds them from" in report


def test_samples_that_differ_are_refused_with_the_first(pbias: Run) -> None:
    logits = read_logits("dense.npz")
    write_logits(select_rows(logits, np.arange(59)), "dense.npz")
    done = pbias("metrics", "s90.npz", "--ref", "dense.npz", "-o", "out.csv")
    assert done.returncode == 2 and "first missing id: images/0059.png" in done.stderr
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("gate", "status", "verdict"),
    [
        ("accuracy >= 0.1", 0, "pass"),
        ("never_predicted<=0", 0, "pass"),
        ("accuracy >= 0.999", 1, "fail"),
        ("churn/mean <= 0.0001", 1, "fail"),
        ("abs(did_tpr)@Male <= 0.05", 4, "inconclusive"),
    ],
)
def test_a_gate_decides_the_exit_status(pbias: Run, gate: str, status: int, verdict: str) -> None:
    args = ("metrics", "s90.npz", "--ref", "dense.npz", *GATED)
    done, plain = pbias(*args, "--gate", gate, "-q"), pbias(*args, "-q")
    assert done.returncode == status
    assert done.stdout == plain.stdout
    assert done.stderr.startswith(f"pbias: gate '{gate}': {verdict}; covers ")
    assert done.stderr.count("\n") == 1


def test_the_worst_of_several_gates_decides(pbias: Run) -> None:
    Path("gates.txt").write_text("# bounds\n\naccuracy >= 0.1  # easy\naccuracy >= 0.999\n")
    args = ("metrics", "s90.npz", "--ref", "dense.npz", "--gate-file", "gates.txt", "-q", *GATED)
    done = pbias(*args, "--gate", "abs(did_tpr)@Male <= 0.05")
    verdicts = [line.split("': ")[1].split(";")[0] for line in done.stderr.splitlines()[:-1]]
    assert "3 gates: " in done.stderr.splitlines()[-1]
    assert (done.returncode, verdicts) == (1, ["inconclusive", "pass", "fail"])


def test_a_table_is_written_although_a_gate_fails(pbias: Run) -> None:
    done = pbias("metrics", "s90.npz", *GATED, "--gate", "accuracy >= 0.999", "-o", "out.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert Path("out.csv").read_text() == pbias("metrics", "s90.npz", *GATED).stdout


def test_large_files_are_read_in_blocks_and_say_what_that_costs(pbias: Run) -> None:
    args = ("metrics", "s90.npz", "--ref", "dense.npz", "--metrics", "auc,did_tpr")
    whole, blocks = pbias(*args), pbias(*args, "--in-memory", "0")
    assert "read in blocks" not in whole.stderr
    assert "AUC from 65,536 buckets of the logit, within 0.000" in blocks.stderr
    found, expected = ([r for r in rows_of(d) if r["metric"] == "did_tpr"] for d in (blocks, whole))
    assert found == expected


def test_labels_that_lack_ids_are_refused_in_blocks_too(pbias: Run) -> None:
    Path("labels.csv").write_text("image,split,Smiling\nimages/0000.png,test,1\n")
    done = pbias("metrics", "s90.npz", "--labels", "labels.csv", "--in-memory", "0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "labels.csv lacks 59 of the 60 ids of s90.npz (first: images/0001.png)" in done.stderr


def test_thresholds_hold_in_blocks_too(pbias: Run, write_thresholds: Write) -> None:
    write_thresholds("t.csv", {"Smiling": 0.4, "Wearing_Hat": np.inf, "Young": -1.0})
    args = ("metrics", "s90.npz", "--thresholds", "t.csv", *FAST)
    assert pbias(*args, "--in-memory", "0").stdout == pbias(*args).stdout


def test_thresholds_of_the_attributes_asked_for_will_do(
    pbias: Run, write_thresholds: Write
) -> None:
    write_thresholds("t.csv", {"Young": -1.0})
    write_thresholds("all.csv", {"Smiling": 9.0, "Wearing_Hat": 9.0, "Young": -1.0})
    args = ("metrics", "s90.npz", "--attributes", "Young", *FAST, "--thresholds")
    assert pbias(*args, "t.csv").stdout == pbias(*args, "all.csv").stdout != ""
    done = pbias("metrics", "s90.npz", "--thresholds", "t.csv")
    assert "t.csv has no threshold for 2 of 3 attributes" in done.stderr


def test_thresholds_of_a_reference_need_one(pbias: Run, write_thresholds: Write) -> None:
    write_thresholds("t.csv", {"Young": -1.0})
    done = pbias("metrics", "s90.npz", "--ref-thresholds", "t.csv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name it with --ref" in done.stderr


def test_an_intersection_with_a_part_twice_is_refused(pbias: Run) -> None:
    done = pbias("metrics", "s90.npz", "--groups", "Male:Male")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'Male:Male' names a part twice" in done.stderr


def test_options_of_the_engine_are_those_of_the_command() -> None:
    fields = Options.__dataclass_fields__
    assert set(fields) == {
        "groups",
        "attributes",
        "metrics",
        "level",
        "num_folds",
        "keep_predictions",
        "min_cell",
    }


def test_networks_that_were_trained_otherwise_are_warned_of(pbias: Run) -> None:
    for name, rate in (("dense", 0.1), ("s90", 0.2), ("s99", 0.1)):
        logits = read_logits(f"{name}.npz")
        write_logits(replace(logits, meta={"recipe": {"lr": rate, "seed": rate}}), f"{name}.npz")
    assert pbias("metrics", "s99.npz", "--ref", "dense.npz", *FAST).stderr.count("recipe") == 0
    said = pbias("metrics", "s99.npz", "s90.npz", "--ref", "dense.npz", *FAST).stderr
    assert "differ in more than pruning, and so may what is found: lr 0.2, reference 0.1;" in said


TWO_GATES = ("--gate", "accuracy >= 0.1", "--gate", "accuracy >= 0.999")


def test_gates_stand_in_the_report_and_in_json_and_never_in_csv(pbias: Run) -> None:
    args = ("metrics", "s90.npz", *GATED, "-q")
    report = pbias(*args, *TWO_GATES, "-f", "md").stdout
    assert report.index("### Gates") < report.index("### Means over attributes")
    covers = "each of 3 attributes, everyone"
    assert rf"| accuracy \>= 0.999 | fail | {covers} | 3 outside | outside: " in report
    assert "2 gates: fail (1 pass, 1 fail); each fails or passes wrongly in at most" in report
    found = json.loads(pbias(*args, *TWO_GATES, "-f", "json").stdout)["gates"]
    assert [(gate["verdict"], len(gate["rows_outside"])) for gate in found] == [
        ("pass", 0), ("fail", 3)
    ]  # fmt: skip
    assert json.loads(pbias(*args, "-f", "json").stdout)["gates"] == []
    assert pbias(*args, *TWO_GATES).stdout == pbias(*args).stdout


def test_a_report_beside_the_table_is_that_of_the_terminal_in_markdown(pbias: Run) -> None:
    args = ("metrics", "s90.npz", "--ref", "dense.npz", *GATED, *TWO_GATES)
    done = pbias(*args, "--report", "audit.md", "-o", "audit.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert Path("audit.md").read_text() == pbias(*args, "-f", "md").stdout
    assert Path("audit.csv").read_text() == pbias(*args).stdout


def test_a_report_and_a_table_are_two_files(pbias: Run) -> None:
    for pair in (("-o", "a.md", "--report", "./a.md"), ("--report", "-")):
        done = pbias("metrics", "s90.npz", *FAST, *pair)
        assert (done.returncode, done.stdout) == (2, "")
        assert "give one of them another name" in done.stderr


def test_a_report_says_first_what_was_audited(pbias: Run) -> None:
    change("s90.npz", clusters=np.array([f"p{row % 25}" for row in range(60)]))
    args = ("metrics", "s90.npz", "--ref", "dense.npz", "--groups", "Male", "-f", "md", *GATED)
    codes = read_logits("s90.npz").groups[:, 0]
    zeros, ones = ((codes == value).sum() for value in (0, 1))
    lines = pbias(*args, "--level", "0.9").stdout.splitlines()
    assert lines[0] == "### Verdict" and lines[2].startswith("Nothing got worse that holds")
    start = lines.index("### Audit")
    assert lines[start : start + 12 : 2] == [
        "### Audit",
        "Audited: s90.npz (sparsity 90.0%)",
        "Reference: dense.npz (sparsity 0.0%)",
        "Samples: 60, in 25 clusters",
        f"Male: 0 ({zeros}), 1 ({ones})",
        "Intervals: 90 %; one run a side, so that run-to-run variation is not in them",
    ]
    blocks = pbias(*args, "--level", "0.9", "--in-memory", "0").stdout.splitlines()
    assert blocks[start + 6] == "Samples: 60, in clusters"
    assert blocks[start + 8] == lines[start + 8]


def test_names_with_commas_are_given_in_quotes(pbias: Run) -> None:
    arrays = dict(np.load("s90.npz"))
    names = ['hat, "red"', "young", '12" screen']
    np.savez("odd.npz", **arrays | {"targets": np.array(names)})
    options = ["--metrics", "accuracy", "--groups", "", "--no-intervals", "-f", "json"]
    done = pbias("metrics", "odd.npz", "--attributes", '"hat, ""red""",12" screen', *options)
    assert done.returncode == 0, done.stderr
    found = [row["attribute"] for row in json.loads(done.stdout)["rows"]]
    assert found == ["", names[0], names[2]]
