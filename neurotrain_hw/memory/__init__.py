"""Memory: bits by purpose and core of a network on a chip, and the cores that it takes; budgets; what helps.

`widths` turns figures of a chip into bits, `layout` says what a network keeps, `count` multiplies them; `placing` puts
a program on cores with these counts and refuses, with a table and changes that fit, what has no room.
"""

from neurotrain_hw.memory.budget import parse_size, with_budget, with_figures
from neurotrain_hw.memory.count import CoreMemory, Term, core_bits, not_counted, pools
from neurotrain_hw.memory.fill import Filling, cores_of, fill, fits
from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.memory.layout import Group, Layout, Learning, Wire, layout_of, learning_of
from neurotrain_hw.memory.map import MemoryMap, PoolRow, check_map, memory_map, pool_rows
from neurotrain_hw.memory.narrow import narrowed, with_generated_feedback
from neurotrain_hw.memory.placing import memory_rows, place
from neurotrain_hw.memory.remedies import Remedy, remedies
from neurotrain_hw.memory.widths import Width, Widths, in_software

__all__ = [
    "CoreMemory", "Filling", "Generated", "Group", "Layout", "Learning", "MemoryMap", "PoolRow", "Remedy", "Term",
    "Width", "Widths", "Wire", "check_map", "core_bits", "cores_of", "fill", "fits", "in_software", "layout_of",
    "learning_of", "memory_map", "memory_rows", "narrowed", "not_counted", "parse_size", "place", "pool_rows", "pools",
    "remedies", "with_budget", "with_figures", "with_generated_feedback",
]  # fmt: skip
