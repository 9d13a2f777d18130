"""Plans of sweeps: the workflow that they become, and errors before anything runs."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.cli.command_tree import commands
from pbias.workflows.sweeping.running import explained
from tests.conftest import needs

Run = Callable[..., CompletedProcess[str]]
EXAMPLES = Path(__file__).parents[2] / "examples"
PLAN = """
out = "o"
architectures = ["resnet_small"]
seeds = [0, 1]
sparsities = [0.9, 0.5]
ways = ["from-scratch", "from-dense", "int8"]
[data]
labels = "faces/labels.csv"
groups = ["Male"]
synth = { num = 100 }
[train]
epochs = 2
augment = false
[audit]
gates = ["churn/mean <= 0.5"]
"""


def write(folder: Path, text: str = PLAN) -> None:
    (folder / "plan.toml").write_text(text)


def test_a_dry_run_prints_the_command_lines_in_order(pbias: Run, tmp_path: Path) -> None:
    write(tmp_path)
    lines = pbias("sweep", "plan.toml", "--dry-run").stdout.splitlines()
    assert lines[0] == "pbias synth -o faces --num 100"
    assert lines[1] == (
        "pbias train faces/labels.csv --groups Male --arch resnet_small --epochs 2 --no-augment "
        "--seed 0 --resume -o o/networks/resnet_small-0-dense.pt"
    )
    # Sparsities that share a parent are one job.
    assert sum("prune" in line for line in lines) == 2
    assert "--sparsity 0.5,0.9 --seed 1 --resume" in next(x for x in lines[6:] if "prune" in x)
    assert len([x for x in lines if x.startswith("pbias predict")]) == 2 * (1 + 2 + 2 + 1)
    assert lines[-2].startswith("pbias compare") and lines[-1].startswith("pbias plot curves")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]


def test_every_option_is_one_of_its_command(pbias: Run, tmp_path: Path) -> None:
    write(tmp_path)
    known = {c.name: {n for o in c.options for n in o.names} for c in commands()}
    lines = pbias("sweep", "plan.toml", "--dry-run").stdout.splitlines()
    for line in lines:
        words = shlex.split(line)
        name = words[1] if words[1] in known else " ".join(words[1:3])
        given = {word for word in words if re.fullmatch("-[a-z]|--[a-z-]+", word)}
        assert given <= known[name], line


def test_the_plan_of_the_paper_is_all_its_joint_runs(pbias: Run) -> None:
    lines = pbias("sweep", str(EXAMPLES / "paper-celeba.toml"), "--dry-run").stdout.splitlines()
    trained = [line for line in lines if line.startswith(("pbias train", "pbias prune"))]
    assert len(trained) == 3 * 3 * 3 and all(
        f"--seed {s}" in "".join(trained) for s in (23, 24, 25)
    )
    assert sum("--sparsity 0.8,0.9,0.95,0.98,0.99,0.995" in line for line in trained) == 18
    assert sum(line.startswith("pbias predict") for line in lines) == 9 * 13


def test_the_workflow_asks_for_a_gpu_and_groups_small_jobs(pbias: Run, tmp_path: Path) -> None:
    write(tmp_path, PLAN + "[resources]\ngpus = 1\nthreads = 4\n")
    assert pbias("sweep", "plan.toml").returncode == 0
    text = (tmp_path / "o" / "Snakefile").read_text()
    rule = text.partition("rule resnet_small_0_dense:")[2].partition("rule ")[0]
    assert "threads: 4" in rule and "resources: gpu=1" in rule
    assert 'group: "predict-resnet_small-0"' in text
    assert "{{sparsity}}" in text and 'workflow.basedir, ".."' in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seeds = [0, 1]", "seed = [0]"), "unknown key seed; did you mean 'seeds'?"),
        (("seeds = [0, 1]", 'seeds = "0"'), "seeds is '0'; it must be whole numbers"),
        (("seeds = [0, 1]", ""), "the key seeds is missing"),
        (("seeds = [0, 1]", "seeds = [0, 0]"), "seeds holds 0 twice"),
        (("[0.9, 0.5]", "[90]"), "sparsities holds 90; use shares such as 0.95"),
        (("sparsities = [0.9, 0.5]", ""), "the key sparsities is missing"),
        (('"int8"]', '"int4"]'), "ways holds 'int4'; use from-scratch, from-dense, int8"),
        (("epochs", "epoch"), "unknown key train.epoch; did you mean 'epochs'?"),
        (("epochs = 2", "epochs = {a = 1}"), "train.epochs is {'a': 1}; it must be text,"),
        (("epochs = 2", "resume = true"), "unknown key train.resume"),
        (("num = 100", "numb = 100"), "unknown key data.synth.numb; did you mean 'num'?"),
        (("num = 100", 'num = "1"'), "data.synth.num is '1'; it must be a whole number"),
        (('labels = "faces/labels.csv"', ""), "the key data.labels is missing"),
        (("faces/labels.csv", "{a}/labels.csv"), "use a path without braces"),
        (("churn/mean <= 0.5", "churn"), "is not of the form METRIC@GROUP/ATTRIBUTE <= NUMBER"),
        (("seeds", "seeds ="), "is not TOML"),
        (("[0, 1]", f"[{'9' * 5000}]"), "is not TOML: Exceeds the limit"),
        (("[0.9, 0.5]", f"[{'9' * 400}]"), "it must be numbers"),
        (("epochs", "a." * 20000 + "epochs"), "is not TOML: more than 1,000 dots in a row"),
        (('"resnet_small"', '"resnet_smal"'), "holds 'resnet_smal'; did you mean 'resnet_small'?"),
        (("churn/mean", "abs(did_tpr)@Mael"), "'Mael' is not a group of the audit; did you mean"),
        (("churn/mean", "abs(did_tpr)@Age"), "name it in audit.groups (now Male)"),
        (("epochs = 2", "epochs = 0"), "pbias train: Invalid value for '--epochs': 0 is not in"),
        (
            ("epochs = 2", 'lr = "fast"'),
            "'--lr': 'fast' is not a valid float; see 'pbias train -h'",
        ),
        (("epochs = 2", "lr = -1"), "train: learning rate -1 and weight decay 0.0; the first must"),
        (("epochs = 2", "epochs = true"), "pbias train: --epochs needs a value"),
        (("augment = false", "augment = 3"), "--augment takes no value, not 3; use true or false"),
        (("epochs = 2", 'recipe = "none"'), "train: unknown recipe 'none'; use one of"),
        (("epochs = 2", "epochs = 1000000000"), "1000000000 epochs are too many; use at most"),
        (
            ("[audit]", "[from-dense]\nsteps = 0\n[audit]"),
            "pbias prune: Invalid value for '--steps'",
        ),
        (("[audit]", "[predict]\nbatch-size = 0\n[audit]"), "pbias predict: Invalid value for"),
        (("[audit]", "[audit]\nlevel = 1.5"), "pbias metrics: Invalid value for '--level': 1.5"),
        (("[0.9, 0.5]", "[1.5]"), "sparsities holds 1.5; use shares such as 0.95"),
    ],
)
def test_a_plan_that_does_not_fit_is_one_line(
    pbias: Run, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    write(tmp_path, PLAN.replace(*change, 1))
    done = pbias("sweep", "plan.toml", "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ('["Male"]', '["Mael"]'),
            "data.groups: faces/labels.csv has no column 'Mael'; did you mean",
        ),
        (
            ("[audit]", '[audit]\ngroups = ["Male:Age"]'),
            "audit.groups: faces/labels.csv has no column",
        ),
        (
            ("epochs = 2", 'targets = ["Bold"]'),
            "train.targets: faces/labels.csv has no column 'Bold'",
        ),
        (('"resnet_small"', '"torchvision:resnet19"'), "torchvision has no classifier 'resnet19'"),
    ],
)
@pytest.mark.parametrize("drawn", [False, True])
def test_names_that_the_data_or_the_library_lack(
    pbias: Run, tmp_path: Path, change: tuple[str, str], said: str, drawn: bool
) -> None:
    write(tmp_path, PLAN.replace(*change, 1))
    if drawn:
        assert pbias("synth", "-o", "faces", "--num", "3", "-q").returncode == 0
    done = pbias("sweep", "plan.toml")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and said in done.stderr
    assert not (tmp_path / "o").exists()


def test_an_executor_that_is_not_installed(pbias: Run, tmp_path: Path) -> None:
    needs("snakemake")
    write(tmp_path)
    for words in (("--executor", "no-such"), ("--executor=no-such",), ("-e", "no-such")):
        done = pbias("sweep", "plan.toml", "--run", "-q", "--", *words)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert "pip install snakemake-executor-plugin-no-such" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__main__.py: error: unrecognized arguments: --foo", "Snakemake has no option --foo; see"),
        ("snakemake: error: argument --cores: bad", "refuses its arguments: argument --cores: bad"),
        (
            "Error: Directory cannot be locked. Please",
            "unlock it with: snakemake --unlock -s 'a b'",
        ),
        (
            "MissingInputException in rule a:\nMissing input files:\n affected files:\n  x.csv\n",
            "x.csv",
        ),
    ],
)
def test_common_errors_of_snakemake_are_explained(text: str, said: str) -> None:
    assert said in str(explained(text.splitlines(keepends=True), "a b"))
    assert explained(["Error in rule train:"], "a b") is None


def test_data_that_no_job_makes_must_be_there(pbias: Run, tmp_path: Path) -> None:
    write(tmp_path, PLAN.replace("synth = { num = 100 }", ""))
    assert pbias("sweep", "plan.toml", "--dry-run").returncode == 0
    done = pbias("sweep", "plan.toml")
    assert done.returncode == 2 and "data.labels: faces/labels.csv does not exist" in done.stderr
    assert "is an option of Snakemake; add --run" in pbias("sweep", "plan.toml", "--", "-n").stderr
    assert not (tmp_path / "o").exists()


def test_a_plan_of_many_networks_takes_seconds(pbias: Run, tmp_path: Path) -> None:
    names = ", ".join(f'"timm:a{number}"' for number in range(3000))
    write(tmp_path, PLAN.replace('"resnet_small"', names).replace("[0, 1]", "[0]"))
    before = time.monotonic()
    done = pbias("sweep", "plan.toml", "--dry-run")
    assert time.monotonic() - before < 20
    assert done.returncode == 0 and done.stdout.count("pbias report") == 3000


def test_a_plan_may_list_many_sparsities(pbias: Run, tmp_path: Path) -> None:
    listed = ", ".join(f"{number / 2001}" for number in range(1, 2001))
    write(tmp_path, PLAN.replace("0.9, 0.5", listed))
    assert pbias("sweep", "plan.toml", "--dry-run").returncode == 0
