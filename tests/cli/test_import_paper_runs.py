"""`pbias import paper-runs`: folders in the layout of the paper's code, drawn small.

Every tree has files that must not be opened: they are pipes, which would block the command.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import read_logits

Run = Callable[..., CompletedProcess[str]]

# CelebA's 40 attributes in their order.
ORDER = """5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"""
NAMES = ORDER.split()
SPLITS = [0, 0, 0, 0, 1, 1, 2, 2, 2]  # for nine images
LABELS = np.random.default_rng(0).integers(0, 2, (9, 40))
TEST, VALID = slice(6, 9), slice(4, 6)


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Write the authors' lists, without images; the list of splits has another order."""
    folder = tmp_path / "CelebA"
    folder.mkdir()
    names = [f"{number:06d}.jpg" for number in range(1, 10)]
    rows = [
        f"{name} {' '.join('1' if label else '-1' for label in labels)}"
        for name, labels in zip(names, LABELS, strict=True)
    ]
    lines = ["9", " ".join(NAMES), *rows[::-1]]
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    splits = [f"{name} {split}" for name, split in zip(names, SPLITS, strict=True)]
    (folder / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    people = [f"{name} {number // 2}" for number, name in enumerate(names)]
    (folder / "identity_CelebA.txt").write_text("\n".join(people) + "\n")
    return folder


def draw(tmp_path: Path, name: str, rows: slice = TEST, columns: slice = slice(0, 40)) -> None:
    """Write outputs below `bias_runs`: logits of 1.5 for positive labels, -1.5 for others."""
    path = tmp_path / "bias_runs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, 3.0 * LABELS[rows, columns] - 1.5)
    for never in ("run_stats.pkl", "last.ckpt", "best_checkpoint.pth"):
        if not (path.parent / never).exists():
            os.mkfifo(path.parent / never)


JOINT = "joint_runs/celeba/resnet18/GMP-RI/95/run1"


def test_joint_runs_become_files_that_audit(pbias: Run, celeba: Path, tmp_path: Path) -> None:
    draw(tmp_path, f"{JOINT}/test_outputs.txt")
    draw(tmp_path, f"{JOINT}/valid_outputs.txt", VALID)
    draw(tmp_path, "joint_runs/celeba/resnet18/Dense/0/run1/test_outputs.txt")
    done = pbias("import", "paper-runs", "bias_runs", "--celeba", "CelebA", "-o", "runs")
    assert (done.returncode, done.stdout) == (0, "") and "3 files of 2 runs" in done.stderr
    found = read_logits(f"runs/{JOINT}/test.npz")
    assert found.targets == tuple(NAMES) and found.group_names[0] == "Male"
    assert found.group_names == ("Male", "Young", "Chubby", "Pale_Skin")
    assert found.ids is not None and found.ids.tolist() == [
        f"img_align_celeba/00000{number}.jpg" for number in (7, 8, 9)
    ]
    assert (found.labels == LABELS[TEST]).all() and found.logits.dtype == np.float32
    assert found.clusters is not None and found.clusters.tolist() == ["3", "3", "4"]
    assert (found.groups[:, 0] == LABELS[TEST, NAMES.index("Male")]).all()
    assert found.train_counts is not None
    smiling, male = LABELS[:4, NAMES.index("Smiling")], LABELS[:4, NAMES.index("Male")]
    counts = found.train_counts[NAMES.index("Smiling"), 0]
    for sex, label in np.ndindex(2, 2):
        assert counts[sex, label] == ((male == sex) & (smiling == label)).sum()
    assert found.meta["sparsity"] == 0.95 and found.split == "test"
    assert found.meta["paper_run"]["strategy"] == "GMP-RI"
    assert (read_logits(f"runs/{JOINT}/valid.npz").labels == LABELS[VALID]).all()
    dense = "runs/joint_runs/celeba/resnet18/Dense/0/*/test.npz"
    audited = ("metrics", f"runs/{JOINT}/test.npz", "--ref", dense, "--metrics", "accuracy")
    rows = csv.DictReader(io.StringIO(pbias(*audited, "--no-intervals").stdout))
    assert {row["value"] for row in rows if row["attribute"] and not row["group"]} == {"1.0"}


@pytest.mark.parametrize(
    ("folder", "target"),
    [
        ("blond", "Blond_Hair"),
        ("oval-face", "Oval_Face"),
        ("oval_face", "Oval_Face"),
        ("bags-under-eyes", "Bags_Under_Eyes"),
        ("wearing_necktie", "Wearing_Necktie"),
        ("attractive", "Attractive"),
    ],
)
def test_single_labels_are_columns_by_their_folders(
    pbias: Run, celeba: Path, tmp_path: Path, folder: str, target: str
) -> None:
    column = NAMES.index(target)
    name = f"single_label_runs/celeba/resnet18/GMP-RI/{folder}/99/run1"
    for suffix, shift in (("_last", 1), ("_best", 0)):
        draw(
            tmp_path,
            f"{name}/val_outputs{suffix}.txt",
            VALID,
            slice(column - shift, column + 1 - shift),
        )
    # Below a folder of the tree whose own name still shows its kind.
    runs = "bias_runs/single_label_runs/celeba"
    done = pbias(
        "import", "paper-runs", runs, "--celeba", "CelebA", "--groups", "Male", "-o", "runs"
    )
    assert done.returncode == 0 and "99 may be 99.5" in done.stderr
    found = read_logits(f"runs/resnet18/GMP-RI/{folder}/99/run1/valid.npz")
    assert found.targets == (target,) and (found.labels[:, 0] == LABELS[VALID, column]).all()
    assert ((found.logits > 0) == found.labels).all()
    assert "sparsity" not in found.meta and found.group_names == ("Male",)


def test_backdoors_are_a_group_by_row_numbers(pbias: Run, celeba: Path, tmp_path: Path) -> None:
    column = NAMES.index("Smiling")
    name = "backdoor_runs/celeba/mobilenet/GMP-PT/smiling/grayscale/95/run1"
    draw(tmp_path, f"{name}/test_outputs_best.txt", columns=slice(column, column + 1))
    command = ("import", "paper-runs", "bias_runs", "--celeba", "CelebA", "-o", "runs")
    done = pbias(*command)
    assert done.returncode == 0 and "no folder backdoor_ids_label31 below bias_runs" in done.stderr
    ids = tmp_path / "elsewhere" / "backdoor_ids_label31"
    ids.mkdir(parents=True)
    for split, text in (("train", "3\n0\n"), ("valid", ""), ("test", "2\n0\n")):
        (ids / f"backdoor_ids_{split}.txt").write_text(text)
    assert pbias(*command, "--backdoor-ids", "elsewhere").returncode == 0
    found = read_logits(f"runs/{name}/test.npz")
    assert found.group_names[0] == "backdoor" and found.groups[:, 0].tolist() == [1, 0, 1]
    assert found.train_counts is not None
    marked = LABELS[[0, 3], column]
    assert found.train_counts[0, 0, 1].tolist() == [(marked == 0).sum(), (marked == 1).sum()]
    assert found.meta["sparsity"] == 0.95 and found.meta["paper_run"]["backdoor"] == "grayscale"
    (ids / "backdoor_ids_test.txt").write_text("3\n")
    done = pbias(*command, "--backdoor-ids", "elsewhere")
    assert (
        done.returncode == 2
        and "holds '3', which is not a row of its split (0 to 2)" in done.stderr
    )


def test_uncropped_runs_are_said_to_be_tested_on_aligned_images(
    pbias: Run, celeba: Path, tmp_path: Path
) -> None:
    draw(tmp_path, "joint_runs/full_celeba/resnet18/Dense/0/1/test_outputs.txt")
    done = pbias("import", "paper-runs", "bias_runs", "--celeba", "CelebA", "-o", "runs")
    assert done.returncode == 0 and "full_celeba were tested on aligned images" in done.stderr


BAD: list[tuple[str, slice, slice, str]] = [
    (f"{JOINT}/test_outputs.txt", VALID, slice(0, 40), "has 2 rows but the split test of CelebA"),
    (f"{JOINT}/test_outputs.txt", TEST, slice(0, 39), "has 39 columns but CelebA has 40 attrib"),
    ("test_outputs.txt", TEST, slice(0, 1), "has 1 columns but CelebA has 40 attributes; for one"),
    (
        "joint_runs/95/test_outputs.txt",
        TEST,
        slice(0, 40),
        "1 folders below joint_runs where there",
    ),
    (
        "joint_runs/a/b/c/x/1/test_outputs.txt",
        TEST,
        slice(0, 40),
        "'x' is not a sparsity in percent",
    ),
    (
        "single_label_runs/a/b/c/hat/95/1/test_outputs_best.txt",
        TEST,
        slice(0, 1),
        "unknown attribute 'hat'; rename it",
    ),
    (
        "single_label_runs/a/b/c/male/95/1/test_outputs_best.txt",
        TEST,
        slice(0, 40),
        "has 40 columns, but its folder is for one attribute, Male",
    ),
    ("outputs.txt", TEST, slice(0, 40), "has no test_outputs.txt, valid_outputs.txt or similar"),
]


@pytest.mark.parametrize(("name", "rows", "columns", "said"), BAD)
def test_trees_of_another_kind_are_one_line(
    pbias: Run, celeba: Path, tmp_path: Path, name: str, rows: slice, columns: slice, said: str
) -> None:
    draw(tmp_path, name, rows, columns)
    done = pbias("import", "paper-runs", "bias_runs", "--celeba", "CelebA", "-o", "runs")
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(Path("runs").rglob("*.npz"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not what numpy.savetxt writes: it is empty"),
        ("1.0 2.0\n1.0\n", "is not what numpy.savetxt writes"),
        ("label 1\n", "is not what numpy.savetxt writes"),
        ("\u20ac\n", "is not what numpy.savetxt writes"),
        ((" ".join(["nan"] * 40) + "\n") * 3, "'logits' holds nan"),
    ],
)
def test_damaged_outputs_are_one_line(
    pbias: Run, celeba: Path, tmp_path: Path, text: str, said: str
) -> None:
    draw(tmp_path, f"{JOINT}/test_outputs.txt")
    (tmp_path / "bias_runs" / JOINT / "test_outputs.txt").write_text(text, encoding="utf-8")
    done = pbias("import", "paper-runs", "bias_runs", "--celeba", "CelebA", "-o", "runs")
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_folders_that_cannot_be_used(pbias: Run, celeba: Path, tmp_path: Path) -> None:
    draw(tmp_path, f"{JOINT}/test_outputs.txt")
    (tmp_path / "taken").write_text("")
    for runs, lists, output, said in (
        (
            "nowhere",
            "CelebA",
            "runs",
            "nowhere is not a folder; name the folder that holds joint_runs",
        ),
        ("bias_runs", "nowhere", "runs", "nowhere is not a folder"),
        ("bias_runs", "bias_runs", "runs", "bias_runs has no list_attr_celeba.csv or"),
        ("bias_runs", "CelebA", "taken", "cannot create the folder taken"),
    ):
        done = pbias("import", "paper-runs", runs, "--celeba", lists, "-o", output)
        assert done.returncode == 2 and said in done.stderr
