"""Write manifests for data sets in known layouts, add a backdoor to a manifest, or check one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbias.auditing.metrics.amplification import unassessable
from pbias.data.backdoor import Fractions, draw_backdoor, marked_text
from pbias.data.bad_images import spelling_hint
from pbias.data.layouts.awa2 import list_awa2
from pbias.data.layouts.celeba import list_celeba
from pbias.data.layouts.folders import list_folders
from pbias.data.layouts.listing import Listing, manifest_text
from pbias.data.manifest_check import bad_images, check_rows, finding, to_table
from pbias.errors import UserError
from pbias.files.manifest import Labels, Manifest, read_manifest, select
from pbias.files.manifest.classes import expand_classes
from pbias.files.streams import check_inputs, check_output, write_text
from pbias.files.table import Table
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.options import DataOptions, Names
from pbias.workflows.runs.values import names, text_or_none

OTHERWISE = "name their folder with --image-root, replace them, or take their rows out"

logger = logging.getLogger(__name__)


def list_celeba_images(
    folder: str | Path, output: str | Path, *, uncropped: bool = False, no_clobber: bool = False
) -> None:
    """Write a manifest of CelebA, for the aligned images or for the uncropped ones."""
    _check(str(output), no_clobber)
    _write_listing(list_celeba(str(folder), uncropped=uncropped), str(output))


def list_awa2_images(
    folder: str | Path,
    output: str | Path,
    *,
    by_class: bool = False,
    seed: int = 0,
    no_clobber: bool = False,
) -> None:
    """Write a manifest of Animals with Attributes 2, split by image or by class."""
    _check(str(output), no_clobber)
    _write_listing(list_awa2(str(folder), by_class=by_class, seed=seed), str(output))


def list_class_folders(
    folder: str | Path, output: str | Path, *, seed: int = 0, no_clobber: bool = False
) -> None:
    """Write a manifest of class folders, with one column of 0 and 1 per class."""
    _check(str(output), no_clobber)
    _write_listing(list_folders(str(folder), seed=seed), str(output))


def add_backdoor(
    labels: str | Path,
    output: str | Path,
    attribute: str,
    kind: str,
    options: DataOptions | None = None,
    *,
    train_fractions: Fractions = (0.05, 0.95),
    test_fractions: Fractions = (0.5, 0.5),
    seed: int = 0,
    no_clobber: bool = False,
) -> None:
    """Write a manifest in which a mark of this kind on images is tied to an attribute.

    Each pair of fractions contains the shares of negatives and of positives that get the mark: one
    pair for the training split, one for the other splits.
    """
    for option, shares in (("train", train_fractions), ("test", test_fractions)):
        _check_shares(option, shares)
    source, target = str(labels), str(output)
    check_output(target, [source], no_clobber=no_clobber, binary=False)
    check_inputs([source])
    manifest = _read(source, options or DataOptions())
    fractions = {"train": train_fractions, "valid": test_fractions, "test": test_fractions}
    drawn = draw_backdoor(manifest, attribute, fractions, seed)
    _write(*marked_text(manifest, drawn, kind, _base(target)), target)


@dataclass(frozen=True)
class Findings:
    """Table of the content of a manifest, and the error to raise if images cannot be used."""

    table: Table
    error: UserError | None

    def check(self) -> None:
        """Raise UserError if images are missing or broken."""
        if self.error:
            raise self.error


def check_manifest(
    labels: str | Path,
    options: DataOptions | None = None,
    *,
    targets: Names | None = None,
    classes: str | None = None,
    groups: Names | None = None,
    cluster: str | None = None,
    decode: bool = True,
    watch: Watch = silent,
) -> Findings:
    """Count the content of a manifest and find its problems; without `decode`, open no images."""
    source, options = str(labels), options or DataOptions()
    check_inputs([source])
    manifest = _read(source, options, cluster)
    wanted = names(targets) or None
    if classes:
        manifest, wanted = expand_classes(manifest, classes, wanted)
    chosen = select(manifest, targets=wanted, groups=names(groups) or (), cluster=cluster)
    with watch("checking images") as progress:
        bad = bad_images(manifest, decode=decode, workers=options.workers, progress=progress)
    table = to_table([*check_rows(manifest, chosen, bad), *_unassessable(manifest, chosen)])
    if not bad:
        return Findings(table, None)
    name, why = next(iter(bad.items()))
    return Findings(
        table,
        UserError(
            f"{len(bad)} of {len(manifest.ids)} images of {manifest.path} cannot be used (first: "
            f"{manifest.root / name}: {why}); "
            f"{spelling_hint(manifest.root, name) or OTHERWISE}"
        ),
    )


def _read(path: str, options: DataOptions, cluster: str | None = None) -> Manifest:
    root = text_or_none(options.image_root)
    outside = options.allow_outside
    return read_manifest(path, image_root=root, allow_outside=outside, cluster=cluster)


def _check(output: str, no_clobber: bool) -> None:
    check_output(output, no_clobber=no_clobber, binary=False)


def _write_listing(listing: Listing, output: str) -> None:
    _write(*manifest_text(listing, _base(output)), output)
    logger.info("%s images, %d columns", f"{len(listing.images):,}", len(listing.columns))


def _base(output: str) -> Path:
    """Return the folder that image paths are relative to."""
    return Path() if output == "-" else Path(output).parent


def _write(text: str, root: Path | None, output: str) -> None:
    """Write a manifest, and log the --image-root it needs if images are not below its folder."""
    write_text(output, text)
    if root is not None:
        logger.warning("image paths are relative to %s; read them with --image-root %s", root, root)


def _check_shares(option: str, shares: Fractions) -> None:
    if not all(0 <= share <= 1 for share in shares):
        raise UserError(
            f"--{option}-fractions {shares[0]:g} {shares[1]:g} are not shares; give two numbers "
            "from 0 to 1"
        )


def _unassessable(manifest: Manifest, labels: Labels) -> list[dict[str, Any]]:
    """Return rows on bias amplification, by the splits that a network is trained and audited on."""
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
