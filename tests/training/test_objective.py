"""Losses and label weights computed by hand, and their effect on a network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pbias.data.batches import ImageData
from pbias.models.preprocess import Preprocess
from pbias.training.evaluation import loss_sum
from pbias.training.loop import fit
from pbias.training.objectives.balance import balance
from pbias.training.objectives.distillation import Teacher, soft_loss
from pbias.training.objectives.group_dro import GroupDro
from pbias.training.objectives.groups import Rows, members_of
from pbias.training.objectives.objective import Objective
from pbias.training.recipe import Recipe

CPU = torch.device("cpu")


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def divergence(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def fixed(logits: Tensor) -> Teacher:
    return Teacher(nn.Identity(), CPU, "fp32", logits)


def test_cells_of_group_and_label_count_alike() -> None:
    # Group 0 has labels 1, 0, 0, 0; group 1 has 1, 1; the last two rows have an unknown value each.
    labels = torch.tensor([[1], [0], [0], [0], [1], [1], [1], [-1]], dtype=torch.int8)
    groups = np.array([0, 0, 0, 0, 1, 1, -1, 0], np.int16)[:, None]
    found = balance(labels, groups, 10, 1)
    # Three cells occur, with 1, 3 and 2 of 6 labels, so the mean is 2.
    weights = found.of(torch.arange(8), labels)[:, 0].tolist()
    assert weights == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3, 1, 1, 1, 1])
    capped = balance(labels, groups, 1.5, 1).of(torch.tensor([0, 1]), labels[:2])
    assert capped[:, 0].tolist() == pytest.approx([1.5, 2 / 3])


def test_several_groups_are_balanced_as_one() -> None:
    groups = np.array([[0, 0], [0, 1], [0, 1], [1, 0], [1, -1]], np.int16)
    labels = torch.ones((5, 1), dtype=torch.int8)
    found = balance(labels, groups, 10, 1).of(torch.arange(5), labels)[:, 0].tolist()
    assert found == pytest.approx([4 / 3, 2 / 3, 2 / 3, 4 / 3, 1])


def test_classes_are_balanced_by_class() -> None:
    labels = torch.tensor([0, 0, 0, 2, -1])
    groups = np.zeros((5, 1), np.int16)
    found = balance(labels, groups, 10, 3).of(torch.arange(5), labels).tolist()
    assert found == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2, 1])


def test_the_loss_of_a_teacher_by_hand() -> None:
    ours, theirs, temperature = torch.tensor([[0.5, -1.0]]), torch.tensor([[2.0, 1.0]]), 4.0
    found = soft_loss(ours, theirs, temperature, classes=False)[0].tolist()
    by_hand = [
        16 * divergence(sigmoid(t / 4), sigmoid(z / 4)) for t, z in ((2.0, 0.5), (1.0, -1.0))
    ]
    assert found == pytest.approx(by_hand, rel=1e-5)
    assert soft_loss(theirs, theirs, 2.0, classes=True).tolist() == pytest.approx([0.0])
    # Two classes are equivalent to the sigmoid of the difference of their logits.
    pair = soft_loss(ours, theirs, 4.0, classes=True).item()
    assert pair == pytest.approx(16 * divergence(sigmoid(1 / 4), sigmoid(1.5 / 4)), rel=1e-5)


def test_known_labels_are_mixed_and_unknown_ones_take_the_teacher_alone() -> None:
    ours, theirs = torch.tensor([[0.5, -1.0]]), torch.tensor([[2.0, 1.0]])
    labels, rows = torch.tensor([[1, -1]], dtype=torch.int8), Rows(torch.tensor([0]))
    objective = Objective(None, fixed(theirs), weight=0.25, temperature=1.0)
    soft = [divergence(sigmoid(2), sigmoid(0.5)), divergence(sigmoid(1), sigmoid(-1))]
    hard = -math.log(sigmoid(0.5))
    found = objective.loss_sum(ours, labels, torch.empty(0), rows).item()
    assert found == pytest.approx(0.75 * hard + 0.25 * soft[0] + soft[1], rel=1e-5)
    assert objective.count(labels) == 2 and Objective().count(labels) == 1


@pytest.mark.parametrize("labels", [torch.tensor([[1, 0], [0, -1]]), torch.tensor([1, -1])])
def test_weights_of_one_change_nothing(labels: Tensor) -> None:
    logits, rows = torch.tensor([[0.3, -2.0], [1.0, 0.2]]), Rows(torch.tensor([0, 1]))
    alike = balance(labels, np.full((2, 1), -1, np.int16), 10, 2)
    found = Objective(alike).loss_sum(logits, labels, torch.empty(0), rows)
    assert found.item() == pytest.approx(loss_sum(logits, labels).item(), rel=1e-6)


def two_groups(codes: list[int]) -> GroupDro:
    return GroupDro(members_of(np.array(codes, np.int16)[:, None], [["f", "m"]]), step_size=0.5)


def test_the_weights_of_groups_by_hand() -> None:
    dro = two_groups([0, 0, 0, 1, -1])
    losses = torch.tensor([[1.0, 2.0], [3.0, 9.0], [2.0, 2.0], [4.0, 6.0], [5.0, 5.0]])
    counted = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 1], [1, 1]]).bool()
    found = dro.of(losses, counted, Rows(torch.arange(5))).tolist()
    # Group f has 5 labels with a mean of 2, m has 2 with a mean of 5; the last image is unknown.
    f, m = math.exp(0.5 * 2), math.exp(0.5 * 5)
    q = [f / (f + m), m / (f + m)]
    assert dro.weights.tolist() == pytest.approx(q, rel=1e-6)
    assert found == pytest.approx([q[0] * 7 / 5] * 3 + [q[1] * 7 / 2, 1.0], rel=1e-6)
    # The next step continues from there; a group without images keeps its share, except for
    # scaling.
    dro.of(torch.tensor([[1.0]]), torch.tensor([[True]]), Rows(torch.tensor([0])))
    f, m = q[0] * math.exp(0.5), q[1]
    assert dro.weights.tolist() == pytest.approx([f / (f + m), m / (f + m)], rel=1e-6)
    dro.reset()
    assert dro.weights.tolist() == [0.5, 0.5]


def test_the_robust_loss_is_the_weighted_mean_of_the_groups_losses() -> None:
    logits, labels = torch.tensor([[0.3], [1.0], [-2.0]]), torch.tensor([[1], [0], [1]])
    dro = two_groups([0, 1, 1])
    found = Objective(dro=dro).loss_sum(logits, labels, torch.empty(0), Rows(torch.arange(3)))
    f = -math.log(sigmoid(0.3))
    m = (-math.log(sigmoid(-1.0)) - math.log(sigmoid(-2.0))) / 2
    q = dro.weights.tolist()
    assert found.item() == pytest.approx(3 * (q[0] * f + q[1] * m), rel=1e-6)


def task(num: int, seed: int, skew: float = 0.0) -> tuple[ImageData, np.ndarray]:
    """Brightness shows the label, less clearly in group 1 (red); `skew`: how rare that group is."""
    rng = np.random.default_rng(seed)
    group = (rng.random(num) < 0.5 - skew).astype(np.int16)
    labels = (rng.random(num) < 0.5).astype(np.int64)
    clear = np.where(group == 1, -60, 60) * (2 * labels - 1)
    pixels = rng.normal(128, 25, (num, 8, 8, 3)) + clear[:, None, None, None]
    pixels[..., 0] = np.where(group == 1, 250, 5)[:, None, None]
    data = ImageData(
        pixels.clip(0, 255).astype(np.uint8), torch.tensor(labels[:, None], dtype=torch.int8),
        torch.zeros(num, dtype=torch.bool), Preprocess(8, 8),
    )  # fmt: skip
    return data, group[:, None]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)
    )


RECIPE = Recipe(epochs=4, batch_size=16, lr=0.02, warmup_epochs=0, augment=False)


def right(model: nn.Module, data: ImageData, among: np.ndarray) -> float:
    images = torch.tensor(data.images).permute(0, 3, 1, 2).float()
    images = (images / 255 - 0.5) / 0.5
    with torch.no_grad():
        predicted = (model(images)[:, 0] > 0).numpy()
    return float((predicted == (data.labels[:, 0] == 1).numpy())[among[:, 0] == 1].mean())


def test_balancing_serves_a_rare_group_better() -> None:
    """In the rare group the label is inverted, so the loss has to choose."""
    data, groups = task(400, 0, skew=0.4)
    test, of_test = task(400, 1)
    found = []
    for weights in (None, balance(data.labels, groups, 100, 1)):
        model = network(0)
        fit(model, data, None, RECIPE, device=CPU, objective=Objective(weights))
        found.append(right(model, test, of_test))
    assert found[1] > found[0] + 0.2


def test_group_dro_survives_large_losses() -> None:
    """exp(0.5 * 400) overflows float32; the worst group then gets all the weight."""
    dro = two_groups([0, 1])
    rows = Rows(torch.tensor([0, 1]))
    found = dro.of(torch.tensor([[400.0], [1.0]]), torch.ones(2, 1), rows)
    assert dro.weights.tolist() == [1.0, 0.0] and found.tolist() == [2.0, 0.0]


def test_group_dro_serves_the_worst_group_better() -> None:
    data, groups = task(400, 0, skew=0.4)
    test, of_test = task(400, 1)
    found = []
    for dro in (None, GroupDro(members_of(groups, [["0", "1"]]), step_size=0.2)):
        model = network(0)
        fit(model, data, None, RECIPE, device=CPU, objective=Objective(dro=dro))
        found.append(right(model, test, of_test))
    assert found[1] > found[0] + 0.2


def test_a_student_learns_from_a_teacher_without_labels() -> None:
    data, _ = task(300, 0)
    teacher = network(1)
    fit(teacher, data, None, RECIPE, device=CPU)
    unlabeled = ImageData(
        data.images, torch.full_like(data.labels, -1), data.squares, data.preprocess
    )
    student = network(2)
    objective = Objective(None, Teacher.of(teacher, unlabeled, CPU, "fp32", once=True))
    fit(student, unlabeled, None, RECIPE.replace(epochs=8), device=CPU, objective=objective)
    everyone = np.ones((300, 1))
    assert right(student, data, everyone) > 0.9 * right(teacher, data, everyone) > 0.6


def test_logits_computed_once_are_those_of_every_step() -> None:
    data, _ = task(64, 0)
    models = []
    for once in (True, False):
        student = network(2)
        objective = Objective(None, Teacher.of(network(1), data, CPU, "fp32", once=once))
        fit(student, data, None, RECIPE, device=CPU, objective=objective)
        models.append(torch.cat([p.flatten() for p in student.parameters()]))
    assert torch.allclose(*models, atol=1e-4)
