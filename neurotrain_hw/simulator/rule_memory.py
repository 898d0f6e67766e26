"""Memory of the learning connections of a run: their state, and the rows of addresses that the engine reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neurotrain_hw.simulator import rule_tables as r
from neurotrain_hw.simulator.addresses import address
from neurotrain_hw.simulator.random_streams import RandomNumbers
from neurotrain_hw.simulator.rule_tables import sides_of

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


class Plastic(NamedTuple):
    """State of the learning connections, one after the other.

    `w`, `tag_1`, `tag_2` int32 per synapse, in rows of `row_length` words for each pre neuron; `x` (2 per pre neuron),
    `y` (3 per post neuron) traces; `tx`, `ty` spike times within the epoch; `below` uint8 per rule: whether a tag_1
    stands at -257, below what the accumulator holds.
    """

    w: I32
    tag_1: I32
    tag_2: I32
    x: I32
    y: I32
    tx: I32
    ty: I32
    below: npt.NDArray[np.uint8]


def start_plastic(tables: r.RuleTables, initial: tuple[I32, I32, I32]) -> Plastic:
    """The state at step 0 with these weights, tag_1 and tag_2, which it copies."""
    if not len(tables.rules):
        return _NOTHING
    pre_n, post_n = (int(tables.rules[:, k].sum()) for k in (r.R_PRE_N, r.R_POST_N))
    w, tag_1, tag_2 = (part.copy() for part in initial)
    sizes = {"x": 2 * pre_n, "y": 3 * post_n, "tx": pre_n, "ty": post_n}
    zeros = {k: np.zeros(n, np.int32) for k, n in sizes.items()}
    return Plastic(w, tag_1, tag_2, **zeros, below=np.zeros(len(tables.rules), np.uint8))


_NONE = np.zeros(0, np.int32)
_NOTHING = Plastic(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, np.zeros(0, np.uint8))


class RuleMemory:
    """The rows of the rules for one state, and the room to work in; it must outlive the use of `rows`."""

    def __init__(self, tables: r.RuleTables, plastic: Plastic, counts: I64) -> None:
        self.rows = tables.rules.copy()
        self._alive: tuple[object, ...] = (tables, plastic, counts)
        rooms = [self._rooms(tables, number) for number in range(len(self.rows))]
        self._work = np.zeros(sum(size for sizes in rooms for *_, size in sizes), np.int32)
        at, starts = address(self._work), [0, 0, 0]
        for number, (row, sizes) in enumerate(zip(self.rows, rooms, strict=True)):
            pre_n, post_n = int(row[r.R_PRE_N]), int(row[r.R_POST_N])
            synapse, pre, post = starts
            values = plastic.w, plastic.tag_2, plastic.tag_1
            row[r.R_WEIGHTS_AT : r.R_TAG_1_AT + 1] = [address(array) + synapse * 4 for array in values]
            sides = sides_of(row)
            sides[:, r.S_TRACES_AT] = address(plastic.x) + 2 * pre * 4, address(plastic.y) + 3 * post * 4
            sides[:, r.S_TIMES_AT] = address(plastic.tx) + pre * 4, address(plastic.ty) + post * 4
            row[r.R_BELOW_AT], row[r.R_COUNTS_AT] = address(plastic.below) + number, address(counts[number])
            for column, size in sizes:
                row[column], at = at, at + size * 4
            starts = [synapse + pre_n * int(row[r.R_ROW]), pre + pre_n, post + post_n]

    def feed(self, numbers: RandomNumbers, third: I32) -> None:
        """Point to the random numbers and given third factors (rules, 3, steps or 0, n) of a stretch of steps."""
        self._fed = numbers, third
        for number, row in enumerate(self.rows):
            sides = sides_of(row)
            sides[:, r.S_DRAWN_DECAY_AT] = address(numbers.x_decay[number]), address(numbers.y_decay[number])
            sides[:, r.S_DRAWN_IMPULSE_AT] = address(numbers.x_impulse[number]), address(numbers.y_impulse[number])
            sides[:, r.S_DRAWN_EARLY_AT] = 0, address(numbers.y_impulse_early[number])
            row[r.R_ROUNDING_AT] = address(numbers.weight[number])
            row[r.R_GIVEN_AT] = address(third[number]) if third.shape[2] else 0
            row[r.R_GIVEN_TRACE], row[r.R_GIVEN_STEP] = third.strides[1], third.strides[2]

    def _rooms(self, tables: r.RuleTables, number: int) -> list[tuple[int, int]]:
        """Columns that point to room to work in, with its size in words."""
        row = tables.rules[number]
        products, longest = int(row[r.R_PRODUCTS]), r.padded(max(int(row[r.R_PRE_N]), int(row[r.R_POST_N])))
        # an even number of words first: the next are read in pairs
        found = [(r.R_READY_AT, 2 * (3 + r.Y_COLUMNS * products)), (r.R_LINE_AT, (7 + products) * longest)]
        for k, side in enumerate(sides_of(row)):
            n = r.part_length(int(side[r.S_N]))
            sizes = {
                r.S_LIST_AT: n, r.S_REST_AT: n, r.S_SPIKED_AT: n, r.S_OWN_AT: n,
                r.S_HISTORY_AT: (int(row[r.R_EPOCH]) + 2) * int(side[r.S_TRACES]) * n,
                r.S_PARTS_AT: int(side[r.S_PARTS]),
            }  # fmt: skip
            found += [(r.R_SIDES + k * r.S_COLUMNS + column, size) for column, size in sizes.items()]
        return found
