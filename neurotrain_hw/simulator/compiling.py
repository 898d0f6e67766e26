"""Says so when kernels are compiled, which takes some seconds, once on a machine for each part of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event


class _Announcer(event.Listener):  # type: ignore[misc]
    """Prints one line when a compilation begins; it is not called where the kernels come from disk."""

    busy = False  # one thread tells it for all

    def __init__(self) -> None:
        self.began: float | None = None

    def on_start(self, event: Any) -> None:
        if not _Announcer.busy:
            self.began, _Announcer.busy = time.perf_counter(), True
            text = "Compiling the simulator for this processor; this happens once for each kind of network ..."
            print(text, file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        pass


@contextmanager
def announced() -> Iterator[None]:
    """Within the block, a compilation is announced on standard error."""
    announcer = _Announcer()
    try:
        with event.install_listener("numba:compile", announcer):
            yield
    finally:
        _Announcer.busy = _Announcer.busy and announcer.began is None
    if announcer.began is not None:
        seconds = time.perf_counter() - announcer.began
        print(f"Compiled the simulator in {seconds:.0f} s; it is kept on disk.", file=sys.stderr, flush=True)
