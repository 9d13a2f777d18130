"""`pbias import table --positive`: labels and predictions that are texts; counts are by hand."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.files.logits import read_logits
from pbias.workflows.importing.table import import_table

Run = Callable[..., CompletedProcess[str]]

# Of 3 malignant lesions 2 have p above 0.5, and 1 is called malignant; e is unknown.
SKIN = """\
id,diagnosis,p,call,sex
a,malignant,0.9,malignant,f
b,benign,0.2,benign,m
c,malignant,0.7,benign,f
d,malignant,0.3,benign,m
e,,0.4,benign,f
f,benign,0.6,malignant,m
"""
LABEL = ("--label", "diagnosis")


def imported(pbias: Run, text: str, *options: str) -> CompletedProcess[str]:
    Path("t.csv").write_text(text, encoding="utf-8")
    return pbias("import", "table", "t.csv", *options, "-o", "t.npz")


def rate(pbias: Run, metric: str, attribute: str = "diagnosis") -> float:
    done = pbias("metrics", "t.npz", "--metrics", metric, "--no-intervals", "-q")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    (row,) = [r for r in rows if r["attribute"] == attribute and not r["group"]]
    return float(row["value"])


def test_the_positive_value_of_a_text_label(pbias: Run) -> None:
    done = imported(pbias, SKIN, *LABEL, "--probability", "p", "--positive", "malignant")
    assert done.returncode == 0 and "diagnosis: 1 is 'malignant'; 0 is 'benign'" in done.stderr
    assert read_logits("t.npz").labels[:, 0].tolist() == [1, 0, 1, 1, -1, 0]
    assert rate(pbias, "tpr") == pytest.approx(2 / 3)
    assert rate(pbias, "fpr") == pytest.approx(1 / 2)


def test_predictions_that_are_texts_too(pbias: Run) -> None:
    done = imported(pbias, SKIN, *LABEL, "--prediction", "call", "--positive", "malignant")
    assert done.returncode == 0, done.stderr
    assert read_logits("t.npz").targets == ("diagnosis",)
    assert rate(pbias, "tpr") == pytest.approx(1 / 3)
    other = imported(pbias, SKIN, *LABEL, "--prediction", "call", "--positive", "benign")
    assert other.returncode == 0
    assert rate(pbias, "tpr") == pytest.approx(1 / 2)


def test_two_classes_say_how_to_become_one_target(pbias: Run) -> None:
    done = imported(pbias, SKIN, *LABEL, "--prediction", "call")
    assert done.returncode == 0 and read_logits("t.npz").targets == ("benign", "malignant")
    assert "add --positive benign or --positive malignant" in done.stderr


def test_numbers_in_one_column_and_texts_in_the_other(pbias: Run) -> None:
    text = "id,y,call\na,1,yes\nb,0,no\nc,1,no\n"
    done = imported(pbias, text, "--label", "y", "--prediction", "call", "--positive", "yes")
    assert done.returncode == 0, done.stderr
    assert rate(pbias, "tpr", "y") == 1 / 2


def test_a_model_that_never_predicts_the_positive_value(pbias: Run) -> None:
    text = "id,y,call\na,ill,well\nb,well,well\n"
    done = imported(pbias, text, "--label", "y", "--prediction", "call", "--positive", "ill")
    assert done.returncode == 0, done.stderr
    assert rate(pbias, "tpr", "y") == 0


def test_several_values_are_positive_together(pbias: Run) -> None:
    text = "id,dx,p\na,mel,.9\nb,bcc,.8\nc,nevus,.1\nd,wart,.2\n"
    values = ("--positive", "mel", "--positive", "bcc")
    done = imported(pbias, text, "--label", "dx", "--probability", "p", *values)
    assert "dx: 1 is 'bcc', 'mel'; 0 is 'nevus', 'wart'" in done.stderr
    assert read_logits("t.npz").labels[:, 0].tolist() == [1, 1, 0, 0]


def test_a_value_for_each_of_several_targets(pbias: Run) -> None:
    text = "id,hat,mood,p_hat,p_mood\na,yes,happy,.9,.8\nb,no,sad,.2,.3\nc,,sad,.1,.9\n"
    columns = ("--label", "{target}", "--probability", "p_{target}")
    refused = imported(pbias, text, *columns)
    assert refused.returncode == 2 and "--positive hat=yes, or --positive hat=no" in refused.stderr
    refused = imported(pbias, text, *columns, "--positive", "hat=yes")
    assert refused.returncode == 2 and "column 'mood' holds 'happy', 'sad'" in refused.stderr
    each = ("--positive", "hat=yes", "--positive", "mood=sad")
    assert imported(pbias, text, *columns, *each).returncode == 0
    assert read_logits("t.npz").labels.tolist() == [[1, 0], [0, 1], [-1, 1]]


def test_one_value_for_all_targets_leaves_columns_of_0_and_1(pbias: Run) -> None:
    text = "id,hat,cap,tie,p_hat,p_cap,p_tie\na,yes,yes,1,.9,.8,.5\nb,no,no,0,.2,.3,.5\n"
    columns = ("--label", "{target}", "--probability", "p_{target}", "--positive", "yes")
    assert imported(pbias, text, *columns).returncode == 0
    assert read_logits("t.npz").labels.tolist() == [[1, 1, 1], [0, 0, 0]]


BAD: list[tuple[str, str]] = [
    ("--label diagnosis --probability p", "say which one is positive: --positive malignant, or"),
    ("--label diagnosis --probability p --positive Malignant", "did you mean 'malignant'?"),
    ("--label diagnosis --probability p --positive 1", "name one of 'benign', 'malignant'"),
    ("--label diagnosis --probability p --positive nan", "names an unknown value"),
    ("--probability p --positive malignant", "has no effect without labels"),
    ("--label sex --prediction call --positive f", "column 'call' holds 'benign', 'malignant'"),
    ("--label id --probability p", "name each positive value with --positive"),
    ("--label id --probability {class} --targets p,sex --positive a", "is for targets of two val"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_what_does_not_fit_is_one_line_and_status_2(pbias: Run, options: str, said: str) -> None:
    done = imported(pbias, SKIN, *options.split())
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not Path("t.npz").exists()


def test_minus_1_stays_unknown(pbias: Run) -> None:
    options = ("--label", "y", "--probability", "p", "--positive", "1")
    done = imported(pbias, "id,y,p\na,1,.5\nb,-1,.4\n", *options)
    assert done.returncode == 2 and "holds -1 and 1; replace -1 by 0" in done.stderr


def test_a_suggested_command_runs_as_it_is(pbias: Run) -> None:
    """The value with the larger mean score; it has a space, and is quoted."""
    text = SKIN.replace("malignant", "not good").replace("call", "pred")
    Path("t.csv").write_text(text, encoding="utf-8")
    said = pbias("metrics", "t.csv").stderr
    assert "--label diagnosis --probability p --positive 'not good' --groups sex" in said
    command = shlex.split(said.partition("first: pbias ")[2])
    assert pbias(*command).returncode == 0
    assert read_logits("t.npz").labels[:, 0].tolist() == [1, 0, 1, 1, -1, 0]
    refused = imported(pbias, text, *LABEL, "--probability", "p")
    assert "--positive 'not good', or --positive benign" in refused.stderr


def test_a_column_of_the_predicted_texts_is_the_label(pbias: Run) -> None:
    Path("t.csv").write_text("id,state,pred\na,ok,ok\nb,ill,ill\nc,ok,ill\n", encoding="utf-8")
    assert "--id id --label state --prediction pred -o" in pbias("metrics", "t.csv").stderr


def test_the_library_takes_a_value_or_several(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(SKIN, encoding="utf-8")
    for positive in ("malignant", ["malignant"]):
        found = import_table(path, label="diagnosis", probability="p", positive=positive)
        assert found.labels[:, 0].tolist() == [1, 0, 1, 1, -1, 0]
        assert found.meta["arguments"]["positive"] == positive
