"""`pbias manifest`: a labels.csv of a data set in a known layout, and what one holds."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pbias.cli.options.common import (
    AllowOutside,
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
    names,
)

if TYPE_CHECKING:
    from pbias.data.layouts.listing import Listing
    from pbias.files.manifest import Labels, Manifest

Folder = Annotated[
    str, typer.Argument(metavar="DIR", help="The folder that the data set was unpacked to.")
]
Out = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write the manifest to FILE (labels.csv)."),
]

logger = logging.getLogger(__name__)


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
    from pbias.data.layouts.celeba import list_celeba

    _check(output, no_clobber=no_clobber)
    _write(list_celeba(folder, uncropped=uncropped), output)


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
    from pbias.data.layouts.awa2 import list_awa2

    _check(output, no_clobber=no_clobber)
    _write(list_awa2(folder, by_class=by_class, seed=seed), output)


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
    from pbias.data.layouts.folders import list_folders

    _check(output, no_clobber=no_clobber)
    _write(list_folders(folder, seed=seed), output)


def check(
    labels: LabelsFile,
    targets: Targets = None,
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
    from pbias.cli.tables import check_table_output, write_table
    from pbias.data.manifest_check import check_rows, to_table
    from pbias.errors import UserError
    from pbias.files.manifest import read_manifest, select
    from pbias.files.streams import check_inputs
    from pbias.reporting.manifest_report import manifest_sections

    check_table_output(output, form, [labels], no_clobber=no_clobber)
    check_inputs([labels])
    manifest = read_manifest(labels, image_root=image_root, allow_outside=allow_outside)
    chosen = select(
        manifest, targets=names(targets) or None, groups=names(groups) or (), cluster=cluster
    )
    bad = _bad(manifest, decode=not no_images, workers=workers)
    table = to_table([*check_rows(manifest, chosen, bad), *_unassessable(manifest, chosen)])
    write_table(
        table,
        lambda: manifest_sections(table, decoded=not no_images),
        output,
        form,
        color,
        command="manifest check",
    )
    if bad:
        name, why = next(iter(bad.items()))
        raise UserError(
            f"{len(bad)} of {len(manifest.ids)} images of {manifest.path} cannot be used (first: "
            f"{manifest.root / name}: {why}); name their folder with --image-root, replace them, "
            "or take their rows out"
        )


def _check(output: str, *, no_clobber: bool) -> None:
    from pbias.files.streams import check_output

    check_output(output, no_clobber=no_clobber, binary=False)


def _write(listing: Listing, output: str) -> None:
    from pbias.data.layouts.listing import manifest_text

    base = Path() if output == "-" else Path(output).parent
    write_manifest(*manifest_text(listing, base), output)
    logger.info("%s images, %d columns", f"{len(listing.images):,}", len(listing.columns))


def write_manifest(text: str, root: Path | None, output: str) -> None:
    """Write a manifest, and say which --image-root it needs where it does not lie above its images.

    `root` None: it does.
    """
    from pbias.files.streams import write_text

    write_text(output, text)
    if root is not None:
        logger.warning("image paths are relative to %s; read them with --image-root %s", root, root)


def _bad(manifest: Manifest, *, decode: bool, workers: int) -> dict[str, str]:
    from pbias.cli.progress import bar
    from pbias.data.manifest_check import bad_images

    with bar("checking images") as progress:
        return bad_images(manifest, decode=decode, workers=workers, progress=progress)


def _unassessable(manifest: Manifest, labels: Labels) -> list[dict[str, Any]]:
    """Rows on bias amplification, by the splits that a network would be trained and audited on."""
    from pbias.auditing.metrics.assessable import unassessable
    from pbias.data.manifest_check import finding

    if not {"train", "test"} <= set(manifest.splits):
        return []
    reasons = unassessable(labels, manifest.rows("train"), manifest.rows("test"))
    return [
        finding(
            "bias_amplification", attribute=target, group=group, reason=reason,
            status="undefined" if reason else "ok",
        )
        for (target, group), reason in reasons.items()
    ]  # fmt: skip
