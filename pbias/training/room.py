"""One copy of the decoded pictures for all processes of a machine, made by the first of them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch.distributed as dist

from pbias.data.image_memory import Room, file_without_name, fits_in_memory, map_file
from pbias.training.processes import local_rank, local_size, processes, together

T = TypeVar("T")


def room() -> Room:
    """Where this process keeps pictures: shared where others run on this machine, on Linux."""
    if processes().size > 1 and local_size() > 1 and hasattr(os, "memfd_create"):
        return SharedRoom()
    return Room()


class SharedRoom(Room):
    """Memory that all processes of this machine map."""

    def __init__(self) -> None:
        """Every process of every machine must make one, at the same time."""
        first = processes().rank - local_rank()
        machines = processes().size // local_size()
        with together():
            groups = [
                dist.new_group(list(range(start, start + local_size())), backend="gloo")
                for start in range(0, machines * local_size(), local_size())
            ]
        self.first, self.group = first, groups[first // local_size()]

    def allocate(self, shape: tuple[int, ...], folder: str | None) -> npt.NDArray[np.uint8]:
        """The same array in all processes; gone with the last of them, however they end."""

        def make() -> str:
            if fits_in_memory(shape):
                file = os.memfd_create("pbias")
                os.truncate(file, math.prod(shape))
            else:
                file = file_without_name(math.prod(shape), folder)
            return f"/proc/{os.getpid()}/fd/{file}"

        file = os.open(self.once(make), os.O_RDWR)
        try:
            return map_file(file, shape)
        finally:
            os.close(file)

    def once(self, work: Callable[[], T]) -> T:
        """What the work gives in the first process of this machine."""
        result = [work()] if local_rank() == 0 else [None]
        with together():
            dist.broadcast_object_list(result, src=self.first, group=self.group)
        found: T = result[0]  # type: ignore[assignment]
        return found
