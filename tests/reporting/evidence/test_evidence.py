"""The output of `pbias evidence` and `pbias metrics --junit`, read as other programs read it."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias import Logits

Run = Callable[..., CompletedProcess[str]]
FACTS = 'system = "Screening"\nusers = ["recruiters", "about applicants"]\nrisks = 2026-11-27\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


def table(text: str, title: str) -> list[list[str]]:
    """Return the cells of the Markdown table below a heading, without header and rule."""
    body = text.split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]
    lines = [line for line in body.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def selections(groups: dict[str, tuple[int, int]], path: str = "a.npz") -> None:
    """Write a file in which `selected` of `n` samples of each value are predicted positive."""
    values = [v for v, (n, _) in groups.items() for _ in range(n)]
    chosen = [i < k for n, k in groups.values() for i in range(n)]
    z = np.where(chosen, 1.5, -1.5)[:, None]
    labels = np.full((len(values), 1), -1)
    Logits.from_arrays(z, labels, targets=["hired"], groups={"sex": values}).save(path)


def test_the_worked_example_of_local_law_144(pbias: Run) -> None:
    """New York, rule section 5-301: 54.3 and 44.7 % make impact ratios of 1.00 and 0.82."""
    selections({"male": (1000, 543), "female": (1000, 447)})
    done = pbias("evidence", "a.npz", "--groups", "sex")
    assert done.returncode == 0, done.stderr
    rows = {row[0]: row for row in table(done.stdout, "hired by group")}
    shown = {g: [float(cell.split()[0]) for cell in row[4:6]] for g, row in rows.items()}
    assert shown["sex=male"] == [0.543, 1.0]
    assert shown["sex=female"] == [0.447, pytest.approx(0.82, abs=0.005)]
    assert rows["sex=female"][1:4] == ["1000", "0", "1000"]  # no label is known
    low, high = map(float, re.findall(r"0\.\d+", rows["sex=female"][5])[1:])
    assert low < 0.823 < high < 1  # the interval is that of the ratio


def test_groups_under_two_percent_are_marked(pbias: Run) -> None:
    selections({"a": (985, 500), "b": (15, 7)})
    rows = table(pbias("evidence", "a.npz").stdout, "hired by group")
    assert [row[0] for row in rows] == ["sex=a", r"sex=b\*"]


def test_single_groups_and_their_intersections(pbias: Run) -> None:
    sex, age = np.tile(["f", "m"], 30), np.repeat(["old", "young"], 30)
    z = np.random.default_rng(0).normal(size=(60, 1))
    groups = {"sex": sex, "age": age}
    Logits.from_arrays(z, z > 0, targets=["ok"], groups=groups).save("a.npz")
    rows = {r[0]: r for r in table(pbias("evidence", "a.npz").stdout, "ok by group")}
    both = [f"sex:age={s}:{a}" for s in "fm" for a in ("old", "young")]
    assert list(rows) == ["sex=f", "sex=m", "age=old", "age=young", *both]
    for s in "fm":
        for a in ("old", "young"):
            mine = (sex == s) & (age == a)
            row = rows[f"sex:age={s}:{a}"]
            assert row[1:4] == [str(mine.sum()), str((z[mine] > 0).sum()), "0"]
            assert float(row[4].split()[0]) == pytest.approx((z[mine] > 0).mean(), abs=6e-4)


def test_files_are_hashed_and_facts_completed(pbias: Run) -> None:
    selections({"a": (50, 20), "b": (50, 30)})
    Path("facts.toml").write_text(FACTS)
    text = pbias("evidence", "a.npz", "--facts", "facts.toml").stdout
    files = {row[0]: row[1:] for row in table(text, "Files")}
    assert files["audited logits"] == [
        "a.npz",
        hashlib.sha256(Path("a.npz").read_bytes()).hexdigest(),
    ]
    facts = dict(table(text, "System"))
    assert facts["System"] == "Screening" and facts["Known risks and limits"] == "2026-11-27"
    assert facts["Who uses it, and about whom it decides"] == "recruiters; about applicants"
    assert facts["Contact"] == "to be completed"
    assert dict(table(text, "Evidence of an audit by pbias"))["date"] == "1970-01-01"
    assert "no reference model was given" in text and "Approved by" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("systm = 'x'", "unknown fact 'systm'; did you mean 'system'?"),
        ("system = {a = 1}", "'system' is {'a': 1}; write text"),
        ("system = []", "'system' is []; write text"),
        ("system", "facts.toml is not TOML"),
        ("system = " + "9" * 5000, "facts.toml is not TOML: Exceeds the limit"),
    ],
)
def test_bad_facts_are_one_line(pbias: Run, text: str, said: str) -> None:
    selections({"a": (9, 2), "b": (9, 3)})
    Path("facts.toml").write_text(text)
    done = pbias("evidence", "a.npz", "--facts", "facts.toml", "-o", "e.md")
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not Path("e.md").exists()


def test_a_model_card_has_an_index_that_parses(pbias: Run) -> None:
    selections({"a": (50, 20), "b<script>": (50, 30)})
    Path("facts.toml").write_text(FACTS + 'license = "mit: \\"x\\"\\n---"\n')
    done = pbias("evidence", "a.npz", "--facts", "facts.toml", "--card", "README.md", "-o", "e.md")
    assert done.returncode == 0, done.stderr
    _, head, body = Path("README.md").read_text().split("---\n", 2)
    index = {
        key: json.loads(value) for key, _, value in (x.partition(": ") for x in head.splitlines())
    }
    assert index["license"] == 'mit: "x" ---'
    assert index["model-index"][0]["name"] == "Screening"
    assert {"task", "dataset", "metrics"} <= index["model-index"][0]["results"][0].keys()
    assert r"sex=b\<script\>" in body


def test_junit_has_a_case_for_each_gate(pbias: Run) -> None:
    n = 400
    y = np.arange(n)[:, None] % 2
    z = np.where(np.arange(n) % 10 == 0, -1, 1)[:, None] * (2.0 * y - 1)  # right 9 times in 10
    Logits.from_arrays(z, y, targets=["o\x1bk"], groups={"g": np.arange(n) % 4}).save("a.npz")
    gates = ["accuracy >= 0.5", "accuracy >= 0.99", "accuracy >= 0.9"]
    options = [word for gate in gates for word in ("--gate", gate)]
    done = pbias("metrics", "a.npz", *options, "--junit", "gates.xml", "-o", "t.csv")
    assert done.returncode == 1
    suites = ET.parse("gates.xml").getroot()
    assert {k: suites.get(k) for k in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    cases = suites.findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == gates
    assert [case[0].tag for case in cases] == ["system-out", "failure", "error"]
    assert cases[1].find("failure[@type='fail']") is not None
    assert r"o\x1bk" in str(cases[1][0].text)


def test_junit_needs_gates_and_a_file_of_its_own(pbias: Run) -> None:
    selections({"a": (9, 2), "b": (9, 3)})
    done = pbias("metrics", "a.npz", "--junit", "j.xml")
    assert done.returncode == 2 and "--gate" in done.stderr
    done = pbias("metrics", "a.npz", "--gate", "accuracy >= 0", "--junit", "x", "-o", "x")
    assert done.returncode == 2 and not Path("x").exists()
