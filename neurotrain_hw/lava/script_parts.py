"""What every script of Lava has in common, and how each kind of neuron is built in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Neurons:
    """A process of Lava: arguments of its constructor, and Vars set exactly, with `{parameter}` for the integers."""

    process: str
    arguments: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()


_BIAS = ("bias_mant={bias_mant}", "bias_exp={bias_exp}")
_LEAKS = ("du={du}", "dv={dv}", *_BIAS)
_LIF = (*_LEAKS, "vth={vth}")
_EXPONENTS = ("spike_exp={spike_exp}", "state_exp={state_exp}")
_SCALED = "np.left_shift(np.int64({%s}), np.int64({spike_exp}) + np.int64({state_exp})).astype(np.int32)"
_VTH, _BIASED = _SCALED % "vth", _SCALED % "bias"
_RESONATOR = (
    "state_exp={state_exp}",
    "decay_bits={decay_bits}",
    "sin_decay=np.int64({sin_decay})",  # 64 bits: Lava multiplies them with the state before it shifts
    "cos_decay=np.int64({cos_decay})",
    "vth=np.left_shift(np.int32({vth}), np.int32({state_exp}))",
)
_LIMIT = 1 << 17

NEURONS: Mapping[str, Neurons] = MappingProxyType({
    "lif": Neurons("LIF", _LIF),
    "lif_reset": Neurons("LIFReset", (*_LIF, "reset_interval={reset_interval}", "reset_offset={reset_offset}")),
    "ternary_lif": Neurons(
        "TernaryLIF", _LEAKS, tuple(f"{key}=np.clip({{{key}}}, -{_LIMIT}, {_LIMIT})" for key in ("vth_lo", "vth_hi"))
    ),
    "atrlif": Neurons(
        "ATRLIF", _BIAS,
        (*(f"{var}=np.float64({{{key}}}) / 4096" for var, key in (
            ("delta_i", "du"), ("delta_v", "dv"), ("delta_theta", "dtheta"), ("delta_r", "dr")
        )), "theta_0=np.int64({theta_0})", "theta_step=np.int64([{theta_step}])"),
    ),
    "sigma": Neurons("Sigma"),
    "delta": Neurons("Delta", ("vth=0", "cum_error=bool({cum_error})"), (*_EXPONENTS, f"vth={_VTH}")),
    "sigma_delta": Neurons(
        "SigmaDelta", ("vth=0", "act_mode=ActivationMode.RELU if {relu} else ActivationMode.UNIT",
                       "cum_error=bool({cum_error})"),
        (*_EXPONENTS, f"vth={_VTH}", f"bias={_BIASED}"),
    ),
    "rf": Neurons("RF", ("period=1", "alpha=0"), _RESONATOR),
    "rf_iz": Neurons("RF_IZ", ("period=1", "alpha=0"), _RESONATOR),
    "rf_zero": Neurons(
        "RFZero", ("freqs=np.zeros(1)", "decay_tau=np.ones(1)"), ("uth={uth}", "lst={lst}", "lct={lct}")
    ),
})  # fmt: skip
"""Per kind; Lava's constructors compute some integers from periods or fractions, so these are set afterwards."""

IMPORTS: Mapping[str, str] = MappingProxyType({
    "LIF": "from lava.proc.lif.process import LIF",
    "LIFReset": "from lava.proc.lif.process import LIFReset",
    "TernaryLIF": "from lava.proc.lif.process import TernaryLIF",
    "ATRLIF": "from lava.proc.atrlif.process import ATRLIF",
    "Sigma": "from lava.proc.sdn.process import Sigma",
    "Delta": "from lava.proc.sdn.process import Delta",
    "SigmaDelta": "from lava.proc.sdn.process import ActivationMode, SigmaDelta",
    "RF": "from lava.proc.rf.process import RF",
    "RF_IZ": "from lava.proc.rf_iz.process import RF_IZ",
    "RFZero": "from lava.proc.resfire.process import RFZero",
    "Dense": "from lava.proc.dense.process import Dense",
    "DelayDense": "from lava.proc.dense.process import DelayDense",
    "LearningDense": "from lava.proc.dense.process import LearningDense",
    "Sparse": "from lava.proc.sparse.process import Sparse",
    "DelaySparse": "from lava.proc.sparse.process import DelaySparse",
    "Conv": "from lava.proc.conv.process import Conv",
    "Loihi2FLearningRule": "from lava.magma.core.learning.learning_rule import Loihi2FLearningRule",
    "csr_matrix": "from scipy.sparse import csr_matrix",
})  # fmt: skip

HEAD = '''"""The program '{name}' as processes of Lava, in its integers.

Needs lava-nc 0.10.0 and {arrays} beside this file. `python THIS.py INPUTS.npz OUT.npz` runs it: INPUTS holds one array
(steps, n) of whole numbers for each input ({inputs}), OUT gets the spikes of each output, (steps, n).
"""

import sys
from pathlib import Path

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.utils.weightutils import SignMode
{imports}

ARRAYS = np.load(Path(__file__).with_name("{arrays}"), allow_pickle=False)


def build(inputs):
    """The outputs' processes, connected with all others; inputs: arrays (steps, n) by name."""'''

TAIL = '''

def exactly(process, **values):
    """Set Vars to one integer per neuron, where Lava's constructor would compute them."""
    for name, value in values.items():
        variable = getattr(process, name)
        value = np.atleast_1d(value)
        if name != "theta_step":
            value = np.broadcast_to(value, process.proc_params["shape"]).copy()
        variable.shape, variable.init = value.shape, value


def main(inputs_file, out_file):
    with np.load(inputs_file, allow_pickle=False) as file:
        inputs = {name: file[name] for name in file.files}
    steps = len(next(iter(inputs.values())))
    sinks = {}
    for name, process in build(inputs).items():
        sinks[name] = Sink(shape=process.s_out.shape, buffer=steps)
        process.s_out.connect(sinks[name].a_in)
    anchor = next(iter(sinks.values()))
    anchor.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    np.savez(out_file, **{name: sink.data.get().T.astype(int) for name, sink in sinks.items()})
    anchor.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
'''
