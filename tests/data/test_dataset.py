"""Many images: found, measured, decoded into one array, streamed; errors name the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pbias.data import dataset, image_memory
from pbias.data.bad_images import BadImages
from pbias.data.dataset import (
    BLOCK,
    Pictures,
    default_size,
    find_pictures,
    load,
    measure,
    stream,
)
from pbias.errors import UserError
from pbias.files.manifest import read_manifest, select
from pbias.free_memory import free_memory
from pbias.models.preprocess import Preprocess


def draw(folder: Path, sizes: list[tuple[int, int]], transform: str = "") -> Pictures:
    """Draw one random image for each (height, width), with a manifest."""
    rng = np.random.default_rng(0)
    rows = ["image,split,transform,a"]
    for number, (height, width) in enumerate(sizes):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append(f"{number}.png,train,{transform},{number % 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return find(folder)


def find(folder: Path) -> Pictures:
    manifest = read_manifest(str(folder / "labels.csv"))
    return find_pictures(manifest, select(manifest, targets=["a"]), manifest.rows("train"))


def test_pictures_are_loaded_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    pictures = draw(tmp_path, [(32, 32)] * 40)
    data = load(pictures, Preprocess.for_crop(32))
    for number in (0, 17, 39):
        expected = np.asarray(Image.open(tmp_path / f"{number}.png"))
        np.testing.assert_array_equal(data.images[number], expected)
        assert data.labels[number].tolist() == [number % 2]


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    pictures = draw(tmp_path, [(30, 40)] * 70)
    one, three = (load(pictures, Preprocess.for_crop(16), workers=n).images for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_training_pictures_keep_what_all_have_in_common_after_resizing(tmp_path: Path) -> None:
    portraits = draw(tmp_path, [(218, 178)] * 2)
    paper = load(portraits, Preprocess.for_crop(224), sizes=measure(portraits)[1])
    assert paper.images.shape == (2, 313, 256, 3)
    mixed = draw(tmp_path, [(218, 178), (150, 200)])
    assert (
        load(mixed, Preprocess.for_crop(224), sizes=measure(mixed)[1]).images.shape[1:3]
        == (256,) * 2
    )
    assert load(portraits, Preprocess.for_crop(224)).images.shape[1:3] == (224, 224)


def test_sizes_hold_for_photographs_that_are_decoded_at_reduced_scale(tmp_path: Path) -> None:
    for number, (height, width) in enumerate([(601, 903), (907, 601), (605, 1209), (1001, 601)]):
        Image.new("RGB", (width, height)).save(tmp_path / f"{number}.jpg")
        (tmp_path / "labels.csv").write_text(f"image,split,a\n{number}.jpg,train,1\n")
        pictures = find(tmp_path)
        data = load(pictures, Preprocess.for_crop(112), sizes=measure(pictures)[1])
        long = max(height, width) * 128 // min(height, width)
        assert data.images.shape[1:3] == ((long, 128) if height > width else (128, long))


def test_small_training_pictures_have_a_margin_of_repeated_pixels(tmp_path: Path) -> None:
    pictures = draw(tmp_path, [(64, 64)])
    padded = load(pictures, Preprocess.for_crop(64), sizes=measure(pictures)[1]).images[0]
    inside = np.asarray(Image.open(tmp_path / "0.png"))
    np.testing.assert_array_equal(padded, np.pad(inside, ((4, 4), (4, 4), (0, 0)), mode="edge"))


def test_a_stream_gives_what_loading_gives(tmp_path: Path) -> None:
    pictures = draw(tmp_path, [(16, 16)] * (BLOCK + 3))
    seen: list[tuple[int, int]] = []
    preprocess = Preprocess.for_crop(16)
    blocks = list(stream(pictures, preprocess, progress=lambda *state: seen.append(state)))
    whole = load(pictures, preprocess)
    np.testing.assert_array_equal(np.concatenate([b.images for b in blocks]), whole.images)
    assert [len(block) for block in blocks] == [BLOCK, 3]
    assert seen == [(BLOCK, BLOCK + 3), (BLOCK + 3, BLOCK + 3)]


def test_missing_pictures_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    draw(tmp_path, [(16, 16)] * 5)
    (tmp_path / "2.png").unlink()
    (tmp_path / "3.png").unlink()
    with pytest.raises(UserError, match=r"2 of 5 images .* \(first: .*2\.png\); .* --image-root"):
        find(tmp_path)


def test_broken_pictures_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    pictures = draw(tmp_path, [(64, 64)] * 40)
    for number in (35, 20):
        path = tmp_path / f"{number}.png"
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"2 of 40 images cannot be read \(first: .*20\.png: "):
        load(pictures, Preprocess.for_crop(32))
    (tmp_path / "7.png").write_text("no picture")
    with pytest.raises(UserError, match=r"1 of 40 images cannot be read \(first: .*7\.png: "):
        measure(pictures)


def spoil(folder: Path) -> None:
    """Of the drawn images, remove 1, damage the header of 4 and truncate 6."""
    (folder / "1.png").unlink()
    (folder / "4.png").write_text("no picture")
    (folder / "6.png").write_bytes((folder / "6.png").read_bytes()[:2000])


def find_skipping(folder: Path) -> tuple[Pictures, BadImages]:
    bad = BadImages(skip=True)
    manifest = read_manifest(str(folder / "labels.csv"))
    labels = select(manifest, targets=["a"])
    return find_pictures(manifest, labels, manifest.rows("train"), bad), bad


def test_skipped_pictures_leave_the_others_with_their_labels(tmp_path: Path) -> None:
    whole = load(draw(tmp_path, [(64, 64)] * 9), Preprocess.for_crop(32))
    spoil(tmp_path)
    found, bad = find_skipping(tmp_path)
    pictures, sizes = measure(found, bad=bad)
    data = load(pictures, Preprocess.for_crop(32), bad=bad)
    left = [0, 2, 3, 5, 7, 8]
    np.testing.assert_array_equal(data.images, whole.images[left])
    assert data.labels[:, 0].tolist() == [row % 2 for row in left]
    assert sizes.tolist() == [[64, 64]] * 7
    assert list(bad.skipped) == ["1.png", "4.png", "6.png"]
    assert bad.skipped["1.png"] == "missing" and "known format" in bad.skipped["4.png"]
    manifest = read_manifest(str(tmp_path / "labels.csv"))
    assert bad.kept(manifest.ids, manifest.rows("train")).tolist() == left


def test_a_stream_skips_a_whole_block_of_broken_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "BLOCK", 2)
    draw(tmp_path, [(64, 64)] * 7)
    spoil(tmp_path)
    found, bad = find_skipping(tmp_path)
    blocks = list(stream(found, Preprocess.for_crop(32), bad=bad))
    assert [len(block) for block in blocks] == [2, 1, 1]
    assert list(bad.skipped) == ["1.png", "4.png", "6.png"]


def test_nothing_but_broken_pictures_is_an_error_whatever_is_asked_for(tmp_path: Path) -> None:
    draw(tmp_path, [(64, 64)] * 2)
    for number in range(2):
        (tmp_path / f"{number}.png").write_text("no picture")
    found, bad = find_skipping(tmp_path)
    with pytest.raises(UserError, match=r"no image can be used \(first: 0.png: not a picture"):
        list(stream(found, Preprocess.for_crop(32), bad=bad))
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").unlink()
    with pytest.raises(UserError, match=r"no image .* 0.png: missing\); name the folder"):
        find_skipping(tmp_path)


def test_transforms_reach_the_data(tmp_path: Path) -> None:
    grey = load(draw(tmp_path, [(16, 16)], "grayscale"), Preprocess.for_crop(16))
    assert (grey.images[..., 0] == grey.images[..., 2]).all()
    square = load(draw(tmp_path, [(16, 16)], "yellow_square"), Preprocess.for_crop(16))
    assert square.squares.tolist() == [True] and not grey.squares.any()


@pytest.mark.parametrize(("sizes", "size"), [([(64, 80)] * 3, 64), ([(300, 400)], 224)])
def test_the_default_size_is_the_median_short_side_up_to_224(
    sizes: list[tuple[int, int]], size: int
) -> None:
    assert default_size(np.array([*sizes, (40, 40)] if len(sizes) > 2 else sizes)) == size


def test_what_memory_cannot_hold_goes_to_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = draw(tmp_path, [(16, 16)] * 3)
    in_memory = load(pictures, Preprocess.for_crop(16)).images
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 2 kB\n")
    monkeypatch.setattr("pbias.free_memory.MEMINFO", tmp_path / "meminfo")
    (tmp_path / "cache").mkdir()
    caplog.set_level("INFO")
    mapped = load(pictures, Preprocess.for_crop(16), cache=str(tmp_path / "cache")).images
    np.testing.assert_array_equal(mapped, in_memory)
    assert "kept in a temporary file in" in caplog.text
    assert not list((tmp_path / "cache").iterdir())


def test_a_disk_without_room_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 2 kB\n")
    monkeypatch.setattr("pbias.free_memory.MEMINFO", tmp_path / "meminfo")
    with pytest.raises(UserError, match=r"cannot keep \d+\.\d GiB .* --cache"):
        image_memory.allocate((2**53,), str(tmp_path))


def test_the_memory_limit_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbias.free_memory.CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert free_memory() == 3000
