"""Work in processes that Ctrl-C ends soon and whole: no process outlives the demo, no file is half-written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")


class Meters:
    """How far each of several jobs is, 0..1, as the processes that do them tell."""

    def __init__(self, jobs: int) -> None:
        self._shares: Any = multiprocessing.get_context("spawn").Array("d", jobs)

    def __setitem__(self, job: int, share: float) -> None:
        self._shares[job] = share

    @property
    def mean(self) -> float:
        """The share of all work that is done."""
        return float(sum(self._shares) / len(self._shares))


def set_meter(job: int, share: float) -> None:
    """Tell, in a process of the pool, how far a job is."""
    if _meters is not None:
        _meters[job] = share


class Processes:
    """Calls functions in other processes, a number of them at a time."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, work: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Call `work` in another process as soon as one is free."""
        with _interrupts_held():  # a process may be started here, and inherits that
            return self._pool.submit(_call, work, *arguments)


@contextmanager
def processes(count: int, meters: Meters | None = None) -> Iterator[Processes]:
    """Fresh interpreters (torch and Numba do not survive a fork with threads), ended at the end of the block.

    `meters`, where given, can be set by the work in them (`set_meter`).

    Ctrl-C reaches only this process; it ends the others, which clear away what they were writing. If this process is
    killed, they end by themselves.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(meters,))
    try:
        yield Processes(pool)
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; it is delivered at the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_meters: Meters | None = None


def _begin(meters: Meters | None) -> None:
    """In a new process: leave Ctrl-C to the parent, clear up when it says so, and end when it is gone."""
    global _meters
    _meters = meters
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _call(work: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return work(*arguments)
    except SystemExit:
        os._exit(1)  # all is cleared up; the pool would go on with the next call


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: clearing up is not to be cut short
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
