"""From a rule to the modulator that forms its third factor: the one place where words become integer constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import Modulator
from neurotrain_hw.rules.terms import Psi, Signal

if TYPE_CHECKING:
    from neurotrain_hw.rules.rule import Rule

FORMS: Mapping[Signal, Literal["error", "feedback", "reward", "goodness"]] = MappingProxyType(
    {
        "reward": "reward", "perturbation": "reward", "error": "error", "error-triggered": "error",
        "goodness": "goodness", "error-symmetric": "feedback", "error-random": "feedback",
        "error-adaptive": "feedback", "error-sign": "feedback", "target-projection": "feedback",
        "layer-local": "feedback",
    }
)  # fmt: skip
"""The modulator's own signal for each signal of a rule that a modulator can form in the neuron that learns."""

PSI_FORMS: Mapping[Psi, Literal["none", "box", "triangle"]] = MappingProxyType(
    {"none": "none", "box": "box", "triangle": "triangle"}
)
"""The pseudo-derivatives that a modulator forms."""

CONSTANTS: Mapping[str, float] = MappingProxyType(
    {
        "psi_halfwidth_of_threshold": 1.0, "signal_shift": 5, "trace_decay": 410, "trace_impulse": 1024,
        "trace_shift": 5, "error_step": 1, "beside_shift": 0, "goodness_shift": 8, "goodness_level": 16, "noise_exp": 4,
    }
)  # fmt: skip
"""What stands for a constant that a rule's [defaults] do not give; `program.Modulator` says what each means."""

_ERROR_STEP = 16
_READS_TARGET = ("error", "reward", "goodness")


def constant(rule: Rule, key: str) -> float:
    """A number of a rule's [defaults], else that of CONSTANTS; UnsupportedError where the file gives no number."""
    value = rule.defaults.get(key, _ERROR_STEP if _in_steps(rule, key) else CONSTANTS[key])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnsupportedError(
            f"its [defaults] give '{value}' for '{key}'", where=f"rule '{rule.name}'", need="a number"
        )
    return float(value)


def modulator_of(rule: Rule, *, theta: float = 1 << 6, target: str | None = None, seed: int = 0) -> Modulator | None:
    """The modulator of the neurons that learn by a rule; None where no modulator forms its signal.

    `theta`: their threshold in membrane units, which the half-width of psi is a multiple of. `target`: the input
    population that an error, a reward or a pass is read from. `seed`: of the noise. A psi that no modulator forms is
    taken as a triangle, as wide: so much the rule's operations come to.
    """
    form = FORMS.get(rule.modulation.signal)
    if form is None:
        return None
    beside, psi = rule.modulation.beside, PSI_FORMS.get(rule.modulation.psi, "triangle")
    made = Modulator(
        form,
        psi,
        0 if psi == "none" else round(constant(rule, "psi_halfwidth_of_threshold") * theta),
        target=target if form in _READS_TARGET else None,
        beside=beside,
        noise_seed=seed if beside == "noise" else 0,
    )
    used = {
        "signal_shift": form == "feedback" or "signal_shift" in rule.defaults,
        "error_step": form == "error",
        "beside_shift": beside in ("psi", "psi_alone"),
        "noise_exp": beside == "noise",
        **dict.fromkeys(("trace_decay", "trace_impulse", "trace_shift"), made.filters_spikes),
        **dict.fromkeys(("goodness_shift", "goodness_level"), form == "goodness"),
    }
    whole: dict[str, Any] = {key: int(constant(rule, key)) for key, there in used.items() if there}
    return replace(made, **whole)


def _in_steps(rule: Rule, key: str) -> bool:
    return key == "error_step" and rule.modulation.signal == "error-triggered"
