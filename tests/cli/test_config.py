"""Options from a file and from PBIAS_* variables: typed options win, then the environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
AUDIT = ("metrics", "s90.npz", "--ref", "dense.npz", "--config", "ci.toml")

pytestmark = pytest.mark.usefixtures("audit_files")


def write(text: str) -> None:
    Path("ci.toml").write_text(text, encoding="utf-8")


def test_lists_numbers_and_flags_are_as_if_typed(pbias: Run) -> None:
    write(
        'groups = ["Male"]\n[metrics]\nmetrics = ["tpr", "did_tpr"]\nlevel = 0.9\n'
        'gate = ["abs(did_tpr) <= 1", "tpr >= 0"]\ngate-strict = true\n'
    )
    gates = ("--gate", "abs(did_tpr) <= 1", "--gate", "tpr >= 0", "--gate-strict")
    options = ("--groups", "Male", "--metrics", "tpr,did_tpr", "--level", "0.9", *gates)
    typed = pbias(*AUDIT[:4], *options)
    done = pbias(*AUDIT)
    assert done.stdout == typed.stdout and done.stderr == typed.stderr
    assert done.returncode == typed.returncode and done.stderr.count("gate '") == 2


def test_typed_before_variable_before_table_before_top(
    pbias: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('format = "md"\n')
    assert pbias(*AUDIT).stdout.startswith("###")
    write('format = "md"\n[metrics]\nformat = "csv"\n')
    assert pbias(*AUDIT).stdout.startswith("metric,")
    monkeypatch.setenv("PBIAS_FORMAT", "json")
    assert pbias(*AUDIT).stdout.startswith("{")
    monkeypatch.setenv("PBIAS_METRICS_FORMAT", "md")
    assert pbias(*AUDIT).stdout.startswith("###")
    assert pbias(*AUDIT, "--format", "csv").stdout.startswith("metric,")


def test_options_of_other_commands_are_left_to_them(pbias: Run) -> None:
    write("epochs = 3\n[train]\nbatch_size = 8\n[metrics]\nno-intervals = true\n")
    assert pbias(*AUDIT).returncode == 0


@pytest.mark.parametrize("name", ["steps", "pruning-steps", "pruning_steps"])
def test_every_long_name_of_an_option_will_do(pbias: Run, name: str) -> None:
    write(f"[train]\n{name} = 3\n")
    printed = pbias("train", "--sparsity", "0.9", "--config", "ci.toml", "--print-config")
    assert "\nsteps = 3\n" in printed.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sead = 1", "no command has the option 'sead'; did you mean 'seed'?"),
        ("[metrix]", "pbias has no command 'metrix'; did you mean 'metrics'?"),
        ("[metrics]\nlevle = 1", "pbias metrics has no option 'levle'; did you mean 'level'?"),
        ("[metrics", "is not TOML"),
        ("[metrics]\nlevel = 'high'", "Invalid value for '--level'"),
        ("[metrics.level]\na = 1", "is a table; give a value"),
    ],
)
def test_mistakes_in_the_file_are_one_line(pbias: Run, text: str, said: str) -> None:
    write(text)
    done = pbias(*AUDIT)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and re.fullmatch("pbias: error: .*\n", done.stderr)


def test_a_file_that_is_missing_is_named(pbias: Run) -> None:
    assert "ci.toml" in pbias(*AUDIT).stderr


def test_a_bad_variable_names_the_option(pbias: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBIAS_LEVEL", "high")
    assert "Invalid value for '--level'" in pbias(*AUDIT[:4]).stderr


def test_no_variable_names_an_output(pbias: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBIAS_OUTPUT", "out.csv")
    assert pbias(*AUDIT[:4], "--metrics", "tpr").stdout and not Path("out.csv").exists()


@pytest.mark.parametrize("between", [";", "\n", " ; \n"])
def test_a_variable_holds_several_values(
    pbias: Run, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    monkeypatch.setenv("PBIAS_METRICS_GATE", f"accuracy >= 0.999{between}tpr >= 0")
    done = pbias(*AUDIT[:4])
    assert done.returncode == 1 and done.stderr.count("gate '") == 2
    monkeypatch.setenv("PBIAS_REF", "dense.npz")
    assert pbias("metrics", "s90.npz").stdout == done.stdout


def test_a_variable_names_the_configuration(pbias: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write('format = "md"\n')
    monkeypatch.setenv("PBIAS_CONFIG", "ci.toml")
    assert pbias(*AUDIT[:4]).stdout.startswith("###")
    assert pbias(*AUDIT[:4], "-o", "ci.toml").stderr.endswith("is an input; name another output\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("PBIAS_METRICS_GATES", "did you mean 'PBIAS_METRICS_GATE'?"),
        ("PBIAS_FROMAT", "did you mean 'PBIAS_FORMAT'?"),
        ("PBIAS_METRICS_OUTPUT", "with -o alone"),
    ],
)
def test_a_variable_that_sets_nothing_is_warned_of(
    pbias: Run, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(name, "1")
    done = pbias("compare", "s90.npz")
    assert done.returncode == 0
    assert f"warning: {name} " in done.stderr and said in done.stderr


@pytest.mark.parametrize(
    "name", ["PBIAS_TRAIN_EPOCHS", "PBIAS_TEST_DATA", "PBIAS_MANIFEST_FOLDER_SEED"]
)
def test_variables_of_other_commands_are_let_be(
    pbias: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "3")
    assert "PBIAS" not in pbias("compare", "s90.npz").stderr


def test_debug_shows_where_an_error_was_raised(pbias: Run) -> None:
    assert "Traceback" in pbias("info", "nothing.pt", "--debug").stderr
    assert "Traceback" not in pbias("info", "nothing.pt").stderr


@pytest.mark.parametrize(("shell", "start"), [("bash", "# "), ("zsh", "#compdef"), ("fish", "# ")])
def test_completion_prints_the_script_that_is_shipped(pbias: Run, shell: str, start: str) -> None:
    done = pbias("completion", shell)
    folder = Path(__file__).resolve().parents[2] / "completions"
    names = {"bash": "pbias.bash", "zsh": "_pbias", "fish": "pbias.fish"}
    assert done.stdout.startswith(start)
    assert done.stdout == (folder / names[shell]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("folds = 2020-01-01", "ci.toml: folds holds a date; write it as text"),
        ("groups = [[1], [2]]", "ci.toml: groups holds a list; write it as text"),
        ("folds = " + "[" * 3000 + "]" * 3000, "ci.toml is not TOML: maximum recursion depth"),
        ("folds = " + "9" * 5000, "ci.toml is not TOML: Exceeds the limit"),
        ("[" + "a." * 20000 + "a]", "ci.toml is not TOML: more than 1,000 dots in a row"),
        (
            'groups = "a\\u0000b"',
            "--groups: 'a\\x00b' contains a character that file names cannot have",
        ),
    ],
)
def test_odd_values_are_refused_in_one_line(pbias: Run, text: str, said: str) -> None:
    write(text)
    done = pbias(*AUDIT)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"pbias: error: {said}")


@pytest.mark.parametrize(
    ("option", "number", "said"),
    [
        ("level", "9" * 400, "inf is not in the range"),
        ("folds", "inf", "'inf' is not a valid int"),
        ("folds", "20.7", "'20.7' is not a valid int"),
    ],
)
def test_a_number_that_an_option_cannot_be_is_refused_as_if_typed(
    pbias: Run, option: str, number: str, said: str
) -> None:
    write(f"[metrics]\n{option} = {number}\n")
    done, typed = pbias(*AUDIT), pbias(*AUDIT[:4], f"--{option}", number)
    assert (done.returncode, done.stderr) == (2, typed.stderr)
    assert done.stderr.count("\n") == 1 and said in done.stderr
