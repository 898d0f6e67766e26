"""Run as a script: decodes AEDAT 4.0 recordings from standard input with the package aedat, under limits.

The decoder takes whole processes down with some damaged files; so it works here, in one that may die. Imports nothing
of the package. Arguments: bytes of memory, seconds of CPU time for one recording. Each recording comes as 8 bytes of
length and its content; the answer is a line of JSON with the number of events, or a fault, then times (int64), x, y
(uint16) and polarities (uint8).
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path


def main(memory_bytes: int, seconds: int) -> None:
    """Answer until standard input ends."""
    import aedat
    import numpy as np

    _limit_memory(memory_bytes)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.aedat4"  # the decoder takes paths alone
        while head := source.read(8):
            path.write_bytes(source.read(int.from_bytes(head, "little")))
            _limit_time(seconds)
            try:
                decoder = aedat.Decoder(path)
                streams = [key for key, stream in decoder.id_to_stream().items() if stream["type"] == "events"]
                packets = [packet["events"] for packet in decoder if streams and packet["stream_id"] == min(streams)]
                if not packets:
                    raise ValueError("it holds no events")
                found = np.concatenate(packets)
            except BaseException as error:  # noqa: BLE001 (what a panic raises is not an Exception; the parent is told)
                out.write(json.dumps({"fault": str(error)[:500]}).encode() + b"\n")
            else:
                out.write(json.dumps({"events": len(found)}).encode() + b"\n")
                for name, kind in (("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("on", "u1")):
                    out.write(found[name].astype(kind).tobytes())
            out.flush()


def _limit_memory(memory_bytes: int) -> None:
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: int) -> None:
    """So many seconds more than were used until now."""
    with contextlib.suppress(ImportError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
