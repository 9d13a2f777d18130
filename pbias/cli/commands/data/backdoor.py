"""`pbias backdoor`: write a manifest in which a mark on images is tied to an attribute."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from pbias.cli.options.common import (
    AllowOutside,
    ImageRoot,
    LabelsFile,
    NoClobber,
    Quiet,
    Seed,
    Verbose,
)

Shares = tuple[float, float]


class Kind(enum.StrEnum):
    """Kinds of marks."""

    GRAYSCALE = "grayscale"
    YELLOW_SQUARE = "yellow_square"


def backdoor(
    labels: LabelsFile,
    attribute: Annotated[
        str,
        typer.Option("--attribute", metavar="NAME", help="Attribute that the mark is tied to."),
    ],
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind", help="Gray images, or a yellow square of 2 % of the area, top left."
        ),
    ],
    train_fractions: Annotated[
        Shares,
        typer.Option(
            "--train-fractions",
            metavar="NEG POS",
            help="Share of training negatives and positives that get the mark.",
        ),
    ] = (0.05, 0.95),
    test_fractions: Annotated[
        Shares,
        typer.Option("--test-fractions", metavar="NEG POS", help="The same for valid and test."),
    ] = (0.5, 0.5),
    seed: Seed = 0,
    image_root: ImageRoot = None,
    allow_outside: AllowOutside = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write the new manifest to FILE.")
    ] = "-",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Tie a mark on images to an attribute, which creates an artificial group.

    Writes the manifest with two more columns. `transform` tells train, prune and predict how to
    change an image when they read it (no image is copied). `backdoor` is 0 or 1, for --groups. An
    exact number of images in each split gets the mark. The paper uses 0.05 and 0.95 for
    Blond_Hair, Smiling, Wearing_Necktie and Attractive, and 0.35 and 0.65 for Oval_Face and
    Big_Nose.
    """
    from pbias.workflows.manifest import add_backdoor
    from pbias.workflows.runs.options import DataOptions

    add_backdoor(
        labels,
        output,
        attribute,
        kind,
        DataOptions(image_root=image_root, allow_outside=allow_outside),
        train_fractions=train_fractions,
        test_fractions=test_fractions,
        seed=seed,
        no_clobber=no_clobber,
    )
