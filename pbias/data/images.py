"""Image files to arrays: seven formats, converted to RGB, turned upright, resized and cropped."""

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
ORIENTATION = 0x0112  # EXIF; values from 5 on exchange height and width
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF
UPRIGHT = 1
START_OF_SCAN = b"\xff\xda"  # in JPEG; within a scan, a 0 follows each byte of 255
# How to turn an image of each other orientation upright.
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
# The content of a file decides, not its name. Pillow knows about forty more formats, but opening
# one can start a program (EPS: Ghostscript) or decode inner images whose size no header states.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 100_000_000  # a decoder may hold these, before and after resizing
MAX_WEBP = 50_000_000  # its decoder holds each pixel four times
# A JPEG may store its pixels in any number of scans, and every scan takes time for all pixels.
MAX_SCANNED = 20 * MAX_PIXELS
BAND = 4_000_000  # pixels that are converted at once
LARGE = 25_000_000  # pixels; larger images are decoded one at a time, not in parallel
# Pillow's limit looks only at the header and is partly a warning; `_check_pixels` replaces it.
Image.MAX_IMAGE_PIXELS = None
# libtiff itself writes messages, with bytes of the image, to file descriptor 2. Silence it, because
# errors are also raised. A Pillow without libtiff has no such function.
with contextlib.suppress(OSError, AttributeError):
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)

_large = threading.Lock()


class BrokenImage(Exception):
    """An image that cannot be read, and the reason."""


def read_size(path: Path) -> Size:
    """Return height and width of an image turned upright, from its header alone."""
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
    """Read the middle `size` of an image, its short side resized to `resize`: uint8 [H, W, 3].

    Reads the first frame, turns it upright, puts transparency on white and reduces 16 bits to 8.
    `fast` decodes JPEG at the smallest scale (1/8 to 1) that has enough pixels. Raises BrokenImage
    if decoding fails, and for more than 100 million pixels (WebP: 50 million).
    """
    with _opened(path) as image:
        whole = resized(_upright_size(image), resize)
        # Check before reducing a JPEG: its decoder keeps all pixels if there are several scans.
        for held in (image.size, whole, _tile_size(image)):
            _check_pixels(held, MAX_WEBP if image.format == "WEBP" else MAX_PIXELS)
        _check_scans(image, path)
        turn = TURNS.get(_orientation(image))
        with _large if math.prod(image.size) > LARGE else contextlib.nullcontext():
            # JPEG decodes faster at a reduced scale. At twice the size, resizing hides the
            # reduction.
            side = resize if fast else 2 * resize
            image.draft(None, (side, side))
            image.load()
            rgb = _to_rgb(image)
            if rgb is not image:
                image.close()  # free its pixels
            if turn is not None:
                rgb = rgb.transpose(turn)
            if grayscale:
                rgb = rgb.convert("L").convert("RGB")
            filter_ = Image.Resampling[interpolation.upper()]
            return _cut(rgb.resize(whole[::-1], filter_, reducing_gap=3.0), size)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image; any error within the block becomes a BrokenImage.

    Decoders raise errors of any kind for malformed files.
    """
    try:
        if path.exists() and not path.is_file():
            raise BrokenImage("not a regular file")  # a FIFO would block, a device never ends
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
    """Raise BrokenImage for a JPEG with so many scans that decoding takes minutes."""
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
    """Return the size that the TIFF decoder holds at once, which may exceed the image."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE_WIDTH, 0)), int(tags.get(TILE_LENGTH, 0))


def _upright_size(image: Image.Image) -> Size:
    width, height = image.size
    return (width, height) if _orientation(image) >= 5 else (height, width)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, or upright if it is none of the eight."""
    # Pillow decodes a whole PNG to look for a chunk that precedes the pixels or does not exist.
    if image.format == "PNG" and "exif" not in image.info:
        return UPRIGHT
    try:
        value = image.getexif().get(ORIENTATION, UPRIGHT)
    except Exception:  # unreadable metadata does not make the pixels unreadable
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
    """Convert an image in bands, so that little memory is needed beyond it and its result."""
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
    """Return height and width once the short side is `resize`; the long side is rounded down.

    >>> resized((218, 178), 256)
    (313, 256)
    """
    short = min(size)
    return size[0] * resize // short, size[1] * resize // short
