"""A p-value agrees with the interval beside it, for every metric, level and number of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Audit, Options
from pbias.files.logits import Logits
from pbias.files.table import Table

LEVELS = (0.9, 0.95, 0.99)


def drawn(seed: int, runs: tuple[int, int], *, clusters: bool) -> list[list[Logits]]:
    """Draw two sides of few to many samples, with small or large differences."""
    rng = np.random.default_rng(seed)
    num, targets = int(rng.choice([30, 120, 600])), ("a", "b", "c")
    y = rng.random((num, 3)) < rng.choice([0.05, 0.3, 0.6], 3)
    groups = (rng.random((num, 1)) < rng.choice([0.1, 0.4])).astype(np.int16)
    z = rng.choice([0.5, 1.5, 3.0]) * (2.0 * y - 1) + rng.normal(size=(num, 3))
    counts = np.array([[[60, 40], [30, 70], [0, 0]], [[0, 0], [0, 0], [90, 110]]])
    one = Logits(
        z.astype("f4"),
        y.astype(np.int8),
        targets,
        ids=np.arange(num).astype(str),
        groups=groups,
        group_names=("Male",),
        group_values=(("0", "1"),),
        train_counts=np.stack([counts] * 3),
        clusters=(np.arange(num) // 4).astype(str) if clusters else None,
    )
    noise, loss = rng.choice([0.01, 0.2, 1.0]), rng.choice([0.0, 0.5, 1.5]) * groups

    def run(size: float, shift: Any) -> Logits:
        changed = z + size * rng.normal(size=z.shape) - shift
        return replace(one, logits=changed.astype("f4"))

    return [
        [run(noise, loss) for _ in range(runs[0])],
        [run(noise / 3, 0.0) for _ in range(runs[1])],
    ]


def assert_agrees(table: Table, level: float, prefix: str) -> int:
    """Check every number with p and interval; return how many there are."""
    num = 0
    for row in table.records():
        if row["metric"] == "impact_ratio":  # the largest share is 1, but not with certainty
            assert row["low"] != row["high"], row
        own = prefix if row[f"{prefix}low"] == row[f"{prefix}low"] else ""
        low, high, p = row[f"{own}low"], row[f"{own}high"], row["p"]
        if p == p and low == low:
            num += 1
            assert (p < 1 - level) == (low > 0 or high < 0), row
            assert low < high or row["metric"] == "prevalence", row
    return num


@pytest.mark.parametrize("clusters", [False, True], ids=["rows", "clusters"])
@pytest.mark.parametrize("runs", [(1, 1), (3, 2)], ids=["one run", "several runs"])
@pytest.mark.parametrize("seed", range(2))
def test_p_is_below_what_the_level_leaves_if_and_only_if_the_interval_excludes_0(
    runs: tuple[int, int], clusters: bool, seed: int
) -> None:
    ours, theirs = drawn(seed, runs, clusters=clusters)
    for references in (theirs, []):
        whole = Audit(ours, references, Options())
        for level in LEVELS:
            assert assert_agrees(whole.table(level), level, "change_" if references else "") > 40


def two_rates(flips: Sequence[int]) -> list[Logits]:
    """1,600 and 400 positives, a quarter missed; each group has `flips` losses and gains."""
    group = np.repeat([0, 1], [1600, 400])
    before = np.arange(2000) % 4 > 0
    after = before.copy()
    for value, num in enumerate(flips):
        rows = np.flatnonzero(group == value)
        after[rows[before[rows]][:num]] = False
        after[rows[~before[rows]][:num]] = True
    one = Logits(
        np.where(before, 1.0, -1.0)[:, None].astype("f4"),
        np.ones((2000, 1), np.int8),
        ("t",),
        ids=np.arange(2000).astype(str),
        groups=group[:, None].astype(np.int16),
        group_names=("g",),
        group_values=(("0", "1"),),
    )
    return [replace(one, logits=np.where(after, 1.0, -1.0)[:, None].astype("f4")), one]


def test_groups_that_flip_differently_but_lose_nothing_do_not_differ() -> None:
    """8 flips of 1,600 and 40 of 400, with as many gains as losses: the difference is exactly 0."""
    after, before = two_rates((4, 20))
    table = Audit([after], [before], Options(metrics=["did_tpr", "tpr"])).table()
    for row in table.where(attribute="t", contrast="1-0"):
        assert row["value" if row["metric"] == "did_tpr" else "change"] == 0 and row["p"] == 1


def test_p_does_not_depend_on_the_level() -> None:
    after, before = two_rates((3, 5))
    after = replace(after, logits=np.where(np.arange(2000) < 5, -1.0, after.logits[:, 0])[:, None])
    whole = Audit([after], [before], Options(metrics=["did_tpr", "ceag", "accuracy"]))
    found = [np.array(whole.table(level).columns["p"], float) for level in (0.8, 0.95, 0.999)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[1], rtol=1e-6)


def test_a_group_of_fifteen_without_a_flip_says_little() -> None:
    rng = np.random.default_rng(3)
    group = (np.arange(1000) < 15).astype(np.int16)
    y = rng.random(1000) < 0.4
    after = y.copy()
    after[np.flatnonzero((group == 0) & y)[:30]] = False
    one = Logits(
        np.where(y, 1.0, -1.0)[:, None].astype("f4"),
        y[:, None].astype(np.int8),
        ("t",),
        ids=np.arange(1000).astype(str),
        groups=group[:, None],
        group_names=("g",),
        group_values=(("0", "1"),),
    )
    changed = replace(one, logits=np.where(after, 1.0, -1.0)[:, None].astype("f4"))
    table = Audit([changed], [one], Options(metrics=["ceag"])).table()
    (row,) = table.where(attribute="t", contrast="1")
    assert row["status"] == "low_power" and row["p"] > 0.05
    assert row["low"] < -0.05 and row["high"] > 0.05


def test_what_shows_no_error_is_not_certain(make_logits: Callable[..., Logits]) -> None:
    """Forty samples, all right and none flipped: no interval has width 0, none is called ok."""
    one = make_logits(0, num=40)
    rng = np.random.default_rng(0)
    sure = [
        replace(
            one, logits=(6.0 * one.labels - 3 + rng.uniform(-d, d, one.labels.shape)).astype("f4")
        )
        for d in (0.5, 0.6)
    ]
    for row in Audit(sure[:1], sure[1:], Options()).table().records():
        for prefix in ("", "change_"):
            low, high = row[f"{prefix}low"], row[f"{prefix}high"]
            if low == high and (prefix or row["metric"] != "impact_ratio"):
                assert row["metric"] in ("prevalence", "impact_ratio"), row


@pytest.mark.parametrize("metric", ["tpr", "accuracy", "tcb", "ceag", "did_tpr", "uncertainty"])
def test_the_mean_over_one_attribute_is_that_attribute(
    make_logits: Callable[..., Logits], metric: str
) -> None:
    after, before = make_logits(0, num=80), make_logits(1, num=80)
    before = replace(after, logits=before.logits)
    name = after.targets[0]
    options = Options(metrics=[metric], attributes=[name])
    rows = Audit([after], [before], options).table().records()
    keys = ("group", "contrast")
    each = {tuple(r[k] for k in keys): r for r in rows if r["attribute"] == name}
    names = ("value", "low", "high", "change", "change_low", "change_high", "p", "status")
    compared = 0
    for row in rows:
        own = each.get(tuple(row[k] for k in keys))
        if row["attribute"] == "" and own and own["status"] != "undefined":
            np.testing.assert_equal([row[n] for n in names], [own[n] for n in names])
            compared += 1
    assert compared


@pytest.mark.parametrize("metric", ["churn", "nfr", "lost_positives"])
def test_references_that_are_all_the_same_make_nothing_surer(metric: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.random((2000, 1)) < 0.4
    z = 3.0 * y - 1.5 + rng.normal(size=y.shape)
    one = Logits(z.astype("f4"), y.astype(np.int8), ("t",), ids=np.arange(2000).astype(str))
    runs = [replace(one, logits=(z + shift).astype("f4")) for shift in (0, 0.9, -0.9, 0.5, -0.5)]

    def found(num: int) -> list[float]:
        (row,) = Audit(runs, [one] * num, Options(metrics=[metric])).table().where(attribute="t")
        return [row["value"], row["low"], row["high"]]

    np.testing.assert_allclose(found(5), found(1), rtol=1e-9)
