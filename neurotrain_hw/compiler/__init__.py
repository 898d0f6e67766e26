"""NIR graphs to programs: read, quantise, lower, place."""

from neurotrain_hw.compiler.lower import Lowered, compile_graph, lower, lower_mixed
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.compiler.summary import LayerRow, layer_rows
from neurotrain_hw.memory import PoolRow, memory_rows, place, pool_rows

__all__ = [
    "LayerRow", "Lowered", "PoolRow", "QuantisationSettings", "compile_graph", "layer_rows", "lower", "lower_mixed",
    "memory_rows", "place", "pool_rows",
]  # fmt: skip
