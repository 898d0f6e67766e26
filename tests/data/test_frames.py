"""Events in bins of equal length."""

import numpy as np

from neurotrain_hw.data.event_files import Events
from neurotrain_hw.data.frames import bin_events


def test_every_bin_is_as_long_as_the_others() -> None:
    """Events at 100, 101, ... 107 us in four bins: two in each, the last one included."""
    found = bin_events(Events(np.arange(100, 108), np.zeros(8, np.int64)), steps=4, cells=1)
    assert found.tolist() == [[2], [2], [2], [2]]


def test_more_events_than_a_byte_holds_stay_255() -> None:
    found = bin_events(Events(np.zeros(300, np.int64), np.ones(300, np.int64)), steps=1, cells=2)
    assert found.tolist() == [[0, 255]]
