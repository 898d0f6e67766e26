"""The program `neurotrain-hw`: signals first, then the command line."""

from __future__ import annotations

import signal


def main() -> None:
    """Entry point of `neurotrain-hw`; being told to end (SIGTERM) clears up as Ctrl-C does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are loaded there is nothing to clear up
    from neurotrain_hw.cli import app, output

    signal.signal(signal.SIGINT, output.on_interrupt)
    signal.signal(signal.SIGTERM, output.on_interrupt)
    app()


if __name__ == "__main__":
    main()
