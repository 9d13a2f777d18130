"""Every command of the README, the tutorials and guides runs unchanged.

Variables make trainings small; runs that take days (CelebA) are dry runs.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parent.parent
README = (REPO / "README.md").read_text(encoding="utf-8")
# In this order, because later pages use the files of earlier ones.
NAMES = (
    *(f"docs/tutorials/{name}.md" for name in ("faces", "photographs", "tables", "int8")),
    *(f"docs/{name}.md" for name in ("logits", "networks", "gates", "scripts", "releases")),
    "docs/monitoring.md",
    "docs/tutorials/paper.md",
    "README.md",
)
PAGES = {name: (REPO / name).read_text(encoding="utf-8") for name in NAMES}
QUICK = {
    "PBIAS_SYNTH_NUM": "90",
    "PBIAS_SYNTH_SIZE": "16",
    "PBIAS_WORKERS": "1",
    "PBIAS_QUIET": "1",
    "OMP_NUM_THREADS": "1",
}
SHELL = ("bash", "-o", "pipefail", "-c")


def fences(language: str, pages: Iterable[str] = NAMES) -> list[str]:
    """Return the code blocks in one language ("" for none)."""
    found = [
        block
        for page in pages
        for block in re.findall(r"^```(\w*)\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)
    ]
    return [body for name, body in found if name == language]


def commands() -> list[str]:
    """Return the command lines of all pages, in order; the README repeats some of the others'."""
    lines = command_lines(NAMES[:-1])
    return lines + [line for line in command_lines(NAMES[-1:]) if line not in lines]


def command_lines(pages: Iterable[str]) -> list[str]:
    """Return the command lines in the blocks of these pages."""
    lines = [line for body in fences("", pages) for line in body.splitlines()]
    return [line for line in lines if line.startswith("pbias ")]


def about_onnx(command: str) -> bool:
    """Return whether a command needs the extra `onnx`: those about one network."""
    return "mobile8" in command or "mobile.onnx" in command


def workflow(name: str) -> list[str]:
    """Return the commands that a workflow runs, except installing."""
    text = (REPO / "examples" / name).read_text()
    return [step for step in re.findall(r"run: (.+)", text) if not step.startswith("pip ")]


def small(command: str) -> dict[str, str]:
    """Return variables that make a command small; runs of days stop before their first step."""
    if "paper-" in command:
        return {"PBIAS_DRY_RUN": "1"}
    sizes = {"PBIAS_TRAIN_EPOCHS": "1", "PBIAS_TRAIN_BATCH_SIZE": "16"}
    if "--model" not in command:
        sizes["PBIAS_TRAIN_ARCH"] = "resnet_small"
    if "--one-shot" not in command:
        sizes["PBIAS_PRUNE_EPOCHS"] = "1"
    return sizes


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **QUICK,
        **small(command),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    return subprocess.run(
        [*SHELL, command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, quick_pbias: str) -> Iterator[Path]:
    """Create what the README assumes: photographs, weights, CelebA, a module, gates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", quick_pbias)
        yield _given(tmp_path_factory.mktemp("readme"))


def _given(folder: Path) -> Path:
    assert run(folder, "pbias synth -o photos").returncode == 0
    _label(folder / "photos" / "labels.csv")
    _lay_out_celeba(folder / "photos", folder / "CelebA")
    save, networks, module = fences("python")
    (folder / "mynet.py").write_text(module)
    (gates,) = {body for body in fences("text") if "# gates" in body}
    (folder / "gates.txt").write_text(gates)
    for month, version in (("june", "v1"), ("july", "v2")):
        copy = f"pbias import table {version}.csv --probability p --groups sex -o {month}.npz"
        tables = f"{shlex.quote(sys.executable)} {shlex.quote(str(REPO / 'examples/tables.py'))}"
        done = run(folder, f"{tables} && {copy}")
        assert done.returncode == 0, done.stderr
    weights = "import torch, mynet; torch.save(mynet.make(2).state_dict(), 'weights.pth')"
    for code in (networks, save, weights):
        done = run(folder, f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}")
        assert done.returncode == 0, done.stderr
    return folder


def _label(path: Path) -> None:
    """Add the columns that the README shows, for drawn faces."""
    with path.open(newline="") as file:
        drawn = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "split", "smiling", "glasses", "sex", "age_band", "person"])
        for number, row in enumerate(drawn):
            band = "18-30" if row["Young"] == "1" else "31-"
            labels = [row["Smiling"], row["Eyeglasses"], "fm"[row["Male"] == "1"], band]
            writer.writerow([row["image"], row["split"], *labels, f"p{number % 40}"])


def _lay_out_celeba(photos: Path, celeba: Path) -> None:
    """Write CelebA's lists, for the same images under other names."""
    pictures = sorted(photos.rglob("*.png")) + sorted(photos.rglob("*.jpg"))
    names = [f"{number:06d}.jpg" for number in range(1, len(pictures) + 1)]
    (celeba / "img_align_celeba").mkdir(parents=True)
    for name, picture in zip(names, pictures, strict=True):
        (celeba / "img_align_celeba" / name).symlink_to(picture)
    attributes = ["Smiling", "Male", "Young", "Chubby", "Pale_Skin"]
    rows = [
        f"{name} " + " ".join("1" if n % (i + 2) else "-1" for i in range(5))
        for n, name in enumerate(names)
    ]
    lines = [str(len(names)), " ".join(attributes), *rows]
    (celeba / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    splits = [f"{name} {n % 3}" for n, name in enumerate(names)]
    (celeba / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")


@pytest.mark.slow
def test_every_command_runs_as_it_stands(folder: Path) -> None:
    for command in commands():
        if about_onnx(command):
            continue
        if "dense-23.pt --recipe" in command:
            (folder / "dense-23.pt").symlink_to("dense.pt")
        done = run(folder, command)
        gated = {0, 1, 4} if "--gate" in command else {0}
        assert done.returncode in gated, f"{command}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    run_workflow(folder, "audit.yml")


def run_workflow(folder: Path, name: str) -> None:
    (folder / "summary.md").unlink(missing_ok=True)
    for step in workflow(name):
        done = run(folder, step)
        assert done.returncode in ({0, 1, 4} if "--gate" in step else {0}), done.stderr
    assert (folder / "summary.md").read_text().startswith("###")


@pytest.mark.slow
def test_every_command_about_onnx_runs_as_it_stands(folder: Path, onnx: Any) -> None:
    chosen = [command for command in commands() if about_onnx(command)]
    first = [command for command in commands() if "-o mobile.pt" in command]
    photos = [c for c in commands() if re.search(r"photos/labels.csv .*-o dense\.(pt|npz)$", c)]
    assert len(chosen) == 5 and len(first) == 1 and len(photos) == 2
    for command in (*first, *chosen, *photos):
        done = run(folder, command)
        gated = {0, 1, 4} if "--gate" in command else {0}
        assert done.returncode in gated, f"{command}\n{done.stderr}"
    run_workflow(folder, "audit-int8.yml")


def test_the_workflow_on_two_tables_decides_its_gates(tmp_path: Path, quick_pbias: str) -> None:
    """The second model of the example misses the smiles of women, so that a gate fails."""
    subprocess.run([sys.executable, REPO / "examples" / "tables.py", tmp_path], check=True)
    (gates,) = {body for body in fences("text") if "# gates" in body}
    (tmp_path / "gates.txt").write_text(gates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", quick_pbias)
        *imports, audit = [run(tmp_path, step) for step in workflow("audit-tables.yml")]
    assert [done.returncode for done in imports] == [0, 0] and audit.returncode == 1
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("###") and "FAIL" in summary.upper()
    assert "did_tpr" in summary and (tmp_path / "audit.csv").stat().st_size > 1000


def test_every_path_begins_with_a_command_that_is_run() -> None:
    table = README.partition("## Choose your path")[2].partition("\n## ")[0]
    named = re.findall(r"^\|[^|]+\| `(pbias [^`]+)`", table, re.MULTILINE)
    assert len(named) > 8 and set(named) <= set(commands())
    links = re.findall(r"\]\(#([^)]+)\)", README)
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    places = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
    assert set(links) <= places


def test_there_is_no_command_that_is_not_run() -> None:
    lines = [line.strip() for body in fences("") for line in body.splitlines()]
    assert {line for line in lines if re.match(r"\S*pbias\S* [a-z]", line)} <= {*commands()}
    named = set(re.findall(r"pbias (\w+)", " ".join(commands())))
    known = {"synth", "train", "prune", "predict", "import", "metrics", "flag", "calibrate"}
    assert known <= named


def test_the_workflow_is_the_one_in_the_examples() -> None:
    assert fences("yaml") == [(REPO / "examples" / "audit.yml").read_text()]


def test_the_table_is_the_one_of_the_example(tmp_path: Path) -> None:
    """The README shows the rows that the example draws."""
    subprocess.run([sys.executable, REPO / "examples" / "tables.py", tmp_path], check=True)
    (shown,) = (body for body in fences("text", ["README.md"]) if body.startswith("id,smiling,p"))
    assert (tmp_path / "v1.csv").read_text().startswith(shown)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 250


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(PAGES.values())
    named = set(re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE))
    assert named and named <= targets


def test_links_lead_to_files() -> None:
    for name, page in PAGES.items():
        links = re.findall(r"\]\((?!http)([^)#]+)", page)
        assert not [link for link in links if not ((REPO / name).parent / link).exists()], name
