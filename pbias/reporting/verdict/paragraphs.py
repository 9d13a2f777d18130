"""The verdict in words: what got worse, for whom, how certain, what is unknown, what to do next."""

from __future__ import annotations

from pbias.auditing.findings.candidates import Finding
from pbias.auditing.findings.finding import Findings
from pbias.auditing.metrics.flips import FEW
from pbias.auditing.metrics.registry import METRICS
from pbias.errors import listed
from pbias.reporting.sections import Section, number
from pbias.reporting.verdict.sentences import explained, sentence, who
from pbias.reporting.verdict.unknowns import (
    by_neither,
    few_clusters,
    lost_first,
    never_predicted,
    next_step,
    too_few,
    undefined,
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
    said = (
        lost_first, _worst, _probabilities, _suspect, _beside, _better, few_clusters, by_neither,
        too_few, never_predicted, undefined, next_step,
    )  # fmt: skip
    return list(filter(None, (part(findings) for part in said)))


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
        f"{who(other)}: from {number(other.reference, 2)} to {number(other.audited, 2)} "
        f"[{other.low:.2f}, {other.high:.2f}]{', which may be chance' * _may_be_chance(other)}"
        for other in findings.beside
    ]
    return f"The same number for {listed(said)}." if said else ""


def _may_be_chance(finding: Finding) -> bool:
    return not (finding.low > 0 or finding.high < 0)


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
    kinds = listed([METRICS[name].spoken or METRICS[name].title for name in findings.metrics])
    num = f"the {findings.looked_at} numbers looked at ({kinds})"
    nothing = "Nothing else got worse" if lost_first(findings) else "Nothing got worse"
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
    worst = f"of up to {most}" if findings.missed_most < 1 else "of any size"
    return (
        f"{what} This audit would miss (one time in five or more) {kind} of up to {half} in half "
        f"of these numbers, and {worst} where samples are fewest."
    )


def _probabilities(findings: Findings) -> str:
    """Say which probabilities got worse, where the rates that lead did not."""
    if findings.worse or not findings.probabilities:
        return ""
    said = "; ".join(map(sentence, findings.probabilities))
    return f"But probabilities got worse, corrected over {findings.of_scores} numbers: {said}."


def _suspect(findings: Findings) -> str:
    """Name the largest change that may be chance, where none is beyond chance."""
    suspect = findings.suspect
    if findings.worse or suspect is None:
        return ""
    kind = "change for the worse" if findings.paired else "gap"
    return (
        f"Largest {kind} that may still be chance, as one of {findings.looked_at} numbers: "
        f"{sentence(suspect)}, by the interval of this number alone, without correction."
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
