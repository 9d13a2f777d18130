"""Several gates together: their verdict, and how often they err."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.gates.verdicts import Outcome, Verdict
from pbias.errors import argument, listed


def overall(outcomes: Sequence[Outcome]) -> Verdict:
    """Return the verdict of all gates together."""
    return _overall([outcome.verdict for outcome in outcomes])


def tally(verdicts: Sequence[str]) -> str:
    """Return the verdict of all gates together, and how many have each.

    >>> tally(["pass", "inconclusive", "pass"]), tally(["fail"])
    ('inconclusive (2 pass, 1 inconclusive)', 'fail')
    """
    said = ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts)
    return f"{_overall(verdicts)} ({said})" if len(verdicts) > 1 else str(_overall(verdicts))


def _overall(verdicts: Sequence[str]) -> Verdict:
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the verdict of several gates together, and how often they err; "" for one or none.

    Only gates that rest on intervals err in a known share of samples.
    """
    if len(outcomes) < 2:
        return ""
    facts = [outcome for outcome in outcomes if outcome.of_facts]
    parts = [
        f"{len(outcomes)} gates: {tally([outcome.verdict for outcome in outcomes])}",
        _errors(outcomes[0], len(outcomes) - len(facts), len(facts)),
        _of_facts(facts),
    ]
    return "; ".join(filter(None, parts))


def _errors(first: Outcome, num: int, num_facts: int) -> str:
    """Return how often gates on intervals err, `num` of them; the error is that of the `first`."""
    if not num:
        return ""
    each = "each"
    if num_facts:
        each = f"each of the {num} with intervals" if num > 1 else "the one with an interval"
    if first.joint and num > 1:
        error = _percent(first.error * (num + num_facts))
        return f"any of them fails or passes wrongly in at most {error}"
    alone = f"{each} fails or passes wrongly in at most {_percent(first.error)} of samples"
    if num == 1:
        return alone
    joint = f"{argument('joint', True)}: {_percent(first.error)}"
    return f"{alone}, any of them in at most {_percent(min(first.error * num, 1.0))} ({joint})"


def _of_facts(facts: Sequence[Outcome]) -> str:
    if not facts:
        return ""
    named = listed([f"'{outcome.gate.text}'" for outcome in facts])
    compares, its = ("compares", "its") if len(facts) == 1 else ("compare", "their")
    return f"{named} {compares} facts of these samples: {its} pass promises nothing about others"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
