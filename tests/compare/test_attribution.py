"""One effect is made to be the cause, by hand: it alone costs all, and without it nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from compare_networks import layer, network, synapses

from neurotrain_hw.compare.attribution import Attributor
from neurotrain_hw.compare.effects import EFFECTS
from neurotrain_hw.compare.emulator import Emulator
from neurotrain_hw.compare.firing import Firing

RNG = np.random.default_rng(11)
Q = RNG.integers(-20, 60, (6, 8))
X = RNG.integers(0, 2, (40, 12, 8))
EXACT = {"dv": 0, "vth": 500}  # nothing leaks: nothing is truncated

CAUSES = {
    "weights": {"noise": RNG.uniform(-0.5, 0.5, Q.shape)},
    "decay": {"decay": 0.97},
    "threshold": {"threshold": 503 * 64 * 2.0**-10},
    "bias": {"bias": 0.3},
    "truncation": {"dv": 1500, "vth": 3, "weight_exp": -6},
    "overflow": {"vth": 5000, "weight_exp": 6, "bias_mant": -4000, "bias_exp": 7, "silent": 18},
    "reset": {"source": {"l1": Firing("subtract")}},
}


def attribution(effect: str):
    """Of one layer where only that effect does anything."""
    given = EXACT | CAUSES[effect]
    onto = synapses("w", "in", "l1", Q, weight_exp=given.pop("weight_exp", 0), noise=given.pop("noise", 0.0))
    source, silent = given.pop("source", None), given.pop("silent", 0)
    x = X * (np.arange(len(X)) >= silent)[:, None, None]  # in silence, the bias drives the membrane down
    layers = [layer("l1", (6,), [onto], **given)]
    emulator = Emulator(network({"in": (8,)}, layers), layers, source=source)
    found = Attributor(emulator, ["l1"], "l1")
    found.add({"in": x}, emulator.run({"in": x}, ()).sent["l1"].sum(0, dtype=int).argmax(1))
    return found.result()


@pytest.mark.parametrize("effect", EFFECTS)
def test_the_one_effect_explains_everything(effect):
    found = attribution(effect)
    assert found.differing > 0 and found.spikes > 10 and found.cause == effect
    assert found.accuracy_none == 1 and found.samples == 12
    for share in found.effects:
        mine = share.name == effect
        assert share.differing_alone == (found.differing if mine else 0), share
        assert share.differing_without == (0 if mine else found.differing), share
        assert share.explains == (1 if mine else 0)
        assert share.accuracy_alone == (found.accuracy_all if mine else 1)
        assert share.gain_without == (found.loss if mine else 0)


def test_the_layer_that_breaks_is_named():
    """Only the second of three layers has weights that are rounded."""
    rng = np.random.default_rng(5)
    sizes, layers = (8, 7, 6, 5), []
    for k in (1, 2, 3):
        q = rng.integers(-20, 60, (sizes[k], sizes[k - 1]))
        noise = rng.uniform(-0.5, 0.5, q.shape) if k == 2 else 0.0
        onto = synapses(f"w{k}", "in" if k == 1 else f"l{k - 1}", f"l{k}", q, noise=noise)
        layers.append(layer(f"l{k}", (sizes[k],), [onto], dv=0, vth=400))
    emulator = Emulator(network({"in": (8,)}, layers), layers)
    found = Attributor(emulator, ["l1", "l2", "l3"], "l3")
    found.add({"in": X[:, :5]}, None)
    result = found.result()
    assert {s.name: s.differing_alone > 0 for s in result.layers} == {"l1": False, "l2": True, "l3": False}
    assert next(s for s in result.layers if s.name == "l2").differing_without == 0
    assert result.cause == "weights" and result.loss is None and result.accuracy_all is None


def test_where_nothing_is_lost_there_is_no_cause():
    layers = [layer("l1", (6,), [synapses("w", "in", "l1", Q)], **EXACT)]
    found = Attributor(Emulator(network({"in": (8,)}, layers), layers), ["l1"], "l1")
    found.add({"in": X}, None)
    assert found.result().cause is None and found.result().differing == 0
