"""N-MNIST recordings of SLAYER's small set as a dataset file: 800 train, 100 validate, 100 test.

    python benchmarks/nmnist_recordings.py FOLDER nmnist.npz --steps 30
    neurotrain-hw train --model MODEL --dataset nmnist.npz --steps 30

FOLDER holds train1K.txt (number and class of each recording) and nmnist_train1000_bs2.tar.xz (its files, N-MNIST's own
format). The first 800 in the order of the list train, the next 100 validate, the last 100 test.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.event_files import read_nmnist
from neurotrain_hw.data.frames import bin_events
from neurotrain_hw.data.members import members

LIST, ARCHIVE = "train1K.txt", "nmnist_train1000_bs2.tar.xz"
SHAPE = (2, 34, 34)
PARTS = (0.8, 0.1, 0.1)


def make(folder: Path, *, steps: int) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays `x` uint8 (N, T, 2, 34, 34), numbers of events, `y` int64 (N,), and `split` uint8 (N,): 0, 1 or 2."""
    lines = [line.split() for line in (folder / LIST).read_text(encoding="utf-8").splitlines() if line[:1].isdigit()]
    content = {Path(name).stem: data for name, data in members(folder / ARCHIVE, (".bs2",))}
    cells = int(np.prod(SHAPE))
    found = [bin_events(read_nmnist(content[number], number), steps=steps, cells=cells) for number, *_ in lines]
    edges = np.cumsum([round(share * len(lines)) for share in PARTS])
    return {
        "x": np.stack(found).reshape(len(lines), steps, *SHAPE),
        "y": np.array([int(label) for _, label, *_ in lines], np.int64),
        "split": np.searchsorted(edges, np.arange(len(lines)), side="right").astype(np.uint8),
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=30, help="bins of equal length of each recording")
    given = parser.parse_args()
    arrays = make(given.folder, steps=given.steps)
    np.savez_compressed(given.out, **arrays)  # type: ignore[arg-type]
    print(f"{given.out}: {arrays['x'].shape}, {np.bincount(arrays['split']).tolist()} train, validate, test")


if __name__ == "__main__":
    main()
