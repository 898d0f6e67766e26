"""Compare the runs of one network: in floats, in integers, in Lava."""

from __future__ import annotations

from collections.abc import Callable

from neurotrain_hw.chips import Chip
from neurotrain_hw.compare.result import Comparison
from neurotrain_hw.compare.source import Source
from neurotrain_hw.compare.work import Work
from neurotrain_hw.compiler.lower import Lowered
from neurotrain_hw.data.recordings import Recordings
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph
from neurotrain_hw.program import Program

_CHUNK = 1 << 22
"""Neurons times steps times recordings that are held at a time, in float64 and a few times over."""

Progress = Callable[[str, float], None]


def compare(
    graph: Graph,
    lowered: Lowered,
    chip: Chip,
    recordings: Recordings,
    *,
    program: Program | None = None,
    source: Source | None = None,
    lava_samples: int = 0,
    attribute: bool = True,
    threads: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the runs of a graph and of what it was lowered to.

    `program`: another program of the same network (one that was compiled earlier), which then is the run `chip`; what
    `lowered` holds is the run `compiled`. `source`: where the graph came from, as a run of its own. `lava_samples`: so
    many recordings go through Lava, too. `attribute`: find out what each effect costs (up to 14 runs in
    float64, and two for each layer). Raises ValueRangeError where recordings or program do not go with the graph.
    """
    _check(lowered, program, recordings)
    if source is not None:
        source.check(lowered.network, len(recordings), recordings.steps)
    work = Work(graph, lowered, chip, recordings, program, source, attribute, threads)
    total = len(recordings)
    size = max(1, _CHUNK // (recordings.steps * max(sum(layer.n for layer in lowered.network.layers), 1)))
    for first in range(0, total, size):
        if progress is not None:
            progress("comparing", first / total)
        work.take(first, min(first + size, total))
    if lava_samples:
        if progress is not None:
            progress("Lava", 0.0)
        work.lava(min(lava_samples, total))
    if progress is not None:
        progress("comparing", 1.0)
    return work.result()


def _check(lowered: Lowered, program: Program | None, recordings: Recordings) -> None:
    network = lowered.network
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"it has {len(network.inputs)} inputs", where=lowered.program.name, need="one input to show recordings to"
        )
    source = network.inputs[0]
    if recordings.shape not in (source.shape, (source.n,)):
        raise ValueRangeError(
            f"recordings of shape {recordings.shape}", where=f"input '{source.name}'", need=f"{source.shape}"
        )
    for one in (lowered.program, *([program] if program else [])):
        if one.sample_timing.sample_steps != recordings.steps:
            raise ValueRangeError(
                f"recordings of {recordings.steps} steps", where=f"program '{one.name}'",
                need=f"{one.sample_timing.sample_steps}", remedy="Compile it for as many steps, or cut the recordings.",
            )  # fmt: skip
        spikes = any(c.pre == source.name and not c.num_message_bits for c in one.connections)
        most = int(recordings.x.max())
        if spikes and most > 1:
            raise ValueRangeError(
                f"recordings hold numbers up to {most}, and its input takes spikes", where=f"program '{one.name}'",
                need="spikes", remedy=f"Compile it for numbers of {most.bit_length()} bits (input_bits, --input-bits).",
            )  # fmt: skip
    if program is not None:
        mine, theirs = ({p.name: p.n for p in one.populations} for one in (lowered.program, program))
        if mine != theirs:
            raise ValueRangeError(
                f"its populations are {', '.join(theirs)}", where=f"program '{program.name}'", need=", ".join(mine),
                remedy="Give the program that was compiled from this network.",
            )  # fmt: skip
