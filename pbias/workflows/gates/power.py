"""Check before compression which gates the labeled samples can decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument
from pbias.workflows.gates.judging import judge_gates, said_once
from pbias.workflows.gates.reading import read_gates
from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
from pbias.workflows.progress import Watch, silent
from pbias.workflows.results import Result

if TYPE_CHECKING:
    from pbias.auditing.engine import Audit, Options
    from pbias.auditing.gates.grammar import Gate
    from pbias.auditing.gates.verdicts import Outcome
    from pbias.files.logits import Logits
    from pbias.files.table import Table
    from pbias.reporting.sections import Section

DISCORDANCE, DRAWS = 0.05, 20


@dataclass(frozen=True)
class PowerOptions:
    """Assumptions about the compressed model, and how to judge gates.

    `discordance` is the share of its predictions that differ from the dense model's predictions.
    `draws` models are simulated with the seed `seed`. `groups` and `attributes` are names (None:
    those of the gates, else all). Intervals have the level `level`. Labels and thresholds are paths
    of CSV files.
    """

    discordance: float = DISCORDANCE
    draws: int = DRAWS
    seed: int = 0
    groups: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    level: float = 0.95
    strict: bool = False
    joint: bool = False
    labels: str | None = None
    cluster: str | None = None
    thresholds: str | None = None
    probabilities: bool | None = None


class PowerResult(Result):
    """Decidable gates: `table`, one row per gate and number, and `gates` as plain data."""

    def __init__(self, rows: Table, gates: Sequence[dict[str, Any]], options: PowerOptions) -> None:
        """Build the result; `gates` counts the draws that passed, failed and were inconclusive."""
        super().__init__(rows)
        self.gates = list(gates)
        self._options = options

    def sections(self) -> list[Section]:
        """Return the gates, then the rows of each."""
        from pbias.reporting.power_report import power_sections

        return power_sections(self.gates, self.rows)


def power(
    gates: str | Sequence[str],
    reference: Any,
    labels: Any = None,
    *,
    groups: Any = None,
    targets: Sequence[str] | None = None,
    ids: Any = None,
    clusters: Any = None,
    train_counts: Any = None,
    train_labels: Any = None,
    train_groups: Any = None,
    thresholds: Any = None,
    activation: str | None = None,
    probabilities: bool | None = None,
    attributes: str | Sequence[str] | None = None,
    discordance: float = DISCORDANCE,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
    strict: bool = False,
    joint: bool = False,
) -> PowerResult:
    """Check which gates these samples could decide, from the dense model alone.

    `gates` is one gate, several, or the path of a file with one gate per line. `reference` contains
    the dense model's logits. The function simulates `draws` models that differ in a share
    `discordance` of their predictions and are worse for nobody, and audits them. The other
    arguments mean the same as in `audit`. Raises UserError for invalid input.
    """
    from pbias.workflows.inputs.arrays import Known, name_list, read_runs, share_known

    known = Known(
        labels, targets, ids, groups, clusters, train_counts, train_labels, train_groups,
        thresholds, probabilities, activation,
    )  # fmt: skip
    options = PowerOptions(
        discordance=discordance,
        draws=draws,
        seed=seed,
        groups=known.group_names,
        attributes=name_list(attributes),
        level=level,
        strict=strict,
        joint=joint,
    )
    texts = [gates] if isinstance(gates, str) else list(gates)
    path = texts.pop() if isinstance(gates, str) and not set(gates) & set("<>") else None
    parsed = read_gates(texts, path, paired=True, intervals=True)
    _check(options, parsed)
    return power_runs(parsed, share_known(read_runs(reference, known, "reference"), known), options)


def power_files(
    texts: Sequence[str],
    path: str | None,
    references: Sequence[str],
    options: PowerOptions = PowerOptions(),
    watch: Watch = silent,
) -> PowerResult:
    """Check which gates, given as texts and in a file, a dense model's logits files could decide.

    Raises UserError if files cannot be read, and for gates that no row matches.
    """
    o = options
    check_sides([], references, [o.labels, o.thresholds, path])
    gates = read_gates(texts, path, paired=True, intervals=True)
    _check(o, gates)
    manifest = read_labels(o.labels, o.cluster)
    how = Supplements(
        manifest, o.groups, o.cluster, o.thresholds, o.attributes, probabilities=o.probabilities
    )
    return power_runs(gates, read_side(references, how), o, watch)


def power_runs(
    gates: Sequence[Gate], dense: Sequence[Logits], options: PowerOptions, watch: Watch = silent
) -> PowerResult:
    """Judge gates on models simulated from runs in memory: each draw, and the mean of all draws."""
    from pbias.auditing.gates import power as rooms
    from pbias.files.logits.comparability import check_runs

    o = options
    check_runs(dense)
    runs = [_with_ids(run) for run in dense]
    measured = _measured(gates, o)
    with watch("auditing drawn models") as progress:
        draws = []
        for index in range(o.draws):
            with said_once(first=index == 0):
                draws.append(rooms.Drawn(_draw(runs, measured, o, index)))
            progress(index + 1, o.draws)
    expected = rooms.Expected(draws)
    rows = draws[0].table(o.level)

    def judged(audit: rooms.Drawn | rooms.Expected) -> list[Outcome]:
        return judge_gates(
            audit.table, audit.samples_behind, rows, gates, level=o.level, strict=o.strict,
            joint=o.joint, clusters=audit.few_clusters,
        )  # fmt: skip

    outcomes, drawn = judged(expected), [judged(draw) for draw in draws]
    said = [
        rooms.said_of(outcome, [draw[place] for draw in drawn], o.discordance)
        for place, outcome in enumerate(outcomes)
    ]
    return PowerResult(rooms.power_table(outcomes, expected, drawn), said, o)


def _draw(runs: Sequence[Logits], measured: Options, options: PowerOptions, index: int) -> Audit:
    """Audit one simulated model of each run against the runs themselves."""
    import numpy as np

    from pbias.auditing.engine import Audit
    from pbias.auditing.gates.hypothetical import draw_compressed

    groups = runs[0].group_names if measured.groups is None else measured.groups
    rngs = [np.random.default_rng([options.seed, index, run]) for run in range(len(runs))]
    drawn = [
        draw_compressed(run, groups, options.discordance, rng)
        for run, rng in zip(runs, rngs, strict=True)
    ]
    return Audit(drawn, runs, measured)


def _measured(gates: Sequence[Gate], options: PowerOptions) -> Options:
    """Return the metrics of the gates, and their groups unless other groups are chosen."""
    from pbias.auditing.engine import Options

    groups = options.groups
    if groups is None and all(gate.group is not None for gate in gates):
        groups = list(dict.fromkeys(gate.group for gate in gates if gate.group is not None))
    metrics = list(dict.fromkeys(gate.metric.name for gate in gates))
    return Options(groups, options.attributes, metrics, options.level)


def _with_ids(run: Logits) -> Logits:
    """Add row numbers as ids to a run without ids, as simulated models have the same rows."""
    import numpy as np

    return run if run.ids is not None else replace(run, ids=np.arange(len(run)).astype(str))


def _check(options: PowerOptions, gates: Sequence[Gate]) -> None:
    o = options
    if not gates:
        raise UserError(
            "there are no gates; name a file with one gate per line, or give gates as text"
        )
    if not 0 < o.discordance <= 0.5:
        raise UserError(
            f"{argument('discordance', o.discordance)} is not above 0 and at most 0.5; the usual "
            "value is 0.05"
        )
    if not 1 <= o.draws <= 1000:
        raise UserError(
            f"{argument('draws', o.draws)} is not between 1 and 1000; the usual value is 20"
        )
    if not 0.5 <= o.level <= 0.9999:
        raise UserError(
            f"{argument('level', o.level)} is not between 0.5 and 0.9999; the usual value is 0.95"
        )
