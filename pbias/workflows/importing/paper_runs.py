"""Import the run folders of the paper's code as logits files.

Their text files contain only logits; ids, labels and groups come from the lists of CelebA. Shapes:
N samples, A targets.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.data.layouts.celeba import ALIGNED, CelebaLists, read_celeba
from pbias.errors import UserError, argument
from pbias.files.logits import Logits, write_logits
from pbias.files.manifest import Manifest, select, train_counts
from pbias.files.provenance import environment, sha256
from pbias.files.streams import check_output, reason
from pbias.workflows.importing.run_folders import RunOutput, find_outputs
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.options import Names
from pbias.workflows.runs.values import names

GROUPS = ("Male", "Young", "Chubby", "Pale_Skin")  # the paper's groups
IDENTITY, BACKDOOR = "identity", "backdoor"
SPLITS = ("train", "valid", "test")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PaperOptions:
    """Options of `import_paper_runs`: groups of the audit, and the folder of backdoor rows."""

    groups: Names | None = None
    backdoor_ids: str | Path | None = None
    no_clobber: bool = False


def import_paper_runs(
    runs: str | Path,
    celeba: str | Path,
    output: str | Path,
    options: PaperOptions | None = None,
    *,
    watch: Watch = silent,
) -> list[Path]:
    """Write a logits file for each run and split below `runs`; return their paths.

    The files `test.npz` and `valid.npz` lie below the folder `output` like the runs below `runs`.
    `celeba` is the folder of CelebA's lists. Raises UserError for outputs that do not have one row
    per image of the split, or one column per attribute or for a single one.
    """
    o = options or PaperOptions()
    found = find_outputs(Path(runs))
    manifest = _manifest(read_celeba(str(celeba)))
    wanted = names(o.groups)
    groups = [name for name in GROUPS if name in manifest.columns] if wanted is None else wanted
    _say_traps(found)
    backdoors = Path(runs) if o.backdoor_ids is None else Path(o.backdoor_ids)
    written = []
    with watch("importing") as progress:
        for number, run in enumerate(found, 1):
            path = Path(output) / run.folder / f"{run.split}.npz"
            _make_folder(path.parent)
            check_output(str(path), [str(run.path)], no_clobber=o.no_clobber)
            write_logits(_logits(run, manifest, groups, backdoors), str(path))
            written.append(path)
            progress(number, len(found))
    logger.info("%d files of %d runs", len(written), len({run.folder for run in found}))
    return written


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create the folder {folder}: {reason(error)}; name another with -o"
        ) from error


def _manifest(lists: CelebaLists) -> Manifest:
    """Return the images in the order of the splits, named like in `pbias manifest celeba`."""
    place = {name: row for row, name in enumerate(lists.images)}
    rows = [place[name] for name in lists.order]
    return Manifest(
        path=str(lists.root),
        sha256="",
        root=lists.root,
        ids=[f"{ALIGNED[1]}/{name}" for name in lists.order],
        splits=[lists.splits[row] for row in rows],
        transforms=[""] * len(rows),
        columns={name: [cells[row] for row in rows] for name, cells in lists.columns.items()},
        attributes=[name for name in lists.columns if name != IDENTITY],
    )


def _say_traps(found: list[RunOutput]) -> None:
    if any("sparsity" in run.facts and run.sparsity is None for run in found):
        logger.warning(
            "folders of single labels hold whole percentages: 99 may be 99.5, and no sparsity is "
            "stored for it"
        )
    if any(run.facts.get("dataset") == "full_celeba" for run in found):
        logger.warning("runs of full_celeba were tested on aligned images, unlike their training")


def _logits(run: RunOutput, manifest: Manifest, groups: list[str], backdoors: Path) -> Logits:
    data, outputs = _outputs(run)
    rows = manifest.rows(run.split)
    targets = _targets(run, outputs, manifest)
    if len(outputs) != len(rows):
        raise UserError(
            f"{run.path} has {len(outputs)} rows but the split {run.split} of {manifest.path} has "
            f"{len(rows)} images; name the CelebA folder of the test run"
        )
    if "backdoor" in run.facts:
        manifest, groups = _with_backdoor(run, manifest, groups, backdoors)
    cluster = IDENTITY if IDENTITY in manifest.columns else None
    known = select(manifest, targets=targets, groups=groups, cluster=cluster)
    counts = train_counts(known, manifest.rows("train")) if "train" in manifest.splits else None
    meta: dict[str, Any] = {
        "environment": environment("cpu"),
        "sha256": {"outputs": sha256(data)},
        "paper_run": run.facts,
    }
    if run.sparsity is not None:
        meta["sparsity"] = run.sparsity
    return Logits(
        logits=outputs,
        labels=known.labels[rows],
        targets=tuple(targets),
        ids=np.array(manifest.ids)[rows],
        groups=known.groups[rows],
        group_names=tuple(known.group_names),
        group_values=tuple(map(tuple, known.group_values)),
        clusters=None if known.clusters is None else np.array(known.clusters)[rows],
        train_counts=counts,
        split=run.split,
        meta=meta,
        path=str(run.path),
    )


def _outputs(run: RunOutput) -> tuple[bytes, NDArray[np.floating]]:
    """Return the bytes of a `numpy.savetxt` file, and its logits [N, A], as float32 if lossless."""
    try:
        data = run.path.read_bytes()
        if not data.strip():
            raise ValueError("it is empty")
        found = np.loadtxt(data.decode("ascii").splitlines(), np.float64, ndmin=2, comments=None)
    except (OSError, ValueError) as error:
        what = " ".join(str(error).split(";")[0].split())
        raise UserError(
            f"{run.path} is not what numpy.savetxt writes: {what}; run the tests again"
        ) from error
    with np.errstate(over="ignore"):
        narrow = found.astype(np.float32)
    return data, narrow if (narrow == found).all() else found


def _targets(run: RunOutput, outputs: NDArray[np.floating], manifest: Manifest) -> list[str]:
    """Return the columns of CelebA to which the outputs belong."""
    num = outputs.shape[1]
    expected = manifest.attributes if run.attribute is None else [run.attribute]
    if num == len(expected) and set(expected) <= set(manifest.columns):
        return expected
    if run.attribute is not None:
        raise UserError(
            f"{run.path} has {num} columns, but its folder is for one attribute, {run.attribute}, "
            f"of {manifest.path}; correct the path"
        )
    raise UserError(
        f"{run.path} has {num} columns but {manifest.path} has {len(expected)} attributes; for one "
        "label the path must be single_label_runs/DATASET/ARCH/STRATEGY/ATTRIBUTE/SPARSITY/RUN"
    )


def _with_backdoor(
    run: RunOutput, manifest: Manifest, groups: list[str], folder: Path
) -> tuple[Manifest, list[str]]:
    """Add the group `backdoor`: the images with the mark, by their row numbers in the splits."""
    column = manifest.attributes.index(run.attribute or "")
    ids = next(iter(sorted(folder.rglob(f"backdoor_ids_label{column}"))), None)
    if ids is None:
        logger.warning(
            "%s: no folder backdoor_ids_label%d below %s, so no group says which images had the "
            "mark; name its folder with %s",
            run.path, column, folder, argument("backdoor_ids"),
        )  # fmt: skip
        return manifest, groups
    cells = [""] * len(manifest.ids)
    for split in SPLITS:
        path = ids / f"backdoor_ids_{split}.txt"
        if not path.is_file() or split not in manifest.splits:
            continue
        rows = manifest.rows(split).tolist()
        marked = _row_numbers(path, len(rows))
        for number, row in enumerate(rows):
            cells[row] = "1" if number in marked else "0"
    columns = {**manifest.columns, BACKDOOR: cells}
    attributes = [*manifest.attributes, BACKDOOR]
    return replace(manifest, columns=columns, attributes=attributes), [BACKDOOR, *groups]


def _row_numbers(path: Path, num_rows: int) -> set[int]:
    """Read numbers of rows, from 0, one per line."""
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} as text ({error}); copy it again") from error
    odd = next((w for w in words if not w.isdecimal() or int(w) >= num_rows), None)
    if odd is not None:
        raise UserError(
            f"{path} holds '{odd[:20]}', which is not a row of its split (0 to {num_rows - 1}); "
            "name the CelebA folder of the training run"
        )
    return set(map(int, words))
