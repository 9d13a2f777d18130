"""The unknowns of a verdict: lost attributes, small groups, few clusters, undefined numbers."""

from __future__ import annotations

import shlex

from pbias.auditing.findings.finding import Findings
from pbias.auditing.findings.unknowns import Never
from pbias.auditing.inference.effective_clusters import are_too_few
from pbias.auditing.losses import count_of, counted
from pbias.auditing.metrics.registry import METRICS
from pbias.errors import argument, listed

# A command that writes valid.npz, for those whose files are not known.
PREDICT_VALID = "`pbias predict NET LABELS.csv --split valid -o valid.npz` (or `import table`)"


def calibrate_hint(first: str = PREDICT_VALID, valid: str = "valid.npz") -> str:
    """Return the commands that make predictions of what is never predicted.

    `first` writes the validation predictions `valid`; "" if they exist already.
    """
    fit = f"`{shlex.join(['pbias', 'calibrate', valid, '-o', 'thresholds.csv'])}`"
    commands = f"{first}, then {fit}" if first else fit
    return (
        "to make these attributes predicted again, fit thresholds on validation data: "
        f"{commands}, then give them by {argument('thresholds', 'thresholds.csv')}"
    )


def lost_first(findings: Findings) -> str:
    """Name attributes that are lost beyond chance, which lead where no number is named before."""
    lost = _never_named(findings, holds=True)
    if not (lost and findings.paired) or findings.worse:
        return ""
    verb = "is" if len(lost) == 1 else "are"
    return f"Worst: {listed(lost)} {verb} never predicted any more."


def few_clusters(findings: Findings) -> str:
    """Say that few clusters hold most samples, where they say as much as hardly any."""
    effective = findings.effective_clusters
    if effective is None or not are_too_few(effective):
        return ""
    num = "" if findings.num_clusters is None else f"{findings.num_clusters}, "
    return (
        f"Most samples come from few clusters ({num}as good as {max(round(effective), 1)} of equal "
        "size): more samples of the same clusters will not help."
    )


def by_neither(findings: Findings) -> str:
    """Name what neither model ever predicts, so that no rate of it can change."""
    named = [_found(never) for never in findings.never.before]
    if not named:
        return ""
    what = "it" if len(named) == 1 else "them"
    return f"Neither model ever predicts {listed(named)}: unchanged rates say nothing about {what}."


def _found(never: Never) -> str:
    if never.n_positive != never.n_positive:
        return never.attribute
    if not never.n_positive:
        return f"{never.attribute} (no positive labels)"
    return f"{never.attribute} (0 of {count_of(never.n_positive)} positives found)"


def _never_named(findings: Findings, *, holds: bool) -> list[str]:
    """Return what is newly never predicted, with counts: beyond chance, or perhaps by chance."""
    return [_with_counts(never) for never in findings.never.new if never.holds == holds]


def _with_counts(never: Never) -> str:
    known = []
    if never.num_before == never.num_before:
        known.append(f"{counted(never.num_before, never.n)} before, now 0")
    if never.n_positive == never.n_positive:
        known.append(f"positive labels: {count_of(never.n_positive)}")
    return f"{never.attribute} ({'; '.join(known)})" if known else never.attribute


def too_few(findings: Findings) -> str:
    """Name the group values with too few samples."""
    groups = [f"{small.group} {small.value} ({small.size})" for small in findings.too_few]
    where = " for any group" if findings.all_too_few else ""
    return f"Too few samples to tell{where}: {listed(groups)}." if groups else ""


def never_predicted(findings: Findings) -> str:
    """Name what is newly never predicted: beyond chance, then perhaps by chance."""
    held, chance = (_never_named(findings, holds=holds) for holds in (True, False))
    told = "No longer predicted, which may be chance" if findings.paired else "Never predicted"
    said = [("Never predicted", [] if lost_first(findings) else held), (told, chance)]
    return " ".join(f"{what}: {listed(names)}." for what, names in said if names)


def undefined(findings: Findings) -> str:
    """Count the numbers that the data cannot give, by reason."""
    reasons: dict[str, int] = {}
    for missing in findings.undefined:
        reasons[missing.reason] = reasons.get(missing.reason, 0) + 1
    if not reasons:
        return ""
    said = [f"{num} ({why})" for why, num in sorted(reasons.items(), key=lambda item: -item[1])]
    return f"Numbers that the data cannot give: {listed(said)}."


def next_step(findings: Findings) -> str:
    """Return the commands that make predictions of what is never predicted."""
    never = findings.never.new or findings.never.before
    of_classes = any(METRICS[name].pooled for name in findings.metrics)  # which have no thresholds
    return f"Next: {calibrate_hint()}." if never and not of_classes else ""
