"""Builds Lava's process graph from the document of a program file and a job."""

import json
import zipfile
from pathlib import Path

import numpy as np
from lava.magma.core.learning.learning_rule import Loihi2FLearningRule, Loihi3FLearningRule
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc
from lava.proc.dense.process import DelayDense, Dense, LearningDense
from lava.proc.io.source import PySendModelFixed, RingBuffer
from lava.proc.lif.process import LIF, LIFReset, TernaryLIF
from lava.proc.sparse.models import PySparseModelBitAcc
from lava.proc.sparse.process import Sparse
from lava.utils.weightutils import SignMode
from processes import (
    ModulatedLIF,
    RecordedLearningDense,
    RecordedLif,
    RecordedLifReset,
    RecordedModulatedLif,
    RecordedTernaryLif,
    Recorder,
    recorder_model,
)
from scipy.sparse import csr_matrix

SIGNS = {"mixed": SignMode.MIXED, "excitatory": SignMode.EXCITATORY, "inhibitory": SignMode.INHIBITORY}
OUT_PORTS = {"spikes": "s_out", "error": "s_out_error", "y1": "s_out_y1", "y2": "s_out_y2"}
IN_PORTS = {"current": "a_in", "signal": "signal_in"}
FACTORS = ("y1", "y2", "y3")
TRACES = ("x1", "x2", "y1", "y2", "y3")


class Graph:
    """The processes of a program, the model of each, and the files that the run will fill.

    `anchor`: the process to run, connected with all others. `models`: {process: its model}; every model is named,
    so that Lava never searches (it does so by executing every file beside a process).
    """

    def __init__(self, folder):
        self.job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.steps = self.job["steps"]
        self.folder = folder
        self.files = {row["key"]: row["file"] for row in self.job["record"]}
        self.models = {}
        program = read_program(folder / "program.nhw")
        self.neurons = {p["name"]: int(np.prod(p["shape"])) for p in program["populations"]}
        self.arrays = np.load(folder / "inputs.npz", allow_pickle=False)
        self.populations = {p["name"]: self._population(p) for p in program["populations"]}
        for population in program["populations"]:
            target = (population["modulator"] or {}).get("target")
            if target is not None and population["modulator"]["signal"] == "error":
                self.populations[target].s_out.connect(self.populations[population["name"]].target_in)
        for connection in program["connections"]:
            self._connection(connection)
        self.anchor = self._recorder()

    def _add(self, process, model):
        self.models[process] = model
        return process

    def _source(self, values):
        """A source that sends row t-1 of `values` (steps, n) at step t."""
        return self._add(RingBuffer(data=np.ascontiguousarray(values.T, np.int32)), PySendModelFixed)

    def _population(self, p):
        name, kind, n = p["name"], p["kind"], self.neurons[p["name"]]
        if kind == "input":
            return self._source(self._input(name, n))
        common = {"shape": (n,), "du": _compact(p, "du"), "dv": _compact(p, "dv")}
        common["bias_mant"], common["bias_exp"] = _full(p, "bias_mant", n), _full(p, "bias_exp", n)
        reset = None
        if kind == "lif_reset":
            reset = (_compact(p, "reset_interval"), _compact(p, "reset_offset"))
        if p["modulator"] is not None:
            process = ModulatedLIF(**common, vth=_compact(p, "vth"), modulator=p["modulator"], reset=reset)
            model = RecordedModulatedLif
        elif kind == "lif":
            process, model = LIF(**common, vth=_compact(p, "vth")), RecordedLif
        elif kind == "lif_reset":
            process = LIFReset(**common, vth=_compact(p, "vth"), reset_interval=reset[0], reset_offset=reset[1])
            model = RecordedLifReset
        else:
            process, model = TernaryLIF(**common), RecordedTernaryLif
            for key in ("vth_lo", "vth_hi"):  # Lava declares them with shape (1,), its arithmetic takes one per neuron
                getattr(process, key).shape, getattr(process, key).init = (n,), _full(p, key, n)
        process.proc_params["states"] = {
            state: self._file(f"{name}.{state}", (self.steps, n), np.int32)
            for state in ("u", "v", "y1", "y2")
            if f"{name}.{state}" in self.files
        }
        return self._add(process, model)

    def _input(self, name, n):
        """The stream of an input population as int32 (steps, n)."""
        key = self.job["inputs"][name]
        indptr, index = self.arrays[f"{key}.indptr"], self.arrays[f"{key}.index"]
        values = np.zeros((self.steps, n), np.int32)
        values[np.repeat(np.arange(self.steps), np.diff(indptr)), index] = self.arrays[f"{key}.values"]
        return values

    def _connection(self, c):
        options = {"num_message_bits": c["num_message_bits"], "weight_exp": c["weight_exp"]}
        options["num_weight_bits"] = c["num_weight_bits"]
        weights = c["weights"].astype(np.int32)
        if c["sign_mode"] is not None:
            options["sign_mode"] = SIGNS[c["sign_mode"]]
        if c["plasticity"] is not None:
            process = self._learning(c, weights, options)
        elif c["kind"] == "delay_dense":
            delays = c["delays"].astype(int)  # Lava refuses int32
            process = DelayDense(weights=weights, delays=delays, max_delay=c["max_delay"], **options)
            self._add(process, PyDelayDenseModelBitAcc)
        elif c["kind"] == "sparse" and weights.any():  # Lava cannot build an empty sparse matrix; zeros are zeros
            process = self._add(Sparse(weights=csr_matrix(weights), **options), PySparseModelBitAcc)
        else:
            process = self._add(Dense(weights=weights, **options), PyDenseModelBitAcc)
        pre, post = self.populations[c["pre"]], self.populations[c["post"]]
        getattr(pre, OUT_PORTS[c["pre_port"]]).connect(process.s_in)
        process.a_out.connect(getattr(post, IN_PORTS[c["port"]]))

    def _learning(self, c, weights, options):
        plasticity, name, post = c["plasticity"], c["name"], self.populations[c["post"]]
        # An epoch that never ends: the connection passes spikes exactly as a learning one does, and does not learn.
        epoch = plasticity["t_epoch"] if self.job["learn"] else self.steps + 1
        kind = Loihi2FLearningRule if plasticity["kind"] == "2f" else Loihi3FLearningRule
        rule = kind(
            dw=plasticity["dw"],
            dd=plasticity["dd"],
            dt=plasticity["dt"],
            t_epoch=epoch,
            rng_seed=plasticity["rng_seed"],
            **{k: v for k, v in plasticity["traces"].items() if plasticity["kind"] == "2f" or not k.startswith("y")},
        )
        options.setdefault("sign_mode", SignMode.MIXED)
        tags = {k: plasticity[k] for k in ("tag_1", "tag_2")}
        process = LearningDense(weights=weights, learning_rule=rule, **tags, **options)
        self._add(process, RecordedLearningDense)
        shapes = {"weights": weights.shape, "tag_1": weights.shape, "tag_2": weights.shape}
        shapes.update({x: weights.shape[1:] if x[0] == "x" else weights.shape[:1] for x in TRACES})
        process.proc_params["steps"] = self.steps
        process.proc_params["record_epoch"] = epoch
        process.proc_params["final"] = {
            key: self._file(f"{name}.{key}", shape, np.int32) for key, shape in shapes.items()
        }
        process.proc_params["history"] = {
            key: self._file(f"{name}.{key}@epochs", (self.steps // epoch, *weights.shape), np.int32)
            for key in ("weights", "tag_1", "tag_2")
            if f"{name}.{key}@epochs" in self.files
        }
        modulated = isinstance(post, ModulatedLIF)
        (post.s_out_bap if modulated else post.s_out).connect(process.s_in_bap)
        for factor in FACTORS if plasticity["kind"] == "3f" else ():
            key = self.job["third_factors"].get(name)
            if key is not None:
                port = self._source(self.arrays[f"{key}.{factor}"]).s_out
            else:
                port = getattr(post, f"s_out_{factor}")
            port.connect(getattr(process, f"s_in_{factor}"))
        return process

    def _recorder(self):
        ports, files, sources = {}, {}, {}
        for number, (name, process) in enumerate(self.populations.items()):
            if isinstance(process, RingBuffer):
                continue
            port = f"in_{number}"
            ports[port], sources[port] = self.neurons[name], process.s_out
            if f"{name}.spikes" in self.files:
                files[port] = self._file(f"{name}.spikes", (self.steps, self.neurons[name]), np.int8)
        recorder = self._add(Recorder(ports=ports, files=files), recorder_model(ports))
        for port, source in sources.items():
            source.connect(getattr(recorder, port))
        return recorder

    def _file(self, key, shape, kind):
        """Create the `.npy` file that the client expects under `key`; returns its path."""
        path = str(self.folder / self.files[key])
        if np.prod(shape):
            np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)
        else:
            np.save(path, np.zeros(shape, kind))
        return path


def read_program(path: Path):
    """The document of a program file (program_file.py), with its arrays in place of the references to them."""
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("program.json").decode("utf-8"))
        return _resolve(document["program"], archive)


def _resolve(value, archive):
    if isinstance(value, dict) and set(value) == {"array", "type", "shape"}:
        with archive.open(f"{value['array']}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    if isinstance(value, dict):
        return {k: _resolve(v, archive) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolve(v, archive) for v in value]
    return value


def _compact(population, key):
    """A parameter as one int where all neurons agree, else int64 (n,): Lava passes these on without a cast."""
    value = np.asarray(population["parameters"][key], np.int64)
    return int(value.flat[0]) if np.all(value == value.flat[0]) else value


def _full(population, key, n):
    return np.broadcast_to(np.asarray(population["parameters"][key], np.int32), (n,)).copy()
