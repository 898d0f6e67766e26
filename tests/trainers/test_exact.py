"""Exact rules against autograd over the unrolled equations, in float64: RTRL, BPTT, OSTL, e-prop."""

import pytest
import torch
from trainer_oracles import assert_equal_gradients, autograd, batch, small_cells

from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import eprop, losses, ostl
from neurotrain_hw.trainers.activity import Activity
from neurotrain_hw.trainers.cells import cells_of, unroll
from neurotrain_hw.trainers.constants import EpropSettings, OstlSettings
from neurotrain_hw.trainers.online import Local, Regime
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.rtrl import Rtrl
from neurotrain_hw.trainers.trainer import Setting

NETWORKS = {
    "one layer": {"sizes": (4,)},
    "three layers": {"sizes": (5, 4, 3)},
    "recurrent": {"sizes": (5, 4, 3), "recurrent": True},
    "adaptive": {"sizes": (5, 3), "recurrent": True, "adaptive": True},
    "subtract": {"sizes": (5, 4, 3), "recurrent": True, "reset": "subtract"},
}
RESETS = ("constant", "gate", "full")


def rtrl(cells, spikes, labels, regime, reset_gradient):
    learner = Rtrl(cells, labels, regime, reset_gradient=reset_gradient)
    learner.advance(spikes)
    return learner.gradients


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("reset_gradient", RESETS)
def test_rtrl_equals_backpropagation_through_time(name: str, reset_gradient: str) -> None:
    for seed in (1, 2, 3):
        cells = small_cells(**NETWORKS[name], seed=seed)
        spikes, labels = batch(NETWORKS[name]["sizes"], seed=seed + 10)
        found = rtrl(cells, spikes, labels, Regime(gain=1.3), reset_gradient)
        assert_equal_gradients(found, autograd(cells, spikes, labels, reset_gradient=reset_gradient, gain=1.3))


@pytest.mark.parametrize("loss", losses.PER_STEP)
def test_rtrl_equals_backpropagation_for_every_loss(loss: str) -> None:
    cells = small_cells(recurrent=True)
    spikes, labels = batch((3,))
    found = rtrl(cells, spikes, labels, Regime(loss=loss, gain=0.7), "full")
    assert_equal_gradients(found, autograd(cells, spikes, labels, reset_gradient="full", loss=loss, gain=0.7))


def unrolled(cells, spikes, labels, reset_gradient, loss, gain):
    for matrix in (m for cell in cells for m in cell.matrices):
        matrix.requires_grad_()
    layers, v, _ = unroll(cells, [cell.rest(len(labels)) for cell in cells], spikes, reset_gradient)
    target = torch.nn.functional.one_hot(labels, v.shape[2]).double()
    losses.over_steps(loss, v, layers[-1], target, gain, threshold=cells[-1].threshold).backward()
    return [[m.grad for m in cell.matrices] for cell in cells]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss", ["membrane-ce", "membrane-mse", "membrane-bce", "spike-mse", "count-ce", "count-mse"])
def test_our_backpropagation_is_that_of_the_equations(name: str, loss: str) -> None:
    spikes, labels = batch(NETWORKS[name]["sizes"])
    for reset_gradient in RESETS:
        cells = small_cells(**NETWORKS[name])
        wanted = autograd(cells, spikes, labels, reset_gradient=reset_gradient, loss=loss, gain=0.6)
        found = unrolled(cells, spikes, labels, reset_gradient, loss, 0.6)
        assert_equal_gradients(found, wanted, least=1e-4)


def test_a_network_is_the_one_that_snntorch_runs() -> None:
    """Spikes to the bit; gradients of snnTorch's autograd, which is `gate`."""
    layers = [{"name": "a", "neurons": 9, "beta": 0.75}, {"name": "b", "neurons": 4, "beta": 0.6875, "threshold": 1.5}]
    for weight_bits in (None, 6):
        spec = parse_model({"summary": "", "inputs": 6, "steps": 20, "layers": layers}, name="small", where="")
        spec = spec.with_weight_bits(weight_bits)
        network = build(spec, seed=1)
        spikes, labels = batch((4,), steps=20)
        psi = [pseudo_derivative("surrogate", 1.0, spec.surrogate)] * 2
        cells = cells_of(network, psi)
        found, _, _ = unroll(cells, [cell.rest(len(labels)) for cell in cells], spikes.float(), "gate")
        wanted = network(spikes.float())
        states, online = [cell.rest(len(labels)) for cell in cells], []
        for now in spikes.float():
            for k, cell in enumerate(cells):
                states[k] = cell.step(states[k], now)
                now = states[k].fired
            online.append(now)
        assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
        assert torch.equal(torch.stack(online), wanted[-1]) and wanted[-1].any()
        (found[-1].sum(0) ** 2).sum().backward()
        ours = [module.weight.grad.clone() for module in network.synapses]
        network.zero_grad()
        (wanted[-1].sum(0) ** 2).sum().backward()
        for one, module in zip(ours, network.synapses, strict=True):
            torch.testing.assert_close(one, module.weight.grad, rtol=1e-4, atol=1e-5)


def ostl_gradients(cells, spikes, labels, regime, *, complete: bool, reset_gradient: str = "full"):
    constants = OstlSettings(complete=complete, reset_gradient=reset_gradient)
    learner = ostl.learner(Setting(cells, labels, regime, torch.Generator()), constants, [])
    learner.advance(spikes)
    return learner.gradients


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("reset_gradient", RESETS)
def test_ostl_of_one_layer_equals_backpropagation_through_time(reset: str, reset_gradient: str) -> None:
    spikes, labels = batch((5,))
    for recurrent in (False, True):
        for loss in losses.PER_STEP:
            cells = small_cells((5,), recurrent=recurrent, reset=reset)
            wanted = autograd(cells, spikes, labels, reset_gradient=reset_gradient, loss=loss)
            found = ostl_gradients(
                cells, spikes, labels, Regime(loss=loss), complete=recurrent, reset_gradient=reset_gradient
            )
            assert_equal_gradients(found, wanted)


def test_ostl_without_h_leaves_out_recurrent_derivatives_alone() -> None:
    """It equals backpropagation where errors do not go back through recurrent synapses, and only there."""
    spikes, labels = batch((5,))
    cells = small_cells((5,), recurrent=True)
    found = ostl_gradients(cells, spikes, labels, Regime(), complete=False)
    cut = autograd(cells, spikes, labels, reset_gradient="full", recurrent_spikes=False)
    assert_equal_gradients(found, cut)
    whole = autograd(cells, spikes, labels, reset_gradient="full")
    assert not torch.allclose(whole[0][0], cut[0][0], rtol=1e-3)


def eprop_gradients(cells, spikes, labels, regime=None, **constants):
    setting = Setting(cells, labels, regime or Regime(), torch.Generator())
    learner = eprop.learner(setting, EpropSettings(**constants), [])
    learner.advance(spikes)
    return learner.gradients


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_eprop_equals_backpropagation_with_the_recurrent_spikes_detached(adaptive: bool, reset: str) -> None:
    """Readout filter and symmetric feedback, as Bellec et al. derive it; what the reset takes away is a constant."""
    for seed in (1, 2, 3):
        cells = small_cells((5, 3), recurrent=True, adaptive=adaptive, reset=reset, seed=seed)
        spikes, labels = batch((3,), seed=seed + 20)
        found = eprop_gradients(cells, spikes, labels, readout_filter=True)
        wanted = autograd(cells, spikes, labels, reset_gradient="constant", recurrent_spikes=False)
        assert_equal_gradients(found, wanted)
        whole = autograd(cells, spikes, labels, reset_gradient="constant")
        assert not torch.allclose(whole[0][1], wanted[0][1], rtol=1e-3)


def test_rate_regularisation_is_the_derivative_of_its_loss() -> None:
    """After one step the running rate is the rate, and the signal the derivative of strength/2 * (f - target)^2."""
    cells = small_cells((5, 4, 3))
    spikes, labels = batch((3,), steps=1)
    plain = rtrl(cells, spikes, labels, Regime(), "gate")
    found = rtrl(cells, spikes, labels, Regime(activity=Activity(0.5, 0.3)), "gate")
    free = [cell.weight.clone().requires_grad_() for cell in cells]
    now, cost = spikes[0].double(), 0.0
    for k in range(2):
        u = now @ free[k].T - cells[k].threshold
        soft = cells[k].psi(u.detach()) * u
        now = (u > 0).double() + soft - soft.detach()
        cost = cost + 0.25 * (now - 0.3).square().sum()
    wanted = torch.autograd.grad(cost, free[:2])
    for k in range(2):
        torch.testing.assert_close(found[k][0] - plain[k][0], wanted[k], rtol=1e-9, atol=1e-12)


def test_local_learners_keep_no_graph() -> None:
    cells = small_cells((5, 3), recurrent=True)
    for matrix in (m for cell in cells for m in cell.matrices):
        matrix.requires_grad_()
    spikes, labels = batch((3,))
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        assert isinstance(ostl.learner(Setting(cells, labels, Regime(), torch.Generator()), OstlSettings(), []), Local)
        eprop_gradients(cells, spikes, labels, readout_filter=True)
        rtrl(cells, spikes, labels, Regime(), "full")
    assert saved == []
