"""Program: the integer network, its placement on cores and its memory map.

A program holds integers only. It is what the compiler makes, what the simulator and Lava run, and what a person
who starts from integers builds by hand. Time is part of it: a value that a population sends at
step t reaches the target of a connection at step t+1 (`delays` add to that); steps are counted from 1, as in Lava.
"""

from neurotrain_hw.program.connection import (
    TRACE_KEYS,
    Connection,
    ConnectionKind,
    Plasticity,
    Port,
    PrePort,
    SignMode,
    WeightRounding,
)
from neurotrain_hw.program.modulator import Modulator
from neurotrain_hw.program.population import (
    LIF_KINDS,
    PARAMETERS,
    STATES,
    Arithmetic,
    IntOrArray,
    Population,
    PopulationKind,
)
from neurotrain_hw.program.program import CoreSlice, MemoryRow, Program, Timing
from neurotrain_hw.program.synapses import Convolution, PackedWeights, SparseWeights, Weights

__all__ = [
    "LIF_KINDS", "PARAMETERS", "STATES", "TRACE_KEYS", "Arithmetic", "Connection", "ConnectionKind", "Convolution",
    "CoreSlice", "IntOrArray", "MemoryRow", "Modulator", "PackedWeights", "Plasticity", "Population", "PopulationKind",
    "Port", "PrePort", "Program", "SignMode", "SparseWeights", "Timing", "WeightRounding", "Weights",
]  # fmt: skip
