"""Outputs that are refused before any work: inputs, and tables of an unknown format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import Logits, select_rows, write_logits

Run = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("audit_files")

SELVES = {
    "metrics s90.npz -o s90.npz": "s90.npz",
    "metrics s90.npz --ref dense.npz -o dense.npz": "dense.npz",
    "metrics *0.npz -o s90.npz": "s90.npz",
    "metrics s90.npz --labels my.csv -o my.csv": "my.csv",
    "metrics s90.npz --gate-file my.csv -o my.csv": "my.csv",
    "metrics s90.npz --thresholds my.csv -o my.csv": "my.csv",
    "metrics s90.npz --ref dense.npz --ref-thresholds my.csv -o my.csv": "my.csv",
    "metrics s90.npz --config my.toml -o my.toml": "my.toml",
    "compare s90.npz s99.npz -o s99.npz": "s99.npz",
    "calibrate dense.npz -o dense.npz": "dense.npz",
    "flag dense.npz -o dense.npz": "dense.npz",
    "flag dense.npz --evaluate s90.npz -o s90.npz": "s90.npz",
    "exemplars --dense dense.npz --sparse s90.npz -o s90.npz": "s90.npz",
    "override s90.npz --flags my.csv --with dense.npz -o s90.npz": "s90.npz",
    "override s90.npz --flags my.csv --with dense.npz -o dense.npz": "dense.npz",
    "override s90.npz --flags my.csv --with dense.npz --curve my.csv": "my.csv",
    "info dense.npz -o dense.npz": "dense.npz",
    "manifest check my.csv -o my.csv": "my.csv",
    "backdoor my.csv --attribute a --kind grayscale -o my.csv": "my.csv",
    "predict dense.npz my.csv -o my.csv": "my.csv",
    "predict dense.npz my.csv --thresholds s90.npz -o s90.npz": "s90.npz",
    "prune dense.npz --sparsity 0.9 --data my.csv -o my.csv": "my.csv",
    "train my.csv --init dense.npz -o dense.npz": "dense.npz",
    "train my.csv -o my.csv": "my.csv",
}


@pytest.mark.parametrize("command", SELVES)
def test_no_input_is_overwritten(pbias: Run, command: str) -> None:
    Path("my.csv").write_text("image,a\n1.png,1\n", encoding="utf-8")
    Path("my.toml").write_text("seed = 1\n", encoding="utf-8")
    name = SELVES[command]
    before = Path(name).read_bytes()
    done = pbias(*command.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"pbias: error: {name} is an input; name another output\n"
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_an_input_by_another_name_is_no_output(
    pbias: Run, link: Callable[[Path, Path], None]
) -> None:
    link(Path("other.npz"), Path("s90.npz").absolute())
    assert (
        "other.npz (that is s90.npz) is an input"
        in pbias("metrics", "s90.npz", "-o", "other.npz").stderr
    )


def test_devices_may_be_both(shell: Run) -> None:
    done = shell("pbias metrics /dev/stdin --metrics tpr -qo /dev/null < s90.npz")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("metrics - < my.csv", "error: standard input is a CSV file, not logits"),
        ("manifest check - < my.csv", "error: standard input has no 'image' column"),
        ("metrics s90.npz --ref - < other.npz", "are not in standard input (first"),
        ("metrics short.npz --ref - < s90.npz", "short.npz has 30 rows but standard input has 60"),
        ("metrics - --ref s90.npz < short.npz", "standard input has 30 rows but s90.npz has 60"),
        ("metrics s90.npz --gate-file - < /dev/null", "standard input is empty"),
        ("metrics s90.npz --gate-file - <<< '# none'", "standard input holds no gate"),
        ("flag dense.npz --config - <<< 'x'", "standard input is not TOML"),
        (
            "calibrate s90.npz --config - <<< 'nosuch = 1'",
            "standard input: no command has the option",
        ),
        ("metrics s90.npz --thresholds - < my.csv", "standard input needs the columns attribute"),
        ("info - < my.csv", "standard input is a CSV file, not a network"),
    ],
)
def test_a_pipe_is_called_standard_input(
    shell: Run, make_logits: Callable[..., Logits], tmp_path: Path, command: str, said: str
) -> None:
    (tmp_path / "my.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    other = make_logits(ids=np.array([f"other{row}" for row in range(60)]))
    write_logits(other, str(tmp_path / "other.npz"))
    write_logits(select_rows(make_logits(), np.arange(30)), str(tmp_path / "short.npz"))
    done = shell(f"pbias {command}")
    assert done.returncode == 2 and said in done.stderr


@pytest.mark.parametrize("name", ["t.xlsx", "t.parquet", "t.npz"])
def test_a_table_of_no_known_format_is_refused(pbias: Run, name: str) -> None:
    done = pbias("metrics", "s90.npz", "--metrics", "tpr", "-o", name)
    assert done.returncode == 2 and not Path(name).exists()
    assert "use .csv, .json, .md, .txt, or say which with --format" in done.stderr


@pytest.mark.parametrize("name", ["table", "t.CSV", "t.xyz --format csv"])
def test_other_names_of_tables_are_csv(pbias: Run, name: str) -> None:
    done = pbias("metrics", "s90.npz", "--metrics", "tpr", "-o", *name.split())
    assert done.returncode == 0
    assert Path(name.split()[0]).read_text(encoding="utf-8").startswith("metric,")
