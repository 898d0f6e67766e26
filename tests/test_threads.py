"""Work in threads ends soon after the first failure or Ctrl-C, and gives nothing up before."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from neurotrain_hw.threads import in_threads


def test_results_come_by_job() -> None:
    assert in_threads(2, lambda job, go_on: job * job, range(5)) == {k: k * k for k in range(5)}


def test_the_first_failure_ends_all_other_work() -> None:
    begun: list[str] = []

    def work(job: str, go_on: Callable[[], None]) -> None:
        begun.append(job)
        if job == "fails":
            raise ValueError("no")
        until_given_up(go_on)

    with pytest.raises(ValueError, match="no"):
        in_threads(2, work, ["long", "fails", *map(str, range(50))])
    assert len(begun) < 10


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests were started with it ignored, as background jobs are."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_all_work() -> None:
    def work(job: int, go_on: Callable[[], None]) -> None:
        until_given_up(go_on)

    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        in_threads(2, work, range(4))
    assert threading.active_count() <= 2  # this one, and the timer's that may still be ending


def until_given_up(go_on: Callable[[], None]) -> None:
    for _ in range(1000):
        go_on()
        time.sleep(0.01)
    pytest.fail("nobody gave it up")
