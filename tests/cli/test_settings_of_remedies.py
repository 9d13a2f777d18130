"""Which remedies a run uses: printed settings, teachers, and what pruning continues with."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from pbias.files.checkpoint import load_checkpoint

Run = Callable[..., CompletedProcess[str]]
TRAIN = "train photos/labels.csv --batch-size 8 --image-size 16 --targets bright,red --groups band"
PRUNE = "prune dense.pt --batch-size 8 --steps 3 --sparsity 0.8"


def test_printed_settings_of_one_shot_pruning_give_the_same_network(
    pbias: Run, photos: Path
) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    one = "prune dense.pt --one-shot --sparsity 0.5 --score fisher --score-batches 2 --threads 1"
    Path("one.toml").write_text(pbias(*shlex.split(f"{one} --print-config")).stdout)
    pbias(*shlex.split(f"{one} -o a.pt"))
    done = pbias(*shlex.split("prune dense.pt --config one.toml --threads 1 -o b.pt"))
    assert done.returncode == 0, done.stderr
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()


def test_printed_settings_name_classes_and_files(pbias: Run) -> None:
    asked = "--classes color --init a.pt --image-root photos --print-config"
    printed = pbias("train", *shlex.split(asked)).stdout
    wanted = {'classes = "color"', 'init = "a.pt"', 'image-root = "photos"'}
    assert wanted <= set(printed.splitlines())
    asked = "prune --recipe small --sparsity 0.9 --data b.csv --print-config"
    assert 'data = "b.csv"' in pbias(*shlex.split(asked)).stdout.splitlines()


def test_a_teacher_of_another_loss_is_refused(pbias: Run, photos: Path) -> None:
    rows = list(csv.DictReader(Path("photos/labels.csv").read_text().splitlines()))
    with Path("photos/one.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "split", "bright", "dark"])
        for row in rows:
            bright = int(row["bright"] or 0)
            writer.writerow([row["image"], row["split"], bright, 1 - bright])
    train = "train photos/one.csv --batch-size 8 --image-size 16 --epochs 1"
    pbias(*shlex.split(f"{train} -o dense.pt"))
    softmax = f"{train} --loss cross-entropy --distill --teacher dense.pt -o a.pt"
    done = pbias(*shlex.split(softmax))
    said = "dense.pt was trained with --loss binary-cross-entropy, and this run uses cross-entropy"
    assert done.returncode == 2 and said in done.stderr and not Path("a.pt").exists()


def test_what_pruning_continues_with_can_be_changed_and_switched_off(
    pbias: Run, photos: Path
) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 --balance band --balance-max 4 -o dense.pt"))
    teacher = "--distill --teacher dense.pt --temperature 2"
    done = pbias(*shlex.split(f"{TRAIN} --epochs 1 {teacher} -o student.pt"))
    assert done.returncode == 0, done.stderr
    for start, options, name, value in (
        ("dense", "", "balance_max", 4.0),
        ("dense", "--balance-max 3", "balance_max", 3.0),
        ("dense", "--balance band", "balance_max", 10.0),
        ("dense", "--balance ''", "balance", ""),
        ("student", "--distill", "temperature", 4.0),
    ):
        asked = f"prune {start}.pt --batch-size 8 --steps 2 --sparsity 0.8 {options} -o s.pt"
        done = pbias(*shlex.split(asked))
        assert done.returncode == 0, done.stderr
        assert load_checkpoint("s.pt").recipe[name] == value, options
    asked = "prune dense.pt --sparsity 0.8 --balance '' --print-config"
    assert 'balance = ""' in pbias(*shlex.split(asked)).stdout.splitlines()


def test_groups_that_prune_does_not_read_are_explained(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    said = "the groups are: band; prune reads the groups that the checkpoint was trained with"
    for options in ("--balance sex", "--constrain 'ceag@sex <= 0.1'"):
        done = pbias(*shlex.split(f"{PRUNE} {options} -o a.pt"))
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_texts_that_name_no_group_or_one_twice(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    for options, said in (
        ("--balance ,", "--balance ',' names no group; name one, as in 'sex'"),
        ("--score fisher --score-groups ' ,'", "--score-groups ' ,' names no group"),
        ("--constrain 'ceag@band:band <= 0.1'", "names a group twice; name each once"),
    ):
        done = pbias(*shlex.split(f"{PRUNE} {options} -o a.pt"))
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_a_bound_needs_two_groups_in_training(pbias: Run, photos: Path) -> None:
    rows = list(csv.DictReader(Path("photos/labels.csv").read_text().splitlines()))
    for row in rows:
        row["band"] = "old" if row["split"] == "train" else "young"
        row["side"] = "left, up" if len(row["image"]) % 2 else "right"
    with Path("photos/apart.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    pbias(*shlex.split(f"{TRAIN} --epochs 1 -o dense.pt"))
    for bound, said in (
        (
            "band",
            "band has fewer than two values among the training images; name a group",
        ),
        ("band:red=young:1", "no training image has this value of band:red; leave the bound out"),
    ):
        options = f"--data photos/apart.csv --constrain 'ceag@{bound} <= 0.1' -o a.pt"
        done = pbias(*shlex.split(f"{PRUNE} {options}"))
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_a_group_with_a_comma_in_its_name(pbias: Run, photos: Path) -> None:
    text = Path("photos/labels.csv").read_text()
    head, _, rest = text.partition("\n")
    Path("photos/odd.csv").write_text(head.replace("band", '"age, band"') + "\n" + rest)
    groups = '"age, band"'
    train = ["train", "photos/odd.csv", "--batch-size", "8", "--image-size", "16", "--epochs", "1"]
    done = pbias(*train, "--targets", "red", "--groups", groups, "--balance", groups, "-o", "a.pt")
    assert done.returncode == 0, done.stderr
    assert load_checkpoint("a.pt").recipe["balance"] == groups
