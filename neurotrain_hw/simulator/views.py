"""Typed views of memory at an address, for compiled code.

The kernels get tables of addresses instead of arrays: handing an array to a compiled function costs its reference
count, at every call and every step. Whoever hands out an address keeps its array alive (`state.State` does).
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model
from numba.np import arrayobj

_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

kernel = njit(**_OPTIONS)
"""Compiles a function that only compiled code calls; divisors are never 0, so none is checked."""

inlined = njit(**_OPTIONS, forceinline=True)
"""As `kernel`, into whatever calls it."""


def _view_of(item: Any, name: str) -> Any:
    """A function of compiled code, (address, n) -> array (n,) that owns nothing.

    It does what `numba.carray` does, without the checks of shapes and the messages that are compiled for each use.
    """
    view = types.Array(item, 1, "C")

    def typed(typing_context: Any, address: Any, n: Any) -> Any:  # Numba asks for the name of the first argument
        del typing_context, address, n

        def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            del signature
            address, n = values
            array = arrayobj.make_array(view)(context, builder)
            size = context.get_constant(types.intp, item.bitwidth // 8)
            data = builder.inttoptr(address, array.data.type)
            arrayobj.populate_array(array, data=data, shape=[n], strides=[size], itemsize=size, meminfo=None)
            return array._getvalue()

        return view(types.int64, types.intp), make

    # Numba fixes the names of the arguments that it sees, and the cached code knows the function by its name
    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


@intrinsic
def call(typing_context: Any, address: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """What the compiled C function at an address returns, int64 of five int64."""
    del typing_context, address, a, b, c, d, e

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        del signature
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word] * 5).as_pointer()
        return builder.call(builder.inttoptr(values[0], function), values[1:])

    return types.int64(*[types.int64] * 6), make


signed_bytes = _view_of(types.int8, "signed_bytes")
"""int8 (n,) at an address."""

plain_bytes = _view_of(types.uint8, "plain_bytes")
"""uint8 (n,) at an address."""

halves = _view_of(types.int16, "halves")
"""int16 (n,) at an address."""

words = _view_of(types.int32, "words")
"""int32 (n,) at an address."""

wide = _view_of(types.int64, "wide")
"""int64 (n,) at an address."""

reals = _view_of(types.float64, "reals")
"""float64 (n,) at an address."""


class TableRow(types.Type):
    """A row of a table of int64: its address, and nothing else, so that it compiles fast and is passed for nothing."""

    def __init__(self) -> None:
        super().__init__(name="TableRow")


TABLE_ROW = TableRow()


@register_model(TableRow)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager: Any, row: TableRow) -> None:
        super().__init__(manager, row, ir.IntType(64))


@intrinsic
def table_row(typing_context, address):
    """The row of a table at an address."""
    return TABLE_ROW(types.int64), lambda context, builder, signature, values: values[0]


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        row = arguments[0]
        return signature(types.int64, row, types.intp) if isinstance(row, TableRow) else None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        row = arguments[0]
        return signature(types.none, row, types.intp, types.int64) if isinstance(row, TableRow) else None


def _entry(builder: Any, row: Any, column: Any) -> Any:
    size = ir.Constant(ir.IntType(64), 8)
    return builder.inttoptr(builder.add(row, builder.mul(column, size)), ir.IntType(64).as_pointer())


@lower_builtin(operator.getitem, TableRow, types.intp)
def _get(context, builder, signature, values):
    return builder.load(_entry(builder, *values))


@lower_builtin(operator.setitem, TableRow, types.intp, types.int64)
def _set(context, builder, signature, values):
    row, column, value = values
    builder.store(value, _entry(builder, row, column))
    return context.get_dummy_value()
