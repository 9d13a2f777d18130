"""`pbias backdoor`: a manifest in which a mark on images goes along with an attribute."""

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
    """The marks there are."""

    GRAYSCALE = "grayscale"
    YELLOW_SQUARE = "yellow_square"


def backdoor(
    labels: LabelsFile,
    attribute: Annotated[
        str,
        typer.Option("--attribute", metavar="NAME", help="What the mark goes along with."),
    ],
    kind: Annotated[
        Kind,
        typer.Option("--kind", help="Grey images, or 2 % of the area yellow, in the top left."),
    ],
    train_fractions: Annotated[
        Shares,
        typer.Option(
            "--train-fractions",
            metavar="NEG POS",
            help="Share of training negatives and positives that get it.",
        ),
    ] = (0.05, 0.95),
    test_fractions: Annotated[
        Shares,
        typer.Option("--test-fractions", metavar="NEG POS", help="The same of valid and test."),
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
    """Tie a mark on images to an attribute: a group made by hand.

    Writes the manifest with a column `transform`, which says how train, prune and predict change
    an image as they read it (no image is copied), and a column `backdoor` of 0 and 1, for
    --groups. In each split an exact number of images is drawn. The paper takes 0.05 and 0.95 for
    Blond_Hair, Smiling, Wearing_Necktie and Attractive, 0.35 and 0.65 for Oval_Face and Big_Nose.
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
