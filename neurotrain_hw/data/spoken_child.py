"""Run as a script: copies the recordings of an SHD or SSC file to standard output, under limits it sets itself.

Some damaged files make the HDF5 library loop or crash where no handler in Python reaches; so it works here, in a
process that may be killed. Imports nothing of the package. Arguments: path, bytes of memory, seconds of CPU time.
Each recording is a line of JSON with its label and number of events, then its times (float64, seconds) and its units
(int32). The last line is `{"end": true}`, or `{"fault": ...}`.
"""

from __future__ import annotations

import contextlib
import json
import sys


def main(path: str, memory_bytes: int, seconds: int) -> None:
    """Copy the file, one recording at a time."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import h5py
    import numpy as np

    out = sys.stdout.buffer
    try:
        with h5py.File(path, "r") as file:
            times, units, labels = file["spikes/times"], file["spikes/units"], file["labels"]
            if not times.shape == units.shape == labels.shape or len(labels.shape) != 1:
                raise ValueError(f"times, units and labels differ in shape: {times.shape} {units.shape} {labels.shape}")
            for item in (times, units, labels):
                if item.is_virtual or item.external:
                    raise ValueError("it keeps its data in another file")
            for k, label in enumerate(labels[()]):
                t, unit = np.asarray(times[k], np.float64), np.asarray(units[k], np.int32)
                if t.ndim != 1 or t.shape != unit.shape:
                    raise ValueError(f"recording {k} has {t.shape} times and {unit.shape} units")
                out.write(json.dumps({"label": int(label), "events": t.size}).encode() + b"\n")
                out.write(t.tobytes() + unit.tobytes())
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        out.write(json.dumps({"fault": f"cannot be read: {error}"[:2000]}).encode() + b"\n")
    else:
        out.write(b'{"end": true}\n')
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
