"""Learning on the simulated chip: the learning program, and the protocol that teaches it a dataset."""

from __future__ import annotations

from neurotrain_hw.onchip.curves import Spread, curve, spread
from neurotrain_hw.onchip.evaluation import accuracy
from neurotrain_hw.onchip.feedback import signals
from neurotrain_hw.onchip.from_rule import learning_program
from neurotrain_hw.onchip.network import OnChipNetwork, Start, TrainedHidden, build_program, target_levels
from neurotrain_hw.onchip.protocol import (
    Lesson,
    Stream,
    TwinLesson,
    lessons,
    teach,
    teach_twin,
    twin_accuracy,
)
from neurotrain_hw.onchip.reward import (
    RewardLesson,
    RewardNetwork,
    build_rewarded,
    teach_by_reward,
    teach_twin_by_reward,
)
from neurotrain_hw.onchip.twin import FloatTwin
from neurotrain_hw.onchip.winners import WinnerLesson, WinnerNetwork, build_winners, teach_winners

__all__ = [
    "FloatTwin", "Lesson", "OnChipNetwork", "RewardLesson", "RewardNetwork", "Spread", "Start", "Stream",
    "TrainedHidden", "TwinLesson", "WinnerLesson", "WinnerNetwork", "accuracy", "build_program", "build_rewarded",
    "build_winners", "curve", "learning_program", "lessons", "signals", "spread", "target_levels", "teach",
    "teach_by_reward", "teach_twin", "teach_twin_by_reward", "teach_winners", "twin_accuracy",
]  # fmt: skip
