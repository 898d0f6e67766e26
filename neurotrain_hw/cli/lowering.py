"""What the verbs that turn a graph into integers share: how its file is meant, how its weights are quantised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from neurotrain_hw.compiler.settings import Method, QuantisationSettings

DialectOption = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        help="How a file that was not written by neurotrain-hw is meant: nir, snntorch, norse, sinabs, rockpool, "
        "spyx, spikingjelly or lava-dl.",
    ),
]
DtOption = Annotated[
    float | None, typer.Option("--dt", help="Seconds per step, for dialects whose files do not hold it, as nir.")
]
TimeUnitOption = Annotated[
    str | None,
    typer.Option("--time-unit", help="What a file's times count, s (default) or ms, as hxtorch's; dialect nir."),
]
ResetOption = Annotated[
    str | None, typer.Option("--reset", help="How neurons reset, where the dialect's own is wrong: zero, subtract...")
]
WeightExpOption = Annotated[
    int | None, typer.Option("--weight-exp", help="Shift of the weights (default: chosen for each layer).")
]
QuantiseOption = Annotated[
    str | None,
    typer.Option(
        "--quantise",
        help="How weights are scaled that training left as floats: max (default), percentile (of 99.9, or "
        "percentile:99), mse, or spikes, the scale with the fewest wrong spikes on the data of --calibrate.",
    ),
]
BitsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bits",
        help="Bits of the weights, of all layers (8) or of one layer or connection (NAME=4), which may be repeated.",
    ),
]
PerChannelOption = Annotated[
    bool, typer.Option("--per-channel", help="A scale for each output neuron or channel, not one for the layer.")
]
PowerOfTwoOption = Annotated[bool, typer.Option("--power-of-two", help="Scales that are powers of two.")]
CalibrateOption = Annotated[
    Path | None,
    typer.Option(
        "--calibrate",
        help="Recordings (FILE.npz with x (samples, steps, ...)) to choose scales on; never those of a test.",
    ),
]
NearestOption = Annotated[
    bool, typer.Option("--nearest", help="Where the chip lacks a neuron's reset, take the nearest that it has; noted.")
]


def quantisation(
    method: str | None, bits: list[str] | None, per_channel: bool, power_of_two: bool
) -> QuantisationSettings:
    """The settings that the options ask for; ValueRangeError for what they cannot be."""
    from neurotrain_hw.compiler.settings import QuantisationSettings
    from neurotrain_hw.errors import ValueRangeError

    name, sign, share = (method or "max").partition(":")
    try:
        percentile = float(share) if sign else QuantisationSettings.percentile
    except ValueError:
        percentile = -1.0
    if sign and (name != "percentile" or percentile < 0):
        raise ValueRangeError(f"'{method}'", where="--quantise", need="max, percentile, percentile:99.9, mse or spikes")
    return QuantisationSettings(
        method=cast("Method", name), percentile=percentile, per_channel=per_channel, power_of_two=power_of_two,
        bits=_bits(bits),
    )  # fmt: skip


def calibration(path: Path | None, steps: int) -> Any:
    """The recordings of --calibrate, None without; ValueRangeError where they have another number of steps."""
    from neurotrain_hw.data.recordings import read_recordings
    from neurotrain_hw.errors import ValueRangeError

    if path is None:
        return None
    found = read_recordings(path)
    if found.steps != steps:
        raise ValueRangeError(
            f"recordings of {found.steps} steps", where=str(path), need=f"{steps} steps, as --steps says"
        )
    return found.x


def _bits(given: list[str] | None) -> int | dict[str, int] | None:
    """One number for all layers, or a table by the names of layers or connections."""
    from neurotrain_hw.errors import ValueRangeError

    if not given:
        return None
    table: dict[str, int] = {}
    for text in given:
        name, sign, value = text.rpartition("=")
        if not value.isdecimal() or (not sign and len(given) > 1):
            raise ValueRangeError(f"'{text}'", where="--bits", need="a number, or NAME=NUMBER, each with --bits")
        if not sign:
            return int(value)
        table[name] = int(value)
    return table
