"""Recipes changed by options, and pruning times."""

from __future__ import annotations

import pytest

from pbias.errors import UserError
from pbias.workflows.runs.options import TrainOptions
from pbias.workflows.runs.settings import method_of, settings


@pytest.mark.parametrize(
    ("name", "use", "times"),
    [
        ("paper-gmp-ri", "ri", range(10, 81, 10)),
        ("paper-gmp-pt", "pt", range(1, 60, 4)),
        ("paper-single", "ri", range(2, 16)),
    ],
)
def test_the_paper_prunes_before_these_epochs(name: str, use: str, times: range) -> None:
    assert settings(use, TrainOptions(recipe=name)).times == list(times)


def test_options_win_over_the_recipe() -> None:
    pruning = {"pruning_epochs": "1,2,6", "initial_sparsity": 0.2, "pruning_schedule": "linear"}
    asked = settings("ri", TrainOptions(recipe="paper-gmp-ri", epochs=20, **pruning))
    assert (asked.recipe.epochs, asked.recipe.lr) == (20, 0.256)
    assert (asked.times, asked.initial, asked.shape) == ([1, 3, 5], 0.2, "linear")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 80}, "the last pruning step comes after 80 epochs, and there are 80"),
        ({"pruning_epochs": "1,2"}, "--pruning-epochs 1,2 is not 3 numbers"),
        ({"pruning_epochs": "5,1,5"}, "pruning epochs 5,1,5 are not a schedule"),
        ({"pruning_epochs": "1,0,5"}, "pruning epochs 1,0,5 are not a schedule"),
        ({"steps": 3, "pruning_epochs": "1,2,6"}, "both set when to prune"),
        ({"initial_sparsity": 5.0}, r"not in \[0, 1\)"),
    ],
)
def test_steps_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        settings("ri", TrainOptions(recipe="paper-gmp-ri", **changes))


def test_acdc_has_the_phases_of_its_paper() -> None:
    """Of 100 epochs: 10 dense, phases of 5, then 10 decompressed and 15 compressed."""
    for options in (TrainOptions(recipe="paper-acdc"), TrainOptions(strategy="acdc", epochs=100)):
        asked = settings("ri", options)
        ramp = asked.ramp(method_of(options))
        schedule = ramp.schedule(0.9)
        assert list(schedule) == [*range(10, 80, 5), 85]
        assert list(schedule.values()) == [0.9, 0.0] * 7 + [0.9]
        assert ramp.record(0.9) == {"method": "acdc", "at_epochs": list(schedule)}
    with pytest.raises(UserError, match="--steps has no effect with --strategy acdc"):
        settings("ri", TrainOptions(strategy="acdc", steps=3))
    with pytest.raises(UserError, match="no strategy 'dc'; use one of gradual, acdc"):
        settings("ri", TrainOptions(strategy="dc"))
    with pytest.raises(UserError, match="--strategy has no effect without --sparsity"):
        settings("dense", TrainOptions(strategy="acdc"))
