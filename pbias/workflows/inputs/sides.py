"""Logits files opened once: read whole where they are small, and in blocks where one is large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pbias.workflows.inputs.files import Supplements, supplement, with_thresholds

if TYPE_CHECKING:
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.logits.npz import Npz

IN_MEMORY_MIB = 256.0


class Opened(NamedTuple):
    """The runs of each side, whole or in blocks; the other one is empty."""

    whole: list[list[Logits]]
    blocks: list[list[LogitsBlocks]]


@contextmanager
def opened(
    sides: Sequence[Sequence[str]], hows: Sequence[Supplements], in_memory_mib: float
) -> Iterator[Opened]:
    """Open the files of each side with the facts of its supplements.

    All are in blocks if one of them has more than `in_memory_mib` MiB of logits; pipes are in
    memory anyway.
    """
    from pbias.files.logits import load_logits
    from pbias.files.logits.npz import KNOWN, Npz

    with ExitStack() as stack:
        files = [[stack.enter_context(Npz(path, KNOWN)) for path in side] for side in sides]
        if _too_large([file for side in files for file in side], in_memory_mib):
            yield Opened([], [open_side(*pair) for pair in zip(files, hows, strict=True)])
            return
        whole = [
            supplement(map(load_logits, side), how) for side, how in zip(files, hows, strict=True)
        ]
    yield Opened(whole, [])


def open_side(files: Sequence[Npz], supplements: Supplements) -> list[LogitsBlocks]:
    """Return the blocks of the files of one side, with the facts from other files."""
    from pbias.files.logits.blocks import open_blocks

    s = supplements
    runs = [open_blocks(file, probabilities=s.probabilities) for file in files]
    if s.manifest is not None:
        runs = [run.relabeled(s.manifest, s.columns, s.cluster) for run in runs]
    return with_thresholds(runs, s.thresholds, s.attributes)


def _too_large(files: Sequence[Npz], in_memory_mib: float) -> bool:
    from pbias.files.logits.blocks import num_mib
    from pbias.files.streams import is_regular

    return any(is_regular(file.path) and num_mib(file) > in_memory_mib for file in files)
