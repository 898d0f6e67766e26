"""Model files: what ships is well-formed, and each fault is named with file, key and what was expected."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.networks import LayerSpec, ModelSpec, Surrogate, load_model, model_names, parse_model

GOOD = """
summary = "two inputs, one neuron"
inputs = 2
steps = 4
[[layers]]
name = "out"
neurons = 1
beta = 0.5
"""


def test_shipped_models() -> None:
    assert {"digits-fc", "mnist-fc"} <= set(model_names())
    assert load_model("digits-fc").sizes == (64, 128, 10)
    assert load_model("digits-fc").synapses == 64 * 128 + 128 * 10
    assert load_model("mnist-fc").sizes == (784, 256, 10)
    for name in model_names():
        assert load_model(name).name == name


def test_a_file_of_ones_own_takes_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    spec = load_model(path)
    assert (spec.name, spec.sizes, spec.dt_s, spec.dataset) == ("mine", (2, 1), 1e-3, "")
    assert (spec.layers[0].threshold, spec.layers[0].weight_bits) == (1.0, None)
    assert load_model(str(path)) == spec


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="digits-fc"):
        load_model("digit-fc")


@pytest.mark.parametrize(
    ("old", "new", "key", "need"),
    [
        ("beta = 0.5", "beta = 1.5", "layers[0].beta", "below 1"),
        ("beta = 0.5", 'beta = "fast"', "layers[0].beta", "a number"),
        ("beta = 0.5", "", "layers[0].beta", "a number"),
        ("neurons = 1", "neurons = 0", "layers[0].neurons", "at least 1"),
        ("neurons = 1", "neurons = true", "layers[0].neurons", "a whole number"),
        ("neurons = 1", "neurons = 1\nweight_bits = 13", "layers[0].weight_bits", "1..12"),
        ("neurons = 1", "neurons = 1\ncolour = 3", "layers[0].colour", "beta"),
        ("steps = 4", "steps = 4\nspeed = 3", "speed", "dt_s"),
        ("steps = 4", "steps = 4\ndt_s = 0", "dt_s", "above 0"),
        ("steps = 4", "steps = 4\nsurrogate = 3", "surrogate", "a table"),
        ("steps = 4", 'steps = 4\nsurrogate.kind = "tanh"', "surrogate.kind", "fast_sigmoid"),
        ("neurons = 1", "neurons = 1\nstride = 2", "layers[0].stride", "kind 'conv'"),
        ("neurons = 1", 'kind = "conv"\nchannels = 1\nkernel = 3', "layers[0].kind", "maps"),
        ("neurons = 1", 'kind = "conv"\nneurons = 1', "layers[0].neurons", "no such key"),
        ("neurons = 1", 'kind = "conv"\nkernel = 3', "layers[0].channels", "whole number"),
        ("neurons = 1", 'neurons = 1\nneuron = "izhikevich"', "layers[0].neuron", "lapicque"),
        ("neurons = 1", 'neurons = 1\nneuron = "synaptic"', "layers[0].alpha", "below 1"),
        ("neurons = 1", "neurons = 1\nalpha = 0.5", "layers[0].alpha", "neuron 'synaptic'"),
        ("neurons = 1", 'neurons = 1\nneuron = "alpha"\nalpha = 0.25', "layers[0].alpha", "above beta"),
        ("neurons = 1", 'neurons = 1\nneuron = "adaptive"', "layers[0].adaptation", "above 0"),
        ("neurons = 1", "neurons = 1\nadaptation_decay = 0.5", "layers[0].adaptation", "neuron 'adaptive'"),
        ("neurons = 1", 'neurons = 1\nneuron = "integrator"\nreset = "zero"', "layers[0].reset", "'none'"),
        ("neurons = 1", 'neurons = 1\nneuron = "lapicque"\nlearn_beta = true', "layers[0].learn_beta", "another kind"),
        ("neurons = 1", "neurons = 1\nbias = 1", "layers[0].bias", "true or false"),
        ("neurons = 1", "neurons = 1\ngain = 2", "layers[0].gain", "weight_standardised"),
        ("neurons = 1", 'neurons = 1\nstate = "odin"', "layers[0].state", "loihi"),
        ("neurons = 1", 'neurons = 1\nstate = "loihi"', "layers[0].weight_bits", "1..8"),
        ("inputs = 2", "inputs = 2\ninput_shape = [2]", "inputs", "one of the two"),
        ("inputs = 2", "input_shape = [2, 2]", "input_shape", "channels"),
        ("inputs = 2", "input_shape = []", "input_shape", "whole numbers"),
        ('name = "out"', 'name = "input"', "layers[0].name", "a new name"),
        ('name = "out"', 'name = "a/b"', "layers[0].name", "letters"),
    ],
)
def test_faults_name_file_key_and_need(tmp_path: Path, old: str, new: str, key: str, need: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(FormatError) as caught:
        load_model(path)
    assert caught.value.where == f"{path}: {key}"
    assert need in str(caught.value.need)


def test_not_toml_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("layers = [")
    with pytest.raises(FormatError, match=r"bad\.toml"):
        load_model(tmp_path / "bad.toml")
    with pytest.raises(FormatError, match="no such file"):
        load_model(tmp_path / "absent.toml")


def test_weight_bits_for_all_layers() -> None:
    spec = load_model("digits-fc")
    assert [layer.weight_bits for layer in spec.with_weight_bits(4).layers] == [4, 4]
    assert [layer.weight_bits for layer in spec.with_weight_bits(None).layers] == [None, None]
    with pytest.raises(FormatError, match=r"1\.\.12"):
        spec.with_weight_bits(13)


def test_reading_a_model_does_not_import_torch() -> None:
    code = "import sys, neurotrain_hw.networks as n; n.load_model('digits-fc'); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        ({"kernel": 7}, "kernel"), ({"kernel": 3, "pool": 5}, "pool"), ({"kernel": 1, "input_pool": 7}, "input_pool"),
        ({"kernel": 3, "recurrent": "all-to-all"}, "recurrent"),
    ],
)  # fmt: skip
def test_layers_that_do_not_fit_their_input(layer: dict, key: str) -> None:
    layers = [{"name": "a", "kind": "conv", "channels": 2, "beta": 0.5} | layer]
    with pytest.raises(FormatError) as caught:
        parse_model({"summary": "", "input_shape": [1, 6, 6], "steps": 1, "layers": layers}, name="", where="m")
    assert caught.value.where == f"m: layers[0].{key}"


def test_an_integrator_is_the_last_layer() -> None:
    layers = [{"name": name, "neurons": 2, "beta": 1, "neuron": "integrator"} for name in "ab"]
    with pytest.raises(FormatError, match=r"layers\[0\].neuron"):
        parse_model({"summary": "", "inputs": 2, "steps": 1, "layers": layers}, name="", where="m")


def test_documents_of_older_runs_stay_readable() -> None:
    layer = {"name": "out", "neurons": 3, "beta": 0.5, "threshold": 1.0, "weight_bits": 8}
    old = {"name": "x", "summary": "", "inputs": 4, "steps": 8, "dt_s": 1e-3, "dataset": "digits"}
    spec = ModelSpec(**old, layers=(LayerSpec(**layer),))
    assert (spec.input_shape, spec.shapes, spec.sizes) == ((4,), ((4,), (3,)), (4, 3))
    document = json.loads(json.dumps(asdict(spec)))
    layers = tuple(LayerSpec(**each) for each in document.pop("layers"))
    assert ModelSpec(**document | {"layers": layers, "surrogate": Surrogate(**document["surrogate"])}) == spec


def test_synapses_of_convolutions_and_pools_are_counted_unrolled() -> None:
    """As a Jacobian has entries: by central differences through torch where all weights are 1."""
    torch = pytest.importorskip("torch")
    from neurotrain_hw.networks import SpikingNetwork

    for layer in (
        {"kernel": 3, "padding": 1, "stride": 2}, {"kernel": 2, "pool": 2, "input_pool": 2}, {"kernel": 3, "pool": 2},
        {"kernel": 5, "padding": 2, "pool": 3, "stride": 1},
    ):  # fmt: skip
        layers = [{"name": "a", "kind": "conv", "channels": 2, "beta": 0.5} | layer]
        spec = parse_model({"summary": "", "input_shape": [3, 9, 8], "steps": 1, "layers": layers}, name="", where="m")
        network = SpikingNetwork(spec)
        operator, weight = network.parts()[0].operator, torch.ones_like(network.weights()[0])
        jacobian = torch.autograd.functional.jacobian(
            lambda x, operator=operator, weight=weight: operator.current(x, weight), torch.ones(1, 3, 9, 8)
        )
        assert spec.layers[0].connections(spec.input_shape) == int((jacobian != 0).sum())
