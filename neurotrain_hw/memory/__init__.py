"""Memory: bits by purpose and core of a network on a chip, from one table of widths; budgets; weights from a seed."""

from neurotrain_hw.memory.budget import parse_size, with_budget, with_figures
from neurotrain_hw.memory.count import CoreMemory, Term, core_bits, not_counted, pools
from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.memory.layout import Group, Layout, Learning, Wire, layout_of, learning_of
from neurotrain_hw.memory.map import MemoryMap, PoolRow, memory_map, pool_rows
from neurotrain_hw.memory.widths import Width, Widths, in_software

__all__ = [
    "CoreMemory", "Generated", "Group", "Layout", "Learning", "MemoryMap", "PoolRow", "Term", "Width", "Widths",
    "Wire", "core_bits", "in_software", "layout_of", "learning_of", "memory_map", "not_counted", "parse_size",
    "pool_rows", "pools", "with_budget", "with_figures",
]  # fmt: skip
