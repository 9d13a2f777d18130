"""Worker threads that process images on the available cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pbias.cores import num_cores
from pbias.data.images import BrokenImage

Progress = Callable[[int, int], None]

CHUNK = 16  # images that a thread takes at once


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


def for_all(
    work: Callable[[int], None], total: int, workers: int, progress: Progress
) -> dict[int, str]:
    """Process every image in threads; return the numbers of broken images with the reasons."""

    def chunk(start: int) -> dict[int, str]:
        failures = {}
        for index in range(start, min(start + CHUNK, total)):
            try:
                work(index)
            except BrokenImage as error:
                failures[index] = str(error)
        return failures

    failures: dict[int, str] = {}
    with ThreadPoolExecutor(workers or num_cores()) as pool:
        for chunks, failed in enumerate(pool.map(chunk, range(0, total, CHUNK)), 1):
            failures |= failed
            progress(min(chunks * CHUNK, total), total)
    return failures
