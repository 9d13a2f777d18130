"""The number of computing threads, chosen by measuring steps.

More threads than free cores make each other wait: several programs on the same cores then take many
times as long as one by one, and a single step can take a hundred times as long. So more threads are
tried only if cores are free, measured rates decide, and rates are compared again if the speed
falls, and from time to time. The number of threads changes rounding, so it is recorded.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence

import torch

from pbias.cores import FreeCores, asked_by_environment, num_cores
from pbias.errors import UserError, argument

BETTER = 1.05  # a rate this many times higher justifies another number of threads
FALLEN = 1.25  # a speed this many times lower is a reason to compare again
COLLAPSED = 3.0  # a speed this many times lower is noticed before a window is full
NOISE = 0.35  # in cores: possible error in the number of free ones
# A trial takes this many seconds and steps, unless its steps are long.
TRIAL_S, TRIAL_STEPS, LONG_S = 0.1, 2, 0.4
WINDOW_S, WINDOW_STEPS = 0.5, 3
AGAIN_S = 3.0  # seconds before rates are compared again, at least,
PATIENCE = 100  # and this many times the cost of the last comparison
FELL_PATIENCE = 10  # the same after the speed has fallen
MAX_THREADS = 4096
MAX_PER_CORE = 16  # that are asked for

Climb = Generator[int, float, tuple[int, float]]

logger = logging.getLogger(__name__)


def ladder(most: int) -> list[int]:
    """Return the numbers of threads to choose from: powers of two, and the maximum.

    >>> ladder(6)
    [1, 2, 4, 6]
    """
    return [*(2**k for k in range(most.bit_length()) if 2**k < most), most]


def climb(counts: Sequence[int], now: int, rate: float, free: float) -> Climb:
    """Yield numbers of threads to try, receive their rates, and return the best with its rate.

    Starts with `now`, which runs at `rate`. Higher numbers are tried first, up to the free cores,
    while they are faster; if none is, lower numbers.
    """
    at = start = counts.index(now)
    for way in (1, -1):
        while 0 <= at + way < len(counts) and (way < 0 or counts[at + way] <= free + NOISE):
            tried = yield counts[at + way]
            if tried < rate * BETTER:
                break
            at, rate = at + way, tried
        if at != start:
            break
    return counts[at], rate


def how_many(asked: int) -> str:
    """Describe the number of threads: `asked` (by --threads), else OMP_NUM_THREADS, else chosen.

    >>> how_many(2)
    '2'
    """
    return str(asked or asked_by_environment() or "by speed")


class Threads:
    """Sets the number of computing threads, and chooses among several by the speed of steps.

    Call `begin` before the first of several steps, and `step_done` after each.
    """

    def __init__(
        self,
        counts: Sequence[int],
        *,
        set_threads: Callable[[int], None] = torch.set_num_threads,
        clock: Callable[[], float] = time.perf_counter,
        free: Callable[[], float] | None = None,
    ) -> None:
        """Choose from `counts`, which ascend; the first number is the last but one.

        `free` returns the number of cores that were free since its last call.
        """
        self._counts, self._set, self._clock = list(counts), set_threads, clock
        self._free = free or FreeCores()
        self.used: Counter[int] = Counter()  # steps by number of threads
        self._chosen = self._now = self._counts[-2:][0]
        self._rate = 0.0  # best rows per second with the chosen number
        self._climb: Climb | None = None
        self._warm = False  # is the first step of a trial done?
        self._rows, self._seconds, self._steps = 0, 0.0, 0  # in a trial or a window
        self._began = self._next = self._next_if_fallen = self._last = clock()
        self._missed = 0.0  # rows that trials cost
        set_threads(self._now)

    @classmethod
    def of(cls, asked: int, device: torch.device, *, measure: bool = True) -> Threads:
        """Return the threads asked for, else OMP_NUM_THREADS, else a choice among all cores.

        Without `measure`, and on GPUs, all cores are used.
        """
        fixed = asked or asked_by_environment()
        if fixed > MAX_THREADS:
            raise UserError(f"{fixed} threads are more than {MAX_THREADS}; use fewer")
        most = num_cores()
        if asked > most * MAX_PER_CORE:
            raise UserError(
                f"{asked} threads on {most} cores mostly wait for each other; use at most "
                f"{most * MAX_PER_CORE}, or leave out {argument('threads')}"
            )
        if fixed:
            if fixed > most:
                logger.warning(
                    "%d threads on %d cores wait for each other; %d are faster", fixed, most, most
                )
            return cls([fixed])
        return cls(ladder(most) if measure and device.type == "cpu" else [most])

    @property
    def chosen(self) -> int:
        """The best number of threads so far."""
        return self._chosen

    def begin(self) -> None:
        """Start timing steps now; earlier time belongs to no step."""
        self._last = self._clock()

    def step_done(self, rows: int) -> None:
        """Count a step over `rows` rows; the next step may use another number of threads."""
        now = self._clock()
        seconds, self._last = now - self._last, now
        self.used[self._now] += 1
        if len(self._counts) == 1:
            return
        if not self._warm and seconds < LONG_S:
            self._warm = True  # the first step with a new number includes setup
            self._missed += max(0.0, self._rate * seconds - rows)
            return
        self._warm = True
        self._rows, self._seconds, self._steps = (
            self._rows + rows, self._seconds + seconds, self._steps + 1,
        )  # fmt: skip
        if self._climb or not self._rate:
            self._go_on_trying(now)
        elif self._seconds >= WINDOW_S and (
            self._steps >= WINDOW_STEPS or self._rows * COLLAPSED < self._rate * self._seconds
        ):
            self._look(now)

    def record(self) -> str:
        """Return how many steps each number of threads computed; `2` for a single number."""
        if len(self._counts) == 1:
            return str(self._counts[0])
        shares = [f"{count} in {self.used[count]} steps" for count in sorted(self.used)]
        return ", ".join(shares) or str(self._chosen)

    def say(self) -> None:
        """Log the numbers of threads if there were several, because rounding depends on them."""
        if len(self.used) > 1:
            logger.info(
                "threads, chosen by speed: %s; another run will differ in rounding, unless both"
                " have --threads %d",
                *(self.record(), self._chosen),
            )

    def counts(self) -> dict[str, int]:
        """Return the steps by number of threads, for `restore`."""
        return {str(count): self.used[count] for count in sorted(self.used)}

    def restore(self, counts: Mapping[str, int]) -> None:
        """Add the steps of a resumed run."""
        self.used.update({int(count): int(steps) for count, steps in counts.items()})

    def _look(self, now: float) -> None:
        """Compare rates again if the speed has fallen, or after a while."""
        rate, free = self._rows / self._seconds, self._free()
        fallen = rate * FALLEN < self._rate
        # If there are free cores, fewer threads have already been compared.
        idle = not fallen and self._chosen <= free + NOISE
        ahead = self._counts[self._counts.index(self._chosen) :][1:2]
        pointless = idle and not (ahead and ahead[0] <= free + NOISE)
        if not pointless and now >= (self._next_if_fallen if fallen else self._next):
            self._missed = 0.0
            self._compare(now, rate, free)
            return
        self._rate = max(rate, self._rate)
        self._forget()

    def _go_on_trying(self, now: float) -> None:
        enough = self._seconds >= TRIAL_S and self._steps >= TRIAL_STEPS
        if not enough and self._seconds < LONG_S:
            return
        rate = self._rows / self._seconds
        self._missed += max(0.0, self._rate * self._seconds - self._rows)
        if self._climb is None:  # the very first
            self._compare(now, rate, self._free())
            return
        try:
            self._turn(self._climb.send(rate))
        except StopIteration as end:
            self._choose(*end.value)
            self._plan(now, self._missed / self._rate)

    def _compare(self, now: float, rate: float, free: float) -> None:
        """Start comparing the chosen number, which has this rate, with others."""
        self._rate, self._climb = rate, climb(self._counts, self._chosen, rate, free)
        try:
            self._turn(next(self._climb))
        except StopIteration:  # there is nothing to compare with
            self._climb = None
            self._plan(now, 0.0)
            self._forget()

    def _plan(self, now: float, cost_s: float) -> None:
        """Schedule the next comparison so that comparisons stay cheap."""
        self._next = now + max(AGAIN_S, PATIENCE * cost_s)
        self._next_if_fallen = now + FELL_PATIENCE * cost_s

    def _choose(self, count: int, rate: float) -> None:
        if count != self._chosen:
            logger.debug("%d threads compute now: %d were slower", count, self._chosen)
        self._chosen, self._rate, self._climb = count, rate, None
        self._turn(count)

    def _turn(self, count: int) -> None:
        self._warm = self._warm and count == self._now
        self._now = count
        self._set(count)
        self._forget()

    def _forget(self) -> None:
        self._rows, self._seconds, self._steps = 0, 0.0, 0
