"""A compiled program as a file for other tools: lava-dl's netx, or a script of Lava's processes."""

from __future__ import annotations

from pathlib import Path

from neurotrain_hw.compiler.netx_layers import netx_of
from neurotrain_hw.errors import UnknownNameError
from neurotrain_hw.interchange.netx_file import write_netx
from neurotrain_hw.lava.script import write_script
from neurotrain_hw.program import Program

FORMATS = ("netx", "lava")


def export_program(program: Program, out: str | Path, *, format: str) -> tuple[str, ...]:
    """Write a program to `out`; returns notes on how to use the file, and on what it does not hold.

    `netx`: lava-dl's `.net`, read and compiled again the same integers. `lava`: a Python script, and its arrays beside
    it. Raises UnsupportedError naming the part that the format cannot hold, UnknownNameError for another format.
    """
    out = Path(out)
    if format == "netx":
        found = netx_of(program)
        write_netx(found.layers, out)
        arguments = f", {found.arguments}" if found.arguments else ""
        notes = [f"in lava-dl: netx.hdf5.Network(net_config='{out.name}'{arguments})"]
        if found.reset_interval is not None:
            bits = f" --input-bits {found.input_message_bits}" if found.input_message_bits else ""
            notes.append(f"back here: neurotrain-hw compile {out.name} --steps {found.reset_interval}{bits}")
        return (*notes, "names, placement and scales are not in the file: netx has no place for them")
    if format == "lava":
        arrays = write_script(program, out)
        return (f"its arrays are in {arrays.name}", f"in Lava's environment: python {out.name} INPUTS.npz OUT.npz")
    raise UnknownNameError("export format of a program", format, FORMATS)
