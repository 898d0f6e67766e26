"""Network shapes from sizes, from models and from programs."""

from __future__ import annotations

import numpy as np
import pytest

from neurotrain_hw.audit import NetworkShape, Wiring, memory_needs
from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import memory_rows, place
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks import load_model
from neurotrain_hw.program import Connection, Modulator, Population, Program
from neurotrain_hw.rules import load_rule

LIF = {"du": 4095, "dv": 410, "vth": 4096, "bias_mant": 0, "bias_exp": 0}


def test_a_chain_from_sizes() -> None:
    shape = NetworkShape.fully_connected((64, 128, 10))
    assert [w.synapses for w in shape.wirings] == [8192, 1280]
    assert (shape.neurons, shape.senders, shape.outputs, shape.weight_bits) == (138, 202, 10, 8)
    with pytest.raises(ValueRangeError):
        NetworkShape.fully_connected((64,))


def test_a_model_has_the_shape_of_its_sizes() -> None:
    shape = NetworkShape.from_model(load_model("digits-fc"))
    chain = NetworkShape.fully_connected((64, 128, 10))
    assert [w.synapses for w in shape.wirings] == [w.synapses for w in chain.wirings]
    assert [layer.role for layer in shape.layers] == ["input", "hidden", "output"]


def test_a_program_with_feedback() -> None:
    shape = NetworkShape.from_program(_program())
    assert [layer.role for layer in shape.layers] == ["input", "input", "hidden", "output"]
    assert [(w.synapses, w.learns, w.feedback) for w in shape.wirings] == [
        (20, True, False), (15, True, False), (15, False, True)
    ]  # fmt: skip


def test_the_audit_counts_the_bits_that_placement_counts() -> None:
    """One core of loihi2: the audit's rows against the memory map of the same program, purpose by purpose."""
    chip = load_chip("loihi2")
    placed = place(_program(), chip)
    mapped: dict[str, int] = {}
    for row in memory_rows(placed, chip):
        mapped[row.purpose] = mapped.get(row.purpose, 0) + row.need_bits
    needs = memory_needs(load_rule("eprop-random"), NetworkShape.from_program(_program()), chip, steps=1)
    assert {n.purpose: n.bits for n in needs} == mapped
    assert set(mapped) >= {"weights", "wider weights", "feedback matrix", "pre traces", "third factors"}


def test_a_connection_to_nowhere_is_refused() -> None:
    shape = NetworkShape.fully_connected((4, 2))
    with pytest.raises(ValueRangeError, match="'nowhere' is no layer"):
        NetworkShape("x", shape.layers, (Wiring("input", "nowhere", 1, 8),))


def _program() -> Program:
    """4 inputs, 5 hidden neurons with fed-back errors, 3 outputs with targets; both forward connections learn."""
    rule = load_rule("eprop-random").plasticity(rng_seed=1)

    def connect(name: str, pre: str, post: str, shape: tuple[int, int]) -> Connection:
        return Connection(name, "dense", pre, post, np.full(shape, 2, np.int16), plasticity=rule)

    return Program(
        "small",
        (
            Population("in", "input", (4,)),
            Population("target", "input", (3,)),
            Population("hidden", "lif", (5,), LIF, Modulator("feedback", psi="box", psi_halfwidth=9)),
            Population("out", "lif", (3,), LIF, Modulator("error", target="target")),
        ),
        (
            connect("in_hidden", "in", "hidden", (5, 4)),
            connect("hidden_out", "hidden", "out", (3, 5)),
            Connection(
                "feedback", "dense", "out", "hidden", np.full((5, 3), 2, np.int16),
                num_message_bits=8, port="signal", pre_port="error",
            ),
        ),
        outputs=("out",),
    )  # fmt: skip
