"""Learning on the simulated chip: the learning program, and the protocol that teaches it a dataset."""

from __future__ import annotations

from neurotrain_hw.onchip.feedback import signals
from neurotrain_hw.onchip.network import OnChipNetwork, Start, TrainedHidden, build_program, target_levels
from neurotrain_hw.onchip.protocol import (
    Lesson,
    Stream,
    TwinLesson,
    accuracy,
    lessons,
    teach,
    teach_twin,
    twin_accuracy,
)
from neurotrain_hw.onchip.twin import FloatTwin

__all__ = [
    "FloatTwin", "Lesson", "OnChipNetwork", "Start", "Stream", "TrainedHidden", "TwinLesson", "accuracy",
    "build_program", "lessons", "signals", "target_levels", "teach", "teach_twin", "twin_accuracy",
]  # fmt: skip
