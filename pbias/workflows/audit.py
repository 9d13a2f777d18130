"""Audit models: measure both sides, reduce them once, judge gates."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument
from pbias.workflows.gates.judging import judge_gates
from pbias.workflows.gates.reading import read_gates
from pbias.workflows.inputs.counts import are_counts, read_counts, refuse_beside_counts
from pbias.workflows.inputs.files import Supplements, check_sides, read_labels
from pbias.workflows.inputs.sides import IN_MEMORY_MIB, opened
from pbias.workflows.progress import Watch, ignore, silent
from pbias.workflows.results import AuditTable

if TYPE_CHECKING:
    from pbias.auditing.counts.parts.counts import Counts
    from pbias.auditing.engine import Audit, Options
    from pbias.auditing.gates.grammar import Gate
    from pbias.auditing.gates.verdicts import Outcome
    from pbias.files.logits import Logits
    from pbias.reporting.audit_header import Header
    from pbias.reporting.sections import Section

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditOptions:
    """Options of `audit_files`: what to measure, and how.

    `groups`, `attributes` and `metrics` are names (None: all). Intervals have the level `level` and
    come from `folds` folds. Gates are given as texts and as a file, labels and thresholds as paths
    of CSV files. Files with more than `in_memory_mib` MiB of logits are read in blocks.
    `keep_predictions` keeps the predictions so that a page can draw them. Group values with fewer
    than `min_cell` rows are dropped.
    """

    groups: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    level: float = 0.95
    folds: int = 200
    intervals: bool = True
    gates: Sequence[str] = ()
    gate_file: str | None = None
    strict: bool = False
    joint: bool = False
    labels: str | None = None
    cluster: str | None = None
    thresholds: str | None = None
    reference_thresholds: str | None = None
    probabilities: bool | None = None
    in_memory_mib: float = IN_MEMORY_MIB
    keep_predictions: bool = True
    min_cell: int = 0

    def measured(self) -> Options:
        """Return the options that the engine needs."""
        from pbias.auditing.engine import Options

        num_folds = self.folds if self.intervals else 1
        return Options(
            self.groups,
            self.attributes,
            self.metrics,
            self.level,
            num_folds,
            self.keep_predictions,
            self.min_cell,
        )


class AuditResult(AuditTable):
    """Result of an audit: the `table`, reports, and the verdict of any gate."""

    def __init__(
        self,
        audit: Audit,
        gates: Sequence[Gate] = (),
        *,
        strict: bool = False,
        joint: bool = False,
        watch: Watch = silent,
    ) -> None:
        """Build the table and judge the gates; raise UserError for a gate that no row matches."""
        with watch("computing metrics") as audit.on_metric:
            super().__init__(audit.table())
        audit.on_metric = ignore
        if audit.same_model:
            log.warning(
                "%s is held against itself: changes are 0 and no estimates, so that a gate on one "
                "says only whether 0 is within its bound", audit.sides[0].heads[0].path,
            )  # fmt: skip
        self._audit, self.level, self.at_level = audit, audit.options.level, audit.table
        metrics = audit.options.metrics
        self.asked = None if metrics is None else list(metrics)
        self.outcomes = self.judge(gates, strict=strict, joint=joint)
        self.verdicts = [outcome.record() for outcome in self.outcomes]
        self.together = _summary(self.outcomes)

    @property
    def audit(self) -> Audit:
        """Return the counts of both sides, from which the table was computed."""
        return self._audit

    @property
    def header(self) -> Header:
        """Return the files, the number of samples, and the sizes of groups."""
        return header_of(self._audit)

    def gate(self, text: str, *, strict: bool = False) -> Outcome:
        """Judge a gate: `.verdict` is "pass", "fail" or "inconclusive".

        With `strict`, a row that the data cannot decide keeps the gate from passing. Raises
        UserError if the text is not a gate, or if no row matches it.
        """
        o = self._audit.options
        gates = read_gates([text], None, paired=self._paired, intervals=o.num_folds > 1)
        return self.judge(gates, strict=strict)[0]

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str = "",
        curves: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        images: str | os.PathLike[str] | None = None,
        examples: int = 24,
        labels: str | os.PathLike[str] | None = None,
        probabilities: bool | None = None,
        evidence: Sequence[Section] = (),
    ) -> None:
        """Write the report as an HTML page in one file, with charts; `-` is standard output.

        `title` replaces the names of the files in the title and the first heading. `curves` are
        logits files of several sparsities, drawn against sparsity. `images` is the folder that the
        ids are paths in; `examples` images per attribute are then embedded as thumbnails. `labels`
        and `probabilities` mean the same as in `audit`, for the files of `curves`. `evidence`
        contains sections for a technical file. Raises UserError if the extra `report` is not
        installed.
        """
        from pbias.workflows.reports.report import ReportOptions, write_page

        files = [curves] if isinstance(curves, str | os.PathLike) else curves
        options = ReportOptions(
            title=title,
            curves=[os.fspath(file) for file in files],
            images=None if images is None else os.fspath(images),
            examples=examples,
            labels=None if labels is None else os.fspath(labels),
            probabilities=probabilities,
            evidence=evidence,
        )
        write_page(self, os.fspath(path), options, self.outcomes, self._audit)

    def judge(
        self,
        gates: Sequence[Gate],
        *,
        strict: bool,
        joint: bool = False,
        level: float | None = None,
    ) -> list[Outcome]:
        """Judge parsed gates at a level; the default is the level of the audit."""
        audit = self._audit
        return judge_gates(
            audit.table, audit.samples_behind, self.rows, gates,
            level=audit.options.level if level is None else level, strict=strict, joint=joint,
            clusters=audit.few_clusters,
        )  # fmt: skip

    @property
    def _paired(self) -> bool:
        return len(self._audit.sides) > 1


def audit(
    logits: Any,
    labels: Any = None,
    *,
    reference: Any = None,
    groups: Any = None,
    targets: Sequence[str] | None = None,
    ids: Any = None,
    clusters: Any = None,
    train_counts: Any = None,
    train_labels: Any = None,
    train_groups: Any = None,
    thresholds: Any = None,
    reference_thresholds: Any = None,
    activation: str | None = None,
    probabilities: bool | None = None,
    attributes: str | Sequence[str] | None = None,
    metrics: str | Sequence[str] | None = None,
    level: float = 0.95,
    folds: int = 200,
    intervals: bool = True,
    in_memory: float = IN_MEMORY_MIB,
) -> AuditResult:
    """Audit logits: accuracy, uncertainty, calibration and bias, per attribute and group.

    With a `reference` (the logits of the dense model), also measure what changed. N is the number
    of samples and A the number of targets:

    * `logits` and `reference`: [N, A] as an array, list or data frame, the path of a logits file,
      or `Logits`. A list or tuple of these contains several runs (seeds) of one model.
    * `labels`: [N, A] of 0 and 1, with -1, None or NaN for unknown; or the path of a manifest.
    * `groups`: the name and [N] values of each group, as a dict or data frame. For files and
      `Logits` also a list of their column names, with `A:B` for intersections.
    * `targets` names the columns of arrays, or chooses columns of data frames.
    * `ids`: [N]; the two sides are joined by id. `clusters`: [N]; samples of one cluster belong
      together.
    * `train_labels`, `train_groups`: labels and groups of the training rows. Bias amplification
      needs them, or `train_counts`.
    * `thresholds`, `reference_thresholds`: thresholds on the logits; one for all, a list, or by
      name.
    * `activation`: "sigmoid" (default) or "softmax". `probabilities`: True if `logits` contains
      probabilities, False if it does not; required if all values are in [0, 1].
    * `attributes`, `metrics`: names of those to measure, None for all. `level` is the level of the
      intervals, computed from `folds` folds. Files with more than `in_memory` MiB of logits are
      read in blocks.

    The index of a data frame or Series is used to join samples, unless it is a plain numbering of
    rows. Raises UserError for invalid input.
    """
    from pbias.auditing.counts.parts.counts import Counts
    from pbias.workflows.inputs.arrays import Known, is_path, name_list, read_sides, split_runs

    _check_numbers(level, folds, in_memory)
    known = Known(
        labels, targets, ids, groups, clusters, train_counts, train_labels, train_groups,
        thresholds, probabilities, activation,
    )  # fmt: skip
    options = AuditOptions(
        groups=known.group_names,
        attributes=name_list(attributes),
        metrics=name_list(metrics),
        level=level,
        folds=folds,
        intervals=intervals,
        probabilities=probabilities,
        in_memory_mib=in_memory,
    )
    audited, references = split_runs(logits), split_runs(reference)
    cuts = reference_thresholds
    if any(isinstance(run, Counts) for run in audited):
        given = {
            **{name: value for name, value in vars(known).items() if name != "groups"},
            "groups": groups if known.groups_given else None,
            "reference": reference,
            "reference_thresholds": cuts,
        }
        return _audit_counts(audited, given, options, silent)
    in_files = known.by_name and all(map(is_path, [*audited, *references]))
    if in_files and (cuts is None or is_path(cuts)):
        named = {
            "labels": labels,
            "cluster": clusters,
            "thresholds": thresholds,
            "reference_thresholds": cuts,
        }
        paths = {name: path and os.fspath(path) for name, path in named.items()}
        ours, theirs = (list(map(os.fspath, side)) for side in (audited, references))
        return audit_files(ours, theirs, replace(options, **paths))
    if cuts is not None:
        refuse_thresholds_alone(bool(references))
    runs, others = read_sides(logits, reference, known, cuts)
    return AuditResult(audit_runs(runs, others, options.measured()))


def audit_files(
    audited: Sequence[str],
    references: Sequence[str] = (),
    options: AuditOptions = AuditOptions(),
    watch: Watch = silent,
) -> AuditResult:
    """Audit logits files, with files of a dense model as the reference; `-` is standard input.

    Several files on one side are runs (seeds) of one model. Counts files contain both sides and are
    added up. Raises UserError if files cannot be read or do not match, and for unknown names and
    invalid gates.
    """
    o = options
    others = [o.labels, o.thresholds, o.reference_thresholds, o.gate_file]
    check_sides(audited, references, others, itself=True)
    if are_counts([*audited, *references]):
        given = {
            "reference": list(references), "labels": o.labels, "clusters": o.cluster,
            "thresholds": o.thresholds, "reference_thresholds": o.reference_thresholds,
            "probabilities": o.probabilities,
        }  # fmt: skip
        return _audit_counts(audited, given, o, watch)
    gates = read_gates(o.gates, o.gate_file, paired=bool(references), intervals=o.intervals)
    manifest = read_labels(o.labels, o.cluster)
    if o.reference_thresholds is not None:
        refuse_thresholds_alone(bool(references))
    hows = [
        Supplements(manifest, o.groups, o.cluster, thresholds, o.attributes, o.probabilities)
        for thresholds in (o.thresholds, o.reference_thresholds)
    ]
    audit = _reduce((audited, references), hows, o, watch)
    return AuditResult(audit, gates, strict=o.strict, joint=o.joint, watch=watch)


def _audit_counts(
    sources: Sequence[str | Counts],
    given: Mapping[str, object],
    options: AuditOptions,
    watch: Watch,
) -> AuditResult:
    """Audit the sum of counts, which hold both sides; nothing may be `given` that needs rows."""
    from pbias.auditing.counts.folds import NUM_FOLDS
    from pbias.auditing.engine import Audit

    o = options
    first = sources[0]
    holder = f"{first} is a counts file, which holds" if isinstance(first, str) else "counts hold"
    refuse_beside_counts(holder, given)
    if o.intervals and o.folds != NUM_FOLDS:
        raise UserError(
            f"counts are by {NUM_FOLDS} folds, not by {o.folds}; leave out {argument('folds')}"
        )
    counts, measured = read_counts(sources, o.measured(), o.min_cell, watch)
    paired = counts.facts.references > 0
    gates = read_gates(o.gates, o.gate_file, paired=paired, intervals=o.intervals)
    audit = Audit(counts, (), measured)
    sides = [side.heads for side in audit.sides]
    check_models(sides[0], sides[1] if paired else ())
    return AuditResult(audit, gates, strict=o.strict, joint=o.joint, watch=watch)


def audit_runs(
    audited: Sequence[Logits],
    references: Sequence[Logits],
    options: Options,
    watch: Watch = silent,
) -> Audit:
    """Audit runs in memory; warn about files that do not fit the role of their side."""
    from pbias.auditing.engine import Audit
    from pbias.files.logits.comparability import warn_of_copies

    for side in (audited, references):
        warn_of_copies([(run.path, run.logits.tobytes()) for run in side])
    check_models(audited, references)
    with watch("auditing runs") as progress:
        return Audit(audited, references, options, progress)


def header_of(audit: Audit) -> Header:
    """Collect the facts that a report begins with: the files, samples and sizes of groups."""
    from pbias.files.logits.comparability import sparsity_of
    from pbias.files.logits.network_facts import precision_of
    from pbias.reporting.audit_header import File, Header

    files = [
        [File(run.path, sparsity_of(run), precision_of(run.meta)) for run in side.heads]
        for side in audit.sides
    ]
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
        effective_clusters=audit.few_clusters,
        groups=groups,
    )


def _reduce(
    sides: Sequence[Sequence[str]],
    hows: Sequence[Supplements],
    options: AuditOptions,
    watch: Watch,
) -> Audit:
    """Audit files that are read whole, or all in blocks if one of them is large."""
    from pbias.auditing.engine import Audit
    from pbias.files.logits.comparability import warn_of_copies

    with opened(sides, hows, options.in_memory_mib) as (whole, blocks):
        if whole:
            return audit_runs(whole[0], whole[1], options.measured(), watch)
        runs, others = blocks
        for side in (runs, others):
            warn_of_copies([(run.path, run.npz.checksum("logits")) for run in side])
        check_models([run.first_row for run in runs], [run.first_row for run in others])
        with watch("auditing rows") as progress:
            return Audit(runs, others, options.measured(), progress)


def _summary(outcomes: Sequence[Outcome]) -> str:
    from pbias.auditing.gates.together import summary

    return summary(outcomes)


def _check_numbers(level: float, folds: int, in_memory: float) -> None:
    if not 0.5 <= level <= 0.9999:
        raise UserError(
            f"{argument('level', level)} is not between 0.5 and 0.9999; the usual value is 0.95"
        )
    if not 20 <= folds <= 10_000:
        raise UserError(
            f"{argument('folds', folds)} is not between 20 and 10000; the usual value is 200"
        )
    if not in_memory >= 0:
        raise UserError(
            f"{argument('in_memory', in_memory)} is not a size in MiB; the usual value is 256"
        )


def refuse_thresholds_alone(paired: bool) -> None:
    """Refuse thresholds of the reference if there is no reference."""
    if not paired:
        raise UserError(
            f"{argument('reference_thresholds')} belong to the reference; name it with "
            f"{argument('reference')}"
        )


def check_models(audited: Sequence[Logits], references: Sequence[Logits]) -> None:
    """Refuse, or warn about, files that do not fit the role of their side."""
    from pbias.files.logits.comparability import check_runs, warn_of_roles, warn_unless_alike

    check_runs(audited, alone=not references)
    check_runs(references)
    warn_of_roles(audited, references)
    warn_unless_alike(audited, references)
