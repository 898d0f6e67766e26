"""A graph to a program of integers: read it, quantise its layers, put them together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.assemble import assemble
from neurotrain_hw.compiler.calibrate import Calibration, calibrate
from neurotrain_hw.compiler.ideal import IdealLayer, IdealNetwork, IdealSynapses
from neurotrain_hw.compiler.integer_layer import integer_layer
from neurotrain_hw.compiler.integers import IntegerLayer
from neurotrain_hw.compiler.membrane import WEIGHT_ONE, membrane
from neurotrain_hw.compiler.mixed import mixed_bits
from neurotrain_hw.compiler.read_graph import read_graph
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph
from neurotrain_hw.memory.layout import layout_of
from neurotrain_hw.program import Program

CalibrationInputs: TypeAlias = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]

# What makes a chip's neuron the one of lava proc/lif/models.py, whose integers are made here.
_ARITHMETIC = {"neuron.u_bits": 24, "neuron.v_bits": 24, "neuron.decay_bits": 12, "neuron.threshold_exp": 6}


@dataclass(frozen=True, eq=False)
class Lowered:
    """A program with what it was made from: the network before rounding, and the integers of each layer, whose order is
    that of `network.layers`."""

    network: IdealNetwork
    layers: tuple[IntegerLayer, ...]
    program: Program


class LoweringOptions(TypedDict, total=False):
    """What the three functions below may be given beside the steps of a sample; see `compile_graph`."""

    settings: QuantisationSettings | None
    weight_exp: int | None
    nearest: bool
    calibration: CalibrationInputs | None
    input_bits: int
    name: str


def compile_graph(graph: Graph, chip: Chip, *, steps: int, **options: Unpack[LoweringOptions]) -> Program:
    """The program of a graph on a Loihi-class chip, not yet placed on cores (see `place`).

    `steps`: steps T of a sample; a layer of depth d works on it in steps d+1 .. d+T and is reset before them.
    `settings`: how weights are quantised that training left as floats. `weight_exp`: the shift of the first connection
    onto each layer; None chooses one per layer. `nearest`: where the chip lacks a neuron's reset or floor, take the
    nearest that it has, and note it. `calibration`: inputs (samples, steps, *shape) to choose scales on. `input_bits`:
    bits of the whole numbers that inputs carry; 0: they spike. Populations bear the names of the neurons' nodes,
    connections those of the weights' nodes; weights are packed as the chip stores them. The chip's file says where a
    neuron spikes and how it overflows. `Program.notes` holds what rounding did, in numbers.
    Raises UnsupportedError for what cannot be lowered (node, reason, remedy), ValueRangeError for weights that all
    become zero and for parameters out of range.
    """
    return lower(graph, chip, steps=steps, **options).program


def lower(
    graph: Graph,
    chip: Chip,
    *,
    steps: int,
    settings: QuantisationSettings | None = None,
    weight_exp: int | None = None,
    nearest: bool = False,
    calibration: CalibrationInputs | None = None,
    input_bits: int = 0,
    name: str = "",
) -> Lowered:
    """As `compile_graph`, with what the program was made from."""
    _check_chip(chip)
    if steps < 1:
        raise ValueRangeError(f"{steps} steps per sample", where="steps", need="at least 1")
    settings = settings or QuantisationSettings()
    if weight_exp is not None:
        settings = replace(settings, weight_exp=weight_exp)
    network = read_graph(graph, chip, nearest=nearest)
    settings.check_names([*(layer.name for layer in network.layers), *(s.name for s in network.synapses)])
    found = None if calibration is None else calibrate(network, calibration)
    layers = tuple(_integers(network, layer, chip, settings, steps, found) for layer in network.layers)
    return Lowered(network, layers, assemble(network, layers, chip, steps=steps, input_bits=input_bits, name=name))


def lower_mixed(
    graph: Graph, chip: Chip, *, steps: int, chips: int | None = 1, budget_bytes: int | None = None,
    **options: Unpack[LoweringOptions],
) -> Lowered:  # fmt: skip
    """As `lower`, with fewer bits for the connections where they cost least, until the network fits.

    `chips`: the most that it may take; `budget_bytes`: of all its weights, where given. Raises CapacityError where even
    the fewest bits do not fit.
    """
    settings, calibration = options.get("settings") or QuantisationSettings(), options.get("calibration")
    widest = lower(graph, chip, steps=steps, **options)
    found = None if calibration is None else calibrate(widest.network, calibration)
    mixed = mixed_bits(
        widest.network, layout_of(widest.program), chip, settings, steps=steps, calibration=found, chips=chips,
        budget_bytes=budget_bytes,
    )  # fmt: skip
    options["settings"] = replace(settings, bits=dict(mixed.bits))
    lowered = lower(graph, chip, steps=steps, **options)
    return replace(lowered, program=replace(lowered.program, notes=(*lowered.program.notes, *mixed.notes)))


def _integers(
    network: IdealNetwork, layer: IdealLayer, chip: Chip, settings: QuantisationSettings, steps: int,
    calibration: Calibration | None,
) -> IntegerLayer:  # fmt: skip
    synapses = network.onto(layer.name)
    if synapses:
        exp = _own_exponent(layer, synapses[0])
        if exp is not None:
            settings = replace(settings, weight_exp=exp)
        return integer_layer(layer, synapses, chip, settings, steps=steps, calibration=calibration)
    unit = np.full(layer.n, float(np.max(layer.threshold, where=np.isfinite(layer.threshold), initial=0.0)) or 1.0)
    unit /= 1 << 17  # nothing arrives: a threshold of 2^11 times 64
    cells = membrane(layer, unit, chip)
    return IntegerLayer(layer, (), unit, cells.du, cells.dv, cells.vth, cells.bias_mant, cells.bias_exp)


def _own_exponent(layer: IdealLayer, first: IdealSynapses) -> int | None:
    """The exponent with which the chip counts its membrane in the source's steps; None where the source has none."""
    if layer.unit is None or first.quantisation is None:
        return None
    # mixed weights of 8 bits are even; kernels are taken as they are
    grid = 1 if first.conv is not None and not first.delay else 1 << (9 - first.quantisation.bits)
    rows = first.quantisation.scales(first.row_scale.size) * np.abs(first.row_scale)
    if not rows.all() or np.any(rows != rows[0]):
        return None
    exp = math.log2(float(rows[0]) / (layer.unit * grid * WEIGHT_ONE))
    return int(exp) if exp == int(exp) else None


def _check_chip(chip: Chip) -> None:
    """UnsupportedError unless the chip has the 24-bit current-based LIF of Loihi and Loihi 2."""
    models = chip.texts("neuron.models") or ()
    wrong = [f"{key} {chip.figure(key).words}" for key, value in _ARITHMETIC.items() if chip.integer(key) != value]
    if "cuba-lif" not in models or wrong:
        raise UnsupportedError(
            f"its neurons are not those that graphs are lowered to ({', '.join(wrong) or 'no cuba-lif'})",
            where=f"chip '{chip.id}'", need="a current-based LIF with 24-bit state and 12-bit decays",
            remedy="Compile for loihi2 or loihi1.",
        )  # fmt: skip
