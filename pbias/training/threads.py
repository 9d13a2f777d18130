"""How many threads compute: as many as are worth it, measured while steps are done.

More threads than free cores make each other wait, and several programs on the same cores then take
many times as long as one by one: a single step can take a hundred times as long. So more threads
are tried only where cores were free, rates decide, and they are compared again when the speed falls
and now and then. Results of other numbers of threads differ in rounding, so the numbers are
recorded.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence

import torch

from pbias.cores import FreeCores, asked_by_environment, num_cores
from pbias.errors import UserError

BETTER = 1.05  # so many times the rate is worth another number of threads
FALLEN = 1.25  # so many times slower than before is a reason to compare again
COLLAPSED = 3.0  # so many times slower than before: not another step like that
NOISE = 0.35  # cores: by how much the number of free ones may be wrong
# A trial takes so long, and so many steps, unless its steps are long.
TRIAL_S, TRIAL_STEPS, LONG_S = 0.1, 2, 0.4
WINDOW_S, WINDOW_STEPS = 0.5, 3
AGAIN_S = 3.0  # at least so long passes before rates are compared once more,
PATIENCE = 100  # and so many times what the last comparison has cost
FELL_PATIENCE = 10  # likewise where the speed has fallen
MAX_THREADS = 4096

Climb = Generator[int, float, tuple[int, float]]

logger = logging.getLogger(__name__)


def ladder(most: int) -> list[int]:
    """Return the numbers of threads to choose from: powers of two, and the most.

    >>> ladder(6)
    [1, 2, 4, 6]
    """
    return [*(2**k for k in range(most.bit_length()) if 2**k < most), most]


def climb(counts: Sequence[int], now: int, rate: float, free: float) -> Climb:
    """Yield a number of threads to try and be sent its rate; return the best, and its rate.

    It begins with `now`, which runs at `rate`. More are tried first, up to the free cores, as long
    as that is faster; where it is not, fewer.
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
    """Say how many threads compute where so many are asked for: by --threads, else OMP_NUM_THREADS.

    >>> how_many(2)
    '2'
    """
    return str(asked or asked_by_environment() or "by speed")


class Threads:
    """Sets how many threads compute, and chooses among several by how fast steps are done.

    `begin` is called before the first of some steps, `step_done` after each.
    """

    def __init__(
        self,
        counts: Sequence[int],
        *,
        set_threads: Callable[[int], None] = torch.set_num_threads,
        clock: Callable[[], float] = time.perf_counter,
        free: Callable[[], float] | None = None,
    ) -> None:
        """`counts`: what to choose from, ascending. It begins with the last but one.

        `free` says how many cores were free since it was called last.
        """
        self._counts, self._set, self._clock = list(counts), set_threads, clock
        self._free = free or FreeCores()
        self.used: Counter[int] = Counter()  # steps by number of threads
        self._chosen = self._now = self._counts[-2:][0]
        self._rate = 0.0  # rows a second of the chosen number, at best
        self._climb: Climb | None = None
        self._warm = False  # whether the first step of a trial has been done
        self._rows, self._seconds, self._steps = 0, 0.0, 0  # of a trial or a window
        self._began = self._next = self._next_if_fallen = self._last = clock()
        self._missed = 0.0  # rows that trials have not done
        set_threads(self._now)

    @classmethod
    def of(cls, asked: int, device: torch.device, *, measure: bool = True) -> Threads:
        """As many as are asked for, or by OMP_NUM_THREADS; 0: chosen among all cores.

        Without `measure` they are as many as there are cores, and on GPUs they make no difference.
        """
        fixed = asked or asked_by_environment()
        if fixed > MAX_THREADS:
            raise UserError(f"{fixed} threads are more than {MAX_THREADS}; use fewer")
        if fixed:
            return cls([fixed])
        most = num_cores()
        return cls(ladder(most) if measure and device.type == "cpu" else [most])

    @property
    def chosen(self) -> int:
        """The number of threads that is the best so far."""
        return self._chosen

    def begin(self) -> None:
        """Time steps from here on: what came before was no step."""
        self._last = self._clock()

    def step_done(self, rows: int) -> None:
        """Count a step over so many rows; the next one may have another number of threads."""
        now = self._clock()
        seconds, self._last = now - self._last, now
        self.used[self._now] += 1
        if len(self._counts) == 1:
            return
        if not self._warm and seconds < LONG_S:
            self._warm = True  # the first step with another number prepares much
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
        """Say with how many threads how many steps were computed; `2` where there is no choice."""
        if len(self._counts) == 1:
            return str(self._counts[0])
        shares = [f"{count} in {self.used[count]} steps" for count in sorted(self.used)]
        return ", ".join(shares) or str(self._chosen)

    def say(self) -> None:
        """Log how many threads computed, where several numbers did: rounding depends on them."""
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
        """Count the steps of a run that goes on."""
        self.used.update({int(count): int(steps) for count, steps in counts.items()})

    def _look(self, now: float) -> None:
        """Compare rates again where the speed has fallen, or after a while."""
        rate, free = self._rows / self._seconds, self._free()
        fallen = rate * FALLEN < self._rate
        # Where the cores are free, fewer threads have been compared already.
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
        if self._climb is None:  # the first of all
            self._compare(now, rate, self._free())
            return
        try:
            self._turn(self._climb.send(rate))
        except StopIteration as end:
            self._choose(*end.value)
            self._plan(now, self._missed / self._rate)

    def _compare(self, now: float, rate: float, free: float) -> None:
        """Begin to compare the chosen number, which has this rate, with others."""
        self._rate, self._climb = rate, climb(self._counts, self._chosen, rate, free)
        try:
            self._turn(next(self._climb))
        except StopIteration:  # nothing to compare with
            self._climb = None
            self._plan(now, 0.0)
            self._forget()

    def _plan(self, now: float, cost_s: float) -> None:
        """Say when to compare next, so that comparing stays cheap."""
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
