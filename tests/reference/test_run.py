"""Graphs over time: neurons against their equations, loops, delays, several inputs, batches, and what is refused."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning
from neurotrain_hw.reference import run_graph

EULER = NodeMeaning("zero", "euler")


def full(n: int, value: float) -> np.ndarray:
    return np.full(n, float(value))


def lif(n: int = 1, **changes: float) -> nir.LIF:
    values = {"tau": 0.01, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changes
    return nir.LIF(**{key: full(n, value) for key, value in values.items()})


def graph(
    nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], meaning: dict[str, NodeMeaning] | None = None,
    n: int = 1, loops: str = "neurons",
) -> Graph:  # fmt: skip
    """A graph of n-neuron nodes between `in` and `out`, steps of 1 ms."""
    ends = {"in": nir.Input(np.array([n])), "out": nir.Output(np.array([n]))}
    found = {name: EULER for name, node in nodes.items() if isinstance(node, nir.LIF | nir.CubaLIF | nir.IF)}
    network = nir.NIRGraph(ends | nodes, edges, type_check=False)
    return Graph(network, Meaning(1e-3, found | (meaning or {}), "float64", loops))  # type: ignore[arg-type]


def one(node: nir.NIRNode, meaning: NodeMeaning, x: list[float]) -> tuple[list[float], list[float]]:
    """What one neuron sends, and its potential."""
    made = graph({"a": node}, [("in", "a"), ("a", "out")], {"a": meaning})
    run = run_graph(made, np.array(x)[:, None])
    return run.sent["a"][:, 0].tolist(), run.v["a"][:, 0].tolist()


# beta 0.5, unit gain, threshold 1: sums that are exact in binary.
HALF = {"tau": 0.002, "r": 2.0}


@pytest.mark.parametrize(
    ("reset", "x", "spikes", "v"),
    [
        ("none", [2, 0, 0], [1, 0, 0], [2, 1, 0.5]),
        ("zero", [2, 0, 2], [1, 0, 1], [0, 0, 0]),
        ("subtract", [4, 0, 0], [1, 1, 0], [3, 0.5, 0.25]),
        ("subtract_multiple", [4.5, 0, 0], [4, 0, 0], [0.5, 0.25, 0.125]),
        ("subtract_pending", [4, 0, 0], [1, 0, 0], [3, 1.5, 0.75]),
        ("zero_delayed", [2, 3, 0.5], [1, 1, 0], [2, 3, 0.5]),
        ("zero_held", [2, 3, 0.5], [1, 0, 0], [2, 0, 0.5]),
        ("once", [0.5, 3, 3], [0, 1, 0], [0.5, 0, 0]),
        ("subtract_before", [3, 0, 0], [1, 0, 0], [3, 1, 0.5]),
        ("subtract_delayed", [3, 0, 0], [1, 0, 0], [3, 0.5, 0.25]),
    ],
)
def test_resets_by_hand(reset, x, spikes, v):
    sent, potential = one(lif(**HALF), NodeMeaning(reset, "euler"), x)
    assert sent == spikes and potential == v


def test_a_pending_subtraction_that_fires_again():
    """v 3 stays above 1 after the first spike; 2.5 - 1 fires: one threshold is taken, not two."""
    assert one(lif(**HALF), NodeMeaning("subtract_pending", "euler"), [4, 1, 0]) == ([1, 1, 0], [3, 1.5, 0.75])


@pytest.mark.parametrize(
    ("meaning", "x", "spikes"),
    [
        (NodeMeaning("zero", "euler"), [1, 0.5], [0, 0]),
        (NodeMeaning("zero", "euler", threshold="reached"), [1, 1], [1, 1]),
        (NodeMeaning("zero_delayed", "euler", decided="before"), [2, 0, 0], [0, 1, 0]),
    ],
)
def test_when_a_neuron_spikes(meaning, x, spikes):
    assert one(lif(**HALF), meaning, x)[0] == spikes


def test_a_floor_under_the_potential():
    assert one(lif(**HALF), NodeMeaning("zero", "euler", floor="threshold"), [-5, 0])[1] == [-1, -0.5]


def test_v_reset_and_v_leak():
    _, v = one(lif(tau=0.002, r=2.0, v_leak=0.5, v_reset=-0.25), EULER, [2, 0])
    assert v == [-0.25, 0.125]


@pytest.mark.parametrize("kind", ["I", "LI", "CubaLI", "IF", "LIF", "CubaLIF"])
@pytest.mark.parametrize("integration", ["euler", "exponential"])
def test_every_kind_follows_its_equation(kind, integration):
    """Against the equation with a constant input: many small steps come to the exact solution."""
    shared = {"r": full(1, 3.0), "v_leak": full(1, 0.2)}
    fields = {
        "I": {"r": shared["r"]}, "IF": {"r": shared["r"], "v_threshold": full(1, 9)},
        "LI": {"tau": full(1, 0.05), **shared}, "LIF": {"tau": full(1, 0.05), **shared, "v_threshold": full(1, 9)},
        "CubaLI": {"tau_syn": full(1, 0.02), "tau_mem": full(1, 0.05), "w_in": full(1, 2.0), **shared},
        "CubaLIF": {"tau_syn": full(1, 0.02), "tau_mem": full(1, 0.05), "w_in": full(1, 2.0), **shared,
                    "v_threshold": full(1, 9)},
    }[kind]  # fmt: skip
    x, t, n = 0.7, 0.06, 6000
    made = graph(
        {"a": getattr(nir, kind)(**fields)}, [("in", "a"), ("a", "out")], {"a": NodeMeaning("zero", integration)}
    )
    made = Graph(made.nir, Meaning(t / n, made.meaning.nodes, "float64"))
    found = run_graph(made, np.full((n, 1), x)).v["a"][-1, 0]
    drive, tau_s, tau_m = 3.0 * x, 0.02, 0.05
    if kind in ("I", "IF"):
        expected = drive * t
    elif kind in ("LI", "LIF"):
        expected = (0.2 + drive) * (1 - np.exp(-t / tau_m))
    else:  # i = w x (1 - exp(-t/tau_s)), into the membrane's first-order lag
        slow, fast = np.exp(-t / tau_m), np.exp(-t / tau_s)
        expected = (0.2 + 2 * drive) * (1 - slow) - 2 * drive * tau_s / (tau_s - tau_m) * (fast - slow)
    assert found == pytest.approx(expected, rel=2e-3)


def test_a_kind_that_does_not_spike_sends_its_potential():
    made = graph({"a": nir.LI(full(1, 0.002), full(1, 2.0), full(1, 0))}, [("in", "a"), ("a", "out")], {"a": EULER})
    run = run_graph(made, np.ones((3, 1)))
    assert run.sent["out"][:, 0].tolist() == run.v["a"][:, 0].tolist() == [1, 1.5, 1.75]


LOOP = [("in", "a"), ("a", "w"), ("w", "a"), ("a", "out")]


@pytest.mark.parametrize(("loops", "first"), [("neurons", 2.0), ("edges", 1.0)])
def test_a_bias_in_a_loop_acts_from_the_first_step_or_the_second(loops, first):
    weights = nir.Affine(np.array([[0.0]]), np.array([1.0]))
    made = graph({"a": lif(v_threshold=99.0, **HALF), "w": weights}, LOOP, loops=loops)
    run = run_graph(made, np.ones((2, 1)))
    assert run.v["a"][:, 0].tolist() == [first, first / 2 + 2]


def test_around_a_loop_a_spike_comes_a_step_late():
    made = graph({"a": lif(**HALF), "w": nir.Linear(np.array([[-8.0]]))}, LOOP)
    assert run_graph(made, np.full((4, 1), 2.0)).sent["a"][:, 0].tolist() == [1, 0, 0, 1]


def test_a_neuron_that_feeds_itself():
    made = graph({"a": lif(**HALF)}, [("in", "a"), ("a", "a"), ("a", "out")])
    run = run_graph(made, np.array([[2.0], [0.5], [0.0]]))
    assert run.sent["a"][:, 0].tolist() == [1, 1, 0] and run.v["a"][:, 0].tolist() == [0, 0, 1]


def test_feedback_from_a_deeper_layer_goes_the_long_way():
    """in -> a -> b -> back -> a: only what comes back is late."""
    edges = [("in", "a"), ("a", "b"), ("b", "back"), ("back", "a"), ("b", "out")]
    made = graph({"a": lif(**HALF), "b": lif(**HALF), "back": nir.Linear(np.array([[-8.0]]))}, edges)
    run = run_graph(made, np.full((3, 1), 2.0))
    assert run.sent["a"][:, 0].tolist() == [1, 1, 0] and run.sent["b"][:, 0].tolist() == [0, 1, 0]
    assert run.v["a"][:, 0].tolist() == [0, 0, 2 - 8]


def test_a_loop_without_time_is_refused():
    edges = [("in", "u"), ("u", "w"), ("w", "u"), ("w", "out")]
    made = graph({"u": nir.Linear(np.eye(1)), "w": nir.Linear(np.eye(1))}, edges)
    for loops in ("neurons", "edges"):
        made = Graph(made.nir, Meaning(1e-3, loops=loops))
        with pytest.raises(UnsupportedError, match="without a neuron or a delay"):
            run_graph(made, np.ones((2, 1)))


def test_a_delay_in_a_loop_is_time_enough():
    edges = [("in", "w"), ("w", "d"), ("d", "w"), ("w", "out")]
    made = graph({"d": nir.Delay(full(1, 0.002)), "w": nir.Linear(np.eye(1))}, edges)
    assert run_graph(made, np.array([[1.0], [0], [0], [0], [0]])).sent["out"][:, 0].tolist() == [1, 0, 1, 0, 1]


def test_delays_of_their_own_for_each_value():
    made = graph({"d": nir.Delay(np.array([0.0, 0.001, 0.003]))}, [("in", "d"), ("d", "out")], n=3)
    x = np.arange(1.0, 6.0)[:, None] * np.ones(3)
    expected = [[1, 0, 0], [2, 1, 0], [3, 2, 0], [4, 3, 1], [5, 4, 2]]
    assert run_graph(made, x).sent["out"].tolist() == expected


def test_what_a_node_sends_may_be_late_by_its_meaning():
    made = graph({"w": nir.Linear(np.eye(1))}, [("in", "w"), ("w", "out")], {"w": NodeMeaning(delay_steps=2)})
    assert run_graph(made, np.array([[1.0], [2], [3], [4]])).sent["out"][:, 0].tolist() == [0, 0, 1, 2]


def test_neurons_that_spike_on_the_old_potential_need_no_delay_in_a_loop():
    """Spyx: the spikes of a step reach the neuron's own weights in that step, and the next layer, too."""
    old = NodeMeaning("subtract_delayed", "euler", decided="before")
    made = graph({"a": lif(**HALF), "w": nir.Linear(np.array([[-3.0]]))}, LOOP, {"a": old})
    run = run_graph(made, np.array([[4.0], [0], [0]]))
    assert run.sent["a"][:, 0].tolist() == [0, 1, 0] and run.v["a"][:, 0].tolist() == [4, 2 - 3 - 1, -1]


def test_several_inputs_and_outputs_add_up():
    nodes = {"more": nir.Input(np.array([1])), "sum": nir.Scale(full(1, 2)), "late": nir.Output(np.array([1]))}
    edges = [("in", "sum"), ("more", "sum"), ("sum", "out"), ("more", "late")]
    made = graph(nodes, edges)
    run = run_graph(made, {"in": np.ones((2, 1)), "more": np.full((2, 1), 3.0)})
    assert run.sent["out"].tolist() == [[8], [8]] and run.sent["late"].tolist() == [[3], [3]]


def test_a_batch_is_its_samples():
    rng = np.random.default_rng(1)
    nodes = {"a": lif(4), "w": nir.Linear(rng.normal(size=(4, 4)))}
    made = graph(nodes, LOOP, n=4)
    x = rng.normal(0.2, 0.5, size=(30, 3, 4))
    whole = run_graph(made, x)
    for k in range(3):
        single = run_graph(made, x[:, k])
        np.testing.assert_allclose(single.v["a"], whole.v["a"][:, k], atol=1e-12)
        assert np.array_equal(single.sent["a"], whole.sent["a"][:, k])
    assert whole.sent["a"].sum() > 10


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"inputs": np.ones((3, 2))}, ValueRangeError, r"\(T, \*\(1,\)\)"),
        ({"inputs": {"inn": np.ones((3, 1))}}, UnknownNameError, "Did you mean in"),
        ({"inputs": {}}, ValueRangeError, "nothing for the input 'in'"),
        ({"inputs": np.ones((3, 1)), "record": ["b"]}, UnknownNameError, "'b'"),
    ],
)
def test_what_does_not_fit(arguments, error, words):
    made = graph({"a": lif()}, [("in", "a"), ("a", "out")])
    with pytest.raises(error, match=words):
        run_graph(made, **arguments)


def test_a_neuron_without_a_meaning_is_refused():
    made = graph({"a": lif()}, [("in", "a"), ("a", "out")], {"a": NodeMeaning()})
    with pytest.raises(UnsupportedError, match="does not say how"):
        run_graph(made, np.ones((2, 1)))


def test_a_delay_beyond_all_memory_is_refused():
    made = graph({"d": nir.Delay(full(1, 1e9))}, [("in", "d"), ("d", "out")])
    with pytest.raises(ValueRangeError, match="too long"):
        run_graph(made, np.ones((2, 1)))
