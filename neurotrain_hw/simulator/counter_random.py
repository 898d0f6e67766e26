"""Random numbers by counter: the same for a synapse and an epoch, whatever else is drawn or skipped.

Threefry-2x32 with 20 rounds. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
Once in NumPy, to read and to compare with, and once compiled, sixteen numbers at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurotrain_hw.simulator.lanes import NEURONS, every, load, store
from neurotrain_hw.simulator.rule_tables import R_DROPS, R_LINE_AT, R_NOW, R_POST_N, R_PRE_N, R_SEED
from neurotrain_hw.simulator.traces import padded
from neurotrain_hw.simulator.views import inlined, kernel, table_row

U32 = npt.NDArray[np.uint32]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
BLOCKS = 5
"""Of four rounds each, after each of which the key is added again."""


def threefry(key: tuple[int, int], counter: tuple[npt.ArrayLike, npt.ArrayLike]) -> U32:
    """The first of the two words of 32 bits of each counter, in the counter's shape; all words of 32 bits."""
    keys = [np.uint32(key[0]), np.uint32(key[1]), np.uint32(key[0] ^ key[1] ^ PARITY)]
    with np.errstate(over="ignore"):  # words wrap
        x = np.asarray(counter[0], np.uint32) + keys[0]
        y = np.asarray(counter[1], np.uint32) + keys[1]
        for block in range(BLOCKS):
            for turn in ROTATIONS[block % 2]:
                x = x + y
                y = ((y << np.uint32(turn)) | (y >> np.uint32(32 - turn))) ^ x
            x = x + keys[(block + 1) % 3]
            y = y + keys[(block + 2) % 3] + np.uint32(block + 1)
    return np.asarray(x, np.uint32)


def rounding_key(seed: int, target: int) -> tuple[int, int]:
    """The key of a connection's `rng_seed`, below 2^62, and of what is rounded: 0 weight, 1 tag_2, 2 tag_1."""
    return seed & 0xFFFFFFFF, seed >> 32 | target << 30


def rounding_numbers(seed: int, target: int, n_pre: int, n_post: int, epoch: int) -> U32:
    """The random numbers, uint32 (n_post, n_pre), that round in the given learning epoch, counted from 1.

    The counter is (post + n_post * pre, epoch).
    """
    synapse = np.arange(n_pre * n_post, dtype=np.uint64).reshape(n_pre, n_post).T
    return threefry(rounding_key(seed, target), (synapse.astype(np.uint32), np.uint32(epoch)))


@kernel
def draw_lifts(rule_at, list_at, count, neuron, which):
    """What rounds each synapse of a line: 2^bits - 1 less the upper bits of its random number, at `lifts_of`.

    Added before the lower `bits` are dropped, it rounds up with the probability of what is dropped. The line leads
    from a neuron to those of a list; `which`: 2 * target, plus 1 where the line is that of a post neuron.
    """
    rule, target = table_row(rule_at), which >> 1
    bits, post_n, epoch = 7 + (rule[R_DROPS] if target == 0 else 0), rule[R_POST_N], rule[R_NOW]
    into_at, key_0, key_1 = lifts_of(rule), rule[R_SEED] & 0xFFFFFFFF, rule[R_SEED] >> 32 | target << 30
    start, step = (every(neuron), every(post_n)) if which & 1 else (every(neuron * post_n), every(1))
    last = every((1 << bits) - 1)
    key_0, key_1, key_2 = every(key_0), every(key_1), every(key_0 ^ key_1 ^ PARITY)
    for i in range(0, count * 4, NEURONS * 4):
        x, y = start + step * load(list_at + i) + key_0, every(epoch) + key_1
        for block in range(BLOCKS):
            if block & 1:
                x, y = _rounds(x, y, 17, 29, 16, 24)
            else:
                x, y = _rounds(x, y, 13, 15, 26, 6)
            more = every(block + 1)
            if block % 3 == 0:
                x, y = x + key_1, y + key_2 + more
            elif block % 3 == 1:
                x, y = x + key_2, y + key_0 + more
            else:
                x, y = x + key_0, y + key_1 + more
        store(into_at + i, last - (x >> (32 - bits) & last))


@inlined
def lifts_of(rule):
    """Where a line's lifts lie: after the six lines of values before and after."""
    return rule[R_LINE_AT] + 6 * padded(max(rule[R_PRE_N], rule[R_POST_N])) * 4


@inlined
def _rounds(x, y, a, b, c, d):
    for turn in (a, b, c, d):
        x = x + y
        y = (y << turn | y >> (32 - turn) & every((1 << turn) - 1)) ^ x
    return x, y
