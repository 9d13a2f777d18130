"""Gates on attributes that are no longer predicted: beyond chance, or perhaps not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from pbias.auditing.engine import Audit, Options
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.together import summary
from pbias.auditing.gates.verdicts import Outcome
from pbias.files.logits import Logits
from pbias.workflows.audit import AuditResult
from pbias.workflows.gates.power import PowerOptions, power_runs

GATE = "change(never_predicted) <= 0"


def faces(counts: list[int], num: int = 120, seed: int = 0) -> Logits:
    """A model that predicts each attribute in so many of the samples, all of them unsure."""
    rng = np.random.default_rng(seed)
    z = np.where(np.arange(num)[:, None] < counts, 0.1, -0.1) * rng.random((num, len(counts)))
    return Logits(
        z.astype(np.float32),
        rng.integers(0, 2, z.shape).astype(np.int8),
        tuple(f"a{i}" for i in range(len(counts))),
        ids=np.array([f"{i}.png" for i in range(num)]),
    )


def without(dense: Logits, *places: int) -> Logits:
    """Return the same, without any prediction of these attributes."""
    z = dense.logits * np.float32(1.5)
    z[:, places] = -1.0
    return replace(dense, logits=z)


def result(audited: Logits, dense: Logits, *metrics: str) -> AuditResult:
    options = Options(metrics=metrics or ("never_predicted",))
    return AuditResult(Audit([audited], [dense], options))


@pytest.mark.parametrize(
    ("lost", "others", "verdict", "place"),
    [
        (1, 0, "inconclusive", "not_assessable"),  # there is no other row
        (1, 1, "pass", "not_assessable"),
        (5, 1, "pass", "not_assessable"),  # 2 / 2^5 > 0.05
        (6, 1, "inconclusive", "undecided"),  # 2 / 2^6 <= 0.05, but not 0.05 / 2
        (7, 1, "fail", "outside"),  # 2 / 2^7 <= 0.05 / 2
        (7, 3, "inconclusive", "undecided"),
        (8, 3, "fail", "outside"),  # 2 / 2^8 <= 0.05 / 4
    ],
)
def test_an_attribute_counts_as_lost_only_beyond_chance(
    lost: int, others: int, verdict: str, place: str
) -> None:
    dense = faces([lost, *[40] * others])
    found = result(without(dense, 0), dense).gate(GATE)
    assert (found.verdict, found.at(place)[0].attribute) == (verdict, "a0")
    assert f"a0 1 (the reference predicts it in {lost} of 120" in found.line()
    strict = result(without(dense, 0), dense).gate(GATE, strict=True)
    assert strict.verdict == {"pass": "inconclusive"}.get(verdict, verdict)


@pytest.mark.parametrize("gate", ["change(ppv) >= -1", "change(ppv)/mean >= -1"])
def test_what_a_flip_leaves_undefined_fails_no_other_gate(gate: str) -> None:
    for lost, verdict in ((1, "pass"), (6, "inconclusive"), (20, "fail")):
        dense = faces([lost, 60, 60])
        assert result(without(dense, 0), dense, "ppv").gate(gate).verdict == verdict, (gate, lost)


def test_models_that_are_worse_for_nobody_fail_hardly_ever() -> None:
    """35 attributes, each flipping as often either way; it failed whenever one was gone."""
    dense = faces([1, 1, 2, 2, 3, 4, 5, 6, 7, 8, *[30] * 25], num=120)
    rng, verdicts, gone = np.random.default_rng(1), [], 0
    for _ in range(100):
        z, some = dense.logits * np.float32(1.5), dense.logits > 0
        # As many are gained as lost on average, each way with the same number of candidates.
        rate = 0.5 * some.sum(axis=0) / np.maximum((~some).sum(axis=0), 1)
        flips = rng.random(z.shape) < np.where(some, 0.5, rate)
        drawn = replace(dense, logits=np.where(flips, -z, z))
        verdicts.append(result(drawn, dense).gate(GATE).verdict)
        gone += bool(((drawn.logits > 0).sum(axis=0) == 0).any())
    assert gone > 30 and verdicts.count("fail") == 0
    assert verdicts.count("inconclusive") <= 5


def test_power_says_what_it_supposes_and_names_the_attributes_that_drop_out() -> None:
    dense = faces([1, 40])
    options = PowerOptions(draws=20, discordance=0.2)
    (gate,) = power_runs([parse_gate(GATE)], [dense], options).gates
    assert (gate["pass"], gate["fail"], gate["discordance"]) == (20, 0, 0.2)
    said = "compares facts of the samples, which have no interval; not assessable: a0 in "
    assert gate["note"].startswith(said) and gate["note"].endswith(" draws")


def test_an_open_gate_says_how_little_changed() -> None:
    dense = faces([30, 40, 50])
    z = dense.logits * np.float32(1.5)
    z[:2, 0] *= -1
    audited = replace(dense, logits=z)
    said = (
        " of 360 predictions changed: with fewer than 10 the interval allows for changes that "
        "these samples do not show"
    )
    found = result(audited, dense, "accuracy").gate("change(accuracy)/mean >= -0.01")
    (row,) = found.rows
    half = (row.high - row.low) / 2  # shrinks like 1 / n; 0.84 of 1.96 errors are for the power
    needed = 120 * (row.value - row.low + half * 0.841621 / 1.959964) / (row.value + 0.01)
    (told,) = re.findall(r"about (\S+) labeled samples would decide it \(now 120\)", found.note())
    assert needed <= int(told.replace(",", "")) <= 1.1 * needed
    assert found.verdict == "inconclusive" and found.note().endswith(f"; 2{said}")
    single = result(audited, dense, "accuracy").gate("change(accuracy)/a1 >= -0.01")
    assert "; 0 of 120 predictions changed: " in single.note()
    wide = result(audited, dense, "accuracy").gate("accuracy/mean >= 0.5")
    assert "predictions changed" not in wide.note()


def outcomes(*gates: str, joint: bool = False) -> list[Outcome]:
    dense = faces([20, 40])
    found = result(without(dense, 0), dense, "never_predicted", "accuracy")
    return found.judge([parse_gate(gate) for gate in gates], strict=False, joint=joint)


def test_only_gates_with_intervals_promise_how_often_they_err() -> None:
    accuracy, other = "change(accuracy)/mean >= -0.5", "change(accuracy)/mean <= 0.5"
    fact = f"'{GATE}' compares facts of these samples: its pass promises nothing about others"
    assert summary(outcomes(accuracy, GATE)) == (
        "2 gates: fail (1 pass, 1 fail); the one with an interval fails or passes wrongly in at "
        f"most 5 % of samples; {fact}"
    )
    assert summary(outcomes(accuracy, other, GATE)) == (
        "3 gates: fail (2 pass, 1 fail); each of the 2 with intervals fails or passes wrongly in "
        f"at most 5 % of samples, any of them in at most 10 % (`joint=True`: 5 %); {fact}"
    )
    assert summary(outcomes(GATE, "never_predicted <= 0")) == (
        "2 gates: fail (2 fail); 'change(never_predicted) <= 0', 'never_predicted <= 0' compare "
        "facts of these samples: their pass promises nothing about others"
    )
