"""`pbias report`: its output, and refused input."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pbias.files.logits import Logits, read_logits, write_logits
from tests.conftest import Run, needs


@pytest.fixture(autouse=True)
def _extra() -> None:
    needs("jinja2")
    needs("vl_convert")


def test_a_report_begins_with_the_verdict_and_ends_with_the_gates_status(
    audit_files: Path, pbias: Run
) -> None:
    gates = audit_files / "gates.txt"
    gates.write_text("accuracy >= 0.99\n")
    done = pbias(
        "report", "s99.npz", "--ref", "dense.npz", "--gate-file", "gates.txt", "-o", "a.html"
    )
    assert done.returncode == 1 and "fail" in done.stderr
    page = (audit_files / "a.html").read_text()
    assert page.index('<h2 id="verdict-heading">') < page.index("<figure")
    assert "FAIL: accuracy &gt;= 0.99" in page.split('<section id="gates"', 1)[1]
    assert 'class="gate fail"' in page and "accuracy &gt;= 0.99" in page
    assert len(page) < 1_000_000


def test_the_same_inputs_give_the_same_page(
    audit_files: Path, pbias: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    for name in ("a", "b"):
        assert pbias("report", "s90.npz", "-o", f"{name}.html").returncode == 0
    first = (audit_files / "a.html").read_text()
    assert first == (audit_files / "b.html").read_text() and "1970-01-02" in first


def test_one_model_alone_and_several_runs_have_reports(audit_files: Path, pbias: Run) -> None:
    assert pbias("report", "s90.npz", "-o", "alone.html").returncode == 0
    alone = (audit_files / "alone.html").read_text()
    assert "Audit of s90.npz<" in alone and "True-positive rate, by attribute" in alone
    rows = (f"images/{row:04d}.png,test,{row % 2},1,0" for row in range(60))
    manifest = "image,split,Smiling,Wearing_Hat,Young\n" + "\n".join(rows)
    (audit_files / "labels.csv").write_text(manifest)
    curves = ("--curves", "dense.npz", "--curves", "s9*.npz", "--labels", "labels.csv")
    assert pbias("report", "s90.npz", "--ref", "dense.npz", *curves, "-o", "c.html").returncode == 0
    page = (audit_files / "c.html").read_text()
    assert "Headline numbers against sparsity" in page
    # In this manifest, Young has no positive and Wearing_Hat no negative label, so AUC is that of
    # Smiling alone: the curves use the labels that were named.
    (auc,) = re.findall(r"area under the ROC curve, network 0 %: ([0-9.]+)", page)
    table = pbias_audit(audit_files, "dense.npz")
    assert auc == f"{table:.3f}"


def pbias_audit(folder: Path, name: str) -> float:
    """Return the AUC of `Smiling` in a file, with the labels of labels.csv."""
    import pbias

    result = pbias.audit(str(folder / name), str(folder / "labels.csv"), metrics="auc", folds=20)
    return float(result.rows.where(attribute="Smiling", group="")[0]["value"])


def test_the_notebook_keeps_the_light_report(audit_files: Path) -> None:
    import pbias

    result = pbias.audit(str(audit_files / "s90.npz"), folds=20)
    assert "<svg" not in result._repr_html_() and "<script" not in result._repr_html_()


def test_examples_take_every_kind_and_group_in_turn(
    tmp_path: Path, make_logits: Callable[..., Logits], pbias: Run
) -> None:
    (tmp_path / "images").mkdir()
    for row in range(60):
        Image.new("RGB", (20, 20), (4 * row, 0, 0)).save(tmp_path / "images" / f"{row:04d}.png")
    for name, noise in (("dense", 0.0), ("s90", 2.0)):
        write_logits(make_logits(noise=noise), str(tmp_path / f"{name}.npz"))
    wanted = ("--images", ".", "--examples", "8")
    done = pbias("report", "s90.npz", "--ref", "dense.npz", *wanted, "-o", "a.html")
    assert done.returncode == 0
    page = (tmp_path / "a.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 24
    assert "This file contains 24 pictures of samples" in page
    assert "lost positive" in page and "Male=0" in page and "Male=1" in page
    assert page.count("s, d: predictions of the audited (sparse)") == 1  # symbols, once
    sentence = "The share found, of the samples that have the attribute. Formula: P(s = 1 given y"
    assert f'<dt id="term-tpr">tpr: true-positive rate</dt><dd>{sentence} = 1).' in page
    assert "A prediction is positive if its probability is above 0.5. It is sure if its" in page
    assert re.search('<span class="note">images/<wbr>00[0-9]{2}.png</span>', page)
    told = re.findall("label ([01]), reference ([0-9.]+), audited ([0-9.]+)(; Male=[01])?", page)
    assert len(told) == 24 and all(len(p) == 5 for one in told for p in one[1:3])  # 0.123


def test_an_example_without_a_known_group_names_none(
    tmp_path: Path, make_logits: Callable[..., Logits], pbias: Run
) -> None:
    for row in range(60):
        Image.new("RGB", (20, 20), (4 * row, 0, 0)).save(tmp_path / f"{row:04d}.png")
    ids = np.array([f"{row:04d}.png" for row in range(60)])
    unknown = np.full((60, 2), -1, np.int16)
    logits = make_logits(ids=ids, thresholds=np.full(3, 0.5), groups=unknown)
    write_logits(logits, str(tmp_path / "s90.npz"))
    done = pbias("report", "s90.npz", "--images", ".", "--examples", "2", "-o", "a.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "a.html").read_text()
    captions = re.findall('<span class="note">(label [^<]*)</span>', page)
    assert len(captions) == 6
    assert all(re.fullmatch("label [01], probability [01][.][0-9]{3}", one) for one in captions)
    assert "A prediction is positive if it is above the threshold of its attribute." in page


def test_flags_and_exemplars_are_those_of_their_commands(
    tmp_path: Path, make_logits: Callable[..., Logits], pbias: Run
) -> None:
    """With several runs per side, images show which of them are exemplars."""
    for row in range(60):
        Image.new("RGB", (20, 20), (4 * row, 0, 0)).save(tmp_path / f"{row:04d}.png")
    ids = np.array([f"{row:04d}.png" for row in range(60)])
    for name, noise in (("d0", 0.3), ("d1", 0.4), ("s0", 2.0), ("s1", 2.1)):
        write_logits(make_logits(noise=noise, ids=ids), str(tmp_path / f"{name}.npz"))
    sides = ("s0.npz", "s1.npz", "--ref", "d0.npz", "--ref", "d1.npz")
    assert pbias("report", *sides, "--images", ".", "-o", "a.html").returncode == 0
    page = html.unescape((tmp_path / "a.html").read_text())
    flags, exemplars = (
        page.split(f'<section id="{key}"', 1)[1].split("</section>", 1)[0]
        for key in ("flags", "exemplars")
    )
    done = pbias("flag", "d0.npz", "--budget", "5%")
    riskiest = [line.split(",")[0] for line in done.stdout.splitlines()[1:]]
    listed = flags.split("predictions at risk", 1)[1]
    assert riskiest and re.findall(r"<tr><td>(\d+[.]png)<", listed) == riskiest[:20]
    done = pbias("flag", "d0.npz", "--budget", "5%", "--evaluate", "s0.npz", "-f", "json")
    (recall,) = [
        row["value"]
        for row in json.loads(done.stdout)["rows"]
        if (row["measure"], row["outcome"], row["ranking"]) == ("recall", "flips", "risk")
    ]
    assert f"{round(100 * recall)} % [" in flags.split("that the audited model changed, ")[1][:8]
    done = pbias("exemplars", "--dense", "d?.npz", "--sparse", "s?.npz")
    modal = sum(row.split(",")[2] == "1" for row in done.stdout.splitlines()[1:])
    assert f"disagree on {modal} (" in exemplars and modal > 0
    kinds = re.findall(r'data-kinds="([^"]*)"', page)
    assert any("exemplar" in one.split("\n") for one in kinds)
    assert any("flagged" in one.split("\n") for one in kinds)
    one_run = pbias("report", "s0.npz", "--ref", "d0.npz", "--images", ".", "-o", "b.html")
    assert "exemplar" not in one_run.stderr  # the page says so
    single = (tmp_path / "b.html").read_text()
    assert "With one run a side" in single
    assert not re.search(r'data-kinds="[^"]*\bexemplar', single)


def test_a_reference_without_groups_has_flags_by_those_of_the_audited(tmp_path: Path) -> None:
    import pbias

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (60, 3))
    dense = labels * 2.0 - 1 + rng.normal(size=labels.shape)
    sex = np.array(["f", "m"])[rng.integers(0, 2, 60)]
    sparse = dense + rng.normal(size=labels.shape)
    result = pbias.audit(sparse, labels, reference=dense, groups={"sex": sex}, folds=20)
    result.report(tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert "Attributes at risk of more bias" in page and "output_0 (sex)" in page
    assert "What the two see differently" in page


def test_one_model_alone_says_what_is_at_risk(audit_files: Path, pbias: Run) -> None:
    assert pbias("report", "dense.npz", "-o", "a.html").returncode == 0
    page = (audit_files / "a.html").read_text()
    assert "What is at risk" in page and "from the model alone" in page
    assert '<section id="exemplars"' not in page


def test_facts_add_the_evidence_pack(audit_files: Path, pbias: Run) -> None:
    (audit_files / "facts.toml").write_text('system = "Screening <b>"\n')
    done = pbias("report", "s90.npz", "--facts", "facts.toml", "-o", "a.html")
    assert done.returncode == 0, done.stderr
    pack = (audit_files / "a.html").read_text().split('<section id="evidence"', 1)[1]
    digest = hashlib.sha256((audit_files / "s90.npz").read_bytes()).hexdigest()
    assert "Screening &lt;b&gt;" in pack and digest in pack
    assert "to be completed" in pack and "Signatures" in pack
    (audit_files / "facts.toml").write_text("system = \n")
    done = pbias("report", "s90.npz", "--facts", "facts.toml", "-o", "b.html")
    assert done.returncode == 2 and "facts.toml" in done.stderr.splitlines()[-1]
    assert not (audit_files / "b.html").exists()


@pytest.mark.parametrize(
    "arguments", [["--facts", "bad.toml"], ["--curves", "no.npz"], ["--images", "nowhere"]]
)
def test_what_a_page_needs_is_checked_before_the_audit_runs(
    audit_files: Path, pbias: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (audit_files / "bad.toml").write_text("system = \n")
    monkeypatch.setattr("pbias.workflows.audit.audit_files", lambda *_: pytest.fail("audited"))
    done = pbias("report", "s90.npz", *arguments, "-o", "a.html")
    assert done.returncode == 2 and arguments[1] in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "a.pdf"], "a.pdf: the report is an HTML page; name it .html"),
        (["-o", "a.html", "--images", "nowhere"], "nowhere is not a folder; name the folder"),
        (["-o", "a.html", "--images", "."], "images could be read, such as images/0000.png"),
        (["-o", "a.html", "--curves", "no.npz"], "no.npz does not exist"),
        (["-o", "s90.npz"], "s90.npz is an input; name another output"),
    ],
)
def test_what_makes_no_report_is_said(
    audit_files: Path, pbias: Run, arguments: list[str], said: str
) -> None:
    done = pbias("report", "s90.npz", *arguments)
    assert done.returncode == 2 and said in done.stderr.splitlines()[-1]
    assert not (audit_files / "a.html").exists()


def test_ids_that_lead_out_of_the_folder_are_refused(
    tmp_path: Path, make_logits: Callable[..., Logits], pbias: Run
) -> None:
    ids = np.array([f"../{row}.png" for row in range(60)])
    write_logits(make_logits(ids=ids), str(tmp_path / "s90.npz"))
    done = pbias("report", "s90.npz", "--images", ".", "-o", "a.html")
    assert done.returncode == 2 and "is outside of the image folder" in done.stderr


def test_without_the_extra_one_line_says_what_to_install(
    audit_files: Path, pbias: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    for command in (["report", "s90.npz"], ["plot", "forest", "s90.npz"]):
        done = pbias(*command, "-o", "a.html")
        assert done.returncode == 2
        assert "pip install 'pbias[report]'" in done.stderr.splitlines()[-1]


def test_a_title_is_text_in_the_title_and_the_first_heading(audit_files: Path, pbias: Run) -> None:
    title = "  <b>Release 4</b> & `x`  "
    for source in ("s90.npz", "t.json"):
        if source == "t.json":
            assert pbias("metrics", "s90.npz", "-o", "t.json").returncode == 0
        done = pbias("report", source, "--title", title, "-o", "a.html")
        assert done.returncode == 0, done.stderr
        page = (audit_files / "a.html").read_text()
        said = "&lt;b&gt;Release 4&lt;/b&gt; &amp; `x`"
        assert f"<title>{said}</title>" in page and f"<h1>{said}</h1>" in page
    assert pbias("report", "s90.npz", "--title", " ", "-o", "a.html").returncode == 0
    assert "<h1>Audit of s90.npz</h1>" in (audit_files / "a.html").read_text()


def test_names_that_hold_backticks_keep_them_and_are_code(tmp_path: Path, pbias: Run) -> None:
    """Verdicts put names between backticks, which a name or a group value may hold itself."""
    rng, num = np.random.default_rng(0), 300
    labels = (rng.random((num, 2)) < 0.4).astype(int)
    sex = rng.integers(0, 2, num)
    z = 4.0 * labels - 2 + rng.normal(size=labels.shape)
    for name, loss in (("d`s.npz", 0), ("s90.npz", 4)):
        Logits.from_arrays(
            z - loss * labels * (sex == 0)[:, None], labels, targets=["a`b", "<i>x"],
            groups={"se`x": np.array(["`f`<i>", "m"])[sex]},
        ).save(name)  # fmt: skip
    assert pbias("report", "s90.npz", "--ref", "d`s.npz", "-o", "a.html").returncode == 0
    page = (tmp_path / "a.html").read_text()
    verdict = page.partition('class="verdict"')[2].partition("</section>")[0]
    assert "sensitivity of <code>a`b</code> for se`x=`f`&lt;i&gt; fell" in verdict
    assert "sensitivity of <code>&lt;i&gt;x</code> for se`x=`f`&lt;i&gt; fell" in verdict
    assert "<h3>se`x: each value, means over attributes</h3>" in page
    assert not re.search(r"<code>[^<]*(for|fell|,)", verdict)


def test_flags_say_of_which_run_they_are_where_there_are_several(
    audit_files: Path, pbias: Run
) -> None:
    for name in ("s90", "dense"):
        found = read_logits(f"{name}.npz")
        noise = np.random.default_rng(1).normal(0, 0.1, found.logits.shape)
        write_logits(
            replace(found, logits=found.logits + noise, probabilities=None), f"{name}2.npz"
        )

    def intro(*files: str) -> str:
        assert pbias("report", *files, "-o", "a.html").returncode == 0
        part = (audit_files / "a.html").read_text().partition('<section id="flags"')[2]
        return part.partition("</p>")[0]

    assert "first counts" not in intro("s90.npz", "--ref", "dense.npz")
    said = "Of several runs, the first counts: "
    both = intro("s90.npz", "s902.npz", "--ref", "dense.npz", "--ref", "dense2.npz")
    flags, found = (f"{what} of <code>" for what in ("the flags are", "what they found is"))
    assert f"{said}{flags}dense.npz</code>, and {found}s90.npz</code>." in both
    assert f"{said}{found}s90.npz</code>." in intro("s90.npz", "s902.npz", "--ref", "dense.npz")
    assert f"{said}{flags}s90.npz</code>." in intro("s90.npz", "s902.npz")
