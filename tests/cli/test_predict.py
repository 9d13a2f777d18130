"""`pbias predict`: logits with the data of the images, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

from pbias.files.checkpoint import load_checkpoint
from pbias.files.logits import Logits, read_logits
from pbias.files.manifest import read_manifest, select
from pbias.files.provenance import sha256

Run = Callable[..., CompletedProcess[str]]

TRAIN = (
    *("train", "photos/labels.csv", "--targets", "bright,red", "--groups", "male,band"),
    *("--cluster", "person", "--epochs", "1", "--batch-size", "16", "-o", "dense.pt"),
)
PREDICT = ("predict", "dense.pt", "photos/labels.csv")


@pytest.fixture
def trained(pbias: Run, photos: Path) -> Path:
    """Train `dense.pt` beside `photos`."""
    assert pbias(*TRAIN).returncode == 0
    return photos


def run(pbias: Run, *options: str, out: str = "out.npz") -> Logits:
    assert pbias(*PREDICT, *options, "-o", out).returncode == 0
    return read_logits(out)


def test_labels_groups_and_clusters_are_those_of_the_test_rows(pbias: Run, trained: Path) -> None:
    logits = run(pbias)
    manifest = read_manifest("photos/labels.csv")
    rows = manifest.rows("test")
    expected = select(manifest, targets=["bright", "red"], groups=["male", "band"])
    assert logits.ids.tolist() == [manifest.ids[row] for row in rows]
    np.testing.assert_array_equal(logits.labels, expected.labels[rows])
    np.testing.assert_array_equal(logits.groups, expected.groups[rows])
    assert logits.targets == ("bright", "red") and logits.group_names == ("male", "band")
    assert logits.group_values == (("0", "1"), ("old", "young"))
    assert logits.clusters.tolist() == [manifest.columns["person"][row] for row in rows]
    counts = load_checkpoint("dense.pt").train_counts
    np.testing.assert_array_equal(logits.train_counts, counts)


def test_another_column_of_clusters_can_be_named(pbias: Run, trained: Path) -> None:
    assert set(run(pbias, "--split", "all", "--cluster", "band").clusters.tolist()) == {
        "young",
        "old",
    }


def test_the_file_says_where_it_comes_from(pbias: Run, trained: Path) -> None:
    logits = run(pbias)
    assert logits.split == "test" and logits.activation == "sigmoid"
    assert logits.meta["sha256"] == {
        "model": sha256(Path("dense.pt").read_bytes()),
        "manifest": sha256((trained / "labels.csv").read_bytes()),
    }
    assert logits.meta["sparsity"] == 0.0
    assert logits.meta["recipe"]["epochs"] == 1
    assert logits.meta["environment"]["device"] == "cpu"


@pytest.mark.parametrize(("split", "num"), [("train", 44), ("valid", 10), ("all", 64)])
def test_other_splits_can_be_predicted(pbias: Run, trained: Path, split: str, num: int) -> None:
    logits = run(pbias, "--split", split)
    assert len(logits) == num and logits.split == split


def spoil(photos: Path) -> None:
    """Remove test image 5 and truncate test image 11."""
    (photos / "5.png").unlink()
    (photos / "11.png").write_bytes((photos / "11.png").read_bytes()[:100])


def test_bad_images_are_an_error_unless_they_are_skipped(pbias: Run, trained: Path) -> None:
    whole = run(pbias)
    spoil(trained)
    failed = pbias(*PREDICT, "-o", "bad.npz")
    assert failed.returncode == 2 and "1 of 10 images" in failed.stderr
    done = pbias(*PREDICT, "--on-bad-image", "skip", "-o", "bad.npz")
    assert "warning: skipped 5.png: missing\n" in done.stderr
    assert "warning: skipped 11.png: " in done.stderr
    assert "warning: 2 images were skipped\n" in done.stderr
    left = read_logits("bad.npz")
    assert left.meta["skipped"] == 2 and whole.meta["skipped"] == 0
    kept = [row for row, name in enumerate(whole.ids) if name not in ("5.png", "11.png")]
    assert left.ids.tolist() == whole.ids[kept].tolist()
    np.testing.assert_array_equal(left.labels, whole.labels[kept])
    np.testing.assert_allclose(left.logits, whole.logits[kept], atol=1e-5)


def test_images_outside_of_the_root_are_read_when_they_are_allowed(
    pbias: Run, trained: Path
) -> None:
    rows = (trained / "labels.csv").read_text().splitlines()
    Path("sub").mkdir()
    Path("sub/labels.csv").write_text(
        "\n".join([rows[0], *(f"../photos/{row}" for row in rows[1:])])
    )
    outside = ("predict", "dense.pt", "sub/labels.csv", "-o", "outside.npz")
    refused = pbias(*outside)
    assert refused.returncode == 2 and "'../photos/0.png' is outside of the" in refused.stderr
    assert pbias(*outside, "--allow-outside").returncode == 0
    np.testing.assert_array_equal(read_logits("outside.npz").logits, run(pbias).logits)


@pytest.mark.parametrize("size", ["1", "7"])
def test_the_batch_size_does_not_change_the_logits(pbias: Run, trained: Path, size: str) -> None:
    whole = run(pbias, "--split", "all")
    parts = run(pbias, "--split", "all", "--batch-size", size)
    np.testing.assert_allclose(parts.logits, whole.logits, atol=1e-5)


def test_the_same_command_gives_the_same_bytes(pbias: Run, trained: Path) -> None:
    run(pbias)
    run(pbias, "--workers", "3", out="again.npz")
    assert Path("out.npz").read_bytes() == Path("again.npz").read_bytes()


def test_a_manifest_of_images_alone_gives_unknown_labels(pbias: Run, trained: Path) -> None:
    rows = [line.split(",")[0] for line in (trained / "labels.csv").read_text().splitlines()]
    (trained / "bare.csv").write_text("\n".join(rows) + "\n")
    done = pbias("predict", "dense.pt", "photos/bare.csv", "--split", "all", "-o", "out.npz")
    assert done.returncode == 0
    assert "warning: photos/bare.csv: 5 columns lacking, unknown: bright, red, male" in done.stderr
    logits = read_logits("out.npz")
    assert (logits.labels == -1).all() and (logits.groups == -1).all()
    assert logits.clusters is None and logits.group_values == (("0", "1"), ("old", "young"))


def test_a_network_trained_without_groups_predicts(pbias: Run, photos: Path) -> None:
    pbias("train", "photos/labels.csv", "--epochs", "1", "-o", "dense.pt")
    logits = run(pbias)
    assert logits.group_names == () and logits.train_counts.shape == (3, 1, 1, 2)


def test_rows_of_a_drawn_split_are_those_that_were_not_trained_on(pbias: Run, photos: Path) -> None:
    lines = (photos / "labels.csv").read_text().splitlines()
    cells = [line.split(",") for line in lines]
    rows = [",".join([row[0], *row[2:]]) for row in cells]
    (photos / "labels.csv").write_text("\n".join(rows) + "\n")
    said = pbias(*TRAIN, "--seed", "5").stderr
    assert "has no 'split' column; split 70/10/20 by " in said
    ids = [set(run(pbias, "--split", split).ids.tolist()) for split in ("train", "valid", "test")]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 64


def test_logits_are_those_of_the_pictures_in_the_manifest(pbias: Run, trained: Path) -> None:
    before = run(pbias)
    lines = (trained / "labels.csv").read_text().splitlines()
    (trained / "labels.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    after = run(pbias)
    assert after.ids.tolist() == before.ids.tolist()[::-1]
    np.testing.assert_allclose(after.logits, before.logits[::-1], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.pt", "photos/labels.csv"], "absent.pt does not exist"),
        (["photos/labels.csv", "photos/labels.csv"], "labels.csv"),
        (["dense.pt", "photos/labels.csv", "--split", "tset"], "has no rows of split 'tset'"),
        (["dense.pt", "photos/labels.csv", "--image-root", "x"], "10 of 10 images"),
        (["-", "-"], "'-' is given for several inputs"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(
    pbias: Run, trained: Path, arguments: list[str], message: str
) -> None:
    failed = pbias("predict", *arguments, "-o", "out.npz")
    assert failed.returncode == 2
    assert failed.stderr.count("error: ") == 1 and message in failed.stderr
    assert not Path("out.npz").exists()


def test_a_checkpoint_comes_through_a_pipe(shell: Run, pbias: Run, trained: Path) -> None:
    run(pbias)
    assert (
        shell("cat dense.pt | pbias predict - photos/labels.csv -o - > piped.npz").returncode == 0
    )
    assert Path("piped.npz").read_bytes() == Path("out.npz").read_bytes()


def test_a_misspelt_label_column_is_refused(pbias: Run, trained: Path) -> None:
    labels = trained / "labels.csv"
    labels.write_text(labels.read_text().replace("bright", "Bright", 1))
    done = pbias(*PREDICT, "-o", "out.npz")
    assert done.returncode == 2 and "did you mean 'Bright'?" in done.stderr


def test_fast_decoding_is_recorded_and_changes_large_jpeg_files_alone(
    pbias: Run, trained: Path
) -> None:
    names = read_manifest("photos/labels.csv").ids
    assert np.array_equal(run(pbias, "--fast-decode").logits, run(pbias).logits)  # small PNG files
    large = Path("large")
    large.mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        noise = rng.integers(0, 255, (320, 320, 3)).astype(np.uint8)
        (large / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(large / name, "JPEG")
    root = ("--image-root", "large")
    plain, fast = run(pbias, *root), run(pbias, *root, "--fast-decode", out="fast.npz")
    gap = np.abs(plain.logits - fast.logits).max()
    assert 0 < gap < 0.5
    assert fast.meta["arguments"]["fast_decode"] is True
    assert "fast_decode" not in plain.meta["arguments"]
