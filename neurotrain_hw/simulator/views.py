"""Typed views of memory at an address, for compiled code.

The kernels get tables of addresses instead of arrays: handing an array to a compiled function costs its reference
count, at every call and every step. Whoever hands out an address keeps its array alive (`state.State` does).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

kernel = njit(nogil=True, error_model="numpy")
"""Compiles a function that runs without Python's lock; divisors are never 0, so none is checked."""

inlined = njit(nogil=True, error_model="numpy", forceinline=True)
"""As `kernel`, into whatever calls it."""


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:  # Numba asks for the name of the first argument
    """The address as an untyped pointer."""
    del typing_context, address

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.voidptr(types.int64), make


@inlined
def words(address, n):
    """int32 (n,)."""
    return carray(_pointer(address), n, np.int32)


@inlined
def wide(address, n):
    """int64 (n,)."""
    return carray(_pointer(address), n, np.int64)


@inlined
def signed_bytes(address, n):
    """int8 (n,)."""
    return carray(_pointer(address), n, np.int8)


@inlined
def plain_bytes(address, n):
    """uint8 (n,)."""
    return carray(_pointer(address), n, np.uint8)
