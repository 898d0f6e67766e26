"""Chips as data: reads chip files into frozen dataclasses; every figure has a source or is unknown."""

from neurotrain_hw.chips.chip import STATUS as STATUS
from neurotrain_hw.chips.chip import Calibration as Calibration
from neurotrain_hw.chips.chip import Chip as Chip
from neurotrain_hw.chips.chip import Figure as Figure
from neurotrain_hw.chips.chip import StateField as StateField
from neurotrain_hw.chips.keys import KEYS as KEYS
from neurotrain_hw.chips.keys import Key as Key
from neurotrain_hw.chips.reader import chip_names as chip_names
from neurotrain_hw.chips.reader import faults as faults
from neurotrain_hw.chips.reader import load_chip as load_chip
from neurotrain_hw.chips.reader import read_chip as read_chip
