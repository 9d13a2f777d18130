"""`pbias synth`: draw faces with labels, a data set that needs no download."""

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
    size: Annotated[int, typer.Option("--size", help="Width and height of a face in pixels.")] = 64,
    split: Annotated[
        str,
        typer.Option("--split", metavar="A,B,C", help="Percentages of train, valid and test."),
    ] = "70,10,20",
    seed: Seed = 0,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that draw; 0: one per core.")
    ] = 0,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw faces with CelebA's attributes, at CelebA's frequencies and correlations."""
    from pbias.cli.progress import bar
    from pbias.workflows.synth import draw

    draw(
        output,
        sheet,
        num=num,
        size=size,
        split=split,
        seed=seed,
        workers=workers,
        no_clobber=no_clobber,
        watch=bar,
    )
