"""Weights in the chip's form, against formulas written down here: truncation, packing, rows, convolutions, refusals."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from program_forms import MODES, random_weights

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.program.synapses import (
    Convolution,
    PackedWeights,
    SparseWeights,
    chunks,
    pack_weights,
    row_chunks,
    sparse_weights,
    truncate_weights,
)
from neurotrain_hw.program.weight_check import check_packed, check_sparse

BITS = range(1, 9)


def chip_weight(w: int, mode: str, bits: int) -> int:
    """One weight as the chip holds it, in Python integers: 2^k times a whole number, after clipping."""
    if mode == "inhibitory":
        return -chip_weight(-w, "excitatory", bits)
    k = 8 - bits + (mode == "mixed")
    w = min(max(w, -256 if mode == "mixed" else 0), 255)
    return w // 2**k * 2**k


@pytest.mark.parametrize(("mode", "bits"), list(itertools.product(MODES, BITS)))
def test_truncated_packed_and_sparse_weights_are_those_of_the_formula(mode: str, bits: int) -> None:
    """Every integer that somebody may give, in rows of every length up to 19, so that planes end anywhere."""
    rng = np.random.default_rng(bits)
    for n_post in range(1, 20):
        weights = np.arange(-300, 301).reshape(1, -1)
        weights = np.resize(np.append(weights, random_weights(rng, (n_post,), mode)), (n_post, 601))
        expected = [[chip_weight(int(w), mode, bits) for w in row] for row in weights]
        assert truncate_weights(weights, mode, bits).tolist() == expected
        packed = pack_weights(weights, mode, bits)
        check_packed(packed, mode, bits, "here")
        assert packed.matrix().tolist() == expected and packed.shape == weights.shape
        sparse = sparse_weights(weights, mode, bits)
        check_sparse(sparse, mode, bits, "here")
        assert sparse.matrix().tolist() == expected and sparse.nnz == np.count_nonzero(expected)


def test_packed_weights_lie_where_the_docstring_says() -> None:
    """Post neuron p * h + k in bits p * b to (p + 1) * b of byte k, read bit by bit."""
    for mode, bits, n_post in itertools.product(MODES, (1, 2, 3, 8), (1, 7, 16, 33)):
        weights = random_weights(np.random.default_rng(n_post), (n_post, 5), mode)
        packed, stored = pack_weights(weights, mode, bits), {1: 1, 2: 2, 3: 4, 8: 8}[bits]
        width = packed.data.shape[1]
        assert width == -(-n_post * stored // 8) or width == -(-n_post // (8 // stored))
        for i, j in itertools.product(range(5), range(n_post)):
            plane, k = divmod(j, width)
            field = [int(packed.data[i, k]) >> bit & 1 for bit in range(plane * stored, (plane + 1) * stored)]
            value = sum(bit << at for at, bit in enumerate(field))
            value -= (mode == "mixed" and field[-1]) << stored
            value *= 2**packed.shift * (-1 if mode == "inhibitory" else 1)
            assert value == chip_weight(int(weights[j, i]), mode, bits)


def test_a_dense_8_bit_synapse_takes_one_byte() -> None:
    assert pack_weights(np.ones((784, 256), np.int16), "mixed", 8).data.nbytes == 784 * 256


def test_rows_of_sparse_weights_with_their_delays() -> None:
    weights = np.array([[0, 2, 0], [4, 0, 0], [-6, 8, 0]])
    delays = np.array([[9, 1, 9], [2, 9, 9], [3, 4, 9]])
    rows = sparse_weights(weights, "mixed", 8, delays)
    assert rows.pointer.tolist() == [0, 2, 4, 4] and rows.post.tolist() == [1, 2, 0, 2]
    assert rows.mantissa.tolist() == [2, -3, 1, 4] and rows.values().tolist() == [4, -6, 2, 8]
    assert rows.delay is not None and rows.delay.tolist() == [2, 3, 1, 4]
    assert rows.delays().tolist() == np.where(weights != 0, delays, 0).tolist()
    assert (rows.pointer.dtype, rows.post.dtype, rows.mantissa.dtype) == (np.int64, np.int32, np.int8)


def test_a_synapse_that_truncation_makes_zero_is_not_stored() -> None:
    assert sparse_weights(np.array([[1, 2], [-1, 0]]), "mixed", 8).matrix().tolist() == [[0, 2], [-2, 0]]
    assert sparse_weights(np.array([[1, 2], [1, 0]]), "mixed", 8).nnz == 1


def test_packing_takes_little_memory_beside_the_result() -> None:
    weights = np.ones((4000, 4000), np.int8)
    for pack in (pack_weights, sparse_weights):
        tracemalloc.start()
        weights[:] = pack is pack_weights  # nothing to store for sparse rows
        packed = pack(weights, "mixed", 8)
        size = packed.data.nbytes if isinstance(packed, PackedWeights) else packed.post.nbytes
        assert tracemalloc.get_traced_memory()[1] < size + 60_000_000
        tracemalloc.reset_peak()
        if isinstance(packed, PackedWeights):
            check_packed(packed, "mixed", 8, "here")
            assert tracemalloc.get_traced_memory()[1] < size + 1_000_000
        tracemalloc.stop()


def test_truncation_takes_little_memory_beside_the_result() -> None:
    """Also of weights that do not lie in C order, which are copied once."""
    weights = np.arange(-8_000_000, 8_000_000, dtype=np.int32).reshape(4000, 4000)
    for given, copies in ((weights, 0), (weights.T, 1)):
        tracemalloc.start()
        found = truncate_weights(given, "mixed", 8)
        assert tracemalloc.get_traced_memory()[1] < (1 + copies) * weights.nbytes + 60_000_000
        tracemalloc.stop()
        assert found.flags.c_contiguous and (found == np.clip(given, -256, 255) // 2 * 2).all()


def test_chunks_cover_every_row_once() -> None:
    for rows, width in ((0, 5), (1, 1), (10, 1 << 30), (3_000_000, 1), (5000, 1000)):
        found = list(chunks(rows, width))
        assert [k for first, last in found for k in range(first, last)] == list(range(rows))
        assert all((last - first) * width <= 1 << 20 or last - first == 1 for first, last in found)
    for counts in ([], [0, 0, 3], [3 << 20, 0, 1 << 20, 1, 1 << 19, 1 << 19, 0]):
        pointer = np.append(0, np.cumsum(counts)).astype(np.int64)
        found = list(row_chunks(pointer))
        assert [k for first, last in found for k in range(first, last)] == list(range(len(counts)))
        assert all(pointer[b] - pointer[a] <= 1 << 20 or b - a == 1 for a, b in found)


@pytest.mark.parametrize("seed", range(30))
def test_the_shape_and_reach_of_a_convolution_against_counting(seed: int) -> None:
    """Every output position whose taps begin on the padded input and end on it; every tap that lies on an input."""
    rng = np.random.default_rng(seed)
    size, kernel = rng.integers(1, 12, 2), rng.integers(1, 5, 2)
    pairs = [tuple(int(v) for v in rng.integers(low, 4, 2)) for low in (1, 0, 1)]
    geometry = Convolution(*pairs)  # type: ignore[arg-type]
    shape = geometry.output_shape((int(size[0]), int(size[1]), 3), (7, int(kernel[0]), int(kernel[1]), 3))
    for axis in (0, 1):
        stride, padding, dilation = (pair[axis] for pair in pairs)
        starts = range(-padding, int(size[axis]) + padding, stride)
        fits = [s for s in starts if s + (int(kernel[axis]) - 1) * dilation < size[axis] + padding]
        assert max(shape[axis], 0) == len(fits)
        reached = [0] * int(size[axis])
        for start, tap in itertools.product(fits, range(int(kernel[axis]))):
            if 0 <= start + tap * dilation < size[axis]:
                reached[start + tap * dilation] += 1
        assert geometry.reach(axis, int(size[axis]), int(kernel[axis]), len(fits)).tolist() == reached
    assert shape[2] == 7


def _packed(bits: int, n_post: int = 9, mode: str = "mixed") -> PackedWeights:
    return pack_weights(random_weights(np.random.default_rng(0), (n_post, 4), mode), mode, bits)


def _data(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[PackedWeights], PackedWeights]:
    return lambda packed: replace(packed, data=change(packed.data.copy()))


@pytest.mark.parametrize(
    ("bits", "change", "says"),
    [
        (8, lambda p: replace(p, bits=3), r"\(8, 1, True, False\) for 8 bits, mixed"),
        (8, lambda p: replace(p, shift=2), "shift"),
        (8, lambda p: replace(p, signed=False), "signed"),
        (8, lambda p: replace(p, negative=True), "negative"),
        (8, lambda p: replace(p, n_post=10), r"shape \(4, 9\).*\(n_pre, 10\)"),
        (8, lambda p: replace(p, n_post=0), r"\(n_pre, 0\)"),
        (8, _data(lambda a: a.view(np.int8)), "int8"),
        (8, _data(np.ravel), r"shape \(36,\)"),
        (4, _data(lambda a: a | 0xF0), "bits set that belong to no neuron"),
        (1, _data(lambda a: a | 0x20), "bits set that belong to no neuron"),
        (7, _data(lambda a: np.full_like(a, 64)), "reach from 64 to 64.*-64 to 63"),
        (5, _data(lambda a: np.full_like(a, 0xE0)), "-32 to -32"),
    ],
)
def test_packed_weights_that_are_none_are_refused(
    bits: int, change: Callable[[PackedWeights], PackedWeights], says: str
) -> None:
    with pytest.raises(ValueRangeError, match=f"^here: .*{says}"):
        check_packed(change(_packed(bits)), "mixed", bits, "here")


def test_packed_weights_of_another_mode_or_number_of_bits_are_refused() -> None:
    for mode, bits in itertools.product(MODES, BITS):
        packed = _packed(bits, mode=mode)
        for other, count in itertools.product(MODES, BITS):
            if (other, count) != (mode, bits):
                with pytest.raises(ValueRangeError, match="here"):
                    check_packed(packed, other, count, "here")


def _rows() -> SparseWeights:
    weights = random_weights(np.random.default_rng(1), (9, 6), "mixed") * np.tri(9, 6, dtype=np.int32)
    return sparse_weights(weights, "mixed", 8, np.zeros((9, 6), int))


def _set(key: str, at: object, value: int) -> Callable[[SparseWeights], SparseWeights]:
    def change(rows: SparseWeights) -> SparseWeights:
        array = getattr(rows, key).copy()
        array[at] = value
        return replace(rows, **{key: array})

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set("pointer", 0, 1), "row pointers"),
        (_set("pointer", -1, 5), "row pointers"),
        (_set("pointer", 2, 10**6), "row pointers"),
        (_set("pointer", 2, -1), "row pointers"),
        (_set("post", -1, 9), r"not there.*0\.\.8"),
        (_set("post", 0, -1), "not there"),
        (_set("post", 1, 0), "not in order"),
        (_set("post", slice(None), 3), "one is there twice"),
        (lambda r: replace(r, pointer=r.pointer.astype(np.int32)), "pointers int32"),
        (lambda r: replace(r, pointer=r.pointer[:0]), r"pointers int64 \(0,\)"),
        (lambda r: replace(r, post=r.post.astype(np.int64)), "targets int64"),
        (lambda r: replace(r, mantissa=r.mantissa[:-1]), "do not fit"),
        (lambda r: replace(r, delay=r.delay[:-1]), "do not fit"),
        (lambda r: replace(r, delay=r.delay.astype(np.int8)), "do not fit"),
        (lambda r: replace(r, mantissa=r.mantissa.astype(np.uint8)), "not in the chip's form"),
        (lambda r: replace(r, shift=0), "not in the chip's form"),
        (lambda r: replace(r, negative=True), "not in the chip's form"),
    ],
)
def test_rows_that_contradict_themselves_are_refused(
    change: Callable[[SparseWeights], SparseWeights], says: str
) -> None:
    check_sparse(_rows(), "mixed", 8, "here")
    with pytest.raises(ValueRangeError, match=f"^here: .*{says}"):
        check_sparse(change(_rows()), "mixed", 8, "here")


def test_mantissas_beyond_their_bits_are_refused() -> None:
    for mode, bits in itertools.product(MODES, range(1, 8)):
        rows = sparse_weights(random_weights(np.random.default_rng(2), (9, 6), mode), mode, bits)
        check_sparse(rows, mode, bits, "here")
        beyond = rows.mantissa.copy()
        beyond[3] = 1 << (bits - 1 if mode == "mixed" else bits)
        with pytest.raises(ValueRangeError, match=f"for {bits} bits, {mode}"):
            check_sparse(replace(rows, mantissa=beyond), mode, bits, "here")


def test_faults_are_found_on_both_sides_of_a_chunk() -> None:
    """A million synapses are checked at a time: rows of 1000 in order, then one fault within and one between chunks."""
    n_pre, width = 2200, 1000
    post = np.tile(np.arange(width, dtype=np.int32), n_pre)
    pointer = np.arange(n_pre + 1, dtype=np.int64) * width
    rows = SparseWeights(pointer, post, np.ones(post.size, np.int8), width, 1)
    check_sparse(rows, "mixed", 8, "here")
    for first, _ in list(row_chunks(pointer)):
        for at in (pointer[first] + 1, pointer[first + 1] - 1):
            wrong = post.copy()
            wrong[at] = wrong[at - 1]
            with pytest.raises(ValueRangeError, match="not in order"):
                check_sparse(replace(rows, post=wrong), "mixed", 8, "here")


def test_weights_in_the_chips_form_cannot_be_written_to() -> None:
    """Compiled kernels trust the indices that were checked."""
    dense, sparse = np.array([[5, 6], [7, 8]]), np.array([[1, 0], [0, 1]])
    packed = pack_weights(dense, "mixed", 8)
    rows = sparse_weights(sparse, "mixed", 8, np.array([[1, 0], [0, 2]]))
    for array in (packed.data, rows.pointer, rows.post, rows.mantissa, rows.delay):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9
