"""LIF neurons that form a third factor, as program/modulator.py defines it; their dynamics are Lava's own."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import PyLifModelBitAcc
from lava.proc.lif.process import LIF
from processes import StateRecording

STATE_MAX = 2**23 - 1
GOODNESS_MAX = 2**31 - 1
FACTOR_MAX = 127
PSI_BITS = 5
GOLDEN, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def toward_zero(value, shift):
    """sign(x) * (|x| >> shift), in 64 bits."""
    value = np.asarray(value, np.int64)
    return np.sign(value) * (np.abs(value) >> shift)


def clipped(value):
    """A factor of 7 bits and sign."""
    return np.clip(value, -FACTOR_MAX, FACTOR_MAX)


def split_mix(seed, numbers):
    """Numbers of SplitMix64, uint64, from 1."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + numbers.astype(np.uint64) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX_1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_2)
        return z ^ (z >> np.uint64(31))


class ModulatedLIF(LIF):
    """LIF whose neurons send spikes, back-propagating spikes and a third factor.

    `modulator`: the dataclass Modulator as a dict. `reset`: (interval, offset) of LIFReset, or None.
    """

    def __init__(self, *, shape, modulator, reset, **lif):
        super().__init__(shape=shape, modulator=modulator, reset=reset, **lif)
        self.signal_in = InPort(shape=shape)
        self.target_in = InPort(shape=shape)
        self.s_out_bap = OutPort(shape=shape)
        self.s_out_y1 = OutPort(shape=shape)
        self.s_out_y2 = OutPort(shape=shape)
        self.s_out_y3 = OutPort(shape=shape)
        self.s_out_error = OutPort(shape=shape)
        self.z = Var(shape=shape, init=0)
        self.y1 = Var(shape=shape, init=0)
        self.y2 = Var(shape=shape, init=0)
        self.y3 = Var(shape=shape, init=0)
        self.goodness = Var(shape=(1,), init=0)


@implements(proc=ModulatedLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ModulatedLifModel(PyLifModelBitAcc):
    """Lava's bit-accurate LIF, with the optional reset of LIFReset, and then the third factor of this step."""

    implements_process = None  # inherited from the model of LIF; Lava refuses to overwrite it
    signal_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    target_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out_bap: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)
    s_out_y1: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    s_out_y2: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    s_out_y3: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    s_out_error: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    z: np.ndarray = LavaPyType(np.ndarray, np.int64)
    y1: np.ndarray = LavaPyType(np.ndarray, np.int32)
    y2: np.ndarray = LavaPyType(np.ndarray, np.int32)
    y3: np.ndarray = LavaPyType(np.ndarray, np.int32)
    goodness: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def run_spk(self):
        m, reset = self.proc_params["modulator"], self.proc_params["reset"]
        if reset is not None and self.time_step % reset[0] == reset[1] % reset[0]:
            self.u[:], self.v[:], self.z[:] = 0, 0, 0
        self.scale_bias()
        self.scale_threshold()
        self.subthr_dynamics(activation_in=self.a_in.recv())
        noise = self._noise(m) if m["beside"] == "noise" else 0
        self.v[:] = np.clip(self.v.astype(np.int64) + (noise << m["noise_exp"]), -STATE_MAX, STATE_MAX)
        membrane = self.v.astype(np.int64)
        spikes = self.spiking_activation()
        self.reset_voltage(spike_vector=spikes)
        error, factors = self._factors(m, membrane, spikes.astype(np.int64), noise)
        self.y1[:], self.y2[:], self.y3[:] = factors
        self.s_out.send(spikes)
        self.s_out_bap.send(spikes)
        self.s_out_y1.send(self.y1)
        self.s_out_y2.send(self.y2)
        self.s_out_y3.send(self.y3)
        self.s_out_error.send(error)

    def _noise(self, m):
        n = self.v.size
        drawn = split_mix(m["noise_seed"], (self.time_step - 1) * n + np.arange(1, n + 1))
        return (drawn % np.uint64(127)).astype(np.int64) - 63

    def _factors(self, m, membrane, spikes, noise):
        """The error that is sent, and y1, y2 and y3, int64 (n,) each."""
        signal, target = self.signal_in.recv(), self.target_in.recv().astype(np.int64)
        decayed = toward_zero(self.z * (4096 - m["trace_decay"]), 12)
        self.z[:] = np.minimum(decayed + spikes * m["trace_impulse"], STATE_MAX)
        activity = self.z >> m["trace_shift"]
        learned = self._signal(m, membrane, activity, signal.astype(np.int64), target)
        psi = self._psi(m, membrane - self.effective_vth)
        apart = m["beside"] == "psi_alone"
        bits = PSI_BITS if m["psi"] in ("triangle", "segments") and not apart else 0
        third = clipped(toward_zero((1 if apart else psi) * learned, m["signal_shift"] + bits))
        halves = [np.maximum(third, 0), np.maximum(-third, 0)]
        beside = {"trace": activity, "psi": psi << m["beside_shift"], "noise": 64 + noise}
        beside["psi_alone"] = beside["psi"]
        first = [np.minimum(beside[m["beside"]], FACTOR_MAX)] if m["beside"] != "nothing" else []
        error = np.sign(learned) if m["error_sent"] == "sign" else learned
        return error if m["signal"] == "error" else 0 * third, (first + halves + [0 * third])[:3]

    def _signal(self, m, membrane, activity, signal, target):
        if m["signal"] == "feedback":
            return signal
        if m["signal"] == "reward":
            return clipped(target)
        if m["signal"] == "error":
            output = membrane >> m["trace_shift"] if m["output"] == "membrane" else activity
            error = clipped(target - output)
            return np.sign(error) * (np.abs(error) // m["error_step"])
        phase, near = np.sign(target), np.minimum(activity, FACTOR_MAX)
        distance = (self.goodness >> m["goodness_shift"]) - m["goodness_level"]
        self.goodness[:] = min(int((near * near).sum()), GOODNESS_MAX)
        return phase * ((np.clip(64 - phase * distance, 0, 127) * near) >> 7)

    def _psi(self, m, x):
        if m["psi"] == "none":
            return np.ones_like(x)
        if m["psi"] == "box":
            return (np.abs(x) <= m["psi_halfwidth"]).astype(np.int64)
        if m["psi"] == "triangle":
            bounds = (np.arange(1, 32) * m["psi_halfwidth"]) >> PSI_BITS
            return 31 - np.searchsorted(bounds, np.abs(x), side="right")
        return np.array(m["psi_values"])[np.searchsorted(m["psi_bounds"], x, side="right")]


class RecordedModulatedLif(StateRecording, ModulatedLifModel):
    pass
