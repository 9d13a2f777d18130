"""Write a folder of drawn faces with its manifest, complete or recognizably unfinished."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbias.cores import num_cores
from pbias.errors import UserError
from pbias.files.streams import reason, write_text
from pbias.synth.canvas.canvas import MAX_SIZE, MIN_SIZE
from pbias.synth.draw import draw_image
from pbias.synth.labels.sampling import ATTRIBUTES, draw_labels

LABELS, MARKER, IMAGES = "labels.csv", "synth.json", "images"
IMAGE_NAME = re.compile(r"\d{6}\.jpg")
MAX_NUM = 1_000_000
SPLITS = ("train", "valid", "test")
DEFAULT_SPLIT = (70.0, 10.0, 20.0)
CHUNK = 64
JPEG_QUALITY = 90


def write_faces(
    folder: str,
    num: int,
    *,
    size: int = 64,
    seed: int = 0,
    split: Sequence[float] = DEFAULT_SPLIT,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Draw `num` faces of `size` pixels into folder/images, then write folder/labels.csv.

    The same seed gives the same bytes with any number of processes (`workers`; 0: one per core),
    and a larger set begins with the same faces. `split` contains the shares of train, valid and
    test in percent. Replaces the files of an earlier call. Raises UserError for a folder that holds
    anything else, and for invalid numbers.
    """
    check_faces(folder, num, size, split)
    labels = draw_labels(num, seed)
    target = Path(folder)
    with _explained(folder):
        _start_folder(target, {"num": num, "size": size, "seed": seed, "split": list(split)})
        _draw_all(target / IMAGES, labels, seed, size, workers, progress)
        _remove_others(target / IMAGES, num)
    write_text(str(target / LABELS), _manifest(labels, split))


def check_faces(folder: str, num: int, size: int, split: Sequence[float]) -> None:
    """Raise UserError for arguments that `write_faces` cannot use, before any work."""
    check_size(size)
    if not 1 <= num <= MAX_NUM:
        raise UserError(f"cannot draw {num} faces; choose 1 to {MAX_NUM}")
    if len(split) != len(SPLITS) or min(split) < 0 or not math.isclose(sum(split), 100):
        shares = ",".join(f"{share:g}" for share in split)
        raise UserError(
            f"cannot split into {shares}; give percentages of train, valid and test that add up "
            "to 100, such as 70,10,20"
        )
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise UserError(f"{folder} is a file; name a folder")
    if not (target / MARKER).exists() and target.is_dir() and any(target.iterdir()):
        raise UserError(
            f"{folder} holds files that are not drawn faces (no {MARKER}); name a new folder"
        )


def check_size(size: int) -> None:
    """Raise UserError for images too small to show a face, or larger than anyone needs."""
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UserError(f"cannot draw faces of {size} pixels; use {MIN_SIZE} to {MAX_SIZE}")


@contextlib.contextmanager
def _explained(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write the faces to {folder}: {reason(error)}; name another folder"
        ) from error


def _start_folder(target: Path, options: dict[str, object]) -> None:
    """Mark the folder as ours; it has no manifest until it is complete."""
    (target / IMAGES).mkdir(parents=True, exist_ok=True)
    record = {"format": "pbias-synth", "schema": 1, **options}
    write_text(str(target / MARKER), json.dumps(record) + "\n")
    (target / LABELS).unlink(missing_ok=True)


def _remove_others(images: Path, num: int) -> None:
    """Remove the faces of an earlier, larger set."""
    for path in images.iterdir():
        if IMAGE_NAME.fullmatch(path.name) and int(path.stem) >= num:
            path.unlink()


def _draw_all(
    images: Path,
    labels: NDArray[np.int8],
    seed: int,
    size: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    starts = range(0, len(labels), CHUNK)
    # Starting a process takes as long as drawing a few hundred faces.
    num_processes = min(workers or num_cores(), len(starts) // 4)
    chunks = [(images, labels[start : start + CHUNK], seed, start, size) for start in starts]
    done = 0
    for count in _each(chunks, num_processes):
        done += count
        progress(done, len(labels))


_Chunk = tuple[Path, NDArray[np.int8], int, int, int]


def _each(chunks: list[_Chunk], num_processes: int) -> Iterator[int]:
    """Draw the chunks, here or in other processes; yield the number of faces in each."""
    if num_processes <= 1:
        yield from (_draw_chunk(*chunk) for chunk in chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_processes, context, _depend_on_parent) as pool:
        try:
            with _interrupts_held_back():
                futures = [pool.submit(_draw_chunk, *chunk) for chunk in chunks]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ignore Ctrl-C in processes started in this context, even while they start."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _depend_on_parent() -> None:
    """Leave Ctrl-C to the parent, and end when the parent ends, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers wait for their parent"
    parent.join()
    os._exit(1)


def _draw_chunk(images: Path, labels: NDArray[np.int8], seed: int, start: int, size: int) -> int:
    for offset, row in enumerate(labels):
        image = draw_image(row, seed, start + offset, size)
        path = images / f"{start + offset:06d}.jpg"
        image.save(path, quality=JPEG_QUALITY, subsampling=0)
    return len(labels)


def _manifest(labels: NDArray[np.int8], split: Sequence[float]) -> str:
    lines = [",".join(("image", "split", *ATTRIBUTES))]
    for index, (row, name) in enumerate(
        zip(labels.tolist(), _splits(len(labels), split), strict=True)
    ):
        cells = ",".join(map(str, row))
        lines.append(f"{IMAGES}/{index:06d}.jpg,{name},{cells}")
    return "\n".join(lines) + "\n"


def _splits(num: int, split: Sequence[float]) -> list[str]:
    """Return each face's split; multiples of the golden ratio keep the shares in any prefix."""
    place = np.arange(num) * (math.sqrt(5) - 1) / 2 % 1 * 100
    chosen = np.searchsorted(np.cumsum(split)[:-1], place, side="right")
    return [SPLITS[index] for index in chosen]
