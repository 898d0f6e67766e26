"""Without torch: what needs none works, what needs it names the extra."""

import subprocess
import sys

import pytest

from neurotrain_hw import networks, trainers

PROLOGUE = "import sys; sys.modules.update(torch=None, snntorch=None, brevitas=None)\n"


def run(code: str) -> str:
    out = subprocess.run([sys.executable, "-c", PROLOGUE + code], capture_output=True, text=True, check=False)
    return out.stdout + out.stderr


def test_models_are_read_without_torch() -> None:
    code = "from neurotrain_hw.networks import load_model\nprint(load_model('digits-fc').sizes)"
    assert run(code).strip() == "(64, 128, 10)"


@pytest.mark.parametrize(
    "code",
    [
        "from neurotrain_hw.networks import build",
        "from neurotrain_hw.trainers import train",
        "from neurotrain_hw.trainers import measure_learning_bytes",
        "from neurotrain_hw import trainers\nfrom neurotrain_hw.cli.train import train\n"
        "from pathlib import Path\ntrain(out=Path('never-written'))",
    ],
)
def test_training_names_the_extra(code: str) -> None:
    assert "pip install 'neurotrain-hw[train]'" in run(code)


@pytest.mark.parametrize("package", [networks, trainers])
def test_unknown_names_are_attribute_errors(package: object) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018
