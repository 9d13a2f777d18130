"""Contracts of every command, and of every command that makes a table from logits files."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from pbias.auditing.metrics.explain import explained
from pbias.cli import app
from pbias.cli.command_table import COMMANDS

Run = Callable[..., CompletedProcess[str]]
TABLES = {
    "metrics": ("metrics", "s90.npz", "--metrics", "tpr,auc", "--groups", "Male"),
    "compare": ("compare", "s90.npz", "dense.npz"),
    "flag": ("flag", "s90.npz"),
    "calibrate": ("calibrate", "s90.npz"),
}
Z, Y = np.zeros((4, 2), np.float32), np.zeros((4, 2), np.int8)
FORMATS = ["csv", "json", "md", "table"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_options_two_examples_and_exit_statuses(pbias: Run, command: str) -> None:
    done = pbias(*command.split(), "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: pbias {command}") and "-h, --help" in done.stdout
    assert re.search(r"Exit status: 0 done, 1 .* 141 .* 143 terminated", done.stdout, re.DOTALL)
    _, _, examples = done.stdout.partition("Examples:")
    assert examples.count(f"pbias {command}") >= 2
    assert pbias(*command.split(), "--help").stdout == done.stdout


def test_examples_use_options_that_there_are(pbias: Run) -> None:
    helps = {n: pbias(*n.split(), "-h").stdout.partition("Examples:") for n in COMMANDS}
    lines = [line for _, _, examples in helps.values() for line in examples.splitlines()]
    for part in (part for line in lines for part in line.strip().split(" | ")):
        words = shlex.split(part, comments=True)
        words = words[: words.index("--")] if "--" in words else words  # the rest is not ours
        if words[:1] == ["pbias"] and words[1:]:
            options = {word for word in words[2:] if re.match(r"--?[a-z]", word)}
            name = words[1] if words[1] in helps else " ".join(words[1:3])
            listed = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", helps[name][0]))
            assert options <= listed, part


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_plain_and_fits_100_columns(pbias: Run, command: str) -> None:
    text = pbias(*command.split(), "-h").stdout
    assert "\x1b" not in text
    body = text.partition("Examples:")[0]
    assert max(map(len, body.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("metric",), "Did you mean 'metrics'"),
        (("--metrics",), "No such option"),
        (("metrics",), "Missing argument 'LOGITS...'"),
        (("flag",), "Missing argument 'LOGITS'"),
        (("calibrate", "a.npz", "b.npz"), "unexpected extra argument"),
        (("flag", "a.npz", "b.npz"), "one dense file, but 2"),
        (("flag", "a.npz", "--margins", "1"), "No such option: --margins"),
        (("synth", "-n", "600"), "-n (--no-clobber) takes no value; did you mean --num 600?; see"),
        (("synth", "-o", "x", "-v", "3"), "(3); -v (--verbose) takes no value; see 'pbias synth"),
        (("metrics", "a.npz", "-g", "sex"), "No such option: -g; did you mean --groups or --gate"),
        (("train", "a.csv", "b.csv", "-n"), "unexpected extra argument(s) (b.csv); see 'pbias tr"),
        (("synth", "-x", "3"), "No such option: -x; see 'pbias synth -h'"),
        (("flag", "a.npz", "-f", "xml"), "'xml' is not one of 'auto', 'table', 'csv'"),
        (("flag", "a.npz", "--color", "red"), "'red' is not one of"),
        (("flag", "a.npz", "-o"), "requires an argument"),
        (("explain", "tpd"), "'tpd' is not a metric, score or column; did you mean 'tpr'?"),
    ],
)
def test_usage_errors_are_one_line_and_status_2(
    pbias: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = pbias(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.startswith("pbias: error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["manifest"], ["plot"], ["import"], ["train"], ["plot", "forest"]]
)
def test_help_says_what_minus_h_says(pbias: Run, words: list[str]) -> None:
    done = pbias("help", *words)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", pbias(*words, "-h").stdout)


@pytest.mark.parametrize("words", [[], ["manifest"], ["plot"], ["import"]])
def test_a_name_that_has_commands_below_it_lists_them(pbias: Run, words: list[str]) -> None:
    done = pbias(*words)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", pbias(*words, "-h").stdout)


def test_help_of_an_unknown_command_is_an_error(pbias: Run) -> None:
    done = pbias("help", "metric")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'metrics'" in done.stderr


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(pbias: Run, option: str) -> None:
    done = pbias(option)
    assert done.returncode == 0 and re.fullmatch(r"pbias \d+\.\d+\.\d+\n", done.stdout)


def test_explain_knows_every_metric(pbias: Run) -> None:
    listed = pbias("explain").stdout
    for metric in explained():
        assert re.search(rf"^{metric}\b", listed, re.MULTILINE)
        assert pbias("explain", metric).returncode == 0


@pytest.mark.parametrize("column", ["detectable", "n_discordant", "p_adjusted", "status"])
def test_explain_knows_columns(pbias: Run, column: str) -> None:
    assert re.search(rf"^{column}  +\w", pbias("explain").stdout, re.MULTILINE)
    assert re.match(rf"{column}: .*\n  content .*\n  empty ", pbias("explain", column).stdout)


def test_explain_says_what_symbols_mean(pbias: Run) -> None:
    for text in (pbias("explain").stdout, pbias("explain", "ceag").stdout):
        for symbol in ("s, d", "z, p", "y, g", "acc_d,g"):
            assert re.search(rf"^  {symbol}\S* .*\w", text, re.MULTILINE), symbol


def bad_files(folder: Path) -> None:
    """Write an unusable file of each kind."""

    def save(name: str, **arrays: Any) -> None:
        np.savez(folder / name, **{"logits": Z, "labels": Y, **arrays})

    save("whole.npz")
    data = (folder / "whole.npz").read_bytes()
    (folder / "empty.npz").touch()
    (folder / "truncated.npz").write_bytes(data[:-30])
    (folder / "text.npz").write_text("logits,labels\n")
    (folder / "folder.npz").mkdir()
    save("pickle.npz", logits=np.array([[{}]], dtype=object))
    save("nan.npz", logits=np.full((4, 2), np.nan, np.float32))
    save("shape.npz", labels=Y[:3])
    save("labels.npz", labels=Y + 2)
    save("twice.npz", ids=np.array(["a", "b", "a", "c"]))
    np.savez(folder / "arrays.npz", something=Z)


BAD = [
    *("empty", "truncated", "text", "folder", "pickle", "nan", "shape", "labels", "twice"),
    *("arrays", "missing"),
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", TABLES)
def test_a_file_that_cannot_be_used_is_one_line(
    pbias: Run, tmp_path: Path, command: str, bad: str
) -> None:
    bad_files(tmp_path)
    Path("out.csv").write_text("what was there")
    done = pbias(command, f"{bad}.npz", "-o", "out.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"pbias: error: {bad}.npz") and done.stderr.count("\n") == 1
    assert "; " in done.stderr
    assert Path("out.csv").read_text() == "what was there"
    assert not list(tmp_path.glob(".pbias*"))


pytestmark = pytest.mark.usefixtures("audit_files")


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("command", TABLES)
def test_the_same_run_gives_the_same_bytes(pbias: Run, command: str, form: str) -> None:
    first, second = (pbias(*TABLES[command], "-f", form) for _ in range(2))
    assert first.returncode == 0 and first.stdout and first.stdout == second.stdout


@pytest.mark.parametrize(
    ("command", "suffix", "form"),
    [
        *(("flag", form, form) for form in FORMATS[:3]),
        *(("flag", "txt", "table"), ("flag", "", "csv")),
        *(("metrics", "json", "json"), ("compare", "md", "md")),
    ],
)
def test_the_suffix_of_the_output_decides_the_format(
    pbias: Run, command: str, suffix: str, form: str
) -> None:
    path = Path(f"a folder.d/out.{suffix}".rstrip("."))
    path.parent.mkdir()
    done = pbias(*TABLES[command], "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_text() == pbias(*TABLES[command], "-f", form).stdout
    assert path.read_text().endswith("\n")


def test_an_option_beats_the_suffix(pbias: Run) -> None:
    assert pbias(*TABLES["flag"], "-o", "out.md", "--format", "json").returncode == 0
    assert json.loads(Path("out.md").read_text())["command"] == "flag"


@pytest.mark.parametrize("command", TABLES)
def test_json_is_valid_and_says_what_it_is(pbias: Run, command: str) -> None:
    text = pbias(*TABLES[command], "-f", "json").stdout
    document = json.loads(text, parse_constant=pytest.fail)
    assert (document["schema"], document["command"]) == (1, command)
    assert document["rows"] and all(list(row) == document["columns"] for row in document["rows"])


def test_no_clobber_keeps_what_is_there(pbias: Run) -> None:
    Path("out.csv").write_text("old")
    done = pbias(*TABLES["flag"], "-o", "out.csv", "-n")
    assert done.returncode == 2 and "out.csv already exists (--no-clobber)" in done.stderr
    assert Path("out.csv").read_text() == "old"
    assert pbias(*TABLES["flag"], "-o", "out.csv").returncode == 0
    assert Path("out.csv").read_text() != "old"


@pytest.mark.parametrize("output", ["no/out.csv", ".", "s90.npz/out.csv", "o" * 300])
def test_an_output_that_cannot_be_written_fails_before_the_input(pbias: Run, output: str) -> None:
    done = pbias("flag", "missing.npz", "-o", output)
    assert done.returncode == 2 and "missing.npz" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["a b.npz", 'it\'s "q".npz', "é名.npz", "-x.npz", "a;b&c.npz"])
def test_any_file_name_will_do(pbias: Run, name: str) -> None:
    Path(name).write_bytes(Path("s90.npz").read_bytes())
    done = pbias("flag", "-o", f"./{name}.csv", "-q", "--", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(f"{name}.csv").read_text() == pbias("flag", "s90.npz").stdout


def test_the_name_of_a_file_is_in_no_row_of_its_audit(pbias: Run) -> None:
    Path("other.npz").write_bytes(Path("s90.npz").read_bytes())
    command, _, *options = TABLES["metrics"]
    names = ("s90.npz", "other.npz")
    texts = [pbias(command, name, *options).stdout for name in names]
    assert texts[0] == texts[1]
    documents = [json.loads(pbias(command, name, *options, "-f", "json").stdout) for name in names]
    assert [d.pop("audit")["audited"][0]["path"] for d in documents] == list(names)
    assert documents[0] == documents[1]


def test_quiet_hides_notes_and_then_warnings(pbias: Run) -> None:
    np.savez("bare.npz", logits=Z + [[0, 2]], labels=Y)
    counts = {
        level: pbias("metrics", "bare.npz", "--metrics", "auc", *level.split()).stderr.count("\n")
        for level in ("", "-q", "-qq")
    }
    assert counts[""] > counts["-q"] > counts["-qq"] == 0


def test_errors_are_never_hidden(pbias: Run) -> None:
    assert pbias("flag", "missing.npz", "-qq").stderr.startswith("pbias: error: missing.npz")


@pytest.mark.parametrize(
    ("environment", "options", "colored"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
    ],
)
def test_when_color_is_used(
    pbias: Run,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: list[str],
    colored: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = pbias(*TABLES["flag"], "-f", "table", *options).stdout
    assert ("\x1b[" in text) == colored


@pytest.mark.parametrize(
    ("code", "status"), [(None, 0), (0, 0), (1, 141), (2, 2), (143, 143), ("in words", 2)]
)
def test_every_way_to_exit_has_a_status(code: object, status: int) -> None:
    assert app._status(code) == status


def test_tracebacks_are_escaped(pbias: Run) -> None:
    done = pbias("info", "\x1b[31m.pt", "--debug")
    assert done.returncode == 2 and "Traceback" in done.stderr
    assert "\x1b" not in done.stderr and "\\x1b[31m.pt" in done.stderr


def test_a_name_that_is_too_long_is_no_bug(pbias: Run) -> None:
    done = pbias("manifest", "check", "labels.csv", "--image-root", "a" * 300)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("few", "few: a mark beside a number that few samples decide"),
        ("low_power", "few: a mark"),
        ("TPR", "tpr: true-positive rate"),
        ("positive", "predicted_positive_rate: share of positive"),
        ("impact", "impact_ratio: impact ratio"),
        ("false-positive rate", "fpr: false-positive rate"),
        ("status", "status: whether there is a number, and how far it can be trusted (a column)"),
    ],
)
def test_words_of_tables_are_explained(pbias: Run, word: str, first: str) -> None:
    done = pbias("explain", word)
    assert done.returncode == 0 and done.stdout.startswith(first), done.stderr
    assert "\nfew " in pbias("explain").stdout
