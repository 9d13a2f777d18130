"""`pbias import table`: predictions of other programs, from a CSV or Parquet file to an audit.

Expected numbers are counted by hand from the tables in this file.
"""

from __future__ import annotations

import csv
import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import Logits, read_logits
from tests.conftest import needs

Run = Callable[..., CompletedProcess[str]]

# 4 of 5 known labels are right (e is not), 2 of 3 positive ones; women: 1 of 2, men: 1 of 1.
BINARY = """\
id,label,p,sex,person
a,1,0.9,f,x
b,0,0.1,m,y
c,,0.5,f,x
d,TRUE,0.999999999999,m,y
e,1,0.25,f,
f,FALSE,0.49999999999999994,m,z
"""
# Top-1: cat is right, dog is taken for a cat, bird is right, row d is unknown.
CLASSES = """\
image,species,p_cat,p_dog,p_bird
1.jpg,cat,0.7,0.2,0.1
2.jpg,dog,0.5,0.4,0.1
3.jpg,bird,0.0,0.0,1.0
4.jpg,,0.2,0.3,0.5
"""
ONE = ("--label", "label", "--probability", "p")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    """Write a text file into the working directory; return its name."""

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


def values(done: CompletedProcess[str]) -> dict[tuple[str, str], str]:
    """Return the values in a table of metrics by metric and contrast, for one attribute."""
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout))
    return {(row["metric"], row["contrast"]): row["value"] for row in rows if row["attribute"]}


def test_a_binary_table_through_a_real_pipe(shell: Run, write: Callable[[str, str], str]) -> None:
    write("v1.csv", BINARY)
    done = shell(
        "pbias import table - --label label --probability p --groups sex -o - < v1.csv "
        "| pbias metrics - --metrics accuracy,tpr --no-intervals"
    )
    found = values(done)
    assert float(found["accuracy", ""]) == pytest.approx(4 / 5)
    assert float(found["tpr", ""]) == pytest.approx(2 / 3)
    assert (found["tpr", "f"], found["tpr", "m"]) == ("0.5", "1.0")


def test_everything_of_a_row_is_kept(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("v1.csv", BINARY)
    options = ("--groups", "sex", "--cluster", "person", "-o", "v1.npz")
    assert pbias("import", "table", "v1.csv", *ONE, *options).returncode == 0
    found = read_logits("v1.npz")
    assert found.ids is not None and found.ids.tolist() == list("abcdef")
    assert found.labels[:, 0].tolist() == [1, 0, -1, 1, 1, 0]
    assert found.clusters is not None and found.clusters.tolist() == ["x", "y", "x", "y", "e", "z"]
    assert found.group_values == (("f", "m"),) and found.groups[:, 0].tolist() == [0, 1] * 3
    assert (found.targets, found.activation) == (("label",), "sigmoid")
    assert found.probabilities is not None and found.thresholds is None
    assert found.probabilities[:, 0].tolist() == [
        0.9, 0.1, 0.5, 0.999999999999, 0.25, 0.49999999999999994,
    ]  # fmt: skip
    assert (found.logits[:, 0] > 0).tolist() == [True, False, False, True, False, False]


def test_probabilities_land_in_their_bins_and_ranks(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    """0.1 and 0.9 are not uncertain (their logits in float32 were); 1 - 1e-12 ranks below 1."""
    rows = ["a,0,0.1", "b,1,0.9", "c,1,1", "d,0,0.999999999999", "e,1,0.9999999999995"]
    write("p.csv", "\n".join(["id,label,p", *rows]) + "\n")
    assert pbias("import", "table", "p.csv", *ONE, "-o", "p.npz").returncode == 0
    done = pbias("metrics", "p.npz", "--metrics", "uncertainty,auc", "--no-intervals")
    found = values(done)
    assert float(found["uncertainty", ""]) == 0
    assert float(found["auc", ""]) == pytest.approx(5 / 6)  # d beats b, one of 6 pairs


@pytest.mark.parametrize("threshold", ["0.1", "0.3", "0.9"])
def test_a_threshold_is_a_probability_to_the_last_digit(
    pbias: Run, write: Callable[[str, str], str], threshold: str
) -> None:
    cut = float(threshold)
    near = [float(np.nextafter(cut, 0)), cut, float(np.nextafter(cut, 1))]
    write("t.csv", "id,label,p\n" + "".join(f"{i},1,{p!r}\n" for i, p in enumerate(near)))
    options = ("--threshold", threshold, "-o", "t.npz")
    assert pbias("import", "table", "t.csv", *ONE, *options).returncode == 0
    found = read_logits("t.npz")
    assert found.thresholds is not None
    assert (found.logits[:, 0] > found.thresholds).tolist() == [False, False, True]


def test_classes_with_names_or_numbers_of_their_columns(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("names.csv", CLASSES)
    numbers = CLASSES.replace(",cat,0.7", ",0,0.7").replace(",dog,0.5", ",1.0,0.5")
    write("numbers.csv", numbers.replace(",bird,0.0", ",2,0.0"))
    for name in ("names", "numbers"):
        columns = ("--label", "species", "--probability", "p_{class}")
        done = pbias("import", "table", f"{name}.csv", *columns, "-o", f"{name}.npz")
        assert done.returncode == 0, done.stderr
        found = read_logits(f"{name}.npz")
        assert (found.targets, found.activation) == (("cat", "dog", "bird"), "softmax")
        assert found.labels.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]]
        rows = pbias("metrics", f"{name}.npz", "--metrics", "top1_accuracy", "--no-intervals")
        (row,) = csv.DictReader(io.StringIO(rows.stdout))
        assert float(row["value"]) == pytest.approx(2 / 3)


def test_several_targets_that_a_pattern_names(pbias: Run, write: Callable[[str, str], str]) -> None:
    header = "id,smiling,hat,z_hat,z_smiling,z_young\n"
    write("many.csv", header + "a,1,0,-1.5,2.25,0\nb,0,-1.0,3,-0.5,0\n")
    columns = ("--label", "{target}", "--logit", "z_{target}")
    done = pbias("import", "table", "many.csv", *columns, "-o", "many.npz")
    assert done.returncode == 2
    assert "no column 'young' for the labels of 'young'" in done.stderr
    chosen = ("--targets", "smiling,hat", "-o", "many.npz")
    assert pbias("import", "table", "many.csv", *columns, *chosen).returncode == 0
    found = read_logits("many.npz")
    assert found.targets == ("smiling", "hat")
    assert found.logits.tolist() == [[2.25, -1.5], [-0.5, 3.0]]
    assert found.labels.tolist() == [[1, 0], [0, -1]] and found.probabilities is None


def test_one_target_is_called_like_its_labels_or_as_it_is_named(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("v1.csv", BINARY)
    for more, name in (((), "label"), (("--targets", "smiling"), "smiling")):
        assert pbias("import", "table", "v1.csv", *ONE, *more, "-o", "v1.npz").returncode == 0
        assert read_logits("v1.npz").targets == (name,)
    assert pbias("import", "table", "v1.csv", "--probability", "p", "-o", "p.npz").returncode == 0
    assert read_logits("p.npz").targets == ("p",)


def test_classes_with_a_column_of_labels_each(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("hot.csv", "id,is_cat,is_dog,z_cat,z_dog\na,1,0,2.5,-1\nb,FALSE,TRUE,3,1\n")
    columns = ("--label", "is_{class}", "--logit", "z_{class}")
    assert pbias("import", "table", "hot.csv", *columns, "-o", "hot.npz").returncode == 0
    found = read_logits("hot.npz")
    assert found.activation == "softmax" and found.labels.tolist() == [[1, 0], [0, 1]]
    done = pbias("metrics", "hot.npz", "--metrics", "top1_accuracy", "--no-intervals")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert float(row["value"]) == 0.5


@pytest.mark.parametrize(
    ("text", "columns", "accuracy", "value"),
    [
        ("id,y,pred\na,1,1\nb,0,TRUE\nc,1,1.0\nd,0,0\n", "y", "accuracy", 3 / 4),
        ("id,y,pred\na,cat,cat\nb,dog,cat\nc,cow,cow\n", "y", "top1_accuracy", 2 / 3),
        ("id,y,pred\na,7,7\nb,10,7\nc,9,9\n", "y", "top1_accuracy", 2 / 3),
    ],
)
def test_predictions_alone_have_accuracy_and_no_scores(
    pbias: Run,
    write: Callable[[str, str], str],
    text: str,
    columns: str,
    accuracy: str,
    value: float,
) -> None:
    write("hard.csv", text)
    named = ("--label", columns, "--prediction", "pred", "-o", "hard.npz")
    assert pbias("import", "table", "hard.csv", *named).returncode == 0
    done = pbias("metrics", "hard.npz", "--no-intervals")
    rows = [row for row in csv.DictReader(io.StringIO(done.stdout)) if not row["group"]]
    (found,) = [
        r for r in rows if r["metric"] == accuracy and (r["attribute"] or "top1" in accuracy)
    ]
    assert float(found["value"]) == pytest.approx(value)
    scored = [r for r in rows if r["metric"] in ("auc", "ece", "brier", "uncertainty")]
    assert len(scored) >= 8 and {r["value"] for r in scored} == {""}
    reasons = {row["reason"] for row in scored if row["attribute"]}
    assert reasons == {"predictions without scores"}
    for command in (("flag", "hard.npz"), ("calibrate", "hard.npz")):
        done = pbias(*command)
        assert done.returncode == 2 and "needs scores; give logits or probabilities" in done.stderr


def test_numbered_classes_are_in_the_order_of_their_numbers(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("hard.csv", "id,y,pred\na,7,10\nb,10,9\n")
    named = ("--label", "y", "--prediction", "pred", "-o", "hard.npz")
    assert pbias("import", "table", "hard.csv", *named).returncode == 0
    assert read_logits("hard.npz").targets == ("7", "9", "10")


def test_spreadsheets_of_europe_are_read_with_the_words_of_pandas(
    pbias: Run, tmp_path: Path
) -> None:
    text = "﻿;id;label;p\r\n0;a;WAHR;0,25\r\n1;b;0;1e-3\r\n".replace("WAHR", "True")
    (tmp_path / "eu.csv").write_bytes(text.encode("utf-8"))
    done = pbias("import", "table", "eu.csv", *ONE, "-o", "eu.npz")
    assert "separated by semicolons; add --sep ';'" in done.stderr
    done = pbias("import", "table", "eu.csv", *ONE, "--sep", ";", "-o", "eu.npz")
    assert "line 2, column 'p' holds '0,25' with a decimal comma; add --decimal ," in done.stderr
    options = ("--sep", ";", "--decimal", ",", "-o", "eu.npz")
    assert pbias("import", "table", "eu.csv", *ONE, *options).returncode == 0
    found = read_logits("eu.npz")
    assert found.probabilities is not None and found.probabilities.tolist() == [[0.25], [0.001]]
    assert found.labels.tolist() == [[1], [0]]


def test_tabs_are_named_as_pandas_names_them(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("v1.tsv", BINARY.replace(",", "\t"))
    refused = pbias("import", "table", "v1.tsv", *ONE, "-o", "tabs.npz")
    assert "separated by tabs; add --sep '\\t'" in refused.stderr
    assert pbias("import", "table", "v1.tsv", *ONE, "--sep", "\\t", "-o", "t.npz").returncode == 0
    assert len(read_logits("t.npz")) == 6


def test_true_and_false_are_labels_in_the_suggested_command(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("t.csv", "id,smiling,p,sex\na,True,0.9,f\nb,FALSE,0.2,m\nc,false,0.4,f\nd,TRUE,0.6,m\n")
    said = pbias("metrics", "t.csv").stderr
    assert "--label smiling --probability p --groups sex -o t.npz" in said


def test_a_table_without_labels_is_warned_of(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("t.csv", "id,p\na,0.9\nb,0.2\n")
    done = pbias("import", "table", "t.csv", "--probability", "p", "-o", "t.npz")
    assert done.returncode == 0 and "no label is known" in done.stderr


def test_decimal_commas_in_quotes(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("t.csv", 'id,label,p\na,1,"0,75"\nb,0,"0,25"\n')
    done = pbias("import", "table", "t.csv", *ONE, "--decimal", ",", "-o", "t.npz")
    assert done.returncode == 0, done.stderr
    assert read_logits("t.npz").logits[:, 0].tolist() == pytest.approx([np.log(3), -np.log(3)])


def test_numbered_columns_take_the_names_of_targets(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("t.csv", "id,species,p_0,p_1\na,dog,0.1,0.9\nb,cat,0.7,0.3\n")
    scores = ("--label", "species", "--probability", "p_{class}")
    done = pbias("import", "table", "t.csv", *scores, "--targets", "cat,dog", "-o", "t.npz")
    assert done.returncode == 0, done.stderr
    found = read_logits("t.npz")
    assert found.targets == ("cat", "dog") and found.labels.tolist() == [[0, 1], [1, 0]]
    done = pbias("import", "table", "t.csv", *scores, "--targets", "cat,dog,fox", "-o", "u.npz")
    assert done.returncode == 2 and "there are p_0, p_1" in done.stderr


def test_a_predicted_class_is_found(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("t.csv", "id,label,top1,sex\na,cat,dog,f\nb,dog,dog,m\nc,cat,cat,m\nd,cat,cat,f\n")
    assert "--label label --prediction top1 --groups sex" in pbias("metrics", "t.csv").stderr


BAD: list[tuple[str, str, str]] = [
    ("id,label,p\na,1,93\nb,0,4.5\n", "", "runs from 4.5 to 93, so it seems to hold percentages"),
    ("id,label,p\na,1,93%\n", "", "line 2, column 'p' holds '93%', a percentage"),
    (
        "id,label,p\na,1,2.5\nb,0,-3\n",
        "",
        "it does not hold probabilities; name logits with --logit",
    ),
    ("id,label,p\na,1,0.5\nb,0,\n", "", "line 3, column 'p' is empty; every row needs a predict"),
    ("id,label,p\na,1,0.5\nb,0,nan\n", "", "line 3, column 'p' is empty"),
    ("id,label,p\na,1,0_5\n", "", "holds '0_5', which is not a number"),
    ("id,label,p\na,1,.5\na,0,.4\n", "", "id 'a' occurs more than once (1 rows are repeats)"),
    ("id,label,p\n,1,.5\n", "", "column 'id' is empty; give every row an id"),
    ("id,label,p\na,1,.5\nb,-1,.4\n", "", "column 'label' holds -1 and 1; replace -1 by 0"),
    ("id,label,p\na,cat,.5\nb,dog,.5\n", "", "column 'label' holds 'cat' and 'dog' in place of"),
    ("id,label,p\na,cat,.5\nb,1,.5\nc,x,0\n", "", "holds 'cat' (2 values are not 0, 1, TRUE or"),
    ("id,label,p\na,2,.5\n", "", "column 'label' holds '2' (1 values are not 0, 1, TRUE"),
    ("id,lable,p\na,1,.5\n", "", "no column 'label'; did you mean 'lable'? (named by --label)"),
    ("id,label,label\na,1,.5\n", "", "has two columns named 'label'; rename one"),
    ("id,label,p\n", "", "holds no rows below its header"),
    ("id,label,p\na,1\n", "", "line 2: 2 cells, but the header has 3"),
    ("id,label,p\na,1,.5\n", "--groups age", "no column 'age'"),
    ("id,label,p\na,1,.5\n", "--sep ab", "--sep is 'ab'; give one character"),
    ("id,label,p\na,1,.5\n", "--decimal xy", "--decimal is 'xy'; give one character"),
    ("id,label,p\na,1,.5\n", "--logit p", "--probability and --logit are given; choose one of"),
    ("id,label,p\na,1,.5\n", "--threshold nan", "nan is not a number"),
    ("id,label,p\na,1,.5\n", "--threshold 50", "--threshold 50.0 is not a probability; give one"),
    ("id,label,p\na,1,.5\n", "--targets a,b", "names 2 targets but --probability p is one column"),
]


@pytest.mark.parametrize(("text", "more", "said"), BAD)
def test_bad_tables_are_one_line_and_status_2(
    pbias: Run, write: Callable[[str, str], str], text: str, more: str, said: str
) -> None:
    write("bad.csv", text)
    done = pbias("import", "table", "bad.csv", *ONE, *more.split(), "-o", "bad.npz")
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not Path("bad.npz").exists()


BAD_CLASSES: list[tuple[str, str, str]] = [
    (
        "id,y,pred\na,cat,0\nb,dog,1\n",
        "--label y --prediction pred",
        "column 'pred' holds 0, 1 and 'y' cat, dog, class names in one and numbers in the other",
    ),
    (
        "id,y,p_cat,p_dog\na,cat,1,0\nb,cow,0,1\n",
        "--label y --probability p_{class}",
        "line 3, column 'y' holds 'cow', which is not one of the classes (cat, dog)",
    ),
    (
        "id,y,p_cat,p_dog\na,0,1,0\nb,2,0,1\n",
        "--label y --probability p_{class}",
        "line 3, column 'y' holds '2', which is not one of the classes (cat, dog)",
    ),
    (
        "id,y,p_cat,p_dog\na,cat,0,0\n",
        "--label y --probability p_{class}",
        "and the other classes are all 0",
    ),
    ("id,y,pred\na,cat,\nb,dog,dog\n", "--label y --prediction pred", "column 'pred' holds ''"),
    ("id,y,pred\na,cat,cat\n", "--label y --prediction pred", "hold cat; name all classes with"),
    ("id,y,p_a\na,1,1\n", "--label y --probability q_{class}", "no column like --probability 'q_{"),
    ("id,y,p_a\na,1,1\n", "--label y --probability p_{target}", "--label y is one column but"),
    ("id,y,p_a\na,1,1\n", "--label {target} --probability p_a", "stands for several columns but"),
    ("id,y,p_a\na,1,1\n", "--label y --prediction p_{class}", "name the one column"),
    ("id,y,p_a\na,a,1\n", "--label y --probability p_{class}", "matches one column of"),
    (
        "id,y,p_cat,p_dog\na,cat,1,0\n",
        "--label y --probability p_{class} --threshold .5",
        "--threshold 0.5 has no effect",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "columns", "said"), BAD_CLASSES)
def test_bad_tables_of_classes_are_one_line_and_status_2(
    pbias: Run, write: Callable[[str, str], str], text: str, columns: str, said: str
) -> None:
    write("bad.csv", text)
    done = pbias("import", "table", "bad.csv", *columns.split(), "-o", "bad.npz")
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_names_in_one_file_and_numbers_in_the_other(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    """Two files are compared only after `--targets` says which number is which class."""
    write("v1.csv", "id,y,pred\na,cat,cat\nb,dog,cat\n")
    write("v2.csv", "id,y,pred\na,0,2\nb,2,2\n")
    columns = ("--label", "y", "--prediction", "pred")
    for name in ("v1", "v2"):
        assert (
            pbias("import", "table", f"{name}.csv", *columns, "-o", f"{name}.npz").returncode == 0
        )
    done = pbias("metrics", "v2.npz", "--ref", "v1.npz")
    assert (
        done.returncode == 2
        and "has no attribute '0' but v2.npz does; classes have numbers" in done.stderr
    )
    named = ("--targets", "cat,cow,dog")
    for name in ("v1", "v2"):
        more = (*columns, *named, "-o", f"{name}.npz")
        assert pbias("import", "table", f"{name}.csv", *more).returncode == 0
    done = pbias("metrics", "v2.npz", "--ref", "v1.npz", "--metrics", "top1_accuracy")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["value"], row["reference"]) == ("0.5", "0.5")


def test_sums_that_are_no_softmax_are_warned_of(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("s.csv", "id,y,p_cat,p_dog\na,cat,0.9,0.8\nb,dog,0.5,0.5\n")
    done = pbias(
        "import", "table", "s.csv", "--label", "y", "--probability", "p_{class}", "-o", "s.npz"
    )
    assert done.returncode == 0 and "classes add up to 1.7, not 1" in done.stderr


def test_rows_that_were_trained_on_are_warned_of(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("s.csv", "label,p,split\n1,0.9,train\n0,0.5,test\n")
    done = pbias("import", "table", "s.csv", *ONE, "-o", "s.npz")
    assert "rows of the splits test, train, and all are imported" in done.stderr
    assert "joined by position; name one with --id" in done.stderr


# Any audit suggests this command for a table whose column names show their meaning.
SUGGESTED: list[tuple[str, str]] = [
    (BINARY, "--id id --label label --probability p --groups sex"),
    (CLASSES, "--id image --label species --probability 'p_{class}'"),
    (
        "id,hat,p_hat,p_beard,beard\na,1,.9,.2,0\nb,0,.2,.3,1\n",
        "--id id --label '{target}' --probability 'p_{target}'",
    ),
    ("y_true,y_pred\n1,0\n0,0\n", "--label y_true --prediction y_pred"),
    ("id,Smiling,score\na,1,-3\nb,0,2\n", "--id id --label Smiling --logit score"),
    ("id;truth;prob\na;1;0,5\nb;0;0,7\n", "--id id --label truth --probability prob"),
]


@pytest.mark.parametrize(("text", "options"), SUGGESTED)
def test_audits_of_a_table_name_the_command_that_imports_it(
    pbias: Run, write: Callable[[str, str], str], text: str, options: str
) -> None:
    write("v1.csv", text)
    done = pbias("metrics", "v1.csv")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    _, _, suggested = done.stderr.strip().partition("import it first: ")
    assert suggested.startswith(f"pbias import table v1.csv {options}")
    assert suggested.endswith(" -o v1.npz")
    assert pbias(*shlex.split(suggested)[1:]).returncode == 0
    assert pbias("metrics", "v1.npz", "--no-intervals").returncode == 0


@pytest.mark.parametrize("name", ["p_{x}", "{}_p", "p_{", "p_{0}_prob", "p_\u202e", "p_'"])
def test_odd_names_of_columns_are_no_bug(
    pbias: Run, write: Callable[[str, str], str], name: str
) -> None:
    write("v1.csv", f"id,y,{name},z_{name}\na,1,.5,1\nb,0,.7,2\n")
    done = pbias("metrics", "v1.csv")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_of_a_pipe_too(shell: Run, write: Callable[[str, str], str]) -> None:
    write("v1.csv", BINARY)
    said = "standard input is a CSV file, not logits; import it first: pbias import table - --id id"
    assert said in shell("pbias flag - < v1.csv").stderr


def test_a_table_without_options_is_answered_with_the_command(
    pbias: Run, write: Callable[[str, str], str]
) -> None:
    write("v1.csv", BINARY)
    done = pbias("import", "table", "v1.csv", "-o", "out.npz")
    assert done.returncode == 2
    assert "try: pbias import table v1.csv --id id --label label --probability p" in done.stderr
    write("other.csv", "a,b\n3,4\n")
    done = pbias("import", "table", "other.csv", "-o", "out.npz")
    assert done.returncode == 2 and "it has the columns a, b" in done.stderr


def test_parquet_holds_what_the_same_csv_holds(pbias: Run, shell: Run, tmp_path: Path) -> None:
    needs("pyarrow")
    import pandas as pd

    frame = pd.DataFrame({
        "id": ["a", "b", "c"], "label": [True, False, None], "p": [0.1, 0.9, 1 - 1e-12],
        "band": pd.Categorical(["young", "old", "old"]), "size": [1.0, 2.0, np.nan],
    })  # fmt: skip
    frame.to_parquet(tmp_path / "v1.parquet")
    frame.to_csv(tmp_path / "v1.csv")
    options = (*ONE, "--groups", "band,size")
    assert pbias("import", "table", "v1.parquet", *options, "-o", "a.npz").returncode == 0
    assert pbias("import", "table", "v1.csv", *options, "-o", "b.npz").returncode == 0
    piped = f"cat v1.parquet | pbias import table - {shlex.join(options)} -o c.npz"
    assert shell(piped).returncode == 0
    a, b, c = (read_logits(str(tmp_path / f"{name}.npz")) for name in "abc")
    for other in (b, c):
        assert a.probabilities is not None and other.probabilities is not None
        assert (
            a.probabilities.tolist() == other.probabilities.tolist() == [[0.1], [0.9], [1 - 1e-12]]
        )
        assert a.labels.tolist() == other.labels.tolist() == [[1], [0], [-1]]
        assert a.group_values == other.group_values == (("old", "young"), ("1", "2"))
        assert a.groups.tolist() == other.groups.tolist() == [[1, 0], [0, 1], [0, -1]]
    done = pbias("metrics", "v1.parquet")
    assert (
        "is a Parquet table, not logits; import it first: pbias import table v1.par" in done.stderr
    )
    asked = pbias("import", "table", "v1.parquet", "-o", "v1.npz")
    assert (
        "try: pbias import table v1.parquet --id id --label label --probability p" in asked.stderr
    )


def test_damaged_and_nested_parquet_is_one_line(pbias: Run, tmp_path: Path) -> None:
    needs("pyarrow")
    import pandas as pd

    table = pd.DataFrame({"label": [1, 0], "p": [[0.5], [0.2]], "q": [0.5, 0.2]})
    table["jpeg"] = [b"\xff\xd8", b"\xff"]  # not text, and not requested
    table.to_parquet(tmp_path / "nested.parquet")
    named = ("--label", "label", "--probability", "q", "-o", "x.npz")
    assert pbias("import", "table", "nested.parquet", *named).returncode == 0
    done = pbias("import", "table", "nested.parquet", *ONE, "-o", "x.npz")
    assert done.returncode == 2 and "row 1, column 'p' holds '(list<" in done.stderr
    whole = (tmp_path / "nested.parquet").read_bytes()
    for size in (4, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.parquet").write_bytes(whole[:size])
        done = pbias("import", "table", "cut.parquet", *ONE, "-o", "x.npz")
        assert done.returncode == 2 and "is not a usable Parquet file" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_parquet_without_pyarrow_names_the_extra(
    pbias: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "v1.parquet").write_bytes(b"PAR1....")
    done = pbias("import", "table", "v1.parquet", *ONE, "-o", "x.npz")
    assert done.returncode == 2
    assert "reading Parquet files needs pyarrow; install it with pip install 'pbias[parquet]'" in (
        done.stderr
    )


def test_other_archives_are_named(pbias: Run, make_logits: Callable[..., Logits]) -> None:
    make_logits().save("v1.npz")
    done = pbias("import", "table", "v1.npz", *ONE, "-o", "x.npz")
    assert done.returncode == 2 and "v1.npz is an archive" in done.stderr


def test_the_same_table_gives_the_same_bytes(pbias: Run, write: Callable[[str, str], str]) -> None:
    write("v1.csv", BINARY)
    for name in ("a.npz", "b.npz"):
        assert pbias("import", "table", "v1.csv", *ONE, "-o", name).returncode == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()


@pytest.mark.parametrize("command", ["compare", "flag", "metrics"])
def test_a_file_of_probabilities_says_what_the_imported_table_says(
    pbias: Run, write: Callable[[str, str], str], command: str
) -> None:
    write("v1.csv", BINARY)
    assert pbias("import", "table", "v1.csv", *ONE, "-o", "v1.npz").returncode == 0
    p = np.array([[0.9], [0.1], [0.5], [0.999999999999], [0.25], [0.49999999999999994]])
    labels = np.array([[1], [0], [-1], [1], [1], [0]])
    Path("other").mkdir()
    np.savez("other/v1.npz", logits=p, labels=labels, targets=["label"], ids=list("abcdef"))
    refused = pbias(command, "other/v1.npz")
    assert refused.returncode == 2 and "add --probabilities, if they are logits" in refused.stderr
    done = pbias(command, "other/v1.npz", "--probabilities")
    assert done.returncode == 0 and done.stdout == pbias(command, "v1.npz").stdout
