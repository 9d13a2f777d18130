"""`pbias synth`: draw faces with labels, so that everything works with no download."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import NoClobber, Quiet, Seed, Verbose


def synth(
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for labels.csv and images."),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", metavar="PNG", help="Draw a contact sheet of the attributes."),
    ] = None,
    num: Annotated[int, typer.Option("--num", help="Number of faces.")] = 12_000,
    size: Annotated[int, typer.Option("--size", help="Width and height of a face, pixels.")] = 64,
    split: Annotated[
        str,
        typer.Option("--split", metavar="A,B,C", help="Percentages of train, valid and test."),
    ] = "70,10,20",
    seed: Seed = 0,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that draw; 0: one a core.")
    ] = 0,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw faces with the attributes of CelebA, as frequent and as related as there."""
    import logging

    from pbias.errors import UserError

    if output is None and sheet is None:
        raise UserError("nothing to draw; name a folder with -o, or a picture with --sheet")
    if sheet is not None:
        _draw_sheet(sheet, size, seed, no_clobber)
    if output is not None:
        _draw_folder(output, num, size, seed, _shares(split), workers, no_clobber)
        logging.getLogger(__name__).info("%s/labels.csv: %d faces", output.rstrip("/"), num)


def _draw_sheet(path: str, size: int, seed: int, no_clobber: bool) -> None:
    import io

    from pbias.files.streams import check_output, write_bytes
    from pbias.synth import contact_sheet

    check_output(path, no_clobber=no_clobber)
    data = io.BytesIO()
    contact_sheet(size, seed).save(data, format="PNG")
    write_bytes(path, data.getvalue())


def _draw_folder(
    folder: str,
    num: int,
    size: int,
    seed: int,
    split: list[float],
    workers: int,
    no_clobber: bool,
) -> None:
    from pathlib import Path

    from pbias.cli.progress import bar
    from pbias.files.streams import check_output
    from pbias.synth import write_faces

    if no_clobber:
        check_output(str(Path(folder) / "labels.csv"), no_clobber=Path(folder).is_dir())
    with bar("drawing", num) as advance:
        write_faces(
            folder, num, size=size, seed=seed, split=split, workers=workers, progress=advance
        )


def _shares(text: str) -> list[float]:
    from pbias.errors import UserError

    try:
        return [float(share) for share in text.split(",")]
    except ValueError as error:
        raise UserError(f"--split {text} is not three percentages, such as 70,10,20") from error
