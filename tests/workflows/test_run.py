"""Signals during a training run."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pbias.training.steps import Stopped
from pbias.workflows.runs.run import stoppable


def test_a_second_interrupt_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable(None, "") as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_ends_with_the_status_of_the_signal(number: int, status: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, stoppable(None, "") as stop:
        os.kill(os.getpid(), number)
        assert stop()
        raise Stopped(3)
    assert ended.value.code == status and signal.getsignal(number) is before


def test_outside_of_the_main_thread_no_signal_is_waited_for() -> None:
    asked = []

    def work() -> None:
        with stoppable(None, "") as stop:
            asked.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
