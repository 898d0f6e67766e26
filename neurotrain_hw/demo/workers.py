"""Work at the same time, so that Ctrl-C ends it soon and whole: no process outlives the demo, no file is half-written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Cancelled(Exception):
    """Raised inside work that is given up because other work failed or Ctrl-C was pressed."""


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh interpreters (torch and Numba do not survive a fork with threads).

    Ctrl-C reaches only this process; it ends the others, which clear away what they were writing. If this process is
    killed, they end by themselves.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def in_threads(count: int, work: Callable[[Job, Callable[[], None]], Result], jobs: Iterable[Job]) -> dict[Job, Result]:
    """Results by job, `count` at a time; `work` gets a job and a function to call now and then.

    That function raises Cancelled once the work is to be given up. The first failure ends all other work.
    """
    stop = threading.Event()

    def go_on() -> None:
        if stop.is_set():
            raise Cancelled

    with ThreadPoolExecutor(count) as pool:
        running: dict[Job, Future[Result]] = {job: pool.submit(work, job, go_on) for job in jobs}
        try:
            wait(running.values(), return_when=FIRST_EXCEPTION)
            return {job: future.result() for job, future in running.items() if future.done()}
        except BaseException:
            raise
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """In a new process: leave Ctrl-C to the parent, clear up when it says so, and end when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the clearing up is not to be cut short
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
