"""Rules of the library with constants for the small networks of these tests."""

from __future__ import annotations

from dataclasses import replace

from neurotrain_hw.rules import load_rule

_BOX = {"psi_halfwidth_of_threshold": 1.0, "signal_shift": 7, "feedback_weight_max": 64}

DRTP = replace(load_rule("drtp"), defaults=_BOX)
DECOLLE = replace(load_rule("decolle"), defaults=_BOX | {"local_vth": 1408, "local_weight_exp": 1})

GOODNESS = replace(load_rule("forward-forward"), defaults=_BOX)
