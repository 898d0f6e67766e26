"""Lava processes of our own: a recorder of spikes, and models that record states.

Arithmetic that Lava has is inherited from Lava, never written again: the models here add ports and files to it.
"""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.atrlif.models import PyATRLIFModelFixed
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.dense.models import PyLearningDenseModelBitApproximate
from lava.proc.lif.models import PyLifModelBitAcc, PyLifResetModelBitAcc, PyTernLifModelFixed
from lava.proc.resfire.models import PyRFZeroModelFixed
from lava.proc.rf.models import PyRFModelFixed
from lava.proc.rf_iz.models import PyRF_IZModelFixed
from lava.proc.sdn.models import PyDeltaModelFixed, PySigmaDeltaModelFixed, PySigmaModelFixed


class StateRecording:
    """Writes the Vars named in `proc_params["states"]` ({Var: file}) into one row of their files at every step."""

    def run_spk(self):
        super().run_spk()
        for name, file in self.proc_params.get("states", {}).items():
            _array(self, file)[self.time_step - 1] = getattr(self, name)


class FinalRecording:
    """Writes the Vars in `proc_params["final"]` after the last step, those in `["history"]` after every epoch."""

    def post_guard(self):
        return bool(self._due())

    def run_post_mgmt(self):
        for name, file, row in self._due():
            _array(self, file)[row] = getattr(self, name)

    def _due(self):
        due = []
        epoch, rest = divmod(self.time_step, self.proc_params["record_epoch"])
        if self.time_step == self.proc_params["steps"]:
            due += [(name, file, ...) for name, file in self.proc_params["final"].items()]
        if rest == 0:
            due += [(name, file, epoch - 1) for name, file in self.proc_params["history"].items()]
        return due


def _array(model, file):
    """The `.npy` file mapped into memory, opened once by each model."""
    maps = model.__dict__.setdefault("_maps", {})
    if file not in maps:
        maps[file] = np.load(file, mmap_mode="r+")
    return maps[file]


class RecordedLif(StateRecording, PyLifModelBitAcc):
    pass


class RecordedLifReset(StateRecording, PyLifResetModelBitAcc):
    pass


class RecordedTernaryLif(StateRecording, PyTernLifModelFixed):
    pass


class RecordedAtrlif(StateRecording, PyATRLIFModelFixed):
    pass


class RecordedSigma(StateRecording, PySigmaModelFixed):
    pass


class RecordedDelta(StateRecording, PyDeltaModelFixed):
    pass


class RecordedSigmaDelta(StateRecording, PySigmaDeltaModelFixed):
    pass


class RecordedRf(StateRecording, PyRFModelFixed):
    pass


class RecordedRfIz(StateRecording, PyRF_IZModelFixed):
    pass


class RecordedRfZero(StateRecording, PyRFZeroModelFixed):
    pass


class CheckedConv(PyConvModelFixed):
    """Lava sums in floating point and casts to 32 bits; beyond them the result of that cast is not defined."""

    def clamp_precision(self, x):
        if x.min() <= np.iinfo(np.int32).min or x.max() >= np.iinfo(np.int32).max:
            raise OverflowError("a convolution's sum leaves 32 bits at this step; Lava has no defined result for that")
        return super().clamp_precision(x)


class RecordedLearningDense(FinalRecording, PyLearningDenseModelBitApproximate):
    pass


class Recorder(AbstractProcess):
    """One process that takes what populations send and writes the rows of those that are wanted to `.npy` files.

    `ports`: {port name: neurons}. `files`: {port name: file}. It is connected to every population, so that the
    process graph is in one piece: Lava runs only what hangs together.
    """

    def __init__(self, *, ports, files):
        super().__init__(ports=list(ports), files=files)
        for name, n in ports.items():
            setattr(self, name, InPort(shape=(n,)))


class _RecorderModel(PyLoihiProcessModel):
    def run_spk(self):
        files = self.proc_params["files"]
        for name in self.proc_params["ports"]:
            row = getattr(self, name).recv()
            if name in files:
                _array(self, files[name])[self.time_step - 1] = row


def recorder_model(names):
    """The recorder's model, with one port for each name: Lava reads a model's ports from its class."""
    ports = {name: LavaPyType(PyInPort.VEC_DENSE, np.int32) for name in names}
    model = type("RecorderModel", (_RecorderModel,), ports)
    return implements(proc=Recorder, protocol=LoihiProtocol)(requires(CPU)(tag("fixed_pt")(model)))
