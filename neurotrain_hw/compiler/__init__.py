"""NIR graphs to programs: quantise, lower, place."""

from neurotrain_hw.compiler.lower import compile_graph
from neurotrain_hw.compiler.summary import LayerRow, layer_rows
from neurotrain_hw.memory import PoolRow, memory_rows, place, pool_rows

__all__ = ["LayerRow", "PoolRow", "compile_graph", "layer_rows", "memory_rows", "place", "pool_rows"]
