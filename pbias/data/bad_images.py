"""Missing and broken images: raise an error, or skip and list them."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pbias.errors import UserError

Int64 = npt.NDArray[np.int64]

logger = logging.getLogger(__name__)


def spelling_hint(root: Path, name: str) -> str:
    """Return advice about an image whose path exists in another spelling; otherwise ""."""
    if (root / name).is_file():
        return ""
    if "\\" in name and (root / name.replace("\\", "/")).is_file():
        return "it is there with '/' for each backslash; write paths with '/' in the manifest"
    for form in ("NFC", "NFD"):
        if (root / unicodedata.normalize(form, name)).is_file():
            return f"it is there in another Unicode form; normalize the manifest's paths to {form}"
    return ""


@dataclass(frozen=True)
class BadImages:
    """What happens to unusable images: a UserError, or with `skip` a list of them."""

    skip: bool = False
    skipped: dict[str, str] = field(default_factory=dict)  # id to reason

    def kept(self, ids: Sequence[str], rows: Int64) -> Int64:
        """Return the rows whose images were not skipped."""
        if not self.skipped:
            return rows
        return np.array([row for row in rows.tolist() if ids[row] not in self.skipped], np.int64)

    def leave_out(self, ids: Sequence[str], failures: Mapping[int, str], error: str) -> list[int]:
        """Return the positions that remain without the failures.

        Raises UserError with the text `error` for any failure, unless failures are skipped.
        """
        if failures and not self.skip:
            raise UserError(error)
        self.skipped.update({ids[index]: why for index, why in sorted(failures.items())})
        return [index for index in range(len(ids)) if index not in failures]

    def check_left(self, num_left: int) -> None:
        """Raise UserError if no image is left."""
        if not num_left:
            name, why = next(iter(self.skipped.items()))
            raise UserError(
                f"no image can be used (first: {name}: {why}); name the folder they are relative "
                "to with --image-root, or replace them"
            )

    def report(self) -> None:
        """Warn about the skipped images, one line each."""
        for name, why in self.skipped.items():
            logger.warning("skipped %s: %s", name, why)
        if self.skipped:
            logger.warning("%d images were skipped", len(self.skipped))
