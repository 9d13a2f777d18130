"""Numbers of a verdict in words, and what the words and intervals mean."""

from __future__ import annotations

from pbias.auditing.findings.candidates import Finding
from pbias.auditing.findings.finding import Findings
from pbias.reporting.sections import number

# Explanations of the numbers in verdicts, by their names there.
PLAIN = {
    "sensitivity": "the share found, of the samples that have the attribute",
    "false-alarm rate": "the share said to have the attribute, of the samples that do not",
    "precision": "the share that is right, of the samples said to have the attribute",
    "accuracy": "the share of predictions that are right",
}


def words_explained(findings: Findings) -> str:
    """Explain the named numbers in everyday words."""
    spoken = dict.fromkeys(finding.spoken for finding in findings.named())
    said = [f"{word} is {PLAIN[word]}" for word in spoken if word in PLAIN]
    return f"In words: {'; '.join(said)}." if said else ""


def sentence(finding: Finding) -> str:
    """Describe one finding: the number before and after, or here and there, with its interval."""
    what, whom, digits = _what(finding), who(finding), _digits(finding)
    before, after = (number(v, digits) for v in (finding.reference, finding.audited))
    ends = f"[{finding.low:.{digits}f}, {finding.high:.{digits}f}]"
    if finding.against:
        there = finding.against
        there = there if there == "the rest" else f"{finding.group}={there}"
        return f"{what} is {after} for {whom}, {before} for {there} {ends}"
    moved = "fell" if finding.change < 0 else "rose"
    return f"{what} for {whom} {moved} from {before} to {after} {ends}"


def _digits(finding: Finding) -> int:
    """Return two, or as many digits as show that the change is not 0, up to four."""
    smallest = min(abs(finding.change), abs(finding.nearer_end))
    return next((digits for digits in (2, 3) if smallest >= 2 * 10.0**-digits), 4)


def _what(finding: Finding) -> str:
    return f"{finding.spoken} of `{finding.attribute}`" if finding.attribute else finding.spoken


def who(finding: Finding) -> str:
    """Return the group value of a number, as GROUP=VALUE, or everyone."""
    return f"{finding.group}={finding.group_value}" if finding.group else "everyone"


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
