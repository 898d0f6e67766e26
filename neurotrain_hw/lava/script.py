"""A program as a Python script of Lava's own processes, for people who use Lava themselves.

The script needs lava-nc 0.10.0 and the arrays written beside it, nothing of neurotrain-hw. Its processes are those
that `worker/` builds, with Lava's own models.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.files import replacing
from neurotrain_hw.lava.client import unpacked
from neurotrain_hw.lava.script_parts import HEAD, IMPORTS, NEURONS, TAIL
from neurotrain_hw.lava.support import check_program
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.program.synapses import SparseWeights

Arrays = dict[str, npt.NDArray[Any]]

_PORTS = {"rf": ("a_real_in", "a_imag_in"), "rf_iz": ("a_real_in", "a_imag_in"), "rf_zero": ("u_in", "v_in")}


def write_script(program: Program, out: Path) -> Path:
    """Write the script to `out` and its arrays beside it, with the suffix `.npz`; returns the path of the arrays.

    UnsupportedError for what Lava's own processes do not do: what `neurotrain_hw.lava` refuses, and third factors,
    which need a process of ours.
    """
    check_program(program, ())
    for population in program.populations:
        if population.modulator is not None:
            raise UnsupportedError(
                "it forms learning signals, for which Lava has no process", where=f"population '{population.name}'",
                remedy="Run it with `neurotrain-hw run --engine lava`, which brings its own.",
            )  # fmt: skip
    _check_one_piece(program)
    beside = out.with_suffix(".npz")
    if beside == out:
        raise UnsupportedError("its arrays would take its place", where=str(out), need="a name that ends in .py")
    text, arrays = _Script(unpacked(program)).written(beside.name)
    with replacing(beside) as path, path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    with replacing(out) as path:
        path.write_text(text, encoding="utf-8")
    return beside


class _Script:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = _identifiers([p.name for p in program.populations] + [c.name for c in program.connections])
        self.arrays: Arrays = {}
        self.used: set[str] = set()

    def written(self, arrays_file: str) -> tuple[str, Arrays]:
        lines: list[str] = []
        for population in self.program.populations:
            lines += self._population(population)
        for connection in self.program.connections:
            lines += ["", *self._connection(connection)]
        outputs = ", ".join(f"{name!r}: {self.names[name]}" for name in self._recorded())
        inputs = {p.name: p.n for p in self.program.populations if p.kind == "input"}
        imports = "\n".join(sorted(IMPORTS[name] for name in self.used))
        head = HEAD.format(name=self.program.name, arrays=arrays_file, inputs=_pairs(inputs), imports=imports)
        body = textwrap.indent("\n".join([*lines, "", f"return {{{outputs}}}"]), "    ")
        body = "\n".join(line.rstrip() for line in body.split("\n"))
        return f"{head}\n{body}\n{TAIL}", self.arrays

    def _recorded(self) -> list[str]:
        """The outputs, or the last population where there are none; inputs are known."""
        names = self.program.outputs or (self.program.populations[-1].name,)
        return [name for name in names if self.program.population(name).kind != "input"]

    def _population(self, p: Population) -> list[str]:
        variable = self.names[p.name]
        if p.kind == "input":
            return [f"{variable} = Source(data=inputs[{p.name!r}].T.astype(np.int32))"]
        kind = NEURONS[p.kind]
        self.used.add(kind.process)
        values = {key: self._value(f"{p.name}.{key}", p, key) for key in p.parameters}
        made = ", ".join(part.format(**values) for part in (f"shape=({p.n},)", *kind.arguments))
        lines = [f"{variable} = {kind.process}({made})"]
        if kind.exact:
            lines.append(f"exactly({variable}, " + ", ".join(part.format(**values) for part in kind.exact) + ")")
        return lines

    def _value(self, key: str, p: Population, parameter: str) -> str:
        """A number where all neurons have the same, else an array of the file."""
        values = p.parameter(parameter)
        if np.all(values == values[0]):
            return str(int(values[0]))
        return self._array(key, values)

    def _array(self, key: str, values: npt.NDArray[Any]) -> str:
        self.arrays[key] = values
        return f"ARRAYS[{key!r}]"

    def _connection(self, c: Connection) -> list[str]:
        variable, pre, post = (self.names[name] for name in (c.name, c.pre, c.post))
        after = self.program.population(c.post)
        port = _PORTS.get(after.kind, ("a_in", ""))[c.port == "imag"]
        if c.kind == "conv":
            return self._conv(c, variable, pre, f"{post}.{port}")
        made = self._synapses(c)
        if made is None:
            return [f"# {c.name}: all of its weights are 0"]
        lines = [
            f"{variable} = {made}",
            f"{pre}.s_out.connect({variable}.s_in)",
            f"{variable}.a_out.connect({post}.{port})",
        ]
        return [*lines, f"{post}.s_out.connect({variable}.s_in_bap)"] if c.plasticity is not None else lines

    def _conv(self, c: Connection, variable: str, pre: str, port: str) -> list[str]:
        self.used.add("Conv")
        shape = self.program.population(c.pre).shape
        options = ", ".join(f"{key}={getattr(c.conv, key)}" for key in ("stride", "padding", "dilation", "groups"))
        weight = self._array(f"{c.name}.weights", c.matrix())
        return [
            f"{variable} = Conv(weight={weight}, input_shape={tuple(shape)}, {options}, "
            f"num_message_bits={c.num_message_bits})",
            f"{pre}.s_out.reshape({tuple(shape)}).connect({variable}.s_in)",
            f"{variable}.a_out.flatten().connect({port})",
        ]

    def _synapses(self, c: Connection) -> str | None:
        """The process of a connection with a matrix; None where it has no synapse (Lava cannot build an empty one)."""
        options = (
            f"weight_exp={c.weight_exp}, num_weight_bits={c.num_weight_bits}, "
            f"num_message_bits={c.num_message_bits}, sign_mode=SignMode.{c.resolved_sign_mode.upper()}"
        )
        if c.plasticity is not None:
            return self._learning(c, options)
        if c.kind in ("sparse", "delay_sparse"):
            return self._sparse(c, options)
        process = "Dense" if c.kind == "dense" else "DelayDense"
        self.used.add(process)
        weights = self._array(f"{c.name}.weights", c.matrix())
        if c.delays is None:
            return f"Dense(weights={weights}, {options})"
        delays = self._array(f"{c.name}.delays", c.delays.astype(np.int64))  # Lava refuses int32
        return f"DelayDense(weights={weights}, delays={delays}, max_delay={c.max_delay}, {options})"

    def _sparse(self, c: Connection, options: str) -> str | None:
        weights = c.matrix()
        delays = c.weights.delays() if isinstance(c.weights, SparseWeights) else c.delays
        post, pre = np.nonzero(weights)
        if not post.size:
            return None
        self.used |= {"csr_matrix", "DelaySparse" if delays is not None and delays[post, pre].any() else "Sparse"}
        rows, columns = (self._array(f"{c.name}.{key}", at) for key, at in (("post", post), ("pre", pre)))
        where = f"({rows}, {columns})), shape={weights.shape})"
        made = f"weights=csr_matrix(({self._array(f'{c.name}.weights', weights[post, pre])}, {where}"
        if delays is None or not delays[post, pre].any():
            return f"Sparse({made}, {options})"
        late = self._array(f"{c.name}.delays", delays[post, pre].astype(np.int64))
        return f"DelaySparse({made}, delays=csr_matrix(({late}, {where}, max_delay={c.max_delay}, {options})"

    def _learning(self, c: Connection, options: str) -> str:
        plasticity = c.plasticity
        if plasticity is None or plasticity.kind != "2f":
            raise UnsupportedError("its third factor comes from nowhere", where=f"learning connection '{c.name}'")
        self.used |= {"LearningDense", "Loihi2FLearningRule"}
        rule = ", ".join(
            f"{key}={value!r}"
            for key, value in {
                "dw": plasticity.dw, "dd": plasticity.dd, "dt": plasticity.dt, "t_epoch": plasticity.t_epoch,
                "rng_seed": plasticity.rng_seed, **plasticity.traces,
            }.items()
        )  # fmt: skip
        tags = {"tag_1": plasticity.tag_1, "tag_2": plasticity.tag_2}
        parts = [f"{key}={self._array(f'{c.name}.{key}', tag)}" for key, tag in tags.items() if tag is not None]
        weights = self._array(f"{c.name}.weights", c.matrix())
        made = ", ".join([f"weights={weights}", f"learning_rule=Loihi2FLearningRule({rule})", *parts, options])
        return f"LearningDense({made})"


def _check_one_piece(program: Program) -> None:
    """Lava runs only what hangs together with the process that is started."""
    piece, before = {program.populations[0].name}, 0
    while len(piece) > before:
        before = len(piece)
        for c in program.connections:
            if (c.pre in piece) != (c.post in piece) and (not isinstance(c.weights, np.ndarray) or c.weights.any()):
                piece |= {c.pre, c.post}
    for p in program.populations:
        if p.name not in piece:
            raise UnsupportedError(
                f"nothing connects it with '{program.populations[0].name}', and Lava runs only what hangs together",
                where=f"population '{p.name}'", remedy="Export each part as a program of its own.",
            )  # fmt: skip


def _identifiers(names: list[str]) -> Mapping[str, str]:
    """A variable of Python for each name."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "part"
        plain = f"n{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) or plain in ("np", "inputs") else plain
        while plain in found.values():
            plain += "_"
        found[name] = plain
    return found


def _pairs(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name!r}: {n}" for name, n in values.items())
