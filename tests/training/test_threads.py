"""The number of threads follows the speed of steps, on a clock that the test moves."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from pbias.errors import UserError
from pbias.training.threads import Threads, climb, how_many, ladder

CPU = torch.device("cpu")
ROWS = 64


class Machine:
    """A clock, and the duration of a step by number of threads."""

    def __init__(self, counts: list[int], seconds: Callable[[int], float], free: float = 2) -> None:
        self.now, self.seconds, self.count, self.free = 0.0, seconds, 0, free
        self.threads = Threads(
            counts, set_threads=self.turn, clock=lambda: self.now, free=lambda: self.free
        )

    def turn(self, count: int) -> None:
        self.count = count

    def run(self, steps: int) -> float:
        """Do steps; return their duration."""
        start = self.now
        self.threads.begin()
        for _ in range(steps):
            self.now += self.seconds(self.count)
            self.threads.step_done(ROWS)
        return self.now - start


def idle(count: int) -> float:
    """Return the time of a step (20 ms with one thread) on a machine with two free cores."""
    return 0.02 / min(count, 2)


def crowded(count: int) -> float:
    """Return it if another program keeps a core busy: waiting threads take all the time."""
    return 0.02 if count == 1 else 2.0


def test_alone_all_cores_compute_and_little_is_lost() -> None:
    machine = Machine([1, 2], idle)
    assert machine.run(500) < 1.03 * 500 * idle(2)
    assert machine.threads.chosen == 2 and machine.count == 2
    long = Machine([1, 2], lambda count: 100 * idle(count))
    assert long.run(200) < 1.03 * 200 * 100 * idle(2)


def test_where_cores_are_taken_more_threads_are_not_even_tried() -> None:
    machine = Machine([1, 2], crowded, free=1.2)
    assert machine.run(300) == pytest.approx(300 * crowded(1))
    assert machine.threads.used == {1: 300}


def test_where_nobody_knows_of_free_cores_rates_decide() -> None:
    machine = Machine([1, 2], lambda count: min(crowded(count), 0.2), free=math.inf)
    assert machine.run(500) < 1.2 * 500 * crowded(1)
    assert machine.threads.chosen == 1 and 0 < machine.threads.used[2] < 5


def test_another_program_that_begins_and_ends_is_followed() -> None:
    machine = Machine([1, 2], idle)
    machine.run(300)
    assert machine.threads.chosen == 2
    machine.seconds, machine.free = crowded, 1.4
    assert machine.run(1000) < 1.2 * 1000 * crowded(1) and machine.threads.chosen == 1
    machine.seconds, machine.free = idle, 2.0
    machine.run(2000)
    assert machine.threads.chosen == 2


def test_a_choice_made_at_a_bad_moment_is_made_again() -> None:
    machine = Machine([1, 2], lambda count: 0.3 if count == 1 else 0.2)
    machine.run(10)
    assert machine.threads.chosen == 2
    machine.seconds, machine.free = (lambda count: 0.02 if count == 1 else 0.2), 1.3
    machine.run(1000)
    assert machine.threads.chosen == 1


def test_of_many_cores_those_that_pay_are_found() -> None:
    machine = Machine(ladder(64), lambda count: 1 / min(count, 8) + 0.05 * max(0, count - 8), 64)
    machine.run(100)
    assert machine.threads.chosen == 8
    machine = Machine(ladder(64), lambda count: 1 / count, 64)
    machine.run(100)
    assert machine.threads.chosen == 64


def test_where_cores_are_free_nothing_is_compared_again() -> None:
    machine = Machine([1, 2], idle)
    machine.run(400)
    before = dict(machine.threads.used)
    for _ in range(20):
        machine.now += 0.4  # validation
        machine.run(100)
    assert machine.threads.used == {1: before[1], 2: before[2] + 2000}


def test_a_number_that_was_asked_for_stays() -> None:
    machine = Machine([2], crowded)
    machine.run(100)
    assert machine.threads.record() == "2" and machine.count == 2


def test_the_record_names_the_steps_of_each_number_also_before_an_interruption() -> None:
    machine = Machine([1, 2], crowded)
    machine.threads.restore({"2": 100})
    machine.run(20)
    machine.free = 1
    machine.run(30)
    ones, twos = machine.threads.used[1], machine.threads.used[2]
    assert ones + twos == 150 and ones > 30 and twos > 100
    assert machine.threads.record() == f"1 in {ones} steps, 2 in {twos} steps"
    assert machine.threads.counts() == {"1": ones, "2": twos}


@pytest.mark.parametrize(
    ("rates", "free", "now", "tried", "best"),
    [
        ({1: 10, 2: 19, 4: 30}, 4, 4, [2], 4),
        ({1: 10, 2: 9, 4: 5}, 4, 4, [2, 1], 1),
        ({1: 10, 2: 19, 4: 30}, 4, 1, [2, 4], 4),
        ({1: 10, 2: 19, 4: 30}, 2.9, 1, [2], 2),
        ({1: 10, 2: 10.4, 4: 30}, 4, 1, [2], 1),
        ({1: 10, 2: 19, 4: 18}, 4, 2, [4, 1], 2),
        ({1: 10, 2: 19, 4: 30}, 1.2, 2, [1], 2),
    ],
)
def test_climbing(
    rates: dict[int, float], free: float, now: int, tried: list[int], best: int
) -> None:
    trials, seen = climb(sorted(rates), now, rates[now], free), []
    try:
        count = next(trials)
        while True:
            seen.append(count)
            count = trials.send(rates[count])
    except StopIteration as end:
        assert (seen, *end.value) == (tried, best, rates[best])


def test_ladders() -> None:
    assert [ladder(most) for most in (1, 2, 3, 8, 12)] == [
        [1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 12]
    ]  # fmt: skip


def test_who_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """--threads, then OMP_NUM_THREADS, then the speed of all cores; on GPUs and compiled, all."""
    monkeypatch.setattr("pbias.training.threads.num_cores", lambda: 1)
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        assert Threads.of(2, CPU).chosen == 2 == torch.get_num_threads() and how_many(2) == "2"
        assert Threads.of(0, CPU).chosen == 3 == torch.get_num_threads() and how_many(0) == "3"
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert Threads.of(0, CPU).record() == "1" and how_many(0) == "by speed"
        monkeypatch.setattr("pbias.training.threads.num_cores", lambda: 2)
        assert Threads.of(0, CPU, measure=False).record() == "2"
        with pytest.raises(UserError, match="5000 threads are more than 4096"):
            Threads.of(5000, CPU)
    finally:
        torch.set_num_threads(before)


def test_more_threads_than_cores_are_warned_of_or_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pbias.training.threads.num_cores", lambda: 2)
    for asked, warned in ((2, False), (3, True), (32, True)):
        caplog.clear()
        assert Threads.of(asked, CPU).chosen == asked
        assert ("threads on 2 cores wait for each other; 2 are faster" in caplog.text) == warned
    with pytest.raises(UserError, match=r"33 threads on 2 cores .* use at most 32, or leave out"):
        Threads.of(33, CPU)
    torch.set_num_threads(1)
