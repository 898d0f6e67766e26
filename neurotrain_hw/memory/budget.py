"""What if a core had another memory? A size as people write it, and the chip with that size."""

from __future__ import annotations

import re
from dataclasses import replace

from neurotrain_hw.chips import Chip, Figure
from neurotrain_hw.errors import ValueRangeError

_UNITS = {"B": 1, "KB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2}
_LARGEST = 1 << 40
_SOURCE = "budget"


def parse_size(text: str) -> int:
    """Bytes of a size such as `64KiB`, `65.5 KB` or `65536B`; KB is 1,000 bytes, KiB 1,024.

    Raises ValueRangeError for anything else, a part of a byte, 0, and more than 2^40 bytes.
    """
    match = re.fullmatch(r"\s*(\d{1,15})(?:\.(\d{1,9}))?\s*([A-Za-z]*)\s*", text, re.ASCII)
    factor = _UNITS.get(match[3]) if match else None
    if match is None or factor is None:
        raise ValueRangeError(
            f"'{text[:40]}' is no size", where="--budget", need="a number with a unit, as in 64KiB, 65.5KB or 65536B",
            remedy=f"Units: {', '.join(_UNITS)}; KB is 1,000 bytes, KiB 1,024.",
        )  # fmt: skip
    fraction = match[2] or ""
    parts = int("1" + "0" * len(fraction))
    whole, rest = divmod(int(match[1] + fraction) * factor, parts)
    if rest:
        raise ValueRangeError(f"'{text}' is no whole number of bytes", where="--budget", need="whole bytes")
    if not 0 < whole <= _LARGEST:
        raise ValueRangeError(f"'{text}' is {whole:,} bytes", where="--budget", need=f"1 to {_LARGEST:,} bytes")
    return whole


def with_budget(chip: Chip, core_bytes: int) -> Chip:
    """The chip with so many bytes in each core, one pool that synapses, neurons, learning and routing share.

    Whatever the file says of separate memories goes; numbers of cores and of neurons, widths and formats stay.
    """
    return with_figures(
        chip, "chosen here: --budget",
        {
            "memory.sram_core_bytes": core_bytes, "memory.unified": True, "memory.data_bytes_per_core": None,
            "memory.sram_chip_bytes": None, "memory.synapse_bytes_per_core": None,
            "memory.routing_bytes_per_core": None, "memory.pools_bytes": None,
        },
    )  # fmt: skip


def with_figures(chip: Chip, source: str, values: dict[str, int | bool | tuple[str, ...] | None]) -> Chip:
    """The chip with other figures, of status X; None takes a figure away."""
    figures = {key: figure for key, figure in chip.figures.items() if values.get(key, figure) is not None}
    figures |= {key: Figure(key, value, source, "X", _SOURCE) for key, value in values.items() if value is not None}
    return replace(chip, figures=figures)
