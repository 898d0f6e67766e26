"""Budgets: sizes as people write them, and the edge between enough and a bit too little."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cases import learning_digits
from neurotrain_hw.chips import load_chip
from neurotrain_hw.errors import CapacityError, ValueRangeError
from neurotrain_hw.memory import parse_size, place, with_budget
from neurotrain_hw.program import Connection, Population, Program

EDGE, LOIHI1, LOIHI2 = load_chip("edge_sram"), load_chip("loihi1"), load_chip("loihi2")


@pytest.mark.parametrize(
    ("text", "size"),
    [("64KiB", 65536), ("64 KB", 64000), ("65.5KB", 65500), ("1B", 1), ("0.5KiB", 512), (" 2MiB ", 2097152),
     ("1MB", 1000000)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "words"),
    [("64", "a number with a unit"), ("64kib", "Units: B, KB, KiB"), ("-1KiB", "is no size"), ("", "is no size"),
     ("1.5B", "no whole number of bytes"), ("0KiB", "1 to"), ("9999999MiB", "1 to"), ("1e3B", "is no size"),
     ("٦KiB", "is no size"), ("0.0001KB", "no whole number")],
)  # fmt: skip
def test_what_is_no_size_is_refused_with_what_is(text: str, words: str) -> None:
    with pytest.raises(ValueRangeError, match="--budget") as raised:
        parse_size(text)
    assert words in str(raised.value)


def test_a_budget_is_one_pool_of_each_core() -> None:
    chip = with_budget(LOIHI1, 4096)
    program = Program(
        "p", (Population("in", "input", (5,)), Population("n", "lif", (5,), {"du": 0, "dv": 0, "vth": 1,
              "bias_mant": 0, "bias_exp": 0})),
        (Connection("w", "dense", "in", "n", np.ones((5, 5), np.int16)),),
    )  # fmt: skip
    assert {(row.pool, row.limit_bits) for row in place(program, chip).memory} == {("core memory", 4096 * 8)}
    figure = chip.figure("memory.sram_core_bytes")
    assert (figure.status, figure.source) == ("X", "chosen here: --budget")
    assert chip.integer("structure.cores") == 128 and LOIHI1.integer("memory.sram_core_bytes") == 262144


def test_enough_to_the_byte_and_one_byte_too_little() -> None:
    """The program that learns needs 105,216 bits on the generic chip: 13,152 bytes."""
    program, _ = learning_digits()
    assert sum(row.need_bits for row in place(program, with_budget(EDGE, 13152)).memory) == 13152 * 8
    with pytest.raises(CapacityError, match="need 2 cores, limit 1 core") as raised:
        place(program, with_budget(EDGE, 13151))
    whole = raised.value.table[-1]
    assert (whole.need, whole.limit) == (13152 * 8, 13151 * 8)


def test_one_bit_too_little() -> None:
    """Loihi 2, one neuron: 48 bits of state, 57 of parameters, weights of 8 bits: 8 k + 1 bits with k inputs more."""
    for inputs in (1, 2, 50):
        program = Program(
            "p", (Population("in", "input", (inputs,)), Population("n", "lif", (1,), {"du": 0, "dv": 0, "vth": 1,
                  "bias_mant": 0, "bias_exp": 0})),
            (Connection("w", "dense", "in", "n", np.ones((1, inputs), np.int16)),),
        )  # fmt: skip
        need = 48 + 57 + 8 * inputs
        assert need % 8 == 1  # so a budget of whole bytes can be short by exactly one bit
        with pytest.raises(CapacityError, match=f"need {need:,} bits of core memory, limit {need - 1:,}"):
            place(program, with_budget(LOIHI2, need // 8))
        placed = place(program, with_budget(LOIHI2, need // 8 + 1))
        assert sum(row.need_bits for row in placed.memory) == need
