"""What a run returns: recorded spikes and states, final weights, and counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from neurotrain_hw.events import EventStream
from neurotrain_hw.simulator.counters import Counters


@dataclass(frozen=True, eq=False)
class Run:
    """The result of `simulate`, from the integer simulator or from Lava.

    `spikes`: per recorded population, all `steps` steps. `states`: per recorded variable, `"<population>.v"`
    or another state of its kind (int32 (steps, n), after the step, v already reset), `".y1"`, `".y2"` (the modulator's
    third factors).
    `weights`: per learning connection, int32 (n_post, n_pre) after the last step; `tags`: `"<connection>.tag_1"`,
    `".tag_2"` likewise; `traces`: `"<connection>.x1"` (n_pre,) and `".y1"` (n_post,), as the engine holds them.
    `history`: `"<connection>.weights@epochs"`, int32 (epochs, n_post, n_pre), where recorded.
    `counters`: what the chip would have done; None where the engine does not count (Lava).
    """

    steps: int
    spikes: Mapping[str, EventStream] = field(default_factory=dict)
    states: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    weights: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    tags: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    traces: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    history: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    counters: Counters | None = None
