"""Draw labeled faces: a folder with a manifest, or a contact sheet of the attributes."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from pathlib import Path

from pbias.errors import UserError
from pbias.files.streams import check_output, write_bytes
from pbias.synth import contact_sheet, write_faces
from pbias.synth.write import DEFAULT_SPLIT
from pbias.workflows.progress import Watch, silent

logger = logging.getLogger(__name__)


def draw(
    folder: str | Path | None = None,
    sheet: str | Path | None = None,
    *,
    num: int = 12_000,
    size: int = 64,
    split: str | Sequence[float] = DEFAULT_SPLIT,
    seed: int = 0,
    workers: int = 0,
    no_clobber: bool = False,
    watch: Watch = silent,
) -> None:
    """Draw a contact sheet, or `num` faces of `size` pixels into a folder, or both.

    `split` contains the percentages of train, valid and test. Raises UserError if there is nothing
    to draw.
    """
    if folder is None and sheet is None:
        raise UserError("nothing to draw; name a folder with -o, or a picture with --sheet")
    if sheet is not None:
        _draw_sheet(str(sheet), size, seed, no_clobber)
    if folder is None:
        return
    shares, target = _shares(split), str(folder)
    if no_clobber:
        check_output(str(Path(target) / "labels.csv"), no_clobber=Path(target).is_dir())
    with watch("drawing") as progress:
        progress(0, num)
        write_faces(
            target, num, size=size, seed=seed, split=shares, workers=workers, progress=progress
        )
    logger.info("%s/labels.csv: %d faces", target.rstrip("/"), num)


def _draw_sheet(path: str, size: int, seed: int, no_clobber: bool) -> None:
    check_output(path, no_clobber=no_clobber)
    data = io.BytesIO()
    contact_sheet(size, seed).save(data, format="PNG")
    write_bytes(path, data.getvalue())


def _shares(split: str | Sequence[float]) -> list[float]:
    words = split.split(",") if isinstance(split, str) else split
    try:
        return [float(share) for share in words]
    except ValueError as error:
        raise UserError(
            f"--split {split} is not three percentages; write it like 70,10,20"
        ) from error
