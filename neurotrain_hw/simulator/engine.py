"""Run a program on the integer simulator, or on Lava."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Program
from neurotrain_hw.program.check import check_inputs
from neurotrain_hw.simulator.run import Run
from neurotrain_hw.simulator.session import Session, run_together

Engine = Literal["chip", "lava"]
ThirdFactors = Mapping[str, npt.NDArray[np.int32]]


def simulate(
    program: Program,
    inputs: Mapping[str, EventStream],
    *,
    steps: int,
    record: Iterable[str] | None = None,
    learn: bool = True,
    third_factors: ThirdFactors | None = None,
    engine: Engine = "chip",
) -> Run:
    """Run a program for `steps` steps and return what was recorded, the final weights and the counters.

    `inputs`: one stream per input population; a stream that is shorter than the run is followed by silence, a
    missing one is silent. `record`: any of `"<population>.spikes"`, a state of its kind (`program.STATES`), or `".y1"`,
    `".y2"` of a modulator; by default the spikes of the program's outputs. `learn` False freezes all plastic weights.
    `third_factors`: per three-factor connection whose post population has no modulator, int32 (3, steps, n_post): y1,
    y2, y3 delivered at each step.
    `engine` "lava" runs Lava instead (see `neurotrain_hw.lava`). The result depends on nothing else: random rounding
    comes from the `rng_seed` of each plastic connection.

    Raises UnknownNameError for a name the program does not have, ValueRangeError for a stream of the wrong size.
    """
    names = tuple(record) if record is not None else tuple(f"{name}.spikes" for name in program.outputs)
    check_inputs(program, inputs)
    if steps < 1:
        raise ValueRangeError(f"steps is {steps}", where="simulate", need="at least 1")
    if engine == "lava":
        from neurotrain_hw import lava

        return lava.simulate(program, inputs, steps=steps, record=names, learn=learn, third_factors=third_factors)
    if engine != "chip":
        raise UnknownNameError("engine", engine, ("chip", "lava"))
    session = Session(program, record=names, learn=learn)
    return session.run(inputs, steps=steps, third_factors=third_factors)


def simulate_batch(
    program: Program,
    samples: Sequence[Mapping[str, EventStream]],
    *,
    steps: int,
    record: Iterable[str] | None = None,
    threads: int = 1,
) -> list[Run]:
    """Run independent samples, each from a fresh state, plasticity frozen; the same bits for any number of threads."""
    names = tuple(record) if record is not None else tuple(f"{name}.spikes" for name in program.outputs)
    for sample in samples:
        check_inputs(program, sample)
    first = Session(program, record=names, learn=False)
    threads = max(1, min(threads, len(samples)))
    together = max(1, min(_TOGETHER, _ROOM // first.size, -(-len(samples) // threads)))
    idle: SimpleQueue[list[Session]] = SimpleQueue()
    for k in range(threads):
        idle.put([first if k + j == 0 else first.fresh() for j in range(together)])

    def run(start: int) -> list[Run]:
        sessions, part = idle.get(), samples[start : start + together]
        try:
            return run_together(sessions[: len(part)], part, steps=steps)
        finally:
            idle.put(sessions)

    starts = range(0, len(samples), together)
    if threads == 1:
        return [found for start in starts for found in run(start)]
    with ThreadPoolExecutor(threads) as pool:
        return [found for part in pool.map(run, starts) for found in part]


_TOGETHER, _ROOM = 16, 1 << 26
"""At most so many samples run in one stretch of compiled code, between which threads wait for each other, and at most
in so many bytes of states."""
