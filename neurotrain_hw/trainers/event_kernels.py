"""Compiled loops over lists of spikes: sums of rows of a matrix, held in vector registers while they are summed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

compiled = njit(cache=True, nogil=True, error_model="numpy")
TILE, LANES = 512, 64
"""Bytes of a row that are summed at once: the most, and what a row's length must be a multiple of."""

_I32, _I64 = ir.IntType(32), ir.IntType(64)


@compiled
def enlist(rows, columns, start):
    """The columns of all entries that are 1, row by row, into columns, and where rows begin into start (M + 1,).

    The number of entries; -1 where one is neither 0 nor 1, or where columns is too short.
    """
    at, n = 0, rows.shape[1]
    start[0] = 0
    for r in range(rows.shape[0]):
        others = 0
        for i in range(n):
            others += (rows[r, i] != 0) & (rows[r, i] != 1)
        if others or at + n > columns.shape[0]:
            return -1
        for i in range(n):
            columns[at] = i
            at += rows[r, i] != 0
        start[r + 1] = at
    return at


@compiled
def turn(columns, start, group, first, rows):
    """The same entries by column, within groups of so many rows: rows (entries,), first (groups, columns + 1)."""
    n_columns = first.shape[1] - 1
    for g in range(first.shape[0]):
        begin, end = g * group, min((g + 1) * group, len(start) - 1)
        first[g, :] = 0
        for p in range(start[begin], start[end]):
            first[g, columns[p] + 1] += 1
        first[g, 0] = start[begin]
        for i in range(n_columns):
            first[g, i + 1] += first[g, i]
        for r in range(begin, end):
            for p in range(start[r], start[r + 1]):
                rows[first[g, columns[p]]] = r
                first[g, columns[p]] += 1
        for i in range(n_columns, 0, -1):
            first[g, i] = first[g, i - 1]
        first[g, 0] = start[begin]


def _adder(width_bytes: int) -> Any:
    """An intrinsic: out[:width] += sum of table[chosen[p]][:width], p from begin to end; addresses in bytes.

    Where `fresh` is not 0, what `out` held counts for nothing.
    """

    @intrinsic
    def add_rows(typing_context, kind, table_at, stride, chosen_at, begin, end, out_at, fresh):
        size = kind.dtype.bitwidth // 8

        def make(context, builder, signature, values):
            number = ir.FloatType() if size == 4 else ir.DoubleType()
            _sum(builder, ir.VectorType(number, width_bytes // size), size, *values[1:])
            return context.get_dummy_value()

        return types.none(kind, *(types.int64,) * 7), make

    return add_rows


def _sum(
    builder: Any, vector: Any, size: int, table_at: Any, stride: Any, chosen_at: Any, begin: Any, end: Any, out_at: Any,
    fresh: Any,
) -> None:  # fmt: skip
    target = builder.inttoptr(out_at, vector.as_pointer())
    old = builder.load(target, align=size)
    old = builder.select(builder.icmp_signed("!=", fresh, _I64(0)), ir.Constant(vector, None), old)
    before, loop, done = builder.block, builder.append_basic_block("rows"), builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", begin, end), loop, done)
    builder.position_at_end(loop)
    p, total = builder.phi(_I64), builder.phi(vector)
    number = builder.load(builder.inttoptr(builder.add(chosen_at, builder.mul(p, _I64(4))), _I32.as_pointer()), align=4)
    row_at = builder.add(table_at, builder.mul(builder.sext(number, _I64), stride))
    more = builder.fadd(total, builder.load(builder.inttoptr(row_at, vector.as_pointer()), align=size))
    after = builder.add(p, _I64(1))
    builder.cbranch(builder.icmp_signed("<", after, end), loop, done)
    for phi, first, next_one in ((p, begin, after), (total, old, more)):
        phi.add_incoming(first, before)
        phi.add_incoming(next_one, loop)
    builder.position_at_end(done)
    result = builder.phi(vector)
    result.add_incoming(old, before)
    result.add_incoming(more, loop)
    builder.store(result, target, align=size)


_add_tile, _add_lanes = _adder(TILE), _adder(LANES)


@compiled
def add_chosen(table, chosen, first, fresh, out):
    """out[r] += sum of table[chosen[p]], p from first[r] to first[r + 1]; rows are multiples of LANES bytes.

    Where `fresh` is not 0, `out` is written and not added to.
    """
    stride = table.shape[1] * table.itemsize
    table_at, chosen_at, out_at = table.ctypes.data, chosen.ctypes.data, out.ctypes.data
    for r in range(out.shape[0]):
        begin, end, here, at = first[r], first[r + 1], out_at + r * stride, 0
        while at + TILE <= stride:
            _add_tile(table, table_at + at, stride, chosen_at, begin, end, here + at, fresh)
            at += TILE
        while at < stride:
            _add_lanes(table, table_at + at, stride, chosen_at, begin, end, here + at, fresh)
            at += LANES
