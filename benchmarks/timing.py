"""Timing several things in turns, so that all of them see the machine as it is at that moment."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

K = TypeVar("K")


@dataclass
class Timed:
    """Seconds of every call of one thing, the median of each turn, and what the last call returned."""

    seconds: list[float] = field(default_factory=list)
    result: Any = None
    turns: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median seconds of a call."""
        return statistics.median(self.seconds)

    def times_faster(self, other: Timed) -> float:
        """How many times a call of `other` takes as long: the median over the turns, in each of which both ran."""
        return statistics.median(b / a for a, b in zip(self.turns, other.turns, strict=True))

    def per_second(self, amount: float, digits: int = 0) -> str:
        """The rate of calls that each do `amount` of something: at the median, and from the slowest to the fastest."""
        slow, middle, fast = (amount / s for s in (max(self.seconds), self.median, min(self.seconds)))
        return f"{middle:,.{digits}f} ({slow:,.{digits}f} to {fast:,.{digits}f})"


def in_turns(actions: Mapping[K, Callable[[], Any]], turns: int, *, least_s: float = 0.0) -> dict[K, Timed]:
    """Call each action in turns, every time repeated until `least_s` seconds have passed (at least once).

    What compiles or fills a cache at its first call must have been called before.
    """
    timed = {name: Timed() for name in actions}
    for _ in range(turns):
        for name, action in actions.items():
            begin, first = time.perf_counter(), len(timed[name].seconds)
            while True:
                start = time.perf_counter()
                timed[name].result = action()
                end = time.perf_counter()
                timed[name].seconds.append(end - start)
                if end - begin >= least_s:
                    break
            timed[name].turns.append(statistics.median(timed[name].seconds[first:]))
    return timed
