"""The evaluation of flags: every measure by hand, under chance and at its extremes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.auditing.inference.intervals import wilson
from pbias.auditing.risk.attribute_risk import attribute_risk
from pbias.auditing.risk.evaluation import evaluate
from pbias.auditing.risk.flagging import Budget, flag_samples
from pbias.auditing.risk.outcomes import spearman
from pbias.auditing.risk.prediction_risk import flag_risk
from pbias.errors import UserError
from pbias.files.logits import Logits, select_rows
from pbias.files.table import Table

MakeLogits = Callable[..., Logits]


@pytest.fixture(scope="module")
def pair(make_logits: MakeLogits) -> tuple[Logits, Logits]:
    dense = make_logits(num=600, path="dense.npz")
    return dense, make_logits(num=600, noise=1.0, path="s90.npz")


@pytest.fixture(scope="module")
def large(make_logits: MakeLogits) -> Sequence[Logits]:
    return _pruned(make_logits(num=12_000))


@pytest.fixture(scope="module")
def table(pair: tuple[Logits, Logits]) -> Table:
    return evaluate(pair[0], [pair[1]], budget=Budget(90))


def value(
    table: Table, measure: str, outcome: str, ranking: str = "risk", group: str = ""
) -> float:
    (row,) = table.where(measure=measure, outcome=outcome, ranking=ranking, group=group)
    return float(row["value"])


def flags_of(dense: Logits, budget: Budget) -> np.ndarray:
    """Return which predictions are flagged, bool [N, A], as read from the list."""
    assert dense.ids is not None
    rows, found = dense.ids.tolist(), np.zeros(dense.logits.shape, bool)
    for record in flag_samples(dense, budget=budget).records():
        found[rows.index(record["id"]), dense.targets.index(record["attribute"])] = True
    return found


def happened(pair: tuple[Logits, Logits], outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what happened to each prediction, and where it is known."""
    d, s, y = pair[0].logits > 0, pair[1].logits > 0, pair[0].labels
    if outcome == "flips":
        return d != s, np.ones_like(d)
    return (y == 1) & d & ~s, y >= 0


@pytest.mark.parametrize("outcome", ["flips", "lost_positives"])
def test_precision_recall_and_lift(pair: tuple[Logits, Logits], table: Table, outcome: str) -> None:
    (event, known), flags = happened(pair, outcome), flags_of(pair[0], Budget(90))
    precision = (event & flags).sum() / (flags & known).sum()
    assert value(table, "precision", outcome) == pytest.approx(precision)
    assert value(table, "recall", outcome) == pytest.approx((event & flags).sum() / event.sum())
    assert value(table, "lift", outcome) == pytest.approx(precision / (event.sum() / known.sum()))
    (row,) = table.where(measure="lift", outcome=outcome, ranking="risk")
    assert (row["n"], row["n_outcome"]) == (known.sum(), event.sum())


@pytest.mark.parametrize("ranking", ["risk", "margin"])
@pytest.mark.parametrize("outcome", ["flips", "lost_positives"])
def test_auc_is_the_share_of_pairs_in_order(
    pair: tuple[Logits, Logits], table: Table, outcome: str, ranking: str
) -> None:
    (event, known), risk = happened(pair, outcome), flag_risk(pair[0])
    score = (risk.log_odds if ranking == "risk" else -risk.margin).T
    one, other = score[known & event][:, None], score[known & ~event]
    expected = ((one > other) + (one == other) / 2).mean()
    assert value(table, "auc", outcome, ranking) == pytest.approx(expected)


def test_baselines_flag_as_many(pair: tuple[Logits, Logits], table: Table) -> None:
    gaps = flag_risk(pair[0]).margin.T
    near = gaps < np.sort(gaps, axis=None)[90]
    flips, _ = happened(pair, "flips")
    assert value(table, "precision", "flips", "margin") == pytest.approx(flips[near].mean())
    for row in table.where(measure="precision", outcome="flips"):
        assert row["n_flagged"] == 90


@pytest.mark.parametrize("by_group", [False, True])
def test_the_list_that_is_judged_is_the_list_that_is_written(
    pair: tuple[Logits, Logits], by_group: bool
) -> None:
    """Margins below 0.05, and predictions that training speaks against, without a budget."""
    listed = flag_samples(pair[0], 0.05, by_group=by_group)
    found = evaluate(*_sides(pair), margin=0.05, by_group=by_group)
    flips, _ = happened(pair, "flips")
    ids = pair[0].ids
    assert ids is not None
    hits = [
        flips[ids.tolist().index(r["id"]), pair[0].targets.index(r["attribute"])]
        for r in listed.records()
    ]
    mine = "risk_by_group" if by_group else "risk"
    assert value(found, "precision", "flips", mine) == pytest.approx(np.mean(hits))
    assert {r["n_flagged"] for r in found.where(measure="precision", outcome="flips")} == {
        len(listed)
    }


def test_chance_finds_its_share_and_no_more(pair: tuple[Logits, Logits]) -> None:
    half = evaluate(*_sides(pair), margin=0.5, budget=Budget(50, percent=True))
    for measure, expected in (("recall", 0.5), ("lift", 1.0), ("auc", 0.5)):
        (row,) = half.where(measure=measure, outcome="flips", ranking="random")
        assert row["low"] < expected < row["high"]


def test_what_is_sure_to_flip_is_found_whole(pair: tuple[Logits, Logits]) -> None:
    """The pruned model overturns the riskiest predictions, and nothing else."""
    dense = pair[0]
    turned = np.where(flags_of(dense, Budget(50)), -dense.logits, dense.logits)
    found = evaluate(dense, [replace(dense, logits=turned)], budget=Budget(50))
    for measure, expected in (("precision", 1), ("recall", 1), ("lift", 1800 / 50), ("auc", 1)):
        assert value(found, measure, "flips") == pytest.approx(expected)
    for row in found.where(measure="share_of_change", ranking="risk"):
        assert row["value"] == pytest.approx(1.0) or row["status"] == "undefined"


@pytest.mark.parametrize("metric", ["did_tpr", "bias_amplification"])
def test_the_share_of_change_is_what_overriding_takes_away(
    large: Sequence[Logits], metric: str
) -> None:
    """There are so many samples that chance adds almost nothing to the sums."""
    dense, pruned = large
    budget = Budget(20, percent=True)
    flags = flags_of(dense, budget)
    mended = replace(pruned, logits=np.where(flags, dense.logits, pruned.logits))
    c, left = (_changes(dense, run, metric, "Male") for run in (pruned, mended))
    expected = (c * (c - left)).sum() / (c**2).sum()
    found = evaluate(dense, [pruned], budget=budget, num_folds=20)
    share = value(found, "share_of_change", metric, group="Male")
    assert abs(expected) > 0.05 and share == pytest.approx(expected, abs=0.02)


def test_chance_is_taken_off_the_change(large: Sequence[Logits]) -> None:
    """The mean over samples of 500 is the share in all of them, though each errs."""
    budget = Budget(10, percent=True)
    expected = _shares(evaluate(*_sides(large), budget=budget, num_folds=20))
    parts = np.random.default_rng(0).permutation(len(large[0]))[:6000].reshape(12, 500)
    few = [
        evaluate(*_sides([select_rows(s, rows) for s in large]), budget=budget) for rows in parts
    ]
    found = np.array([list(_shares(t).values()) for t in few])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(few))
    away = (found.mean(axis=0) - list(expected.values())) / error
    assert np.abs(away).max() < 4


def test_a_change_within_chance_is_not_shared_out(pair: Sequence[Logits]) -> None:
    """Only noise moves the pruned model, by the same amount in every group."""
    rows = evaluate(*_sides(pair)).where(measure="share_of_change", outcome="did_tpr", group="Male")
    for row in rows:
        assert (row["status"], row["reason"]) == ("undefined", "the change is within chance")
        assert row["n_outcome"] == 3


def test_a_share_that_may_be_off_by_all_of_the_change_is_undefined(make_logits: MakeLogits) -> None:
    """More than half of the change is not chance here, but its interval is -0.98 [-5.85, +3.88]."""
    sides = [make_logits(num=1000, noise=noise, path=f"{noise}.npz") for noise in (0.0, 3.0)]
    rows = evaluate(*_sides(sides)).where(measure="share_of_change", group="Male")
    found = {(row["outcome"], row["ranking"]): row for row in rows}
    assert found["did_tpr", "random"]["reason"] == "the change is within chance"
    assert found["did_tpr", "risk"]["status"] == "ok"


def test_rates_of_fewer_than_ten_positives_are_no_differences(pair: Sequence[Logits]) -> None:
    """All but nine, then all but ten, of the men who smile lose their label."""
    numbers = []
    for kept in (9, 10):
        labels = pair[0].labels.copy()
        men = np.flatnonzero((pair[0].groups[:, 0] == 1) & (labels[:, 0] == 1))
        labels[men[kept:], 0] = -1
        sides = [replace(one, labels=labels) for one in pair]
        (row,) = evaluate(*_sides(sides), margin=0.5).where(
            measure="share_of_change", outcome="did_tpr", group="Male", ranking="risk"
        )
        numbers.append(row["n"])
    assert numbers == [2, 3]


def test_a_list_of_everything_carries_all_and_an_empty_one_nothing(large: Sequence[Logits]) -> None:
    few = [select_rows(one, np.arange(4000)) for one in large]
    for options, expected in (({"margin": 0.5}, 1.0), ({"budget": Budget(0)}, 0.0)):
        rows = evaluate(*_sides(few), **options).where(measure="share_of_change", status="ok")
        assert [row["value"] for row in rows] == pytest.approx([expected] * len(rows))
        assert len(rows) >= 9


@pytest.fixture(scope="module")
def wide(make_logits: MakeLogits) -> list[Logits]:
    """Make enough attributes for a rank correlation: twelve, from four files side by side."""
    return [_wide([make_logits(seed, 300, noise) for seed in range(4)]) for noise in (0.0, 1.0)]


@pytest.mark.parametrize("group", ["Male", "Skin"])
def test_spearman_is_that_of_the_summary_and_the_audit(wide: list[Logits], group: str) -> None:
    found = evaluate(wide[0], [wide[1]])
    risk = {r["attribute"]: r["risk"] for r in attribute_risk(wide[0]).where(group=group)}
    changes = audit([wide[1]], [wide[0]], Options(num_folds=1, metrics=("bias_amplification",)))
    change = {r["attribute"]: r["change"] for r in changes.where(group=group) if r["attribute"]}
    expected = _rank_correlation([[of[name] for name in risk] for of in (risk, change)])
    outcome = "change(bias_amplification)"
    assert value(found, "spearman", outcome, group=group) == pytest.approx(expected)


@pytest.mark.parametrize("ranking", ["risk", "margin"])
def test_the_fall_of_tcb_is_held_against_the_largest_risk(wide: list[Logits], ranking: str) -> None:
    found, summary = evaluate(wide[0], [wide[1]]), attribute_risk(wide[0])
    changes = audit([wide[1]], [wide[0]], Options(num_folds=1, metrics=("tcb",)))
    change = {r["attribute"]: r["change"] for r in changes.where(group="") if r["attribute"]}
    score = {
        "risk": [max(r["risk"] for r in summary.where(attribute=name)) for name in change],
        "margin": -flag_risk(wide[0]).margin.mean(axis=1),
    }[ranking]
    expected = _rank_correlation([score, list(change.values())])
    assert value(found, "spearman", "change(tcb)", ranking) == pytest.approx(expected)


def test_nothing_changed_is_undefined_and_said(pair: tuple[Logits, Logits]) -> None:
    found = evaluate(pair[0], [replace(pair[0], path="same.npz")], budget=Budget(90))
    reasons = {
        (r["measure"], r["outcome"]): r["reason"] for r in found.records() if r["ranking"] == "risk"
    }
    assert value(found, "precision", "flips") == 0.0
    assert reasons["recall", "flips"] == reasons["auc", "flips"] == "no flips"
    assert reasons["lift", "lost_positives"] == "no lost_positives"
    assert reasons["share_of_change", "did_tpr"] == "nothing changed"
    assert reasons["spearman", "did_tpr^2"] == "fewer than 4 attributes"


def test_nothing_flagged_is_undefined_and_said(pair: tuple[Logits, Logits]) -> None:
    found = evaluate(*_sides(pair), budget=Budget(0))
    for measure in ("precision", "lift"):
        (row,) = found.where(measure=measure, outcome="flips", ranking="risk")
        assert (row["status"], row["reason"]) == ("undefined", "nothing is flagged")
    assert value(found, "recall", "flips") == 0.0


def test_without_labels_flips_remain(pair: tuple[Logits, Logits]) -> None:
    blind = [replace(one, labels=np.full_like(one.labels, -1)) for one in pair]
    found = evaluate(blind[0], blind[1:], budget=Budget(90))
    labeled = evaluate(*_sides(pair), budget=Budget(90))
    for ranking in ("risk", "margin", "random"):
        rows = [t.where(outcome="flips", ranking=ranking) for t in (found, labeled)]
        assert rows[0] == rows[1]
    assert {r["status"] for r in found.where(outcome="lost_positives")} == {"undefined"}


def test_files_without_groups_have_samples_alone(pair: tuple[Logits, Logits]) -> None:
    bare = [
        replace(
            one,
            groups=np.empty((600, 0), np.int16),
            group_names=(),
            group_values=(),
            train_counts=None,
        )
        for one in pair
    ]
    found = evaluate(bare[0], bare[1:], budget=Budget(90))
    assert set(found.columns["measure"]) == {
        "precision",
        "recall",
        "lift",
        "auc",
        "share_of_change",
    }
    assert value(found, "auc", "flips") == pytest.approx(value(found, "auc", "flips", "margin"))


def test_the_order_of_the_rows_of_either_file_does_not_matter(
    pair: tuple[Logits, Logits], table: Table
) -> None:
    rng = np.random.default_rng(4)
    dense, pruned = (select_rows(one, rng.permutation(600)) for one in pair)
    found = evaluate(dense, [pruned], budget=Budget(90))
    for one, other in zip(found.records(), table.records(), strict=True):
        assert one == pytest.approx(other, abs=1e-12, nan_ok=True)


def test_runs_are_judged_by_themselves_and_named_apart(pair: tuple[Logits, Logits]) -> None:
    other = replace(pair[1], path="b/s90.npz", logits=pair[1].logits - 1)
    both = evaluate(pair[0], [pair[1], other], budget=Budget(90))
    assert list(dict.fromkeys(both.columns["run"])) == ["s90.npz", "b/s90.npz"]
    alone = evaluate(pair[0], [replace(other, path="s80.npz")], budget=Budget(90))
    (row,) = both.where(run="b/s90.npz", measure="auc", outcome="flips", ranking="risk")
    (same,) = alone.where(run="s80", measure="auc", outcome="flips", ranking="risk")
    assert {**row, "run": ""} == {**same, "run": ""}


def test_few_hits_have_the_interval_of_a_rate_and_low_power(pair: tuple[Logits, Logits]) -> None:
    people = [replace(one, clusters=np.arange(600).astype(str)) for one in pair]
    tables = [evaluate(d, [s], budget=Budget(20)) for d, s in (pair, people)]
    whole, clustered = (
        t.where(measure="precision", outcome="lost_positives", ranking="random")[0] for t in tables
    )
    hits = round(whole["value"] * whole["n_flagged"])
    assert hits < 10 and whole["status"] == clustered["status"] == "low_power"
    low, high = wilson(hits, whole["n_flagged"])
    assert [whole["low"], whole["high"]] == pytest.approx([float(low), float(high)])
    assert clustered["high"] != whole["high"]


@pytest.mark.slow
def test_intervals_cover_what_a_large_sample_shows(make_logits: MakeLogits) -> None:
    """95 % do, within chance for 60 samples of 600; intervals of recall do more often."""
    sides, budget = _pruned(make_logits(9, 50_000)), Budget(5, percent=True)
    truth = _by_key(evaluate(*_sides(sides), budget=budget, num_folds=20))
    rng, covered = np.random.default_rng(0), {key: [] for key in truth}
    for _ in range(60):
        rows = rng.choice(50_000, 600, replace=False)
        found = _by_key(evaluate(*_sides([select_rows(s, rows) for s in sides]), budget=budget))
        for key, row in found.items():
            if row["status"] != "undefined":
                covered[key].append(row["low"] <= truth[key]["value"] <= row["high"])
    often = {key: np.mean(inside) for key, inside in covered.items() if len(inside) > 50}
    assert len(often) > 30 and min(often.values()) >= 0.85, often


def test_clusters_widen_the_intervals(pair: tuple[Logits, Logits]) -> None:
    """Each sample occurs ten times, like ten images of one person, and should count once."""
    rows = np.repeat(np.arange(60), 10)
    nameless = [replace(one, ids=None) for one in pair]
    people = [replace(select_rows(one, rows), clusters=rows.astype(str)) for one in nameless]
    alone = [replace(one, clusters=None) for one in people]
    wide, narrow = (
        next(
            r["high"] - r["low"]
            for r in evaluate(d, [s]).where(measure="auc", outcome="flips", ranking="margin")
        )
        for d, s in (people, alone)
    )
    assert wide > 2 * narrow


def test_other_samples_are_refused(pair: tuple[Logits, Logits], make_logits: MakeLogits) -> None:
    with pytest.raises(UserError, match="were they predicted on the same split"):
        evaluate(pair[0], [make_logits(num=599)])


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([1, 2, 3, 4, 5], [1, 4, 9, 16, 25], 1.0),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8),
        ([1, 2, 2, 4], [1, 2, 3, 4], 0.9486832980505138),  # ties: the mean rank
        ([1, 2, np.nan, 3, 4], [1, 3, 9, 2, 4], 0.8),
    ],
)
def test_spearman_by_hand(x: list[float], y: list[float], expected: float) -> None:
    number, _ = spearman(np.array(x, float), np.array(y, float), 0.95)
    assert number.value == pytest.approx(expected)
    assert number.low <= number.value <= number.high


def test_the_interval_of_spearman_is_that_of_bonett_and_wright() -> None:
    x = np.random.default_rng(0).normal(size=28)
    number, num = spearman(x, x + np.random.default_rng(1).normal(size=28), 0.95)
    reach = 1.959963984540054 * np.sqrt((1 + number.value**2 / 2) / (num - 3))
    ends = np.tanh(np.arctanh(number.value) + np.array([-reach, reach]))
    assert [number.low, number.high] == pytest.approx(ends)


def test_spearman_needs_four_that_differ() -> None:
    x = np.arange(4.0)
    assert spearman(x[:3], x[:3], 0.95)[0].reason == "fewer than 4 attributes"
    assert spearman(x, np.ones(4), 0.95)[0].reason == "all attributes alike"


def _pruned(dense: Logits) -> list[Logits]:
    """Return the model, and one that is less certain and predicts women less."""
    noise = np.random.default_rng(1).normal(0, 0.5, dense.logits.shape)
    shift = np.where(dense.groups[:, :1] == 1, 0.2, -0.8) * np.array([1.0, 0.5, 1.5])
    pruned = (0.7 * dense.logits + shift + noise).astype(np.float32)
    return [dense, replace(dense, logits=pruned, path="s90.npz")]


def _shares(table: Table) -> dict[tuple[str, ...], float]:
    """Return shares of the change of did_tpr by sex and of tcb, by ranking."""
    found = {k: r["value"] for k, r in _by_key(table).items() if k[0] == "share_of_change"}
    return {k: v for k, v in found.items() if k[1:3] in (("did_tpr", "Male"), ("tcb", ""))}


def _by_key(table: Table) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return rows by their subject; those of spearman treat attributes as the sample."""
    names = ("measure", "outcome", "group", "ranking")
    rows = [row for row in table.records() if row["measure"] != "spearman"]
    return {tuple(row[name] for name in names): row for row in rows}


def _rank_correlation(columns: Any) -> float:
    """Compute it for values without ties."""
    known = ~np.isnan(np.array(columns, float)).any(axis=0)
    ranks = [np.argsort(np.argsort(np.array(column)[known])) for column in columns]
    return float(np.corrcoef(*ranks)[0, 1])


def _sides(pair: Sequence[Logits]) -> tuple[Logits, list[Logits]]:
    return pair[0], [pair[1]]


def _changes(dense: Logits, run: Logits, metric: str, group: str) -> Any:
    rows = audit([run], [dense], Options(num_folds=1, metrics=(metric,))).records()
    mine = [r for r in rows if r["group"] == group and r["attribute"]]
    mine = [r for r in mine if not r["contrast"].startswith("max")]
    key = "value" if metric == "did_tpr" else "change"
    found = np.array([r[key] for r in mine], float)
    return found[~np.isnan(found)]


def _wide(files: list[Logits]) -> Logits:
    """Combine the attributes of several files in one, with the groups of the first."""
    names = [f"{name}_{i}" for i, file in enumerate(files) for name in file.targets]
    counts = [file.train_counts for file in files if file.train_counts is not None]
    return replace(
        files[0],
        logits=np.concatenate([file.logits for file in files], axis=1),
        labels=np.concatenate([file.labels for file in files], axis=1),
        targets=tuple(names),
        train_counts=np.concatenate(counts),
    )
