"""`pbias manifest`: write a labels.csv for a data set in a known layout, or check one."""

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

Folder = Annotated[str, typer.Argument(metavar="DIR", help="Folder of the unpacked data set.")]
Out = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write the manifest to FILE (labels.csv)."),
]


def celeba(
    folder: Folder,
    uncropped: Annotated[
        bool,
        typer.Option("--uncropped", help="Use the uncropped images instead of the aligned ones."),
    ] = False,
    output: Out = "-",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a labels.csv for CelebA: 40 attributes, the authors' splits, and identities.

    Reads the text files of the authors (list_attr_celeba.txt, list_eval_partition.txt,
    identity_CelebA.txt) or the CSV files of Kaggle. -1 becomes 0. Use the column `identity` for
    --cluster.
    """
    from pbias.workflows.manifest import list_celeba_images

    list_celeba_images(folder, output, uncropped=uncropped, no_clobber=no_clobber)


def awa2(
    folder: Folder,
    by_class: Annotated[
        bool,
        typer.Option(
            "--by-class", help="Split by class, as in trainclasses.txt and testclasses.txt."
        ),
    ] = False,
    seed: Seed = 0,
    output: Out = "-",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a labels.csv for Animals with Attributes 2: the 85 attributes of each image's class.

    The images of every class are split 70/10/20 by a hash of seed and name. --by-class uses the
    split for zero-shot learning: 10 classes are the test split, and one eighth of the images of
    the other classes is the validation split.
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
    """Write a labels.csv for class folders: one column of 0 and 1 per class.

    The name of a class is the name of the folder of its images. Folders train, valid (or val) and
    test above the class folders are the splits. Without them, images are split 70/10/20 by a hash
    of seed and path.
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
        bool, typer.Option("--no-images", help="Do not decode images; only check that they exist.")
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
    """Count the content of a manifest and find its problems.

    Problems are missing and broken images (status 2), constant attributes, group values without
    images, people in both training and test, and too few labels for bias amplification.
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
