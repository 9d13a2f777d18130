"""Picture files to arrays: seven formats, as RGB, turned upright, resized, cut."""

from __future__ import annotations

import contextlib
import ctypes
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError, _imaging

UInt8 = npt.NDArray[np.uint8]
Size = tuple[int, int]  # height, width

WHITE = (255, 255, 255)
ORIENTATION = 0x0112  # EXIF; from 5 on, height and width are exchanged
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF
UPRIGHT = 1
START_OF_SCAN = b"\xff\xda"  # in JPEG; within a scan, a byte of 255 is followed by one of 0
# How a picture of each other orientation is turned upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WIDE = ("I", "I;16", "I;16L", "I;16B", "I;16N")
# What a file holds decides, whatever it is called. Pillow knows some forty formats more: opening
# one can start a program (EPS: Ghostscript) or decode inner pictures whose size no header says.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 100_000_000  # of what a decoder may hold, before and after resizing
MAX_WEBP = 50_000_000  # its decoder holds each pixel four times
# A JPEG may store its pixels in any number of scans, and every scan takes time for all of them.
MAX_SCANNED = 20 * MAX_PIXELS
BAND = 4_000_000  # pixels that are converted at a time
LARGE = 25_000_000  # pixels of pictures that are decoded one at a time, whatever the threads
# Pillow's limit is on what a header says and partly a warning; `_check_pixels` replaces it.
Image.MAX_IMAGE_PIXELS = None
# libtiff writes to the file descriptor 2 by itself, with bytes of the picture: it shall not. What
# is wrong is raised as well. A Pillow without libtiff has no such function.
with contextlib.suppress(OSError, AttributeError):
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)

_large = threading.Lock()


class BrokenImage(Exception):
    """A picture that cannot be read, and why."""


def read_size(path: Path) -> Size:
    """Height and width of a picture held upright, from its header alone."""
    with _opened(path) as image:
        return _upright_size(image)


def read_image(
    path: Path,
    *,
    resize: int,
    size: Size,
    grayscale: bool = False,
    interpolation: str = "bilinear",
    fast: bool = False,
) -> UInt8:
    """The middle `size` of a picture whose short side is resized to `resize`: uint8 [H, W, 3].

    The first frame; turned upright; transparency on white; 16 bits reduced to 8. `fast`: JPEG is
    decoded at the least scale (1/8 to 1) that has as many pixels as wanted. Raises BrokenImage
    where that fails, and for more than 100 million pixels (WebP: 50 million).
    """
    with _opened(path) as image:
        whole = resized(_upright_size(image), resize)
        # Before JPEG is reduced: where it comes in several scans, its decoder keeps all pixels.
        for held in (image.size, whole, _tile_size(image)):
            _check_pixels(held, MAX_WEBP if image.format == "WEBP" else MAX_PIXELS)
        _check_scans(image, path)
        turn = TURNS.get(_orientation(image))
        with _large if math.prod(image.size) > LARGE else contextlib.nullcontext():
            # JPEG decodes at a reduced scale for less; twice the size leaves no trace of it.
            side = resize if fast else 2 * resize
            image.draft(None, (side, side))
            image.load()
            rgb = _to_rgb(image)
            if rgb is not image:
                image.close()  # frees its pixels
            if turn is not None:
                rgb = rgb.transpose(turn)
            if grayscale:
                rgb = rgb.convert("L").convert("RGB")
            filter_ = Image.Resampling[interpolation.upper()]
            return _cut(rgb.resize(whole[::-1], filter_, reducing_gap=3.0), size)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An open picture; whatever goes wrong meanwhile is a BrokenImage.

    Decoders raise errors of any kind for files that are not well-formed.
    """
    try:
        if path.exists() and not path.is_file():
            raise BrokenImage("not a regular file")  # a FIFO would wait, a device never end
        with Image.open(path, formats=FORMATS) as image:
            if min(image.size) < 1:
                raise BrokenImage("no pixels")
            yield image
    except (BrokenImage, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise BrokenImage(f"not a picture of a known format ({', '.join(FORMATS)})") from error
    except Exception as error:
        raise BrokenImage(" ".join(str(error).split()) or type(error).__name__) from error


def _check_pixels(size: Size, most: int) -> None:
    if size[0] * size[1] > most:
        raise BrokenImage(
            f"{size[0]:,} x {size[1]:,} pixels to decode, more than {most:,}; resize it first"
        )


def _check_scans(image: Image.Image, path: Path) -> None:
    """Refuse a JPEG of so many scans that decoding takes minutes."""
    if image.format not in ("JPEG", "MPO"):
        return
    pixels, smallest = math.prod(image.size), 10  # bytes of a scan
    if pixels * path.stat().st_size <= smallest * MAX_SCANNED:
        return
    scans = path.read_bytes().count(START_OF_SCAN)
    if scans * pixels > MAX_SCANNED:
        raise BrokenImage(
            f"{scans:,} scans of {pixels:,} pixels, more than {MAX_SCANNED:,} in all; "
            "save it again with fewer"
        )


def _tile_size(image: Image.Image) -> Size:
    """What the decoder of TIFF holds at a time, which may be larger than the picture."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE_WIDTH, 0)), int(tags.get(TILE_LENGTH, 0))


def _upright_size(image: Image.Image) -> Size:
    width, height = image.size
    return (width, height) if _orientation(image) >= 5 else (height, width)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, or upright where none of the eight is given."""
    # Pillow decodes a whole PNG to look for a chunk that stands before the pixels or is not there.
    if image.format == "PNG" and "exif" not in image.info:
        return UPRIGHT
    try:
        value = image.getexif().get(ORIENTATION, UPRIGHT)
    except Exception:  # metadata that cannot be read say nothing about the pixels, which can
        return UPRIGHT
    return value if isinstance(value, int) and value in TURNS else UPRIGHT


def _to_8_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise BrokenImage("pixels are floating-point numbers, whose range is not known")
    if image.mode not in WIDE:
        return image
    pixels = np.asarray(image)
    return Image.fromarray((pixels.clip(0, 65535) >> 8).astype(np.uint8))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert a picture in bands, so that little is held beside it and its result."""
    num_rows = max(1, BAND // image.width)
    if num_rows >= image.height or _is_rgb(image):
        return _band_to_rgb(image)
    rgb = Image.new("RGB", image.size)
    for top in range(0, image.height, num_rows):
        band = image.crop((0, top, image.width, min(top + num_rows, image.height)))
        rgb.paste(_band_to_rgb(band), (0, top))
    return rgb


def _is_rgb(image: Image.Image) -> bool:
    return image.mode == "RGB" and "transparency" not in image.info


def _band_to_rgb(image: Image.Image) -> Image.Image:
    image = _to_8_bits(image)
    if _is_rgb(image):
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, WHITE), rgba).convert("RGB")


def _cut(image: Image.Image, size: Size) -> UInt8:
    top, left = (image.height - size[0]) // 2, (image.width - size[1]) // 2
    return np.asarray(image)[top : top + size[0], left : left + size[1]]


def resized(size: Size, resize: int) -> Size:
    """Height and width once the short side is `resize`; the long side is rounded down.

    >>> resized((218, 178), 256)
    (313, 256)
    """
    short = min(size)
    return size[0] * resize // short, size[1] * resize // short
