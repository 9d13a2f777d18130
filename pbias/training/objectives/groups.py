"""Groups of training images, and sums by group over the batches of all processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pbias.training.processes import processes


class Rows(NamedTuple):
    """The training images of a batch: those of all processes, and the share of this process."""

    whole: Tensor  # int64 [B], on the CPU
    part: slice = slice(None)

    @property
    def own(self) -> Tensor:
        """The images of this process, [b]."""
        return self.whole[self.part]


@dataclass(frozen=True)
class Members:
    """The group of each training image: `codes` int64 [N] index `names`; V is unknown."""

    codes: Tensor
    names: tuple[str, ...]

    @property
    def num(self) -> int:
        """V, the number of groups."""
        return len(self.names)

    def sums(self, values: Tensor, rows: Rows) -> Tensor:
        """Sum values [b, K] of this process's images by group, over all processes: [V + 1, K].

        A matrix product is used because scattered addition is not repeatable on GPUs.
        """
        inside = torch.nn.functional.one_hot(self.codes[rows.own], self.num + 1)
        return processes().total(inside.to(values.device).to(values.dtype).t() @ values)


def joint(groups: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.int64], list[list[int]]]:
    """Assign numbers to the combinations of group values [N, G]; -1 if a value is unknown.

    Returns the numbers [N], and the values of each combination [V, G].
    """
    known = (groups >= 0).all(axis=1)
    codes = np.full(len(groups), -1, np.int64)
    if not known.any():
        return codes, []
    found, codes[known] = np.unique(groups[known], axis=0, return_inverse=True)
    return codes, found.tolist()


def members_of(groups: npt.NDArray[np.int16], values: list[list[str]]) -> Members:
    """Make one group of each combination that occurs; `values` are the names of group values."""
    codes, found = joint(groups)
    names = (
        ":".join(named[code] for named, code in zip(values, row, strict=True)) for row in found
    )
    return Members(torch.from_numpy(np.where(codes < 0, len(found), codes)), tuple(names))
