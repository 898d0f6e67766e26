"""Work in threads that ends soon after the first failure or Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Cancelled(Exception):
    """Raised inside work that is given up, because other work failed or because of Ctrl-C."""


def in_threads(count: int, work: Callable[[Job, Callable[[], None]], Result], jobs: Iterable[Job]) -> dict[Job, Result]:
    """Results by job, `count` at a time.

    `work` gets a job and a function to call now and then, which raises Cancelled once the work is to be given up: at
    the first failure of other work, or at Ctrl-C.
    """
    stop = threading.Event()

    def go_on() -> None:
        if stop.is_set():
            raise Cancelled

    with ThreadPoolExecutor(count) as pool:
        running = {job: pool.submit(work, job, go_on) for job in jobs}
        try:
            wait(running.values(), return_when=FIRST_EXCEPTION)
            return {job: future.result() for job, future in running.items() if future.done()}
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
