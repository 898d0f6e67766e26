"""What the simulator's speed is compared with does the same work: its results are exact, its events the same."""

from __future__ import annotations

import cases
import limit
import numpy as np
import numpy_bar
import pytest

from neurotrain_hw import EventStream, simulate


@pytest.mark.parametrize(
    "sizes, vth, rate",
    [((784, 256, 10), 12000, 0.05), ((40, 30, 20, 7), 2000, 0.2), ((20, 5), 200, 0.5), ((9, 4, 3), 1, 0.9)],
)
def test_numpy_bar_spikes_as_the_simulator(sizes: tuple[int, ...], vth: int, rate: float) -> None:
    program, stream = cases.feed_forward(sizes, vth=vth), cases.noise(sizes[0], steps=150, rate=rate)
    layers = program.populations[1:]
    run = simulate(program, {"in": stream}, steps=150, record=[f"{p.name}.spikes" for p in layers])
    for p, steps in zip(layers, numpy_bar.simulate(program, stream, 150), strict=True):
        pointer = np.concatenate([[0], np.cumsum([index.size for index in steps])])
        assert run.spikes[p.name].count > 0
        assert EventStream(pointer, np.concatenate(steps), p.n) == run.spikes[p.name]


def test_numpy_bar_wraps_the_current_and_saturates_the_membrane() -> None:
    program = cases.feed_forward((5000, 6), vth=100_000, steps=1000)
    given = program.connections[0].matrix().sum(axis=1) << (1 + 6)
    assert given.min() > 2**23  # so that u wraps to below 0 while all inputs spike, and v falls as far as it can
    inputs = np.ones((200, 5000), bool)
    inputs[100:, 2500:] = False  # then it rises again, and when it gets to the threshold tells where it stood
    stream = EventStream.from_dense(inputs)
    run = simulate(program, {"in": stream}, steps=200, record=["out.spikes", "out.v"])
    assert run.states["out.v"].min() == -(2**23) + 1
    assert run.spikes["out"].count > 0
    found = numpy_bar.simulate(program, stream, 200)[0]
    assert np.array_equal(np.concatenate(found), run.spikes["out"].index)
    assert [index.size for index in found] == np.diff(run.spikes["out"].indptr).tolist()


def test_limit_adds_up_the_events_that_the_simulator_counts() -> None:
    program = cases.feed_forward((50, 40, 10), vth=2000).packed()
    record = [f"{p.name}.spikes" for p in program.populations]
    run = simulate(program, {"in": cases.noise(50, steps=80, rate=0.1)}, steps=80, record=record)
    events = limit.events_of(program, run.spikes)
    assert limit.count(events) == run.counters.synaptic_events
    for c, sums in zip(program.connections, limit.run(events), strict=True):
        expected = (c.matrix() >> 1) @ run.spikes[c.pre].counts()
        assert np.array_equal(sums, expected)
