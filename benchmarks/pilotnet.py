"""A convolutional network of PilotNet's size: steps per second of the simulator and of Lava.

    python benchmarks/pilotnet.py --runs 3

The sizes are those of the network that lava-dl trained for Loihi; weights and inputs are random, thresholds such that
some 8 % of the neurons spike in a step, as in the trained one. The simulator runs in one thread with all its counters.
"""

from __future__ import annotations

import argparse

from against_lava import HEAD, Case
from cases import pilotnet
from machine import heading

STEPS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    turns = parser.parse_args().runs
    print(heading("numba", "numpy"))
    program, inputs = pilotnet()
    case = Case("PilotNet's sizes, 5 % input (need: 100 times)", program, inputs, STEPS, 4, 24)
    print(f"{HEAD}\n{case.row(turns)}\n", flush=True)

    counters = case.simulator(STEPS).counters
    print("| population | neurons | spikes per neuron and step | synaptic events per step |\n|---|---|---|---|")
    incoming = {c.post: counters.connections[c.name].synaptic_events for c in program.connections}
    for p in program.populations:
        rate = counters.populations[p.name].spikes / (p.n * STEPS)
        events = incoming.get(p.name, 0) / STEPS
        print(f"| {p.name} {'x'.join(map(str, p.shape))} | {p.n:,} | {rate:.3f} | {events:,.0f} |")


if __name__ == "__main__":
    main()
