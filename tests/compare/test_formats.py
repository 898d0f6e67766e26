"""Magnitudes against NumPy's own quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from neurotrain_hw.compare.formats import SHARES, Magnitudes


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_zeros_and_ends(seed):
    rng = np.random.default_rng(seed)
    x = (rng.normal(0, 3000, (7, 5, 100)) * rng.integers(0, 2, (7, 5, 100))).astype(np.int64)
    x[0, 0, :3] = [2**23 - 1, 1 - 2**23, -(2**23)]
    found = Magnitudes(2**23 - 1)
    for part in x:
        found.add(part)
    row = found.filling("l", "membrane", beyond=2)
    logs = np.log2(np.abs(x[x != 0]))
    expected = np.quantile(logs, SHARES, method="inverted_cdf")
    np.testing.assert_allclose(row.bits, expected, atol=1 / 32)
    assert row.zero_share == np.mean(x == 0) and row.limit_share == 3 / x.size and row.values == x.size
    assert row.limit_bits == pytest.approx(23, abs=1e-6) and row.as_dict()["beyond"] == 2


def test_all_zeros_have_no_quantiles():
    found = Magnitudes(127)
    found.add(np.zeros((2, 3), np.int32))
    assert found.filling("l", "weights w").bits == () and found.filling("l", "weights w").zero_share == 1
