"""What became of the weight updates of each layer that learns: applied, rounded to nothing, saturated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurotrain_hw.program import Program
from neurotrain_hw.simulator import Counters


@dataclass(frozen=True)
class LayerUpdates:
    """The weight updates of one plastic connection over all learning steps (see `ConnectionCounts`).

    `proposed`: changes that are not 0 before rounding. Of these, `applied` changed the stored weight, `rounded_away`
    left it as it was, `saturated` were held back, wholly or in part, by the weight's range; a part that was let through
    counts as applied, too.
    """

    layer: str
    rule: str
    synapses: int
    proposed: int
    applied: int
    rounded_away: int
    saturated: int

    def share(self, count: int) -> float | None:
        """`count` as a share of the proposed updates; None where none was proposed."""
        return count / self.proposed if self.proposed else None


def layer_updates(program: Program, counters: Counters) -> list[LayerUpdates]:
    """One row for each plastic connection, in the program's order."""
    rows = []
    for c in program.connections:
        if c.plasticity is not None:
            n = counters.connections[c.name]
            rows.append(
                LayerUpdates(
                    c.name, c.plasticity.rule, int(np.prod(c.weights.shape)), n.weight_updates_proposed,
                    n.weight_updates_applied, n.weight_updates_rounded_away, n.weight_updates_saturated,
                )
            )  # fmt: skip
    return rows
