"""A network in which a rule of the library learns, with everything that forms its learning signal on the chip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler import place
from neurotrain_hw.compiler.learning import weight_rounding
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.onchip.error_network import error_network
from neurotrain_hw.program import (
    Arithmetic,
    Connection,
    Modulator,
    Plasticity,
    Population,
    Program,
    SignMode,
    Timing,
)
from neurotrain_hw.rules import Rule, load_rule, modulator_of
from neurotrain_hw.rules.signals import constant

DECAY = 410
"""Of every membrane, 12 bits: it keeps nine tenths a step."""
VTH_PER_INPUT = 60
"""Threshold mantissa of a neuron for each of its inputs: active inputs of 63 on average fire it every few steps."""
FEEDBACK_MAX = 64
"""Largest feedback weight of a rule whose [defaults] give no `feedback_weight_max`."""

_OF_THE_OUTPUT = ("error", "error-triggered")
_OF_THE_READOUT = ("error-symmetric", "error-adaptive")
_FROM_ERRORS = ("error-random", "error-sign", *_OF_THE_READOUT)
_FED_BACK = (*_FROM_ERRORS, "target-projection", "layer-local")


def learning_program(
    rule: Rule, sizes: Sequence[int], chip: Chip, *, seed: int, readout: Rule | None = None, steps: int | None = None
) -> Program:
    """A fully connected network (n_in, n_hidden, ..., n_out) that learns by `rule`, placed on the chip.

    An error of the output itself teaches the output layer alone. A signal that is fed back teaches the hidden layers,
    and `readout` (the library's delta rule) the output. Every other rule teaches all layers. Inputs besides `in`: the
    outputs' targets (`target`), the label as a spike (`label`), values of one neuron (`reward`, `pass`), or what drives
    the two phases of an error network (`target`, `free`), as `program.inputs` lists them. `seed` draws weights,
    feedback and noise, and seeds the rounding. `steps`: of a sample, after which neurons are reset; None: never.

    Raises UnsupportedError for a rule whose signal no program here forms, with what its note says of it, and for one
    that reads the readout backward through several hidden layers; ValueRangeError for sizes that do not suit it;
    CapacityError where the chip has no room.
    """
    build = _Build.of(rule, tuple(sizes), chip, seed, readout, steps)
    populations = (*build.inputs(), *build.layers(), *build.beside_layers())
    connections = (*build.forward(), *build.backward())
    if rule.modulation.signal == "injected":
        more = error_network(_window(rule), build.names[1:], build.sizes[1:], build.vths(), build.rng, build.arithmetic)
        populations, connections = (*populations, *more.populations), (*connections, *more.connections)
    timing = None if steps is None else Timing(steps, {name: k for k, name in enumerate(build.names[1:], start=1)})
    program = Program(f"learns-by-{rule.name}", populations, connections, ("out",), chip.id, timing=timing)
    return place(program, chip)


@dataclass(frozen=True, eq=False)
class _Build:
    """What the parts of the network are made of; `names` of its layers, from `in` to `out`."""

    rule: Rule
    readout: Rule
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    chip: Chip
    arithmetic: Arithmetic
    seed: int
    steps: int | None
    rng: np.random.Generator

    @classmethod
    def of(
        cls, rule: Rule, sizes: tuple[int, ...], chip: Chip, seed: int, readout: Rule | None, steps: int | None
    ) -> _Build:
        """Checked: a rule whose signal can be formed, on layers that it can teach."""
        where, signal = f"rule '{rule.name}'", rule.modulation.signal
        if rule.kind is None or rule.modulation.formed == "given" or signal == "activity":
            raise UnsupportedError(
                "no program here forms its learning signal", where=where,
                remedy=rule.note or "Give its third factors from outside: `third_factors` of simulate.",
            )  # fmt: skip
        if len(sizes) < 2 + (signal in _FED_BACK) or min(sizes) < 1:
            need = "an input, a hidden and an output layer" if signal in _FED_BACK else "an input and an output layer"
            raise ValueRangeError(f"layer sizes {sizes}", where=where, need=need)
        if signal in _OF_THE_READOUT and len(sizes) > 3:
            raise UnsupportedError(
                f"the errors would go back through {len(sizes) - 2} hidden layers", where=where,
                need="one hidden layer",
                remedy="Take one hidden layer, or random feedback, which reaches each: dfa.",
            )  # fmt: skip
        hidden = ("hidden",) if len(sizes) == 3 else tuple(f"hidden{k}" for k in range(1, len(sizes) - 1))
        return cls(
            rule, readout or load_rule("delta"), sizes, ("in", *hidden, "out"), chip, chip_arithmetic(chip), seed,
            steps, np.random.default_rng(seed),
        )  # fmt: skip

    @property
    def signal(self) -> str:
        return self.rule.modulation.signal

    @property
    def hidden(self) -> list[tuple[str, int]]:
        """(name, neurons) of every hidden layer."""
        return list(zip(self.names, self.sizes, strict=True))[1:-1]

    def vths(self) -> tuple[int, ...]:
        """The threshold mantissa of every layer but the input."""
        return tuple(VTH_PER_INPUT * n for n in self.sizes[:-1])

    def learns(self, name: str) -> Rule | None:
        """The rule by which the connection onto a layer learns."""
        if self.signal in _OF_THE_OUTPUT:
            return self.rule if name == "out" else None
        return self.readout if self.signal in _FED_BACK and name == "out" else self.rule

    def inputs(self) -> Iterator[Population]:
        outputs = self.sizes[-1]
        yield Population("in", "input", (self.sizes[0],))
        if self.signal in (*_OF_THE_OUTPUT, *_FED_BACK, "injected"):
            yield Population("target", "input", (outputs,))
        if self.signal == "target-projection":
            yield Population("label", "input", (outputs,))
        for signals, name in ((("reward", "perturbation"), "reward"), (("goodness",), "pass"), (("injected",), "free")):
            if self.signal in signals:
                yield Population(name, "input", (1,))

    def layers(self) -> Iterator[Population]:
        for depth, (name, n, vth) in enumerate(zip(self.names[1:], self.sizes[1:], self.vths(), strict=True), start=1):
            rule = self.learns(name)
            modulator = None if rule is None else self._modulator(rule, vth, depth)
            if name == "out" and modulator is not None and self.signal == "error-sign":
                modulator = replace(modulator, error_sent="sign")
            yield self._lif(name, n, vth, depth, modulator)

    def _modulator(self, rule: Rule, vth: int, depth: int) -> Modulator | None:
        target = {"reward": "reward", "perturbation": "reward", "goodness": "pass"}.get(
            rule.modulation.signal, "target"
        )
        return modulator_of(rule, theta=vth << 6, target=target, seed=self.seed + depth)

    def beside_layers(self) -> Iterator[Population]:
        """The readouts of the hidden layers' own."""
        if self.signal != "layer-local":
            return
        for depth, (name, n) in enumerate(self.hidden, start=2):
            vth = VTH_PER_INPUT * n
            yield self._lif(f"local-{name}", self.sizes[-1], vth, depth, self._modulator(self.readout, vth, depth))

    def forward(self) -> Iterator[Connection]:
        for k, (pre, post) in enumerate(zip(self.names[:-1], self.names[1:], strict=True)):
            rule, shape = self.learns(post), (self.sizes[k + 1], self.sizes[k])
            mode = cast(SignMode, rule.defaults.get("sign_mode", "mixed") if rule else "mixed")
            plasticity = self._plasticity(rule, k) if rule else None
            weights = (2 * self.rng.integers(0, 64, shape)).astype(np.int16)
            yield Connection(f"{pre}-{post}", "dense", pre, post, weights, sign_mode=mode, plasticity=plasticity)

    def _plasticity(self, rule: Rule, number: int) -> Plasticity:
        """The rule on a connection of that number, rounding as the chip does."""
        return rule.plasticity(rng_seed=4 * (self.seed + number) + 1, rounding=weight_rounding(self.chip, rule))

    def backward(self) -> Iterator[Connection]:
        """What brings the signal to the ports of the hidden layers."""
        if self.signal == "layer-local":
            for name, n in self.hidden:
                readout = self._random(f"{name}-local", name, f"local-{name}", (self.sizes[-1], n))
                yield readout
                yield self._errors(f"local-{name}", name, n, backward=readout.name)
        elif self.signal == "target-projection":
            for name, n in self.hidden:
                drawn = self._random(f"label-{name}", "label", name, (n, self.sizes[-1]))
                exp = int(constant(self.rule, "signal_shift"))  # shifted back there: M is psi times the weight itself
                yield replace(drawn, weights=_balanced(drawn), weight_exp=exp, port="signal")
        elif self.signal == "error-adaptive":
            (name, n), shape = self.hidden[0], (self.sizes[-1], self.sizes[-2])
            learned = self._plasticity(self.readout, len(self.sizes))
            yield replace(self._random("mirror", name, "out", shape), port="none", plasticity=learned)
            yield self._errors("out", name, n, backward="mirror")
        elif self.signal == "error-symmetric":
            name, n = self.hidden[0]
            yield self._errors("out", name, n, backward=f"{name}-out")
        elif self.signal in _FROM_ERRORS:
            for name, n in self.hidden:
                yield self._errors("out", name, n)

    def _errors(self, pre: str, post: str, n: int, *, backward: str | None = None) -> Connection:
        """The errors of `pre` to a hidden layer of n neurons, through weights of its own or those of `backward`."""
        own = self._random(f"{pre}-{post}-errors", pre, post, (n, self.sizes[-1]))
        fed = replace(own, num_message_bits=8, port="signal", pre_port="error", transpose_of=backward)
        return fed if backward is None else replace(fed, weights=np.zeros((n, self.sizes[-1]), np.int16))

    def _random(self, name: str, pre: str, post: str, shape: tuple[int, int]) -> Connection:
        """Fixed even weights of both signs."""
        largest = self.rule.defaults.get("feedback_weight_max", FEEDBACK_MAX)
        half = int(largest) // 2 if isinstance(largest, int | float) else FEEDBACK_MAX // 2
        weights = (2 * self.rng.integers(-half, half + 1, shape)).astype(np.int16)
        return Connection(name, "dense", pre, post, weights, sign_mode="mixed")

    def _lif(self, name: str, n: int, vth: int, depth: int, modulator: Modulator | None) -> Population:
        parameters = {"du": 4095, "dv": DECAY, "vth": vth, "bias_mant": 0, "bias_exp": 0}
        if self.steps is None:
            return Population(name, "lif", (n,), parameters, modulator, self.arithmetic)
        parameters |= {"reset_interval": self.steps, "reset_offset": depth + 1}
        return Population(name, "lif_reset", (n,), parameters, modulator, self.arithmetic)


def _balanced(connection: Connection) -> npt.NDArray[np.int16]:
    """Even weights that sum to 0 for each post neuron, but for rounding: no neuron's signals then drift one way."""
    weights = connection.matrix().astype(np.float64)
    half: npt.NDArray[np.float64] = np.rint((weights - weights.mean(axis=1, keepdims=True)) / 2)
    return (2 * half).astype(np.int16)


def _window(rule: Rule) -> int:
    """Steps from one change of the weights to the next: 2^k learning epochs for a rule gated by u_k."""
    gates = [total.u for total in rule.sums.values() if total.u is not None]
    return rule.t_epoch << max(gates, default=0)
