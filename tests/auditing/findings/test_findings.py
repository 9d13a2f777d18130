"""Findings of simulated audits with known truth, and the exact words of the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import pbias
from pbias.auditing.findings.candidates import Finding
from pbias.auditing.findings.finding import Findings
from pbias.auditing.findings.labels import group_values
from pbias.auditing.findings.unknowns import Never, NeverPredicted, SmallGroup
from pbias.auditing.metrics.entry import Good
from pbias.auditing.metrics.registry import METRICS
from pbias.files.logits import Logits
from pbias.reporting.verdict.paragraphs import verdict
from pbias.workflows.audit import AuditResult
from pbias.workflows.inputs.never_predicted import say_never_predicted

NAMES = ["smiling", "hat", "mustache"]
HURT = Finding(
    "tpr", "smiling", "sex", "f", 1000, 0.94, 0.71, -0.23, -0.26, -0.20, 1e-9, worse=True, few=False
)  # fmt: skip
OTHERS = tuple(
    replace(HURT, group="", group_value="", n=num, audited=0.84, change=-0.1, high=-0.05)
    for num in range(3)
)
FOUND = Findings(
    paired=True, same_model=False, has_intervals=True, level=0.95, selected_level=0.99,
    looked_at=100, found=(HURT,), missed=0.05, missed_most=0.3, too_few=(), never=NeverPredicted(),
    undefined=(),
    metrics=("accuracy", "tpr"), attributes=("smiling", "hat", "mustache"),
)  # fmt: skip


@pytest.fixture(scope="module")
def one_hurt() -> AuditResult:
    """Smiling women lose 1.5 in logits; mustaches are never predicted; 20 people are of age 60+."""
    rng, num = np.random.default_rng(0), 3000
    labels = (rng.random((num, 3)) < [0.5, 0.3, 0.1]).astype(int)
    sex = np.where(rng.random(num) < 0.5, "f", "m")
    age = np.where(np.arange(num) < 20, "60+", np.where(rng.random(num) < 0.5, "20s", "40s"))
    dense = np.where(labels == 1, 2.0, -2.0) + rng.normal(0, 1.2, labels.shape)
    sparse = dense + rng.normal(0, 0.5, labels.shape)
    sparse[(sex == "f") & (labels[:, 0] == 1), 0] -= 1.5
    sparse[:, 2] -= 100
    groups = {"sex": sex, "age": age}
    return pbias.audit(sparse, labels, reference=dense, groups=groups, targets=NAMES)


def test_who_was_hurt_is_said_first(one_hurt: AuditResult) -> None:
    of_smiles = [f for f in one_hurt.findings.worse if f.attribute == "smiling"]
    worst = of_smiles[0]
    assert (worst.metric, worst.group, worst.group_value) == ("tpr", "sex", "f")
    (row,) = one_hurt.rows.where(metric="tpr", attribute="smiling", group="sex", contrast="f")
    assert (worst.reference, worst.audited) == (row["reference"], row["value"])
    assert worst.low < row["change_low"] < row["change"] < row["change_high"] < worst.high < 0
    assert not [f for f in of_smiles if (f.group, f.group_value) == ("sex", "m")]
    said = (
        f"sensitivity of `smiling` for sex=f fell from {worst.reference:.2f} to "
        f"{worst.audited:.2f} [{worst.low:.2f}, {worst.high:.2f}]"
    )
    assert one_hurt.verdict.startswith("Worst: ") and said in one_hurt.verdict


def test_what_is_not_known_and_what_comes_next(one_hurt: AuditResult) -> None:
    (row,) = one_hurt.rows.where(metric="never_predicted", attribute="mustache", group="")
    before, positive = row["n_discordant"], row["n_positive"]
    assert before > 300 and row["n_predicted_positive"] == 0
    assert (
        "Too few samples to tell: age 60+ (20). Never predicted: mustache "
        f"({before} of 3000 before, now 0; positive labels: {positive})." in one_hurt.verdict
    )
    assert "Next: to make these attributes predicted again, fit" in one_hurt.verdict
    lost = [f for f in one_hurt.findings.found if f.attribute == "mustache"]
    assert [(f.metric, f.worse) for f in lost] == [("tpr", True)]  # not the fewer false alarms


def test_the_verdict_comes_first_everywhere(one_hurt: AuditResult) -> None:
    assert " ".join(one_hurt.sections()[0].notes).startswith(one_hurt.verdict)
    assert repr(one_hurt).startswith("Verdict\nWorst: ")
    assert one_hurt._repr_html_().startswith("<div>\n<h4>Verdict</h4>\n<p>Worst: ")


def test_a_table_alone_gives_the_same_findings(one_hurt: AuditResult) -> None:
    """Intervals are then widened by the normal law, within a tenth of their width."""
    from pbias.auditing.findings.finding import find

    alone, whole = find(one_hurt.rows).found, one_hurt.findings.found
    assert {(f.metric, f.attribute, f.group_value) for f in alone} == {
        (f.metric, f.attribute, f.group_value) for f in whole
    }
    for name in ("low", "high"):
        ends = [
            {(f.metric, f.attribute, f.group_value): f for f in found} for found in (alone, whole)
        ]
        gaps = [abs(getattr(ends[0][k], name) - getattr(ends[1][k], name)) for k in ends[0]]
        widths = [ends[1][k].high - ends[1][k].low for k in ends[0]]
        assert all(gap < 0.15 * width for gap, width in zip(gaps, widths, strict=True))


def test_where_nobody_was_hurt_hardly_any_draw_says_so() -> None:
    """Both models are equally good, so any finding is false; one draw in 20 may have one."""
    said = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        labels = (rng.random((400, 2)) < 0.5).astype(int)
        base = np.where(labels == 1, 1.0, -1.0) + rng.normal(0, 1.0, labels.shape)
        pair = [base + rng.normal(0, 0.7, base.shape) for _ in range(2)]
        sex, metrics = rng.choice(["f", "m"], 400), ["accuracy", "tpr"]
        result = pbias.audit(
            pair[0], labels, reference=pair[1], groups={"sex": sex}, targets=["a", "b"],
            metrics=metrics, folds=20,
        )  # fmt: skip
        said.append(result.findings)
    assert sum(bool(found.found) for found in said) <= 3
    nothing = next(found for found in said if not found.found)
    assert nothing.looked_at == 12  # two attributes, two metrics, everyone and two group values
    assert verdict(nothing).startswith(
        "Nothing got worse that holds after correction over the 12 numbers looked at (accuracy, "
        "sensitivity). This audit would miss (one time in five or more) changes of up to "
        f"{nothing.missed:.3f} in half of these numbers, and of up to {nothing.missed_most:.3f} "
        "where samples are fewest."
    )


def test_the_exact_sentence() -> None:
    found = replace(
        FOUND,
        found=(HURT, *OTHERS),
        too_few=(SmallGroup("age", "60+", 14, 0.3),),
        never=NeverPredicted((Never("mustache", 40, 500, 38, holds=True),)),
    )
    assert verdict(replace(found, found=(HURT,))).startswith(
        "Worst: sensitivity of `smiling` for sex=f fell from 0.94 to 0.71 [-0.26, -0.20]. "
        "Too few samples to tell: age 60+ (14). Never predicted: mustache (40 of 500 before, now "
        "0; positive labels: 38). Next: "
    )
    assert verdict(found).startswith(
        "Worst: sensitivity of `smiling` for sex=f fell from 0.94 to 0.71 [-0.26, -0.20]; "
        "sensitivity of `smiling` for everyone fell from 0.94 to 0.84 [-0.26, -0.05]. In all, 1 of "
        "3 attributes got worse for everyone or a group. Too"
    )


def rare(num_before: int, seed: int = 0) -> AuditResult:
    """120 faces and 5 attributes; the first is predicted so often before, and never after."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((120, 5)) < [0.025, 0.3, 0.3, 0.3, 0.3]).astype(int)
    dense = np.where(labels == 1, 3.0, -3.0) + rng.normal(0, 1.0, labels.shape)
    dense[:, 0] = np.where(np.arange(120) < num_before, 0.5, -1.0)
    sparse = dense * 1.001
    sparse[:, 0] = -1.0
    metrics = ["tpr", "never_predicted"]
    return pbias.audit(sparse, labels, reference=dense, targets=[*"abcde"], metrics=metrics)


def test_a_single_prediction_that_flips_is_no_headline() -> None:
    found = rare(1)
    assert [(n.num_before, n.n, n.holds) for n in found.findings.never.new] == [(1, 120, False)]
    assert found.verdict.startswith(
        "Only 1 of 600 predictions changed. Nothing got worse that holds after correction over the "
    )
    positive = found.findings.never.new[0].n_positive
    assert (
        f"No longer predicted, which may be chance: a (1 of 120 before, now 0; positive labels: "
        f"{positive})." in found.verdict
    )


def test_an_attribute_that_is_lost_beyond_chance_leads() -> None:
    """2 * 2^-n is at most 0.05 over five sensitivities, of which none changed, and this loss."""
    assert 2 * 2.0**-7 > 0.05 / 6 > 2 * 2.0**-8
    for num, leads in ((7, False), (8, True)):
        found = rare(num).findings
        assert found.looked_at == 5 and not found.worse
        assert [never.holds for never in found.never.new] == [leads]
        said = f"Worst: a ({num} of 120 before, now 0; positive labels: "
        assert verdict(found).startswith(said) == leads
        nothing = "Nothing else got worse" if leads else "Nothing got worse"
        assert f" {num} of 600 predictions changed. {nothing} that holds" in verdict(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [(0, "None of 4,200 predictions changed. "), (4, "Only 4 of 4,200 predictions changed. "),
     (10, "")],
)  # fmt: skip
def test_how_few_predictions_changed_is_said(changed: int, said: str) -> None:
    found = replace(FOUND, found=(), changed=(changed, 4200))
    assert verdict(found).startswith(f"{said}Nothing got worse that holds after correction")


def test_predictions_that_changed_are_counted() -> None:
    assert rare(1).findings.changed == (1, 5 * 120)


def test_no_more_than_three_are_named_and_attributes_take_turns() -> None:
    def of(attribute: str, value: str) -> Finding:
        return replace(HURT, attribute=attribute, group_value=value)

    found = (of("a", "f"), of("a", "m"), of("b", "f"), of("b", "m"), of("c", "f"), of("d", "f"))
    named = replace(FOUND, found=found).named()
    assert [(f.attribute, f.group_value) for f in named] == [("a", "f"), ("b", "f"), ("c", "f")]
    assert [f.group_value for f in replace(FOUND, found=found[:2]).named()] == ["f", "m"]


def test_false_alarms_that_rise_are_worse_and_small_ends_keep_their_sign() -> None:
    rising = replace(
        HURT, metric="fpr", reference=0.01, audited=0.0145, change=0.0045, low=0.0004, high=0.0086
    )
    assert (
        "false-alarm rate of `smiling` for sex=f rose from 0.0100 to 0.0145 [0.0004, 0.0086]"
        in (verdict(replace(FOUND, found=(rising,))))
    )
    worse = METRICS["fpr"].good
    assert worse is Good.LOWER


def test_one_model_alone_has_the_largest_gap_between_groups() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random((3000, 1)) < 0.5).astype(int)
    sex = (rng.random(3000) < 0.5).astype(int)
    z = np.where(labels == 1, 2.0, -2.0) + rng.normal(0, 1.2, labels.shape)
    z[(sex == 1) & (labels[:, 0] == 1)] -= 1.5
    result = pbias.audit(z, labels, groups={"Male": sex}, targets=["smiling"])
    worst = result.findings.worse[0]
    assert (worst.group_value, worst.against, worst.metric) == ("1", "0", "tpr")
    (row,) = result.rows.where(metric="tpr", attribute="smiling", group="Male", contrast="1-0")
    assert worst.change == row["value"] and worst.low < row["low"] and row["high"] < worst.high < 0
    (zero,) = result.rows.where(metric="tpr", attribute="smiling", group="Male", contrast="0")
    assert worst.reference == pytest.approx(zero["value"])
    assert result.verdict.startswith(
        f"Largest gap: sensitivity of `smiling` is {worst.audited:.2f} for Male=1, "
        f"{worst.reference:.2f} for Male=0 ["
    )
    turned = pbias.audit(z, labels, groups={"Male": 1 - sex}, targets=["smiling"]).findings.worse[0]
    assert (turned.group_value, turned.against) == ("0", "1")
    assert (turned.low, turned.high) == pytest.approx((worst.low, worst.high), abs=0.005)


def test_a_model_against_itself_and_no_intervals() -> None:
    z = np.random.default_rng(0).normal(size=(60, 2))
    labels = (z + 0.1 > 0).astype(int)
    same = pbias.audit(z, labels, reference=z.copy(), targets=["a", "b"])
    assert same.verdict.startswith("The model is compared with itself: nothing can have changed.")
    bare = pbias.audit(z, labels, reference=z + 0.1, targets=["a", "b"], intervals=False)
    assert bare.verdict.startswith("Nothing can be said to hold: intervals were left out.")
    alone = pbias.audit(z, labels, targets=["a", "b"])
    assert alone.verdict.startswith("One model and no groups: there is nothing to compare")


def test_flag_says_it_too_with_the_command(
    make_logits: Callable[..., Logits], caplog: pytest.LogCaptureFixture
) -> None:
    never = np.array([0.0, np.inf, 0.0])
    silent = make_logits(thresholds=never, path="s.npz")
    pbias.flag(silent)
    say_never_predicted(replace(silent, labels=np.minimum(silent.labels, 0)))  # nobody wears one
    say_never_predicted(replace(silent, activation="softmax", thresholds=None))
    said = [r.getMessage() for r in caplog.records if "never predicted" in r.getMessage()]
    assert said == [
        "s.npz: never predicted: Wearing_Hat; to make these attributes predicted again, fit "
        "thresholds on validation data: `pbias predict NET LABELS.csv --split valid -o valid.npz` "
        "(or `import table`), then `pbias calibrate valid.npz -o thresholds.csv`, then give them "
        "by `thresholds='thresholds.csv'`"
    ]


def test_a_group_value_that_is_named_like_a_contrast() -> None:
    labels = ("x", "x-rest", "x-rest-rest", "max-min")
    rows = [{"group": "g", "contrast": label} for label in labels]
    assert group_values(rows) == {"g": ("x",)}
    odd = [{"group": "g", "contrast": label} for label in ("all-rest", "y", "y-rest", "1-0")]
    assert group_values(odd) == {"g": ("all-rest", "y", "1-0")}


def test_the_direction_is_that_of_the_words() -> None:
    for metric in METRICS.values():
        word = metric.better.split()[0].rstrip(",;")
        if word in ("higher", "lower"):
            assert metric.good.value == word, metric.name
        if metric.spoken:
            assert metric.good is not Good.NEITHER


def test_no_change_beyond_1_is_said_to_be_missed() -> None:
    nothing = replace(FOUND, found=(), missed=0.112, missed_most=1.132)
    assert verdict(nothing).startswith(
        "Nothing got worse that holds after correction over the 100 numbers looked at (accuracy, "
        "sensitivity). This audit would miss (one time in five or more) changes of up to 0.112 in "
        "half of these numbers, and of any size where samples are fewest."
    )


def test_a_group_with_many_samples_and_few_positives_is_named() -> None:
    """400 samples a value: `young` has 3 positives, `old` 3 negatives, `middle` 200 of each."""
    positive = np.concatenate([np.arange(400) < num for num in (3, 200, 397)])
    age = np.repeat(["young", "middle", "old"], 400)
    rng = np.random.default_rng(0)
    right = rng.random((2, 1200)) < 0.97
    ours, theirs = np.where(right, 1.0, -1.0) * np.where(positive, 1.0, -1.0)
    labels = positive[:, None].astype(int)
    result = pbias.audit(
        ours[:, None], labels, reference=theirs[:, None], groups={"age": age}, targets=["ill"]
    )
    said = {small.value: small.size for small in result.findings.too_few}
    assert said == {"young": "3 positive", "old": "3 negative"}
    assert "Too few samples to tell: age" in result.verdict
    assert "age young (3 positive)" in result.verdict and "age old (3 negative)" in result.verdict
    alone = pbias.audit(ours[:, None], labels, groups={"age": age}, targets=["ill"])
    assert "age young (3 positive)" in alone.verdict
    several = pbias.audit(
        np.stack([ours, ours], 1), np.hstack([labels, labels]), reference=np.stack([theirs] * 2, 1),
        groups={"age": age}, targets=["ill", "sick"],
    )  # fmt: skip
    assert "age young (median 3 positive)" in several.verdict
    rates = pbias.audit(
        ours[:, None], labels, reference=theirs[:, None], groups={"age": age}, targets=["ill"],
        metrics=["accuracy"],
    )  # fmt: skip
    assert rates.findings.too_few == ()  # what was not asked for is not judged
