"""Trainers against the rule files of the same name: the file's sums of products, in real numbers, on a trainer's run.

Traces are x <- x * exp(-1/tau) + impulse * spike, factors multiply as the engine multiplies them, with its shift of
each product but without rounding and limits, and every u is 1. Then the file's dw is the trainer's gradient but for one
factor, which the file alone gives.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import exp

import numpy as np
import pytest
import torch
from local_rules import KEY, network
from trainer_oracles import batch

from neurotrain_hw.rules import Rule, load_rule, rule_names
from neurotrain_hw.rules.sums import SumOfProducts
from neurotrain_hw.trainers import default_settings, trainable_rules
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.trainer import Batch

BOTH = sorted(set(rule_names()) & set(trainable_rules()))
OTHERWISE = {
    "bptt": "no sum of products",
    "oja": "a spike and a trace for the product of two traces, as the file's `approximate` says",
    "bcm": "a spike and traces for the product of traces, as the file's `approximate` says",
    "es-d-rtrl": "psi within the smoothed factor, as `approximate` says",
    "node-perturbation": "a fading tag of traces where the trainer adds up spikes, as `approximate` says",
}
"""Rules whose file and trainer are two readings of one equation."""


def test_rules_that_train_knows_say_so() -> None:
    assert [name for name in rule_names() if "trainer" in load_rule(name).engines] == BOTH


def evaluate(sum_: SumOfProducts, factors: Mapping[str, np.ndarray]) -> np.ndarray:
    """A sum (n_post, n_pre) for factors that broadcast against it."""
    total = np.zeros(())
    for product in sum_.products:
        value = product.mant * 2.0 ** (product.exp - product.shift)
        value = value * (1.0 if product.dependency == "u" else factors[product.dependency])
        for factor in product.factors:
            assert not factor.sign_of
            value = value * (factors[factor.variable] + factor.constant)
        total = total + value
    return total


class Synapses:
    """What one connection of the file keeps for one sample: traces by name, and the tag.

    `early`: post traces read before this step's own spike, as the trainers do, so that two spikes in one step count in
    one term; the files' engines count them in both, and say so.
    """

    def __init__(self, rule: Rule, early: tuple[str, ...] = ()) -> None:
        self.rule, self.early = rule, early
        self.traces, self.tag = {name: np.zeros((1, 1)) for name in rule.traces}, np.zeros((1, 1))

    def step(self, pre: np.ndarray, post: np.ndarray, third: Mapping[str, np.ndarray]) -> np.ndarray:
        """dw (n_post, n_pre) of one step."""
        spikes = {"x": pre[None, :], "y": post[:, None]}
        before = {name: trace * exp(-1 / self.rule.traces[name].tau) for name, trace in self.traces.items()}
        self.traces = {name: trace + self.rule.traces[name].impulse * spikes[name[0]] for name, trace in before.items()}
        read = {name: (before if name in self.early else self.traces)[name] for name in self.traces}
        factors = {"x0": spikes["x"], "y0": spikes["y"], "t": self.tag, **read, **third}
        changed = evaluate(self.rule.dw, factors)
        if self.rule.dt is not None:
            self.tag = self.tag + evaluate(self.rule.dt, factors)
        return changed


def halves(values: np.ndarray, *names: str) -> dict[str, np.ndarray]:
    """A signed factor as the two that a post neuron sends."""
    return {names[0]: np.maximum(values, 0)[:, None], names[1]: np.maximum(-values, 0)[:, None]}


def shown(sizes: tuple[int, ...], beta: float = 0.8) -> tuple:
    """A network, spikes and labels, and the spikes (T, N, n) of every layer from the input on."""
    net = network(sizes, beta=beta)
    spikes, labels = batch((3,))
    with torch.no_grad():
        layers = [spikes.double().numpy(), *(each.numpy() for each in net(spikes.double()))]
    return net, spikes, labels, layers


TAU_20 = {"trace_decay": exp(-1 / 20), "post_decay": exp(-1 / 20), "amplitude": 1.0}
# a product of n bits of factors is shifted by n + 4 - 15 bits where that is positive
UNTAUGHT = {
    "pair-stdp": ({**TAU_20, "depression": 1.0}, ("y1",), 2**-2 * 16),
    "hebb": (TAU_20, (), 2**-3 * 16),
    "triplet-stdp": (
        {"pair_plus": 2**-2 * 16, "triplet_plus": 2 ** (-2 - 3) * 16 * 16, "pair_minus": 2**-3 * 16,
         "triplet_minus": 2 ** (-4 - 3) * 16 * 16, "amplitude": 1.0}, ("y1",), 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNTAUGHT)
def test_untaught_trainers_are_their_files(name: str) -> None:
    constants, early, factor = UNTAUGHT[name]
    rule, (net, spikes, labels, layers) = load_rule(name), shown((5, 4, 3))
    trainer = make_trainer(name, net, replace(default_settings(name), **constants), seed=0)
    trainer.learn(Batch(spikes, labels, update=lambda: None))
    for k in (0, 1):
        wanted = np.zeros_like(net.synapses[k].weight.detach().numpy())
        for n in range(len(labels)):
            synapses = Synapses(rule, early)
            for pre, post in zip(layers[k][:, n], layers[k + 1][:, n], strict=True):
                wanted += synapses.step(pre, post, {})
        assert np.abs(wanted).max() > 1e-2
        found = -factor * len(spikes) * len(labels) * net.synapses[k].weight.grad.numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_triplet_stdp_has_the_time_constants_of_its_file() -> None:
    constants, traces = default_settings("triplet-stdp"), load_rule("triplet-stdp").traces
    named = {"x1": "trace_decay", "x2": "slow_pre", "y1": "post_decay", "y2": "slow_post"}
    assert {k: getattr(constants, v) for k, v in named.items()} == {k: exp(-1 / t.tau) for k, t in traces.items()}


PLAIN = 2 ** (-7 - 3)  # 2^-7 * x1 * y1
TAUGHT = {
    **{name: ((5, 4, 3), 0.8, {"trace_decay": exp(-1 / 6)}, PLAIN)
       for name in ("decolle", "dfa", "sign-dfa", "drtp", "etlp", "eprop", "eprop-random")},
    "eprop-adaptive": ((5, 3), 0.8, {"trace_decay": exp(-1 / 6)}, PLAIN),
    "ottt": ((5, 4, 3), 0.8, {"trace_decay": exp(-1 / 1.4427)}, PLAIN * 4),
    # 7/8 a step, and nothing is left by a spike; 4 * 2^-9 = 2^-7 of a spike
    "ostl": ((5, 4, 3), 0.875, {"reset_gradient": "gate"}, 2**-7),
    "osttp": ((5, 4, 3), 0.875, {"reset_gradient": "gate"}, 2**-7),
    # the tag holds 3/16 of itself; 32 * 4 * psi in 2^-(5 + 10)
    "s-tllr": ((5, 4, 3), 0.8, {"lambda_post": 3 / 16, "lambda_pre": exp(-1 / 3.4761)}, 2**-8),
    "eprop-filtered": ((5, 3), 0.875, {"trace_decay": exp(-1 / 6)}, 2 ** (-3 - 7 - 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", TAUGHT)
def test_taught_trainers_are_their_files(name: str) -> None:
    """The third factor of every step is the trainer's own: M = -psi * L, since the file goes up and a gradient down."""
    sizes, beta, constants, factor = TAUGHT[name]
    rule, (net, spikes, labels, layers) = load_rule(name), shown(sizes, beta)
    trainer = make_trainer(name, net, replace(default_settings(name), rate_strength=0.0, **constants), seed=0)
    learner = trainer.start(Batch(spikes, labels, update=lambda: None, key=KEY))
    assert isinstance(learner, Local)
    told, heard = learner.signals, []

    def listen(cells, steps, error):
        signals = told(cells, steps, error)
        heard.append([(step.slope.numpy(), signal.numpy()) for step, signal in zip(steps, signals, strict=True)])
        return signals

    learner.signals, learner.gate = listen, lambda: True
    learner.advance(spikes)
    filtered = name == "eprop-filtered"  # whose tag is read before the update: the signal comes a step later
    for k in range(len(sizes) - 1 if filtered else len(sizes)):
        wanted = np.zeros_like(net.synapses[k].weight.detach().numpy())
        for n in range(len(labels)):
            synapses, late = Synapses(rule), np.zeros(sizes[k])
            for t in range(len(spikes) + filtered):
                ended = t == len(spikes)
                pre, post = (np.zeros(len(each[0, 0])) if ended else each[t, n] for each in layers[k : k + 2])
                psi, signal = (np.zeros(sizes[k]) if ended else each[n] for each in heard[min(t, len(spikes) - 1)][k])
                if rule.modulation.beside == "psi_alone":
                    shift = rule.defaults["beside_shift"] if name == "s-tllr" else 0
                    third = {"y1": psi[:, None] * 2**shift, **halves(-(late if filtered else signal), "y2", "y3")}
                    late = signal
                else:
                    third = halves(-psi * signal, "y1", "y2")
                wanted += synapses.step(pre, post, third)
        assert np.abs(wanted).max() > 1e-7
        np.testing.assert_allclose(-factor * learner.gradients[k][0].numpy(), wanted, rtol=1e-9, atol=1e-15)


def test_reward_stdp_is_its_file() -> None:
    """The tag of the file, times the reward after the last step; y1 is the post neuron's own filtered spikes."""
    rule, (net, spikes, labels, layers) = load_rule("reward-stdp"), shown((5, 4, 3))
    keep, impulse = 1 - rule.defaults["trace_decay"] / 4096, 16
    constants = {
        "trace_decay": exp(-1 / 20), "post_decay": keep, "tag_decay": 7 / 8, "depression": 1.0, "winner": False,
        "hit_rate": None, "noise": 0.0, "competing": False, "amplitude": 1.0,
    }  # fmt: skip
    trainer = make_trainer("reward-stdp", net, replace(default_settings("reward-stdp"), **constants), seed=0)
    trainer.learn(Batch(spikes, labels, update=lambda: None))
    right = layers[-1].sum(axis=0).argmax(axis=1) == labels.numpy()
    for k in range(3):
        wanted = np.zeros_like(net.synapses[k].weight.detach().numpy())
        for n in range(len(labels)):
            synapses, trace = Synapses(rule), np.zeros(layers[k + 1].shape[2])
            nothing = {"y2": np.zeros((1, 1)), "y3": np.zeros((1, 1))}
            for pre, post in zip(layers[k][:, n], layers[k + 1][:, n], strict=True):
                trace = keep * trace
                synapses.step(pre, post, {"y1": trace[:, None], **nothing})
                trace = trace + impulse * post
            reward = np.full(1, 1.0 if right[n] else -1.0)
            silent = np.zeros_like(layers[k][0, 0]), np.zeros_like(layers[k + 1][0, 0])
            wanted += synapses.step(*silent, {"y1": trace[:, None], **halves(reward, "y2", "y3")})
        # 2^-2 * 16 of a pair in the tag; 2^-2 * t * y2 is shifted by 9 + 7 + 4 - 15
        found = -(2**-2) * 16 * 2 ** (-2 - 5) * len(labels) * net.synapses[k].weight.grad.numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_forward_forward_is_its_file() -> None:
    """With psi = 1, which the file leaves out; y1 and y2 are (1 - p) * h of the two passes."""
    rule, (net, spikes, labels, _) = load_rule("forward-forward"), shown((5, 4, 3))
    decay = exp(-1 / rule.traces["x1"].tau)
    constants = {"psi": "box", "psi_width": 1e9, "trace_decay": decay}
    trainer = make_trainer("forward-forward", net, replace(default_settings("forward-forward"), **constants), seed=0)
    learner = trainer.start(Batch(spikes, labels, update=lambda: None))
    synapses = [[[Synapses(rule) for _ in labels] for _ in range(2)] for _ in range(2)]
    wanted = [np.zeros((5, 6)), np.zeros((4, 5))]
    for now in spikes:
        learner.advance([now])
        for which, one in enumerate(learner._passes):
            for k, (step, h, good) in enumerate(zip(one.steps, one.counts, one.goodness(), strict=True)):
                for n in range(len(labels)):
                    p = 1 / (1 + exp(-(1 if which == 0 else -1) * (float(good[n]) - 2.0)))
                    sent = ((1 - p) * h[n].numpy())[:, None]
                    third = {"y1": sent * (which == 0), "y2": sent * (which == 1)}
                    pre, post = step.pre[n].numpy(), step.after.fired[n].numpy()
                    wanted[k] += synapses[which][k][n].step(pre, post, third)
    for k, n in enumerate((5, 4)):
        found = -PLAIN * 16 * n / 2 * learner.gradients[k][0].numpy()
        np.testing.assert_allclose(found, wanted[k], rtol=1e-9, atol=1e-12)


def test_every_rule_of_both_lists_is_held_against_its_file_or_says_why_not() -> None:
    shown_equal = {*UNTAUGHT, *TAUGHT, "reward-stdp", "forward-forward"}
    assert shown_equal | set(OTHERWISE) == set(BOTH) and not shown_equal & set(OTHERWISE)
    for name in set(OTHERWISE) - {"bptt"}:
        assert "trainer" in load_rule(name).approximate
