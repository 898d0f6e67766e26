"""The whole trip on real digits: train, export, compile, run, compare with Lava, learn on the chip, report."""

from neurotrain_hw.demo.trip import DemoSettings, run_demo

__all__ = ["DemoSettings", "run_demo"]
