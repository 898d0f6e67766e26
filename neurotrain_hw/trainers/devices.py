"""Where the arithmetic of a run happens: the CPU, or a CUDA device; random numbers are drawn on the CPU for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from neurotrain_hw.errors import UnsupportedError, ValueRangeError


def device_of(name: str) -> torch.device:
    """`cpu`, `cuda` or `cuda:1`; ValueRangeError for another name, UnsupportedError where there is no such device."""
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()) or (kind == "cpu" and number):
        raise ValueRangeError(f"got '{name}'", where="device", need="cpu, cuda or cuda:NUMBER")
    if kind == "cpu":
        return torch.device("cpu")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= found:
        raise UnsupportedError(
            f"torch {torch.__version__} sees {found} CUDA devices here", where=f"device {name}",
            remedy="Use --device cpu, or install a torch that is built for the machine's CUDA.",
        )  # fmt: skip
    return torch.device(name)


@contextmanager
def one_thread() -> Iterator[None]:
    """CPU arithmetic on one thread, so that the number of cores changes no bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
