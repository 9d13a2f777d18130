"""The folder of drawn faces: complete or recognizably unfinished, equal with any processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pbias.cli.commands.data.synth import synth
from pbias.errors import UserError
from pbias.files.manifest import read_manifest
from pbias.synth import ATTRIBUTES, draw_labels, write_faces


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_manifest_is_a_manifest(tmp_path: Path) -> None:
    write_faces(str(tmp_path / "faces"), 30, size=16, seed=4)
    manifest = read_manifest(str(tmp_path / "faces" / "labels.csv"))
    assert manifest.attributes == list(ATTRIBUTES)
    assert manifest.ids[29] == "images/000029.jpg"
    labels = [[int(manifest.columns[name][i]) for name in ATTRIBUTES] for i in range(30)]
    assert np.array_equal(labels, draw_labels(30, 4))


def test_every_image_is_there_and_opens(tmp_path: Path) -> None:
    write_faces(str(tmp_path), 5, size=24)
    manifest = read_manifest(str(tmp_path / "labels.csv"))
    for name in manifest.ids:
        with Image.open(manifest.root / name) as image:
            assert (image.size, image.mode) == ((24, 24), "RGB")
            assert np.asarray(image).std() > 5


def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    for workers in (1, 2):
        write_faces(str(tmp_path / str(workers)), 520, size=16, seed=9, workers=workers)
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_a_smaller_set_replaces_a_larger_one(tmp_path: Path) -> None:
    write_faces(str(tmp_path), 12, size=16)
    write_faces(str(tmp_path), 7, size=16)
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == [f"{index:06d}.jpg" for index in range(7)]
    assert len(read_manifest(str(tmp_path / "labels.csv")).ids) == 7


def test_splits_have_the_shares_asked_for(tmp_path: Path) -> None:
    write_faces(str(tmp_path), 200, size=16, split=(50, 20, 30))
    splits = read_manifest(str(tmp_path / "labels.csv")).splits
    assert [splits.count(name) for name in ("train", "valid", "test")] == pytest.approx(
        [100, 40, 60], abs=3
    )
    assert splits[:40].count("train") == pytest.approx(20, abs=3)


def test_a_split_may_be_empty(tmp_path: Path) -> None:
    write_faces(str(tmp_path), 20, size=16, split=(0, 0, 100))
    assert set(read_manifest(str(tmp_path / "labels.csv")).splits) == {"test"}


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_faces(str(tmp_path), 130, size=16, progress=lambda *pair: seen.append(pair))
    assert seen == [(64, 130), (128, 130), (130, 130)]


@pytest.mark.parametrize("num", [70, 600])
def test_an_interrupted_folder_has_no_manifest_and_can_be_drawn_again(
    tmp_path: Path, num: int
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    write_faces(str(tmp_path), 3, size=16)
    with pytest.raises(KeyboardInterrupt):
        write_faces(str(tmp_path), num, size=16, workers=2, progress=interrupt)
    assert not (tmp_path / "labels.csv").exists()
    write_faces(str(tmp_path), 3, size=16)
    assert len(read_manifest(str(tmp_path / "labels.csv")).ids) == 3


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image\nmine.jpg\n")
    with pytest.raises(UserError, match=r"holds files that are not drawn faces"):
        write_faces(str(tmp_path), 3, size=16)
    assert content(tmp_path) == {"labels.csv": b"image\nmine.jpg\n"}


def test_other_files_in_the_images_folder_stay(tmp_path: Path) -> None:
    write_faces(str(tmp_path), 3, size=16)
    (tmp_path / "images" / "me.jpg").write_bytes(b"x")
    write_faces(str(tmp_path), 2, size=16)
    assert (tmp_path / "images" / "me.jpg").read_bytes() == b"x"


def test_the_record_says_what_was_drawn(tmp_path: Path) -> None:
    write_faces(str(tmp_path), 2, size=16, seed=8)
    record = json.loads((tmp_path / "synth.json").read_text())
    assert (record["format"], record["num"], record["size"], record["seed"]) == (
        "pbias-synth",
        2,
        16,
        8,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num": 0}, "cannot draw 0 faces"),
        ({"num": 1_000_001}, "choose 1 to 1000000"),
        ({"size": 8}, "faces of 8 pixels"),
        ({"split": (70, 10, 10)}, "70,10,10.*add up to 100"),
        ({"split": (50, 50)}, "train, valid and test"),
        ({"split": (120, -40, 20)}, "add up to 100"),
        ({"split": (float("nan"), 50, 50)}, "add up to 100"),
    ],
)
def test_bad_numbers_are_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    options = {"num": 3, "size": 16, **changes}
    with pytest.raises(UserError, match=message):
        write_faces(str(tmp_path / "faces"), **options)  # type: ignore[arg-type]
    assert not (tmp_path / "faces").exists()


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "faces").write_text("")
    with pytest.raises(UserError, match="is a file"):
        write_faces(str(tmp_path / "faces"), 3)
    with pytest.raises(UserError, match="cannot write the faces"):
        write_faces(str(tmp_path / "faces" / "more"), 3)


def test_command_draws_a_folder_and_a_sheet(tmp_path: Path) -> None:
    synth(output=str(tmp_path / "faces"), sheet=str(tmp_path / "sheet.png"), num=3, size=16)
    assert (tmp_path / "faces" / "labels.csv").exists()
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_command_needs_something_to_draw() -> None:
    with pytest.raises(UserError, match="name a folder with -o"):
        synth()


def test_command_refuses_what_is_no_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a,b is not three percentages"):
        synth(output=str(tmp_path / "faces"), split="a,b")


def test_command_does_not_replace_with_no_clobber(tmp_path: Path) -> None:
    synth(output=str(tmp_path), num=2, size=16, no_clobber=True)
    with pytest.raises(UserError, match=r"already exists \(--no-clobber\)"):
        synth(output=str(tmp_path), num=3, size=16, no_clobber=True)


@pytest.mark.skipif(not Path("/proc").exists(), reason="children are looked for in /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "draw.py"
    script.write_text(
        "from pbias.synth import write_faces\n"
        "if __name__ == '__main__':\n"
        "    write_faces('f', 20_000, workers=2)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path)
    drawn = tmp_path / "f" / "images"
    wait_for(lambda: drawn.exists() and len(list(drawn.iterdir())) > 5)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.kill()
    parent.wait()
    assert len(children) >= 2
    wait_for(lambda: not any(_is_alive(child) for child in children))


def _is_alive(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(happens: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something happens, and fail if it takes too long."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)
