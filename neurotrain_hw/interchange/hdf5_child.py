"""Run as a script: copies an untrusted HDF5 file to standard output as plain records, under limits it sets itself.

Some damaged files make the HDF5 library loop or crash where no handler in Python reaches; so it works here, in a
process that may be killed. Imports nothing of the package. Arguments: path, bytes of memory, seconds, bytes of data.
Each record is one line of JSON and then the bytes that it announces; the last record is `{"end": true}`. A fault
that is understood is a record `{"fault": ..., "where": ...}`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

MAX_OBJECTS = 20_000
MAX_DEPTH = 16


class Fault(Exception):
    """A fault of the file, at a key."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(what)
        self.what, self.where = what, where


def main(path: str, memory_bytes: int, seconds: int, data_bytes: int) -> int:
    """Copy the file; 0 when all of it was written, 3 after a record of fault."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import h5py

    try:
        with h5py.File(path, "r") as file:
            Copier(h5py, data_bytes).group(file, ())
    except Fault as fault:
        return _fault(fault.what, fault.where)
    except MemoryError:
        return _fault(f"needs more than {memory_bytes / 2**20:.0f} MiB of memory to read", "")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError) as error:
        return _fault(f"the HDF5 library cannot read it: {error}", "")
    _record({"end": True})
    sys.stdout.buffer.flush()
    return 0


class Copier:
    """Walks groups; counts objects and bytes before anything is read."""

    def __init__(self, h5py: Any, data_bytes: int) -> None:
        self.h5py, self.limit, self.left, self.objects = h5py, data_bytes, data_bytes, 0

    def group(self, group: Any, path: tuple[str, ...]) -> None:
        """All that a group holds, depth first."""
        if len(path) > MAX_DEPTH:
            raise Fault(f"groups lie more than {MAX_DEPTH} deep", "/".join(path))
        _record({"path": path, "kind": "group"})
        for name in group:
            here = (*path, name)
            where = "/".join(here)
            self.objects += 1
            if self.objects > MAX_OBJECTS:
                raise Fault(f"holds more than {MAX_OBJECTS} groups and datasets", where)
            if not isinstance(group.get(name, getlink=True), self.h5py.HardLink):
                raise Fault("is a link to another place, which no NIR file needs", where)
            try:
                item = group[name]
            except (KeyError, OSError, RuntimeError) as error:
                raise Fault(f"cannot be opened: {error}", where) from error
            if isinstance(item, self.h5py.Group):
                self.group(item, here)
            elif isinstance(item, self.h5py.Dataset):
                self.dataset(item, here, where)
            else:
                raise Fault("is neither a group nor a dataset", where)

    def dataset(self, item: Any, path: tuple[str, ...], where: str) -> None:
        """One array of numbers, or strings."""
        if item.is_virtual or item.external:
            raise Fault("keeps its data in another file", where)
        if item.shape is None:
            raise Fault("is an empty dataset", where)
        try:
            text = self.h5py.check_string_dtype(item.dtype) is not None
            numeric = item.dtype.kind in "biuf" and item.dtype.itemsize <= 8
        except TypeError as error:
            raise Fault(f"has a type that NumPy does not have: {error}", where) from error
        if not (text or numeric):
            raise Fault(f"has values of type {item.dtype}, neither numbers nor text", where)
        self.left -= item.size * max(item.dtype.itemsize, 1)
        if self.left < 0:
            raise Fault(f"the file holds more than {self.limit / 2**20:.0f} MiB of data", where)
        try:
            value = item[()]
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise Fault(f"cannot be read: {error}", where) from error
        if text:
            found = _texts(value, where)
            self.left -= _length(found)  # texts of any length count as one pointer above
            if self.left < 0:
                raise Fault(f"the file holds more than {self.limit / 2**20:.0f} MiB of data", where)
            _record({"path": path, "kind": "text", "value": found})
        else:
            array = value.astype(value.dtype.newbyteorder("<"))
            if array.dtype.kind == "b":
                array = array.astype("u1")
            data = array.tobytes()
            _record(
                {
                    "path": path,
                    "kind": "array",
                    "dtype": array.dtype.str,
                    "shape": list(item.shape),
                    "bytes": len(data),
                }
            )
            sys.stdout.buffer.write(data)


def _texts(value: Any, where: str) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Fault("holds text that is not UTF-8", where) from error
    if isinstance(value, str):
        return value
    return (
        [_texts(part, where) for part in value.tolist()]
        if hasattr(value, "tolist")
        else [_texts(part, where) for part in value]
    )


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else sum(map(_length, value))


def _record(document: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(document).encode("ascii") + b"\n")


def _fault(what: str, where: str) -> int:
    _record({"fault": what, "where": where})
    sys.stdout.buffer.flush()
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
