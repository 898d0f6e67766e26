"""Typed views of memory at an address, for compiled code.

The kernels get tables of addresses instead of arrays: handing an array to a compiled function costs its reference
count, at every call and every step. Whoever hands out an address keeps its array alive (`state.State` does).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
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
    """Call the compiled C function at an address, void of five int64."""
    del typing_context, address, a, b, c, d, e

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        del signature
        word = ir.IntType(64)
        function = ir.FunctionType(ir.VoidType(), [word] * 5).as_pointer()
        builder.call(builder.inttoptr(values[0], function), values[1:])
        return context.get_dummy_value()

    return types.none(*[types.int64] * 6), make


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
