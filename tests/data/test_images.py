"""Reading one image: every mode of Pillow becomes upright RGB of the requested size."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import EpsImagePlugin, Image

from pbias.data import images
from pbias.data.images import BrokenImage, read_image, read_size
from pbias.data.layouts import listing

# Two colors that every mode can distinguish, left and right.
LEFT, RIGHT = (200, 200, 200), (40, 40, 40)
SUFFIXES = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm")


def two_colours(width: int = 40, height: int = 20) -> Image.Image:
    image = Image.new("RGB", (width, height), LEFT)
    image.paste(RIGHT, (width // 2, 0, width, height))
    return image


def read(path: Path, size: int = 20) -> NDArray[np.uint8]:
    return read_image(path, resize=size, size=(size, 2 * size))


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", "png"), ("L", "png"), ("P", "png"), ("RGBA", "png"), ("LA", "png"), ("I;16", "png"),
        ("L", "jpg"), ("CMYK", "jpg"), ("RGB", "bmp"), ("RGB", "webp"), ("RGB", "tif"),
        ("CMYK", "tif"), ("I;16", "tif"),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    image = two_colours()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode, palette=Image.Palette.ADAPTIVE)
    path = tmp_path / f"x.{suffix}"
    image.save(path)
    pixels = read(path)
    assert pixels.shape == (20, 40, 3) and pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels[:, :16], 200, atol=8)
    np.testing.assert_allclose(pixels[:, 24:], 40, atol=8)


def test_black_and_white_becomes_rgb(tmp_path: Path) -> None:
    two_colours().convert("1", dither=Image.Dither.NONE).save(tmp_path / "x.png")
    pixels = read(tmp_path / "x.png")
    assert (pixels[:, :20] == 255).all() and (pixels[:, 20:] == 0).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (20, 0, 40, 20))
    image.convert(mode).save(tmp_path / "x.png")
    pixels = read(tmp_path / "x.png")
    assert (pixels[:, :20] == 255).all() and (pixels[:, 20:] == 0).all()


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (40, 20), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "x.gif", save_all=True, append_images=[second])
    assert read(tmp_path / "x.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    # What a camera stores for each orientation: the inverse of what a viewer must do.
    stored = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    image = two_colours() if stored is None else two_colours().transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x.png", exif=exif)
    assert read_size(tmp_path / "x.png") == (20, 40)
    np.testing.assert_array_equal(read(tmp_path / "x.png"), np.asarray(two_colours()))


def test_the_short_side_is_resized_and_the_middle_cut_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (218, 178, 3), dtype=np.uint8))
    image.save(tmp_path / "x.png")
    expected = np.asarray(image.resize((256, 313), Image.Resampling.BILINEAR))[44:268, 16:240]
    got = read_image(tmp_path / "x.png", resize=256, size=(224, 224))
    np.testing.assert_array_equal(got, expected)


def test_a_photograph_decoded_at_reduced_scale_looks_the_same(tmp_path: Path) -> None:
    ys, xs = np.mgrid[0:1200, 0:1600]
    waves = [127 + 60 * np.sin(xs / 37 + i) + 60 * np.cos(ys / 29 - i) for i in range(3)]
    image = Image.fromarray(np.stack(waves, axis=2).astype(np.uint8))
    image.save(tmp_path / "x.jpg", quality=95)
    got = read_image(tmp_path / "x.jpg", resize=64, size=(64, 64)).astype(int)
    whole = np.asarray(image.resize((85, 64), Image.Resampling.BILINEAR))[:, 10:74]
    assert np.abs(got - whole).max() <= 3


def test_grayscale_is_grey_before_resizing(tmp_path: Path) -> None:
    image = two_colours()
    image.putpixel((0, 0), (255, 0, 0))
    image.save(tmp_path / "x.png")
    got = read_image(tmp_path / "x.png", resize=10, size=(10, 20), grayscale=True)
    expected = image.convert("L").resize((20, 10), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(got, np.repeat(np.asarray(expected)[..., None], 3, axis=2))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif", "webp"])
def test_truncated_files_are_broken(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"x.{suffix}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BrokenImage):
        read(path)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((20, 40), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(BrokenImage, match="floating-point"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_more_pixels_than_memory_should_hold_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 5000)
    Image.new("RGB", (100, 101)).save(tmp_path / f"x.{suffix}")
    with pytest.raises(
        BrokenImage, match=r"1\d\d x 1\d\d pixels to decode, more than 5,000; resize"
    ):
        read_image(tmp_path / f"x.{suffix}", resize=100, size=(100, 100))


def test_a_bomb_of_few_bytes_takes_no_memory(tmp_path: Path) -> None:
    """A PNG whose header says 100,000 x 100,000 pixels: 30 GB once decoded."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(BrokenImage, match="100,000 x 100,000 pixels to decode"):
        read(tmp_path / "x.png")


def test_a_progressive_jpeg_bomb_takes_no_memory(tmp_path: Path) -> None:
    """519 bytes with a header of 20,000 x 20,000 pixels: their coefficients took 1.2 GB."""
    two_colours(16, 16).save(tmp_path / "x.jpg", progressive=True)
    data = bytearray((tmp_path / "x.jpg").read_bytes())
    start = data.index(b"\xff\xc2")
    data[start + 5 : start + 9] = struct.pack(">HH", 20_000, 20_000)
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(BrokenImage, match="20,000 x 20,000 pixels to decode"):
        read(tmp_path / "x.jpg")


def test_a_tile_larger_than_its_picture_takes_no_memory(tmp_path: Path) -> None:
    """A TIFF of 10 x 10 pixels in a tile of 24,000 x 24,000: 560 KB took 550 MB."""
    tile = zlib.compress(bytes(100))
    tags = [
        (256, 10), (257, 10), (258, 8), (259, 8), (262, 1), (277, 1), (322, 24_000), (323, 24_000),
        (324, 8), (325, len(tile)),
    ]  # fmt: skip
    content = b"II*\0" + struct.pack("<I", 8 + len(tile)) + tile + struct.pack("<H", len(tags))
    content += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4)
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(BrokenImage, match="24,000 x 24,000 pixels to decode"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_of_very_many_scans_is_refused(tmp_path: Path, progressive: bool) -> None:
    """1 MB with 3,000 scans of 100 million pixels took two minutes."""
    two_colours(64, 64).save(tmp_path / "x.jpg", progressive=progressive)
    data = bytearray((tmp_path / "x.jpg").read_bytes())
    start = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", 9_000, 9_000)
    scans = data.index(images.START_OF_SCAN)
    (tmp_path / "x.jpg").write_bytes(data[:scans] + data[scans:-2] * 30 + data[-2:])
    with pytest.raises(BrokenImage, match=r"\d+ scans of 81,000,000 pixels, more than 2,000,000,"):
        read(tmp_path / "x.jpg")


def test_a_jpeg_of_few_pixels_may_have_many_scans(tmp_path: Path) -> None:
    two_colours().save(tmp_path / "x.jpg", progressive=True)
    data = (tmp_path / "x.jpg").read_bytes()
    last = data.rindex(images.START_OF_SCAN)
    (tmp_path / "x.jpg").write_bytes(data[:-2] + data[last:-2] * 100 + data[-2:])
    assert read(tmp_path / "x.jpg").shape == (20, 40, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "CMYK", "I;16"])
def test_pictures_converted_in_bands_are_those_converted_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 30, 4), dtype=np.uint8)
    image = Image.fromarray(noise, "RGBA" if mode != "CMYK" else "CMYK")
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 200)
    elif mode not in ("RGBA", "CMYK"):
        image = image.convert(mode)
    suffix, exif = "tif" if mode == "CMYK" else "png", Image.Exif()
    exif[0x112] = 6
    image.save(tmp_path / f"x.{suffix}", exif=exif)
    whole = read(tmp_path / f"x.{suffix}")
    monkeypatch.setattr(images, "BAND", 210)
    np.testing.assert_array_equal(read(tmp_path / f"x.{suffix}"), whole)


def test_small_bombs_are_refused_within_300_mib(tmp_path: Path) -> None:
    """Run each in its own process: 16,383 x 16,383 pixels of WebP in 34 bytes, and so on."""
    bombs = {"WebP": {"lossless": True, "method": 0, "quality": 0}, "GIF": {}, "PNG": {}}
    for kind, options in bombs.items():
        Image.new("P" if kind == "GIF" else "L", (11_000, 11_000)).save(
            tmp_path / f"x.{kind.lower()}", **options
        )
    program = """
import resource, sys; from pathlib import Path; from pbias.data.images import *
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for path in map(Path, sys.argv[1:]):
    before = used()
    try:
        read_image(path, resize=20, size=(20, 20))
    except BrokenImage as error:
        print(str(error)[:15], used() - before < 300)
"""
    paths = [str(tmp_path / f"x.{kind.lower()}") for kind in bombs]
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["11,000 x 11,000 True"] * 3


def test_large_pictures_take_10_bytes_a_pixel_one_at_a_time(tmp_path: Path) -> None:
    """Thus 100 million take less than 1 GiB.

    A transparent PNG of 390 KB took 1.9 GB, for four copies of its pixels, in each thread.
    """
    side = 5_100
    assert side * side > images.LARGE
    Image.new("RGBA", (side, side)).save(tmp_path / "x.png", compress_level=1)
    program = """
import resource, sys; from concurrent.futures import ThreadPoolExecutor
from pathlib import Path; from pbias.data.images import read_image
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
read = lambda path: read_image(Path(path), resize=20, size=(20, 20))
before = used()
with ThreadPoolExecutor(2) as pool:
    pixels = list(pool.map(read, sys.argv[1:]))
print(*(found.min() for found in pixels), (used() - before) / 5_100**2)
"""
    command = [sys.executable, "-c", program, *[str(tmp_path / "x.png")] * 2]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second, bytes_a_pixel = done.stdout.split()
    assert first == second == "255" and float(bytes_a_pixel) < 10


def test_webp_may_have_half_the_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its decoder holds 16 bytes per pixel: 34 bytes took 2.3 GB."""
    monkeypatch.setattr(images, "MAX_WEBP", 700)
    two_colours().save(tmp_path / "x.webp")
    with pytest.raises(BrokenImage, match="40 x 20 pixels to decode, more than 700"):
        read(tmp_path / "x.webp")
    two_colours().save(tmp_path / "x.png")
    assert read(tmp_path / "x.png").shape == (20, 40, 3)


def test_a_thin_picture_that_would_grow_huge_is_refused(tmp_path: Path) -> None:
    Image.new("L", (40_000, 1)).save(tmp_path / "x.png")
    with pytest.raises(BrokenImage, match="64 x 2,560,000 pixels"):
        read_image(tmp_path / "x.png", resize=64, size=(64, 64))


def test_a_picture_never_starts_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow decodes EPS with Ghostscript, under any file name."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    path = tmp_path / "x.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 20\n%%EndComments\nshowpage\n")
    with Image.open(path) as image, contextlib.suppress(OSError):
        image.load()
    assert (tmp_path / "started").exists()  # otherwise the rest of this test could not fail
    (tmp_path / "started").unlink()
    with pytest.raises(BrokenImage, match="not a picture of a known format"):
        read(path)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("kind", ["ICO", "ICNS", "PCX", "TGA", "SGI", "JPEG2000", "DDS", "QOI"])
def test_formats_that_are_not_on_the_list_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.jpg"
    Image.new("RGB", (64, 64)).save(path, format=kind)
    with pytest.raises(BrokenImage, match="not a picture of a known format"):
        read(path)


def test_every_suffix_of_a_folder_of_images_has_a_format(tmp_path: Path) -> None:
    for suffix in listing.SUFFIXES:
        two_colours().save(tmp_path / f"x{suffix}")
        assert read(tmp_path / f"x{suffix}").shape == (20, 40, 3)


def test_a_pipe_in_place_of_a_picture_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    for read_it in (read, read_size):
        with pytest.raises(BrokenImage, match="not a regular file"):
            read_it(tmp_path / "x.png")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_libtiff_says_nothing_by_itself(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], compression: str
) -> None:
    path = tmp_path / "x.tif"
    two_colours().save(path, compression=compression)
    content = bytearray(path.read_bytes())
    content[10:40] = b"\xff" * 30
    path.write_bytes(content)
    with pytest.raises(BrokenImage):
        read(path)
    assert capfd.readouterr() == ("", "")


@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
def test_mutated_files_are_read_or_broken(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / f"x.{suffix}"
    two_colours().save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(BrokenImage):
        assert read(path).shape == (20, 40, 3) or read_size(path) != (20, 40)


def exif_entry(kind: int, count: int, value: bytes) -> bytes:
    """Return EXIF with an orientation of any type, as broken programs write it."""
    entry = struct.pack("<IHHHI", 8, 1, 0x0112, kind, count) + value
    return b"Exif\0\0II*\0" + entry + struct.pack("<I", 0)


@pytest.mark.parametrize(
    "exif",
    [
        exif_entry(3, 1, b"\x09\0\0\0"),
        exif_entry(3, 1, b"\xff\xff\0\0"),
        exif_entry(7, 1, b"\6\0\0\0"),
        exif_entry(2, 4, b"top\0"),
        b"Exif\0\0II*\0\x08",
        b"Exif\0\0no TIFF header",
    ],
)
def test_an_orientation_without_a_meaning_leaves_the_pixels(tmp_path: Path, exif: bytes) -> None:
    two_colours().save(tmp_path / "plain.jpg", quality=95)
    two_colours().save(tmp_path / "odd.jpg", quality=95, exif=exif)
    assert read_size(tmp_path / "odd.jpg") == (20, 40)
    np.testing.assert_array_equal(read(tmp_path / "odd.jpg"), read(tmp_path / "plain.jpg"))
