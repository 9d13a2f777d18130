"""Bounds on groups' losses: gaps, buffers, multipliers and weights by hand; kept or not."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pbias.data.batches import ImageData
from pbias.models.preprocess import Preprocess
from pbias.training.evaluation import judge
from pbias.training.loop import FitResult, fit
from pbias.training.objectives import bounds as module
from pbias.training.objectives.bounds import EMPTY, Bound, Bounds, gaps
from pbias.training.objectives.groups import Members, Rows
from pbias.training.objectives.objective import Objective
from pbias.training.recipe import Recipe

CPU = torch.device("cpu")
UNKNOWN = 2  # of two groups


def bound(codes: list[int], most: float = 0.1, **more: int) -> Bound:
    members = Members(torch.tensor(codes), ("f", "m"))
    return Bound("ceag@sex <= 0.1", most, members, members.codes, **more)


def table(*rows: list[int]) -> Tensor:
    return torch.tensor(rows, dtype=torch.int8)


def test_a_gap_is_what_a_group_loses_less_what_all_lose() -> None:
    dense = table([1, 1], [1, 0], [1, 1], [0, 1], [1, 1])
    right = table([1, 0], [0, 0], [1, -1], [1, 1], [0, 0])
    # Target 0: f loses 1 of 2, m gains 1 of 2, all lose 0 of 4. Target 1: f 1 of 2, m 0 of 1, all 1
    # of 3. The last row has no group.
    found = gaps(dense, right, torch.tensor([0, 0, 1, 1, UNKNOWN]), 2).tolist()
    assert found == pytest.approx(
        [((0.5 - 0) + (1 / 2 - 1 / 3)) / 2, ((-0.5 - 0) + (0 - 1 / 3)) / 2]
    )
    nobody = gaps(dense, right, torch.tensor([0, 0, 0, 0, 0]), 2).tolist()
    assert nobody[0] == 0 and np.isnan(nobody[1])


def test_buffers_estimate_the_gap_and_multipliers_follow_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BUFFER", 3)
    one = bound([0, 0, 0, 0, 1, UNKNOWN])
    one.prepare(table([1], [1], [1], [1], [1], [1]))
    assert one.sizes.tolist() == [3, 1] and one.shares.tolist() == [[4.0], [1.0]]
    one.observe(table([1], [0]), Rows(torch.tensor([0, 1])))
    one.ascend(0.5)
    assert one.multipliers.tolist() == [0, 0]  # no buffer is full
    one.observe(table([1], [1], [-1]), Rows(torch.tensor([2, 5, 4])))
    # f lost 2 of 3, m gained its only one; 4 of 5 labels belong to f.
    overall = (4 * 2 / 3 - 1) / 5
    assert one.estimate().tolist() == pytest.approx([2 / 3 - overall, -1 - overall])
    one.ascend(0.5)
    assert one.multipliers.tolist() == pytest.approx([0.5 * (2 / 3 - overall - 0.1), 0.0])
    # The oldest image of f, which was lost, leaves.
    one.observe(table([0]), Rows(torch.tensor([3])))
    assert sorted(one.buffer[0, :, 0].tolist()) == [0, 0, 1]
    # Unknown labels are ignored.
    one.observe(table([EMPTY], [EMPTY]), Rows(torch.tensor([1, 2])))
    assert one.estimate()[0].item() == pytest.approx(0 - (4 * 0 - 1) / 5)


def test_a_multiplier_weighs_a_group_against_all() -> None:
    one = bound([0, 1, 1, UNKNOWN])
    one.prepare(table([1], [1], [1], [1]))
    one.multipliers = torch.tensor([0.5, 0.0])
    found = one.weights(torch.ones(4, 1, dtype=torch.bool), Rows(torch.arange(4)))
    # n = 4 labels, 1 in f, 3 in f or m: 4 * 0.5 * (1/1 - 1/3) for f, 4 * 0.5 * (-1/3) for m.
    assert found[:, 0].tolist() == pytest.approx([4 / 3, -2 / 3, -2 / 3, 0])
    losses = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    by_hand = 0.5 * (1.0 - (1.0 + 2.0 + 4.0) / 3)
    assert ((found * losses).sum() / 4).item() == pytest.approx(by_hand)


def test_no_label_has_a_weight_below_0() -> None:
    one = bound([0, 1], most=0.0)
    objective = Objective(bounds=Bounds([one], 1.0, table([1], [1]), None))
    one.multipliers = torch.tensor([100.0, 0.0])
    logits, labels = torch.tensor([[0.0], [0.0]]), torch.tensor([[1], [1]])
    found = objective.loss_sum(logits, labels, torch.empty(0), Rows(torch.arange(2))).item()
    weight = 1 + 2 * one.multipliers[0].item() * (1 - 1 / 2)
    assert found == pytest.approx(weight * np.log(2), rel=1e-5)


def test_a_bound_of_one_target_or_value_leaves_the_others() -> None:
    one = bound([0, 1], most=0.0, target=1, value=1)
    one.prepare(table([1, 1], [1, 1]))
    one.observe(table([0, 1], [1, 0]), Rows(torch.arange(2)))
    assert one.estimate().tolist() == [0.5, -0.5]
    one.ascend(1.0)
    assert one.multipliers.tolist() == [0.0, 0.0]  # f loses, but the bound applies to m
    one.observe(table([1, 0], [0, 1]), Rows(torch.arange(2)))
    one.ascend(1.0)
    assert one.multipliers.tolist() == [0.0, 0.5]
    found = one.weights(torch.ones(2, 2, dtype=torch.bool), Rows(torch.arange(2)))
    assert found[:, 0].tolist() == [0, 0] and found[1, 1] > 0 > found[0, 1]


def task(num: int, seed: int, rare: float) -> tuple[ImageData, Tensor]:
    """Brightness shows the label, inversely in group 1, which is red and rare."""
    rng = np.random.default_rng(seed)
    group = (rng.random(num) < rare).astype(np.int64)
    labels = rng.integers(0, 2, num)
    clear = np.where(group == 1, -60, 60) * (2 * labels - 1)
    pixels = rng.normal(128, 25, (num, 8, 8, 3)) + clear[:, None, None, None]
    pixels[..., 0] = np.where(group == 1, 250, 5)[:, None, None]
    data = ImageData(
        pixels.clip(0, 255).astype(np.uint8), torch.tensor(labels[:, None], dtype=torch.int8),
        torch.zeros(num, dtype=torch.bool), Preprocess(8, 8),
    )  # fmt: skip
    return data, torch.tensor(group)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)
    )


RECIPE = Recipe(epochs=5, batch_size=32, lr=0.005, warmup_epochs=0, augment=False)


def trained(most: float | None) -> tuple[FitResult, Tensor]:
    """Train with a bound against a network that is always right; return the validation gaps."""
    (train, of_train), (valid, of_valid) = task(400, 0, 0.1), task(300, 1, 0.3)
    dense = [torch.ones_like(data.labels) for data in (train, valid)]
    one = Bound("ceag@sex", most or 0, Members(of_train, ("0", "1")), of_valid)
    bounds = Bounds([one], 0.3, dense[0], dense[1])
    model = network()
    objective = Objective(bounds=bounds if most is not None else None)
    result = fit(model, train, valid, RECIPE, device=CPU, objective=objective)
    return result, gaps(dense[1], judge(model, valid, CPU)[1], of_valid, 2)


def test_a_bound_that_can_be_kept_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    plain = trained(None)[1].max().item()
    result, found = trained(0.5)
    assert plain > 0.5 >= found.max().item()
    assert f"epoch {result.epoch + 1} keeps the bounds" in caplog.text
    assert "multiplier" in caplog.text
    keeping = [
        report for report in result.reports if report.beyond is not None and report.beyond <= 0
    ]
    best = max(report.valid.accuracy for report in keeping if report.valid)
    assert result.reports[result.epoch].valid.accuracy == best  # type: ignore[union-attr]


def test_where_none_keeps_it_the_nearest_epoch_is_kept_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result, found = trained(0.1)  # this network can be right about only half of the group
    nearest = min(report.beyond for report in result.reports if report.beyond is not None)
    assert result.reports[result.epoch].beyond == nearest == pytest.approx(found.max().item() - 0.1)
    assert f"NO EPOCH KEEPS THE BOUNDS in validation: epoch {result.epoch + 1}" in caplog.text
