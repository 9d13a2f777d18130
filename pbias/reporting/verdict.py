"""The verdict in words: what got worse, for whom, how certain, what is unknown, what to do next."""

from __future__ import annotations

import shlex

from pbias.auditing.findings.finding import Finding, Findings
from pbias.auditing.findings.unknowns import Never
from pbias.auditing.losses import counted
from pbias.auditing.metrics.flips import FEW
from pbias.auditing.metrics.registry import METRICS
from pbias.errors import argument, listed
from pbias.reporting.sections import Section, number

# Explanations of the numbers in verdicts, by their names there.
PLAIN = {
    "sensitivity": "the share found, of the samples that have the attribute",
    "false-alarm rate": "the share said to have the attribute, of the samples that do not",
    "precision": "the share that is right, of the samples said to have the attribute",
    "accuracy": "the share of predictions that are right",
}


# A command that writes valid.npz, for those whose files are not known.
PREDICT_VALID = "`pbias predict NET LABELS.csv --split valid -o valid.npz` (or `import table`)"


def calibrate_hint(first: str = PREDICT_VALID, valid: str = "valid.npz") -> str:
    """Return the commands that make predictions of what is never predicted.

    `first` writes the validation predictions `valid`; "" if they exist already.
    """
    fit = f"`{shlex.join(['pbias', 'calibrate', valid, '-o', 'thresholds.csv'])}`"
    commands = f"{first} and then {fit} fit" if first else f"{fit} fits"
    return (
        f"{commands} thresholds on validation data that predict it again; give them by "
        f"{argument('thresholds', 'thresholds.csv')}"
    )


def verdict_section(findings: Findings) -> Section:
    """Return the verdict as the first lines of a report, with a note on its intervals."""
    notes = verdict_parts(findings)
    if findings.worse:
        notes.append(explained(findings))
    return Section("Verdict", [], [], notes)


def verdict(findings: Findings) -> str:
    """Return everything that a reader must hear, in one paragraph; `Worst:` begins bad news."""
    return " ".join(verdict_parts(findings))


def verdict_parts(findings: Findings) -> list[str]:
    """Return the parts of the verdict, each of one or more sentences, the most important first."""
    parts = [_lost(findings), _worst(findings), _beside(findings), _better(findings)]
    parts += [_too_few(findings), _never(findings), _undefined(findings), _next(findings)]
    return list(filter(None, parts))


def verdict_lines(findings: Findings) -> list[str]:
    """Return the parts of the verdict for a page, which has a line for each named number.

    The other values of the worst number's group follow it directly.
    """
    parts = verdict_parts(findings)
    if not findings.worse:
        return parts
    first, *others = map(sentence, findings.named())
    more = _in_all(findings).strip() if len(findings.worse) > 1 + len(others) else ""
    worst, beside = _worst(findings), _beside(findings)
    named = [f"{_lead(findings)}: {first}.", beside, *(f"Also: {other}." for other in others)]
    rest = [part for part in parts if part not in (worst, beside)]
    return [*filter(None, [*named, more]), *rest]


def words_explained(findings: Findings) -> str:
    """Explain the named numbers in everyday words."""
    spoken = dict.fromkeys(finding.spoken for finding in findings.named())
    said = [f"{word} is {PLAIN[word]}" for word in spoken if word in PLAIN]
    return f"In words: {'; '.join(said)}." if said else ""


def sentence(finding: Finding) -> str:
    """Describe one finding: the number before and after, or here and there, with its interval."""
    what, who, digits = _what(finding), _who(finding), _digits(finding)
    before, after = (number(v, digits) for v in (finding.reference, finding.audited))
    ends = f"[{finding.low:.{digits}f}, {finding.high:.{digits}f}]"
    if finding.against:
        there = finding.against
        there = there if there == "the rest" else f"{finding.group}={there}"
        return f"{what} is {after} for {who}, {before} for {there} {ends}"
    moved = "fell" if finding.change < 0 else "rose"
    return f"{what} for {who} {moved} from {before} to {after} {ends}"


def _digits(finding: Finding) -> int:
    """Return two, or as many digits as show that the change is not 0, up to four."""
    smallest = min(abs(finding.change), abs(finding.nearer_end))
    return next((digits for digits in (2, 3) if smallest >= 2 * 10.0**-digits), 4)


def _what(finding: Finding) -> str:
    return f"{finding.spoken} of `{finding.attribute}`" if finding.attribute else finding.spoken


def _who(finding: Finding) -> str:
    return f"{finding.group}={finding.group_value}" if finding.group else "everyone"


def _worst(findings: Findings) -> str:
    if findings.worse:
        named = findings.named()
        said = "; ".join(map(sentence, named))
        more = _in_all(findings) if len(findings.worse) > len(named) else ""
        return f"{_lead(findings)}: {said}.{more}"
    if findings.same_model:
        return "The model is compared with itself: nothing can have changed."
    if not findings.metrics:
        return "Nothing that has a good and a bad direction was measured."
    if not findings.has_intervals:
        return "Nothing can be said to hold: intervals were left out."
    if not findings.looked_at:
        return (
            "Nothing that was measured can be tested."
            if findings.paired
            else "One model and no groups: there is nothing to compare it with."
        )
    return _nothing(findings)


def _lead(findings: Findings) -> str:
    return "Worst" if findings.paired else "Largest gap"


def _beside(findings: Findings) -> str:
    """Describe the worst number for the other values of its group, which may also be hurt."""
    said = [
        f"{_who(other)}: from {number(other.reference, 2)} to {number(other.audited, 2)} "
        f"[{other.low:.2f}, {other.high:.2f}]{', which may be chance' * _may_be_chance(other)}"
        for other in findings.beside
    ]
    return f"The same number for {listed(said)}." if said else ""


def _may_be_chance(finding: Finding) -> bool:
    return not (finding.low > 0 or finding.high < 0)


def _lost(findings: Findings) -> str:
    """Attributes that are lost beyond chance lead where no number is named before them."""
    lost = _never_named(findings, holds=True)
    if not (lost and findings.paired) or findings.worse:
        return ""
    verb = "is" if len(lost) == 1 else "are"
    return f"Worst: {listed(lost)} {verb} never predicted any more."


def _never_named(findings: Findings, *, holds: bool) -> list[str]:
    """Return what is newly never predicted, with counts: beyond chance, or perhaps by chance."""
    return [_with_counts(never) for never in findings.never.new if never.holds == holds]


def _with_counts(never: Never) -> str:
    known = []
    if never.num_before == never.num_before:
        known.append(f"{counted(never.num_before, never.n)} before, now 0")
    if never.n_positive == never.n_positive:
        known.append(f"positive labels: {never.n_positive:.3g}")
    return f"{never.attribute} ({'; '.join(known)})" if known else never.attribute


def _in_all(findings: Findings) -> str:
    """Count the attributes that are worse anywhere, each once over all metrics and groups."""
    num = len({finding.attribute for finding in findings.worse if finding.attribute})
    if not num:
        return f" In all, {len(findings.worse)} numbers are worse."
    where = "got worse for everyone or a group" if findings.paired else "differ between groups"
    return f" In all, {num} of {_attributes(len(findings.attributes))} {where}."


def _attributes(num: int) -> str:
    return f"{num} attribute" + "s" * (num != 1)


def _nothing(findings: Findings) -> str:
    num = f"the {findings.looked_at} numbers looked at"
    nothing = "Nothing else got worse" if _lost(findings) else "Nothing got worse"
    what = (
        _few_changed(findings)
        + (nothing if findings.paired else "No gap between groups")
        + f" that holds after correction over {num}."
    )
    if findings.missed != findings.missed:
        return what
    kind = "changes" if findings.paired else "gaps"
    half, most = number(findings.missed), number(findings.missed_most)
    # A single sample detects no change of a share, because that would need more than 1.
    worst = f"under {most}" if findings.missed_most < 1 else "of any size"
    return (
        f"{what} What could have been missed (power 80 %): {kind} under {half} in half of these "
        f"numbers, and {worst} where samples are fewest."
    )


def _few_changed(findings: Findings) -> str:
    """Return how few predictions changed, where these are too few for the folds."""
    if findings.changed is None or findings.changed[0] >= FEW:
        return ""
    num, total = findings.changed
    if not num:
        return f"None of {total:,.0f} predictions changed. "
    return f"Only {num:.3g} of {total:,.0f} predictions changed. "


def _better(findings: Findings) -> str:
    num = len(findings.better)
    if not num or not findings.paired:
        return ""
    names = dict.fromkeys(f.attribute for f in findings.better if f.attribute)
    in_all = f"{len(names)} of {_attributes(len(findings.attributes))}"
    more = f" In all, something got better in {in_all}." if names and num > 1 else ""
    return f"Better: {sentence(findings.better[0])}.{more}"


def _too_few(findings: Findings) -> str:
    groups = [f"{small.group} {small.value} ({small.size})" for small in findings.too_few]
    return f"Too few samples to tell: {listed(groups)}." if groups else ""


def _never(findings: Findings) -> str:
    held, chance = (_never_named(findings, holds=holds) for holds in (True, False))
    told = "No longer predicted, which may be chance" if findings.paired else "Never predicted"
    said = {
        "Never predicted": [] if _lost(findings) else held,
        told: chance,
        "Never predicted, nor by the reference": findings.never.before,
    }
    return " ".join(f"{what}: {listed(names)}." for what, names in said.items() if names)


def _undefined(findings: Findings) -> str:
    reasons: dict[str, int] = {}
    for missing in findings.undefined:
        reasons[missing.reason] = reasons.get(missing.reason, 0) + 1
    if not reasons:
        return ""
    said = [f"{num} ({why})" for why, num in sorted(reasons.items(), key=lambda item: -item[1])]
    return f"Numbers that the data cannot give: {listed(said)}."


def _next(findings: Findings) -> str:
    never = findings.never.new or findings.never.before
    of_classes = any(METRICS[name].pooled for name in findings.metrics)  # which have no thresholds
    return f"Next: {calibrate_hint()}." if never and not of_classes else ""


def explained(findings: Findings) -> str:
    """Say what the intervals of a verdict are."""
    what = "the change" if findings.paired else "the gap"
    first = findings.worse[0]
    low, high = sorted((abs(first.low), abs(first.high)))
    digits = _digits(first)
    return (
        f"In brackets: where {what} lies; the first is between {low:.{digits}f} and "
        f"{high:.{digits}f} large. They are widened because these were chosen out of "
        f"{findings.looked_at} numbers; on average at most {100 * (1 - findings.level):.3g} % of "
        "such intervals miss."
    )
