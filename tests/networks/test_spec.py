"""Model files: what ships is well-formed, and each fault is named with file, key and what was expected."""

import subprocess
import sys
from pathlib import Path

import pytest

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.networks import load_model, model_names

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
        ("beta = 0.5", "beta = 1.0", "layers[0].beta", "below 1"),
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
