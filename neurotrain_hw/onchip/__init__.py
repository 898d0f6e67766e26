"""Learning on the simulated chip: the learning program, and the protocol that teaches it a dataset."""

from __future__ import annotations

from neurotrain_hw.onchip.network import OnChipNetwork, Start, TrainedHidden, build_program, target_levels
from neurotrain_hw.onchip.protocol import Lesson, Stream, accuracy, lessons, teach

__all__ = [
    "Lesson", "OnChipNetwork", "Start", "Stream", "TrainedHidden", "accuracy", "build_program", "lessons",
    "target_levels", "teach",
]  # fmt: skip
