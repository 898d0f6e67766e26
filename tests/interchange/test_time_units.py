"""Files whose times count milliseconds, as hxtorch writes them: the same network as one in seconds."""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np
import pytest

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.interchange import read_nir
from neurotrain_hw.reference import run_graph

DT_S = 1e-3
TAU_SYN_MS, TAU_MEM_MS, TAU_MS, RATE = 5.0, 10.0, 20.0, 0.02

pytestmark = pytest.mark.usefixtures("quick_reader")


@pytest.fixture
def written(tmp_path):
    """Two CubaLIF, a delay of 3 ms, LI, and an integrator, with times in milliseconds."""

    def two(value):
        return np.full(2, value)

    nodes = {
        "input": nir.Input(np.array([2])),
        "lif": nir.CubaLIF(two(TAU_SYN_MS), two(TAU_MEM_MS), two(1.0), two(0.0), two(0.3), two(0.0), two(2.0)),
        "delay": nir.Delay(two(3.0)),
        "li": nir.LI(two(TAU_MS), two(1.0), two(0.0)),
        "integrator": nir.I(two(RATE)),
        "output": nir.Output(np.array([2])),
    }
    names = list(nodes)
    nir.write(tmp_path / "ms.nir", nir.NIRGraph(nodes, list(pairwise(names))))
    return tmp_path / "ms.nir"


def test_a_network_in_milliseconds_follows_its_equations(written):
    graph = read_nir(written, dialect="nir", dt_s=DT_S, time_unit="ms")
    assert any("milliseconds, as asked" in note for note in graph.notes)
    x = np.random.default_rng(0).random((60, 2))
    run = run_graph(graph, x)
    i, v, leaky, total, sent = np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2), []
    for t in range(60):  # one step is 1 ms
        i = i + (-i + 2.0 * x[t]) / TAU_SYN_MS
        v = v + (-v + i) / TAU_MEM_MS
        spikes = v > 0.3
        v = np.where(spikes, 0, v)
        sent.append(spikes.astype(float))
        leaky = leaky + (-leaky + (sent[t - 3] if t >= 3 else 0)) / TAU_MS
        total = total + RATE * leaky
        np.testing.assert_array_equal(run.sent["lif"][t], spikes)
        np.testing.assert_allclose(run.v["li"][t], leaky, atol=1e-12)
        np.testing.assert_allclose(run.v["integrator"][t], total, atol=1e-12)
    assert np.sum(sent) > 10


def test_read_as_seconds_it_is_said_that_they_may_be_milliseconds(written):
    graph = read_nir(written, dialect="nir", dt_s=DT_S)
    assert any("is 5 s or longer" in note and "--time-unit ms" in note for note in graph.notes)
    notes = read_nir(written, dialect="nir", dt_s=DT_S, time_unit="ms").notes
    assert not any("or longer" in note for note in notes)


def test_a_unit_where_it_does_not_belong_is_refused(written):
    with pytest.raises(ValueRangeError, match="snntorch have a unit of time of their own"):
        read_nir(written, dialect="snntorch", time_unit="ms")
    with pytest.raises(ValueRangeError, match="without a dialect"):
        read_nir(written, time_unit="ms")
    with pytest.raises(UnknownNameError, match="minutes"):
        read_nir(written, dialect="nir", dt_s=DT_S, time_unit="minutes")
