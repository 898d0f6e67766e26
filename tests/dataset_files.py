"""Small files in the true formats of the datasets, put together byte by byte from the formats' descriptions."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

Event = tuple[int, int, int, int]
"""x, y, polarity, time in microseconds."""


def some_events(rng: np.random.Generator, count: int, size: int, last: int) -> list[Event]:
    """Random events on a square sensor, in the order of their times, 0 to `last`."""
    t = np.sort(rng.integers(0, last + 1, count))
    x, y, p = rng.integers(0, size, count), rng.integers(0, size, count), rng.integers(0, 2, count)
    return [tuple(map(int, event)) for event in zip(x, y, p, t, strict=True)]  # type: ignore[misc]


def nmnist_bin(events: Sequence[Event]) -> bytes:
    """N-MNIST: x, y, one bit of polarity and 23 bits of time, the highest byte first."""
    return b"".join(bytes([x, y, p << 7 | t >> 16 & 127, t >> 8 & 255, t & 255]) for x, y, p, t in events)


def gesture_npy(events: Sequence[Event], kind: str = "<i8") -> bytes:
    """tonic's DVS Gesture: an .npy array (events, 4) of x, y, p and milliseconds."""
    rows = np.array([(x, y, p, t // 1000) for x, y, p, t in events], kind)
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {rows.shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + rows.tobytes()


def aedat2(events: Sequence[Event]) -> bytes:
    """A DVS128's AEDAT 2.0, from events upright: the chip's own rows and columns run the other way."""
    head = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# Timestamps tick is 1 us\r\n"
    words = [((127 - x) << 8 | (127 - y) << 1 | (1 - p), t) for x, y, p, t in events]
    return head + b"".join(struct.pack(">II", address, t) for address, t in words)


def aedat31(events: Sequence[Event], *, per_packet: int = 70) -> bytes:
    """AEDAT 3.1: comments, then packets with a head of 28 bytes; one packet is of another kind, one event not valid."""
    out = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
    out += struct.pack("<hhiiiiii", 0, 1, 8, 4, 0, 1, 1, 1) + bytes(8)  # a special event
    for k in range(0, len(events), per_packet):
        some = events[k : k + per_packet]
        out += struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, len(some) + 1, len(some) + 1, len(some))
        out += b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for x, y, p, t in some)
        out += struct.pack("<II", 5 << 17 | 5 << 2, 0)
    return out


def aedat4(events: Sequence[Event], *, per_packet: int = 50) -> bytes:
    """AEDAT 4.0, uncompressed, with one stream of events."""
    info = (
        b'<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">'
        b'<node name="0" path="/mainloop/Recorder/outInfo/0/">'
        b'<attr key="compression" type="string">NONE</attr>'
        b'<attr key="originalModuleName" type="string">capture</attr>'
        b'<attr key="originalOutputName" type="string">events</attr>'
        b'<attr key="typeDescription" type="string">Array of events (polarity ON/OFF).</attr>'
        b'<attr key="typeIdentifier" type="string">EVTS</attr>'
        b'<node name="info" path="/mainloop/Recorder/outInfo/0/info/">'
        b'<attr key="sizeX" type="int">128</attr><attr key="sizeY" type="int">128</attr>'
        b'<attr key="source" type="string">DVS128</attr><attr key="tsOffset" type="long">0</attr>'
        b"</node></node></node></dv>"
    )
    out = b"#!AER-DAT4.0\r\n" + _io_header(info)
    for k in range(0, len(events), per_packet):
        packet = _event_packet(events[k : k + per_packet])
        out += struct.pack("<ii", 0, len(packet)) + packet
    return out


def _io_header(info: bytes) -> bytes:
    """FlatBuffer IOHeader: compression (int, 0: none), position of the data table (long, -1: none), text."""
    text = struct.pack("<I", len(info)) + info + b"\0"
    # vtable (4 + 3 * 2 bytes, padded) then table: soffset, compression, long, offset of the text
    vtable = struct.pack("<HHHHH", 10, 24, 4, 8, 16) + b"\0\0"
    table_at = 8 + len(vtable)  # behind root offset and identifier
    table = struct.pack("<iiqI", len(vtable), 0, -1, 8) + b"\0\0\0\0"
    body = struct.pack("<I", table_at) + b"IOHE" + vtable + table + text
    return struct.pack("<I", len(body)) + body


def _event_packet(events: Sequence[Event]) -> bytes:
    """Size-prefixed FlatBuffer EventPacket: a vector of structs of 16 bytes (time, x, y, on), aligned to 8."""
    vtable = struct.pack("<HHH", 6, 8, 4) + b"\0\0"
    table_at = 8 + len(vtable)
    # positions are counted behind the size; the vector's data must lie on a multiple of 8 in the whole buffer
    table = struct.pack("<iI", len(vtable), 4)
    vector = struct.pack("<I", len(events))
    body = struct.pack("<I", table_at) + b"EVTS" + vtable + table + vector
    body += b"".join(struct.pack("<qhhB3x", t, x, y, p) for x, y, p, t in events)
    return struct.pack("<I", len(body)) + body


def spoken_h5(path: Path, recordings: Sequence[tuple[Sequence[float], Sequence[int]]], labels: Sequence[int]) -> None:
    """SHD and SSC: HDF5 with lists of float16 seconds and uint16 units, labels, and speakers."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, kind, part in (("times", "<f2", 0), ("units", "<u2", 1)):
            data = file.create_dataset(f"spikes/{name}", (len(recordings),), h5py.vlen_dtype(np.dtype(kind)))
            for k, recording in enumerate(recordings):
                data[k] = np.array(recording[part], kind)
        file["labels"] = np.array(labels, "<u2")
        file["extra/speaker"] = np.zeros(len(labels), "<u2")
        file["extra/keys"] = np.array([b"zero", b"one"])


def idx(array: np.ndarray) -> bytes:
    """idx of unsigned bytes: two zeros, 8, number of axes, their lengths with the highest byte first, data."""
    return b"\0\0\x08" + bytes([array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape) + array.tobytes()


def idx_folder(folder: Path, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """The files of MNIST in a folder; parts: train or t10k, and images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in parts.items():
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), mtime=0))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), mtime=0))


def cifar_records(images: np.ndarray, labels: np.ndarray) -> bytes:
    """CIFAR-10's binary version: one byte of label, then red, green and blue, row by row."""
    return b"".join(bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True))


def mat5(variables: dict[str, np.ndarray], *, compress: bool = True) -> bytes:
    """A MATLAB file of version 5: 128 bytes of head, then a matrix element for each variable (uint8 or double)."""
    out = b"MATLAB 5.0 MAT-file, written for a test".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49)
    for name, array in variables.items():
        kind, number = {"u1": (9, 2), "f8": (6, 9)}[array.dtype.str[1:]]
        parts = [
            (6, struct.pack("<II", kind, 0)),
            (5, struct.pack(f"<{array.ndim}i", *array.shape)),
            (1, name.encode()),
            (number, array.tobytes(order="F")),
        ]
        matrix = b"".join(struct.pack("<II", code, len(data)) + data + b"\0" * (-len(data) % 8) for code, data in parts)
        element = struct.pack("<II", 14, len(matrix)) + matrix
        if compress:
            packed = zlib.compress(element)
            element = struct.pack("<II", 15, len(packed)) + packed
        out += element
    return out


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A .zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A .tar.gz archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
