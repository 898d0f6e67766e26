"""Lava: runs a Program in Intel's own framework, in an interpreter of its own (CPython 3.10, lava-nc 0.10.0)."""

from neurotrain_hw.lava.client import simulate
from neurotrain_hw.lava.environment import LavaCheck, check, find_python310, install, lava_python

__all__ = ["LavaCheck", "check", "find_python310", "install", "lava_python", "simulate"]
