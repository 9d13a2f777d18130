"""An audit of the files that a command names: whole, or in blocks where they are large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pbias.errors import UserError

if TYPE_CHECKING:
    from pbias.auditing.engine import Audit, Options
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.manifest import Manifest
    from pbias.reporting.audit_header import Header


class Paths(NamedTuple):
    """The files of one side, and that of their thresholds."""

    logits: Sequence[str]
    thresholds: str | None


def start_audit(
    audited: Paths,
    references: Paths,
    options: Options,
    *,
    manifest: Manifest | None = None,
    cluster: str | None = None,
    probabilities: bool = False,
    in_memory_mib: float,
) -> Audit:
    """Read and reduce both sides: in blocks, if a file has more than `in_memory_mib` of logits."""
    from pbias.auditing.engine import Audit
    from pbias.cli.inputs import read_side
    from pbias.files.logits.comparability import warn_of_copies

    if references.thresholds is not None and not references.logits:
        raise UserError("--ref-thresholds are those of the reference; name it with --ref")
    large = _too_large([*audited.logits, *references.logits], in_memory_mib)
    if large is not None:
        _refuse_manifest(large, manifest, in_memory_mib)
        return _in_blocks(audited, references, options, probabilities=probabilities)

    def read(side: Paths) -> list[Logits]:
        return read_side(
            side.logits,
            thresholds=side.thresholds,
            manifest=manifest,
            groups=options.groups,
            cluster=cluster,
            probabilities=probabilities,
            attributes=options.attributes,
        )

    runs, others = read(audited), read(references)
    for side in (runs, others):
        warn_of_copies([(run.path, run.logits.tobytes()) for run in side])
    _check(runs, others)
    return Audit(runs, others, options)


def header_of(audit: Audit) -> Header:
    """What the report of an audit says first: its files, samples and sizes of groups."""
    from pbias.files.logits.comparability import sparsity_of
    from pbias.reporting.audit_header import File, Header

    files = [[File(run.path, sparsity_of(run)) for run in side.heads] for side in audit.sides]
    sizes = audit.sides[0].sums.cells[0, 0].sum((-1, -2))[:, 0].tolist()
    first, options = audit.sides[0].heads[0], audit.options
    whole = first.clusters is not None and len(first) == sizes[0]
    groups: dict[str, dict[str, int]] = {}
    for row, size in zip(audit.strata.rows, sizes, strict=True):
        if row.group and not row.rest:
            groups.setdefault(row.group, {})[row.value] = size
    return Header(
        audited=files[0],
        references=files[1] if len(files) > 1 else [],
        num_samples=sizes[0],
        clustered=audit.design.clustered,
        num_clusters=len(set(first.clusters)) if whole and first.clusters is not None else None,
        level=options.level if options.num_folds > 1 else None,
        groups=groups,
    )


def _in_blocks(
    audited: Paths, references: Paths, options: Options, *, probabilities: bool
) -> Audit:
    from pbias.auditing.engine import Audit
    from pbias.cli.inputs import with_thresholds
    from pbias.cli.progress import bar
    from pbias.files.logits.blocks import open_blocks
    from pbias.files.logits.comparability import warn_of_copies
    from pbias.files.logits.npz import Npz

    def read(side: Paths) -> list[LogitsBlocks]:
        runs = [open_blocks(Npz(path), probabilities=probabilities) for path in side.logits]
        if side.thresholds is None:
            return runs
        return with_thresholds(runs, side.thresholds, options.attributes)

    runs, others = read(audited), read(references)
    for side in (runs, others):
        warn_of_copies([(run.path, run.npz.checksum("logits")) for run in side])
    _check([run.first_row for run in runs], [run.first_row for run in others])
    with bar("auditing rows") as progress:
        return Audit(runs, others, options, progress)


def _check(audited: Sequence[Logits], references: Sequence[Logits]) -> None:
    """Refuse or warn of files that are not what the sides of an audit are taken for."""
    from pbias.files.logits.comparability import check_runs, warn_of_roles, warn_unless_alike

    check_runs(audited, alone=not references)
    check_runs(references)
    warn_of_roles(audited, references)
    warn_unless_alike(audited, references)


def _too_large(paths: Sequence[str], in_memory_mib: float) -> str | None:
    """The first file with more logits than that, if there is one; a pipe is in memory anyway."""
    from pbias.files.logits.blocks import num_mib
    from pbias.files.logits.npz import Npz
    from pbias.files.streams import is_regular

    for path in filter(is_regular, paths):
        with Npz(path) as npz:
            if num_mib(npz) > in_memory_mib:
                return path
    return None


def _refuse_manifest(path: str, manifest: Manifest | None, in_memory_mib: float) -> None:
    if manifest is not None:
        raise UserError(
            f"{path} holds more than {in_memory_mib:g} MiB of logits and is read in blocks, to "
            f"which {manifest.path} cannot be joined; raise --in-memory, or save labels in the file"
        )
