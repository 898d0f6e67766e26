"""NIR graphs to programs: quantise, lower, place."""

from neurotrain_hw.compiler.lower import compile_graph
from neurotrain_hw.compiler.place import memory_rows, place
from neurotrain_hw.compiler.summary import LayerRow, PoolRow, layer_rows, pool_rows

__all__ = ["LayerRow", "PoolRow", "compile_graph", "layer_rows", "memory_rows", "place", "pool_rows"]
