"""NIR graphs to programs: quantise, lower, place."""

from neurotrain_hw.compiler.lower import compile_graph
from neurotrain_hw.compiler.narrow import narrowed, with_generated_feedback
from neurotrain_hw.compiler.place import memory_rows, place
from neurotrain_hw.compiler.remedies import Remedy
from neurotrain_hw.compiler.summary import LayerRow, layer_rows
from neurotrain_hw.memory import PoolRow, pool_rows

__all__ = [
    "LayerRow", "PoolRow", "Remedy", "compile_graph", "layer_rows", "memory_rows", "narrowed", "place", "pool_rows",
    "with_generated_feedback",
]  # fmt: skip
