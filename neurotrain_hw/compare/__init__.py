"""Runs of one network beside each other: where they first part, how far, and which effect of the integers it is."""

from neurotrain_hw.compare.comparison import compare
from neurotrain_hw.compare.effects import EFFECTS
from neurotrain_hw.compare.emulator import Emulator
from neurotrain_hw.compare.pairs import Divergence, Pair
from neurotrain_hw.compare.result import Comparison
from neurotrain_hw.compare.source import RecordedSource, TorchSource

__all__ = ["EFFECTS", "Comparison", "Divergence", "Emulator", "Pair", "RecordedSource", "TorchSource", "compare"]
