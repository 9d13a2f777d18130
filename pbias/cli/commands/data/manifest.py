"""`pbias manifest`: a labels.csv of a data set in a known layout, and what one holds."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import (
    AllowOutside,
    Classes,
    Cluster,
    Color,
    ColorWhen,
    Format,
    Groups,
    ImageRoot,
    LabelsFile,
    NoClobber,
    Quiet,
    Seed,
    Table,
    TableFormat,
    Targets,
    Verbose,
    Workers,
)

Folder = Annotated[
    str, typer.Argument(metavar="DIR", help="The folder that the data set was unpacked to.")
]
Out = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write the manifest to FILE (labels.csv)."),
]


def celeba(
    folder: Folder,
    uncropped: Annotated[
        bool, typer.Option("--uncropped", help="The images in the wild, not the aligned ones.")
    ] = False,
    output: Out = "-",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Make a labels.csv of CelebA: 40 attributes, the authors' splits, and who is in a picture.

    Reads the text files of the authors (list_attr_celeba.txt, list_eval_partition.txt,
    identity_CelebA.txt) or the CSV files of Kaggle. -1 becomes 0; the column `identity` is for
    --cluster.
    """
    from pbias.workflows.manifest import list_celeba_images

    list_celeba_images(folder, output, uncropped=uncropped, no_clobber=no_clobber)


def awa2(
    folder: Folder,
    by_class: Annotated[
        bool,
        typer.Option("--by-class", help="Split by class, as trainclasses.txt and testclasses.txt."),
    ] = False,
    seed: Seed = 0,
    output: Out = "-",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Make a labels.csv of Animals with Attributes 2: the 85 attributes of each image's class.

    Images are split 70/10/20 by a hash of seed and name, every class into all three; --by-class
    takes the split for zero-shot learning: 10 classes are the test split, and an eighth of the
    other classes' images the validation split.
    """
    from pbias.workflows.manifest import list_awa2_images

    list_awa2_images(folder, output, by_class=by_class, seed=seed, no_clobber=no_clobber)


def folder(
    folder: Folder,
    seed: Seed = 0,
    output: Out = "-",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Make a labels.csv of class folders: a column of 0 and 1 a class.

    A class is called like the folder of its images. Folders train, valid (or val) and test above
    the class folders are the splits; elsewhere images are split 70/10/20 by a hash of seed and
    path.
    """
    from pbias.workflows.manifest import list_class_folders

    list_class_folders(folder, output, seed=seed, no_clobber=no_clobber)


def check(
    labels: LabelsFile,
    targets: Targets = None,
    classes: Classes = None,
    groups: Groups = None,
    cluster: Cluster = None,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Do not decode images; only see if they are there.")
    ] = False,
    image_root: ImageRoot = None,
    allow_outside: AllowOutside = False,
    workers: Workers = 0,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Count what a manifest holds, and find its faults.

    These are missing and broken images (status 2), attributes that are constant, group values
    without images, people in training and test, and where too few labels leave bias amplification
    undefined.
    """
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_table_output, write_table
    from pbias.reporting.manifest_report import manifest_sections
    from pbias.workflows.manifest import check_manifest
    from pbias.workflows.runs.options import DataOptions

    check_table_output(output, form, [labels], no_clobber=no_clobber)
    found = check_manifest(
        labels,
        DataOptions(image_root=image_root, allow_outside=allow_outside, workers=workers),
        targets=targets,
        classes=classes,
        groups=groups,
        cluster=cluster,
        decode=not no_images,
        watch=bar,
    )
    write_table(
        found.table,
        lambda: manifest_sections(found.table, decoded=not no_images),
        output,
        form,
        color,
        command="manifest check",
    )
    found.check()
