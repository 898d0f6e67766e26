"""The program `neurotrain-hw`: memory and signals first, then the command line."""

from __future__ import annotations

import atexit
import gc
import signal


def main() -> None:
    """Entry point of `neurotrain-hw`; being told to end (SIGTERM) clears up as Ctrl-C does."""
    gc.set_threshold(50_000)  # loading modules makes many objects and little garbage; looking less often saves time
    atexit.register(gc.freeze)  # else all that was loaded is taken apart at the end, object by object
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are loaded there is nothing to clear up
    from neurotrain_hw.cli import app, output

    signal.signal(signal.SIGINT, output.on_interrupt)
    signal.signal(signal.SIGTERM, output.on_interrupt)
    app()


if __name__ == "__main__":
    main()
