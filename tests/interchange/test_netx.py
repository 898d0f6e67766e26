"""lava-dl's `.net` files: the Oxford network with its recorded spikes, every kind of layer, files that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from netx_layers import FORGETS, convolutional, dense, recurrent, resonating, sigma_delta

from neurotrain_hw import EventStream, Program, load_chip, simulate
from neurotrain_hw.compiler.netx import compile_netx
from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.interchange.netx_file import NetxLayer, read_netx, write_netx
from neurotrain_hw.program import Arithmetic
from neurotrain_hw.program.file import program_digest

CHIP = load_chip("loihi2")


@pytest.fixture(scope="module")
def oxford(shared: Path) -> Program:
    return compile_netx(read_netx(shared / "data/nir/lava_oxford_loihi/oxford_lavadl_network.net"), CHIP)


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    """Spikes, uint8 (steps, n)."""
    with np.load(shared / "data/nir/lava_oxford_loihi/oxford_io.npz") as file:
        return {key: file[key].T for key in file.files}


def test_oxfords_hidden_layer_spikes_as_recorded_from_lava(oxford: Program, recorded: dict[str, np.ndarray]) -> None:
    run = simulate(oxford, {"in": EventStream.from_dense(recorded["gts_in"])}, steps=2000, record=["0.spikes"])
    assert recorded["gts_layer1_out"].sum() == 1826
    np.testing.assert_array_equal(run.spikes["0"].dense(), recorded["gts_layer1_out"])


def test_oxford_spikes_as_recorded_from_slayer(oxford: Program, recorded: dict[str, np.ndarray]) -> None:
    """It was recorded where a neuron spikes as soon as the threshold is reached."""
    reached = Arithmetic(threshold="reached")
    program = replace(oxford, populations=(oxford.populations[0], *(
        replace(p, arithmetic=reached) for p in oxford.populations[1:]
    )))  # fmt: skip
    run = simulate(program, {"in": EventStream.from_dense(recorded["input_events_rounded"])}, steps=2000)
    assert recorded["ground_truth_out"].sum() == 10178
    np.testing.assert_array_equal(run.spikes["1"].dense(), recorded["ground_truth_out"])


def test_the_other_convention_gives_another_raster(oxford: Program, recorded: dict[str, np.ndarray]) -> None:
    """3014 cells, as Lava itself differs from this recording: the two conventions are told apart by it."""
    run = simulate(oxford, {"in": EventStream.from_dense(recorded["input_events_rounded"])}, steps=2000)
    assert np.count_nonzero(run.spikes["1"].dense() != recorded["ground_truth_out"]) == 3014


def test_every_kind_of_layer_is_written_and_read_back(tmp_path: Path) -> None:
    for number, layers in enumerate((convolutional(), recurrent(), resonating(), sigma_delta())):
        path = tmp_path / f"{number}.net"
        write_netx(layers, path)
        again = read_netx(path)
        assert program_digest(compile_netx(again, CHIP)) == program_digest(compile_netx(layers, CHIP))
        assert [layer.neuron for layer in again] == [layer.neuron for layer in layers]


def test_a_convolution_and_what_is_flattened_are_those_of_torch(tmp_path: Path) -> None:
    """Membranes in every step equal torch's conv2d, flatten and linear of the spikes before them, 1 step later."""
    torch = pytest.importorskip("torch")
    write_netx(convolutional(), tmp_path / "conv.net")
    program = compile_netx(read_netx(tmp_path / "conv.net"), CHIP)
    rng, steps = np.random.default_rng(3), 6
    x = (rng.random((steps, 2, 5, 7)) < 0.5).astype(np.int64)  # C, H, W
    stream = EventStream.from_dense(x.transpose(0, 3, 2, 1).reshape(steps, -1))
    run = simulate(program, {"in": stream}, steps=steps, record=["1.v", "1.spikes", "3.u"])
    conv, dense = convolutional()[1], convolutional()[3]
    expected = torch.nn.functional.conv2d(
        torch.tensor(x, dtype=torch.float64), torch.tensor(conv.weights["weight"], dtype=torch.float64),
        torch.tensor(conv.bias, dtype=torch.float64), stride=(2, 1), padding=(1, 0), dilation=(1, 2),
    ).to(torch.int64)  # fmt: skip
    spikes = expected > 100
    assert 0.05 < spikes.double().mean() < 0.95
    found = run.spikes["1"].dense()[1:].reshape(-1, 3, 3, 4).transpose(0, 3, 2, 1)
    np.testing.assert_array_equal(found, spikes[:-1].numpy())
    flat = torch.nn.functional.linear(spikes.flatten(1).double(), torch.tensor(dense.weights["weight"]).double())
    np.testing.assert_array_equal(run.states["3.u"][2:], 64 * flat[:-2].long().numpy())


def test_odd_weights_of_both_signs_keep_their_lowest_bit() -> None:
    layers = (dense(np.array([[1, -3], [5, 127]])),)
    run = simulate(compile_netx(layers, CHIP), {"in": EventStream.from_dense(np.array([[1, 1], [0, 1], [0, 0]]))},
                   steps=3, record=["0.u"])  # fmt: skip
    assert (run.states["0.u"][1:] // 64).tolist() == [[-2, 132], [-3, 127]]


def test_weights_beyond_8_bits_are_clipped_as_lava_dl_does_and_said() -> None:
    program = compile_netx((dense(np.array([[-300, 260]])),), CHIP)
    assert program.connections[0].matrix().tolist() == [[-256, 254]]
    assert program.notes == ("layer 0 (dense): 2 weights clipped to -256..254",)


def test_samples_in_a_row_are_reset_in_the_window_of_each_layer() -> None:
    program = compile_netx(recurrent(), CHIP, steps=9)
    assert program.timing is not None
    assert [p.parameters["reset_offset"] for p in program.populations[1:]] == [2, 3]
    assert dict(program.timing.depth) == {"in": 0, "0": 1, "1": 2}


def test_an_input_layer_with_neurons_says_what_to_send() -> None:
    layers = (NetxLayer("input", (2, 5, 7), {"weight": np.array([36])}, np.array([34]), neuron=FORGETS),
              *convolutional()[1:])  # fmt: skip
    program = compile_netx(layers, CHIP)
    assert program.notes[0].startswith("layer 0 (input): send 36 * x + 34 of")
    values = EventStream.from_dense(np.full((1, 70), 101))
    run = simulate(program, {"in": values}, steps=2, record=["0.spikes"])
    assert run.spikes["0"].dense().sum(axis=1).tolist() == [0, 70]


Damage = Callable[[h5py.File], None]


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda f: f.pop("layer/1/neuron/vDecay"), FormatError, r"layer/1/neuron.*'vDecay' is missing"),
        (lambda f: _set(f, "layer/1/type", np.array([b"pool"])), UnsupportedError, r"layer/1.*'pool'.*netx does not"),
        (lambda f: _set(f, "layer/1/neuron/type", "ALIF"), UnsupportedError, r"layer/1/neuron.*'ALIF'"),
        (lambda f: _set(f, "layer/3/weight", np.full((4, 36), 0.5)), FormatError, r"layer/3.*'weight'.*no integers"),
        (lambda f: _set(f, "layer/3/weight", np.full((4, 36), np.nan)), FormatError, r"layer/3.*'weight'.*no integers"),
        (lambda f: _set(f, "layer/3/weight", np.ones((4, 35))), FormatError, r"layer 3 \(dense\).*35 inputs.*36"),
        (lambda f: _set(f, "layer/3/weight", np.ones((5, 36))), FormatError, r"layer 3.*\(5, 36\).*\(4, inputs\)"),
        (lambda f: _set(f, "layer/1/bias", np.ones(2)), FormatError, r"layer 1.*bias of 2 values"),
        (lambda f: f.pop("layer/3/shape"), FormatError, r"layer/3.*'shape' is missing"),
        (lambda f: f.pop("layer/0"), FormatError, r"expected 0 to 2"),
        (lambda f: f.move("layer", "layers"), FormatError, r"no group 'layer'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_its_place(tmp_path: Path, damage: Damage, error: type, message: str) -> None:
    path = tmp_path / "a.net"
    write_netx(convolutional(), path)
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(error, match=message):
        compile_netx(read_netx(path), CHIP)


def _set(file: h5py.File, key: str, value: object) -> None:
    del file[key]
    file[key] = value
