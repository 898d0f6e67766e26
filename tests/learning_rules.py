"""Rules of the library with constants for the small networks of these tests."""

from __future__ import annotations

from dataclasses import replace

from neurotrain_hw.rules import load_rule

_BOX = {"psi_halfwidth_of_threshold": 1.0, "signal_shift": 7, "feedback_weight_max": 64}

DRTP, ETLP, SIGN, ADAPTIVE = (load_rule(name) for name in ("drtp", "etlp", "sign-dfa", "eprop-adaptive"))
DECOLLE = replace(load_rule("decolle"), defaults={**load_rule("decolle").defaults, "local_vth": 1408})

GOODNESS = replace(load_rule("forward-forward"), defaults=_BOX)
SYMMETRIC = load_rule("ottt")
