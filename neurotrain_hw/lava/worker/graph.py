"""Builds Lava's process graph from the document of a program file and a job."""

import json

import numpy as np
from document import dense_weights, read_program, sparse_weights
from lava.magma.core.learning.learning_rule import Loihi2FLearningRule, Loihi3FLearningRule
from lava.proc.conv.process import Conv
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc
from lava.proc.dense.process import DelayDense, Dense, LearningDense
from lava.proc.io.source import PySendModelFixed, RingBuffer
from lava.proc.sparse.models import PyDelaySparseModelBitAcc, PySparseModelBitAcc
from lava.proc.sparse.process import DelaySparse, Sparse
from lava.utils.weightutils import SignMode
from modulated import ModulatedLIF
from neurons import GRADED_KINDS, STATES, in_ports, neurons
from processes import CheckedConv, RecordedLearningDense, Recorder, recorder_model

SIGNS = {"mixed": SignMode.MIXED, "excitatory": SignMode.EXCITATORY, "inhibitory": SignMode.INHIBITORY}
OUT_PORTS = {"spikes": "s_out", "error": "s_out_error"}
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
        self.shapes = {p["name"]: tuple(p["shape"]) for p in program["populations"]}
        self.neurons = {name: int(np.prod(shape)) for name, shape in self.shapes.items()}
        self.graded = {p["name"] for p in program["populations"] if p["kind"] in GRADED_KINDS}
        self.arrays = np.load(folder / "inputs.npz", allow_pickle=False)
        self.populations = {p["name"]: self._population(p) for p in program["populations"]}
        for population in program["populations"]:
            target = (population["modulator"] or {}).get("target")
            if target is not None:
                source, n = self.populations[target], self.neurons[population["name"]]
                if self.neurons[target] != n:  # one value for all neurons
                    source = self._source(np.repeat(self._input(target, 1), n, axis=1))
                source.s_out.connect(self.populations[population["name"]].target_in)
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
        name, n = p["name"], self.neurons[p["name"]]
        if p["kind"] == "input":
            return self._source(self._input(name, n))
        process, model = neurons(p)
        variables = dict(STATES[p["kind"]], **({y: y for y in FACTORS} if p["modulator"] is not None else {}))
        process.proc_params["states"] = {
            variable: self._file(f"{name}.{state}", (self.steps, n), np.int32)
            for state, variable in variables.items()
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
        source = getattr(self.populations[c["pre"]], OUT_PORTS[c["pre_port"]])
        target = in_ports(self.populations[c["post"]])[c["port"]]
        if c["kind"] == "conv":
            shape = self.shapes[c["pre"]]
            process = self._add(Conv(**_conv_options(c), input_shape=shape), CheckedConv)
            source.reshape(shape).connect(process.s_in)
            process.a_out.flatten().connect(target)
            return
        process = self._synapses(c)
        if process is not None:
            source.connect(process.s_in)
            process.a_out.connect(target)

    def _synapses(self, c):
        """The process of a connection with a matrix; None where it has no synapse (Lava cannot build an empty one)."""
        options = {key: c[key] for key in ("num_message_bits", "weight_exp", "num_weight_bits")}
        if c["sign_mode"] is not None:
            options["sign_mode"] = SIGNS[c["sign_mode"]]
        if c["plasticity"] is not None:
            return self._learning(c, dense_weights(c), options)
        if c["kind"] == "delay_dense":
            delays = c["delays"].astype(int)  # Lava refuses int32
            process = DelayDense(weights=dense_weights(c), delays=delays, max_delay=c["max_delay"], **options)
            return self._add(process, PyDelayDenseModelBitAcc)
        if c["kind"] == "dense":
            return self._add(Dense(weights=dense_weights(c), **options), PyDenseModelBitAcc)
        weights, delays = sparse_weights(c)
        if not weights.nnz:
            return None
        if delays is None:
            return self._add(Sparse(weights=weights, **options), PySparseModelBitAcc)
        process = DelaySparse(weights=weights, delays=delays, max_delay=c["max_delay"], **options)
        return self._add(process, PyDelaySparseModelBitAcc)

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
                width = np.int32 if name in self.graded else np.int8
                files[port] = self._file(f"{name}.spikes", (self.steps, self.neurons[name]), width)
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


def _conv_options(c):
    pairs = {key: tuple(c["conv"][key]) for key in ("stride", "padding", "dilation")}
    options = {"groups": c["conv"]["groups"], "num_message_bits": c["num_message_bits"]}
    return {"weight": dense_weights(c), **pairs, **options}
