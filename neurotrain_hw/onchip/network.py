"""The program that learns: input -> hidden -> output, each layer by a rule of the library, all on the chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler import place
from neurotrain_hw.compiler.learning import weight_rounding
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.onchip.feedback import Place, SignalPath, error_modulator, rule_number, signal_path
from neurotrain_hw.program import (
    Arithmetic,
    Connection,
    Modulator,
    Plasticity,
    Population,
    Program,
    Timing,
    WeightRounding,
)
from neurotrain_hw.program.synapses import truncation
from neurotrain_hw.rules import Rule

Start = Literal["random", "trained", "readout"]
"""What a network starts from: random hidden weights that learn, trained hidden weights that learn on, or random hidden
weights that stay as they are (the readout-only control)."""


@dataclass(frozen=True)
class OnChipNetwork:
    """Sizes and neuron constants of the learning network, in the chip's integers.

    `steps`: T steps per sample. `dv`: membrane decay of 12 bits. `*_vth`: threshold mantissa (theta = vth << 6).
    `weight_exp`: exponent of both plastic connections. `hidden_spread`: standard deviation of the random hidden
    weights, in weight units (-256..254); the readout starts from zero.
    """

    inputs: int
    hidden: int
    outputs: int
    steps: int = 20
    dv: int = 410
    hidden_vth: int = 4096
    output_vth: int = 2816
    weight_exp: int = 2
    hidden_spread: float = 64.0


@dataclass(frozen=True, eq=False)
class TrainedHidden:
    """A hidden layer compiled from a trained network: integer weights (n_hidden, n_in), exponent, threshold, decay."""

    weights: npt.NDArray[np.integer]
    weight_exp: int
    vth: npt.NDArray[np.int32]
    dv: npt.NDArray[np.int32]

    @classmethod
    def of(cls, program: Program) -> TrainedHidden:
        """The first layer of a compiled program."""
        first = program.connections[0]
        population = program.population(first.post)
        return cls(first.matrix(), first.weight_exp, population.parameter("vth"), population.parameter("dv"))


def build_program(
    network: OnChipNetwork,
    hidden_rule: Rule,
    readout_rule: Rule,
    chip: Chip,
    *,
    seed: int,
    start: Start = "random",
    trained: TrainedHidden | None = None,
    weight_bits: int | None = None,
    rounding: WeightRounding | None = None,
) -> Program:
    """The learning program, placed on a chip: CapacityError where weights, traces and feedback do not fit.

    `seed` draws the hidden weights and the feedback and seeds the rounding. The rules give equation, traces and the
    constants of the modulators (their `defaults`); the hidden rule's signal is one of `signals()`. `start` "trained"
    takes the hidden layer from `trained`. `weight_bits`: of learned weights and the first ones, see `Plasticity`.
    `rounding` None: as the chip's file and the rule say.
    """

    def plasticity(rule: Rule, rng_seed: int) -> Plasticity:
        how = rounding or weight_rounding(chip, rule)
        return rule.plasticity(rng_seed=rng_seed, rounding=how, weight_bits=weight_bits)

    rng = np.random.default_rng(seed)
    drawn = rng.normal(0.0, network.hidden_spread, (network.hidden, network.inputs))
    spread = _even(drawn) if weight_bits is None else _nearest(drawn, weight_bits)
    hidden = trained if start == "trained" else TrainedHidden(
        spread, network.weight_exp, _all(network.hidden, network.hidden_vth), _all(network.hidden, network.dv)
    )  # fmt: skip
    if hidden is None:
        raise ValueRangeError("start is 'trained' and no trained layer was given", where="build_program")
    if hidden.weights.shape != spread.shape:
        raise ValueRangeError(
            f"the trained layer has shape {hidden.weights.shape}", where="build_program", need=spread.shape
        )  # fmt: skip
    learns, arithmetic, error = start != "readout", chip_arithmetic(chip), error_modulator(readout_rule)
    path = SignalPath(None)
    if learns:
        scale = int(rule_number(hidden_rule, "feedback_weight_max"))
        feedback = _even(rng.uniform(-scale, scale + 1, (network.hidden, network.outputs)))
        theta = float(np.mean(hidden.vth)) * 64
        path = signal_path(
            Place(hidden_rule, feedback, theta, network.steps, network.dv, error, arithmetic,
                  plasticity(readout_rule, 4 * seed + 200_001))
        )  # fmt: skip
    populations = (
        Population("in", "input", (network.inputs,)),
        Population("target", "input", (network.outputs,)),
        _lif("hidden", hidden.vth, hidden.dv, network.steps, 1, path.modulator, arithmetic),
        _lif("out", _all(network.outputs, network.output_vth), _all(network.outputs, network.dv), network.steps, 2,
             path.error or error, arithmetic),
        *path.populations,
    )  # fmt: skip
    connections = (
        Connection("in-hidden", "dense", "in", "hidden", hidden.weights.astype(np.int16), hidden.weight_exp,
                   weight_bits or 8, "mixed", plasticity=plasticity(hidden_rule, 4 * seed + 101) if learns else None),
        Connection("hidden-out", "dense", "hidden", "out", np.zeros((network.outputs, network.hidden), np.int16),
                   network.weight_exp, weight_bits or 8, "mixed",
                   plasticity=plasticity(readout_rule, 4 * seed + 100_001)),
        *path.connections,
    )  # fmt: skip
    program = Program(
        f"on-chip-{start}", populations, connections, ("out",), chip.id,
        timing=Timing(network.steps, {"hidden": 1, "out": 2}),
    )  # fmt: skip
    return place(program, chip)


def target_levels(network: OnChipNetwork, readout_rule: Rule) -> npt.NDArray[np.int32]:
    """Target of the right class at each of the T steps, int32 (T,): it rises as the output's own trace can.

    level * (1 - a^t) / (1 - a^T), rounded, with a = 1 - trace_decay / 4096: a neuron that fires steadily makes no
    error while its trace still charges. The other classes have target 0.
    """
    a = 1 - rule_number(readout_rule, "trace_decay") / 4096
    rise: npt.NDArray[np.float64] = 1 - np.power(a, np.arange(1.0, network.steps + 1))
    levels: npt.NDArray[np.int32] = np.rint(rule_number(readout_rule, "target_level") * rise / rise[-1]).astype(
        np.int32
    )
    return levels


def _lif(
    name: str,
    vth: npt.NDArray[np.int32],
    dv: npt.NDArray[np.int32],
    steps: int,
    depth: int,
    modulator: Modulator | None,
    arithmetic: Arithmetic,
) -> Population:
    """Loihi-class LIF without current memory, reset when a sample reaches its layer."""
    parameters: Mapping[str, int | npt.NDArray[np.int32]] = {
        "du": 4095, "dv": _scalar(dv), "vth": _scalar(vth), "bias_mant": 0, "bias_exp": 0, "reset_interval": steps,
        "reset_offset": depth + 1,
    }  # fmt: skip
    return Population(name, "lif_reset", (len(vth),), parameters, modulator, arithmetic)


def _even(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """On the grid of mixed 8-bit weights: even integers from -256 to 254."""
    whole = np.clip(np.trunc(values), -256, 255).astype(np.int32)
    return (whole >> 1) << 1


def _nearest(values: npt.NDArray[np.float64], weight_bits: int) -> npt.NDArray[np.int32]:
    """On the grid of mixed weights of so few bits: multiples of 2^(9 - bits) from -256 on."""
    step = 1 << truncation("mixed", weight_bits)
    whole: npt.NDArray[np.int32] = np.clip(np.rint(values / step) * step, -256, 256 - step).astype(np.int32)
    return whole


def _all(n: int, value: int) -> npt.NDArray[np.int32]:
    return np.full(n, value, np.int32)


def _scalar(values: npt.NDArray[np.int32]) -> int | npt.NDArray[np.int32]:
    return int(values[0]) if bool(np.all(values == values[0])) else values
