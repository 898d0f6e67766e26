"""One step out of many: the same operations in every step of the recorded loop become one network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks.tracing import leaves
from neurotrain_hw.networks.tracing.record import Trace
from neurotrain_hw.networks.tracing.terms import Chain, Layer, Term, refuse

# What a value is in one step, comparable between steps: (kind, ...) with parts of the same kind inside.
#   ("input", name, shape), ("zero", shape), ("spikes" or "v", chain, lag, shape), ("layer", layer, part, shape),
#   ("add", parts, shape), ("scale", factor, part, shape), ("reshape", part, shape); shapes without the batch
Sig: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class OneStep:
    """What every population takes in a step, and what the network sends; `steps` is how many were recorded."""

    drives: dict[Chain, Sig]
    outputs: dict[str, Sig]
    steps: int
    notes: tuple[str, ...]


def one_step(trace: Trace, *, batched: bool) -> OneStep:
    """The step that all recorded steps have in common.

    Raises UnsupportedError, naming the module, where steps differ or need what a graph of NIR does not have.
    """
    return _Folding(trace, batched).run()


class _Folding:
    def __init__(self, trace: Trace, batched: bool) -> None:
        self.trace, self.lead, self.notes = trace, int(batched), dict[str, None]()
        self.drives: dict[Chain, Sig] = {}
        self.memory: dict[tuple[int, int], Sig] = {}
        self.layers: dict[Any, Layer] = {}
        self.steps = max((len(chain.calls) for chain in trace.chains), default=1)

    def run(self) -> OneStep:
        outputs = self.outputs()
        ahead = [chain for sig in outputs.values() for chain in chains_in(sig)]
        while ahead:
            chain = ahead.pop()
            if chain not in self.drives:
                self.drives[chain] = self.drive(chain)
                ahead += chains_in(self.drives[chain])
        return OneStep(self.drives, outputs, self.steps, tuple(self.notes))

    def drive(self, chain: Chain) -> Sig:
        """What arrives at a population, the same in all its steps."""
        where = f"module '{chain.path}'"
        if len(chain.calls) != self.steps:
            raise UnsupportedError(
                f"is called {len(chain.calls)} times in {self.steps} steps", where=where,
                remedy="Give each population of neurons a module of its own, and call it once in every step.",
            )  # fmt: skip
        sigs = [self.sig(call.args[0], step) for step, call in enumerate(chain.calls)]
        return self.same(sigs, where)

    def same(self, sigs: list[Sig], where: str) -> Sig:
        """The one signature of all steps; the first step may lack what comes round a loop."""
        template = sigs[-1]
        for step, sig in enumerate(sigs):
            wanted = without_past(template) if step == 0 and len(sigs) > 1 else template
            if sig != template and simplest(sig) != simplest(wanted):
                raise UnsupportedError(
                    f"step {step} of the forward pass does something else than the last step", where=where,
                    remedy="Write the loop over time so that every step does the same.",
                )  # fmt: skip
        return template

    def sig(self, term: Term, step: int) -> Sig:
        """What a term is, seen from a step."""
        key = (id(term), step)
        if key not in self.memory:
            self.memory[key] = self._sig(term, step)
        return self.memory[key]

    def _sig(self, term: Term, step: int) -> Sig:
        shape = term.shape[self.lead :]
        if term.kind == "input":
            if self.steps > 1:
                self.notes[f"input '{term['name']}': the module takes the same values in every step"] = None
            return ("input", term["name"], shape)
        if term.kind == "select" and term.args[0].kind == "input":
            if term["index"] != step:
                raise UnsupportedError(
                    f"step {step} takes index {term['index']} of axis {term['axis']} of the input", where=term.where,
                    need="a loop in which step t takes input t",
                )  # fmt: skip
            return ("input", term.args[0]["name"], shape)
        if term.kind == "constant" and not bool(torch.any(term["value"] != 0)):
            return ("zero", shape)
        if term.kind == "constant":
            random = term.attrs.get("random")
            what, remedy = leaves.WHY["random"] if random else ("a constant enters the network", "Give it as a bias.")
            raise UnsupportedError(what, where=term.where, remedy=remedy)
        if term.kind in ("spikes", "state"):
            return self.sent(term, step, shape)
        if term.kind == "layer":
            return ("layer", self.layer(term["layer"]), self.sig(term.args[0], step), shape)
        if term.kind == "add":
            if any(part.shape != term.shape for part in term.args):
                raise UnsupportedError("adds signals of different shapes", where=term.where, need="equal shapes")
            return ("add", tuple(self.sig(part, step) for part in term.args), shape)
        if term.kind == "scale":
            factor = term["factor"]
            values = tuple(factor.reshape(-1).tolist())
            return ("scale", (tuple(factor.shape), values), self.sig(term.args[0], step), shape, term.where)
        if term.kind == "reshape":
            if self.lead and term.args[0].shape[:1] != term.shape[:1]:
                raise UnsupportedError(
                    f"turns {term.args[0].shape} into {term.shape}, which mixes the samples of a batch",
                    where=term.where, need="the batch axis as the first", remedy="Or give batch=False.",
                )  # fmt: skip
            return ("reshape", self.sig(term.args[0], step), shape, term.where)
        why = {"stack": "index", "select": "index", "reduce": "index", "permute": "transpose"}.get(term.kind)
        if why is not None:
            raise UnsupportedError(leaves.WHY[why][0], where=term.where, remedy=leaves.WHY[why][1])
        raise refuse(term)

    def layer(self, layer: Layer) -> Layer:
        """One Layer for all calls of a module, or of a function with the same weights."""
        module = layer.module
        functional = getattr(module, "weight", None) if type(module).__name__ == "SimpleNamespace" else None
        if functional is not None:
            return self.layers.setdefault((layer.path, id(functional)), layer)
        if type(module).__name__ == "SimpleNamespace":
            return self.layers.setdefault((layer.path, repr(module)), layer)
        return self.layers.setdefault(id(module), layer)

    def sent(self, term: Term, step: int, shape: tuple[int, ...]) -> Sig:
        call = term.args[0]
        chain, lag = call["chain"], step - call["number"]
        if lag not in (0, 1):
            raise UnsupportedError(
                f"step {step} takes what module '{chain.path}' sent in step {call['number']}", where=term.where,
                need="the same step or the one before",
            )  # fmt: skip
        if term.kind == "spikes":
            return ("spikes", chain, lag, shape)
        if term["name"] != "mem":
            raise UnsupportedError("a synaptic current is used as a signal", where=term.where, need="spikes")
        return ("v", chain, lag, shape)

    def outputs(self) -> dict[str, Sig]:
        """What forward returns, by name: signals that nothing else takes; states of neurons are left out."""
        found: dict[str, Sig] = {}
        states: dict[str, Term] = {}
        for name, term in self.returned():
            parts = self.over_time(term)
            if parts is None or all(part.kind == "constant" for _, part in parts):
                continue
            if parts[-1][1].kind == "state":
                states[name] = parts[-1][1]
                continue
            sigs = [self.sig(part, step) for step, part in parts]
            found[name] = self.same(sigs, f"output '{name}'") if len(sigs) == self.steps else sigs[-1]
        if not found:
            for name, term in states.items():
                if term["name"] == "mem":
                    found[name] = self.sig(term, self.steps - 1)
        if not found:
            raise UnsupportedError("forward returns nothing that a neuron or a layer sent", need="spikes as the output")
        return self.last(found, states)

    def returned(self) -> Iterator[tuple[str, Term]]:
        """What forward returned; a list that is not one of steps is taken apart."""
        for name, term in self.trace.returned.items():
            if term.attrs.get("listed") and (self.steps == 1 or len(term.args) != self.steps):
                for number, part in enumerate(term.args):
                    yield f"{name}_{number}" if name else str(number), part
            else:
                yield name, term

    def last(self, found: dict[str, Sig], states: dict[str, Term]) -> dict[str, Sig]:
        """Of what is returned, that which no other population takes; all where there is none."""
        taken: set[Chain] = set()
        for chain in self.trace.chains:
            if len(chain.calls) == self.steps:
                taken |= set(chains_in(self.sig(chain.calls[-1].args[0], self.steps - 1)))
        kept = {
            name: sig for name, sig in found.items() if not (set(chains_in(sig)) & taken and sig[0] in ("spikes", "v"))
        }
        kept = kept or found
        distinct: dict[str, Sig] = {}
        for name, sig in kept.items():
            if sig not in distinct.values():
                distinct[name] = sig
        return distinct

    def over_time(self, term: Term) -> list[tuple[int, Term]] | None:
        """(step, term) for what a returned value holds of each step; None for what is no signal."""
        if term.kind == "stack" and len(term.args) == self.steps:
            return list(enumerate(term.args))
        if term.kind == "stack" and any(part.kind in ("spikes", "state") for part in term.args):
            raise UnsupportedError(
                f"forward returns {len(term.args)} steps, its neurons take {self.steps}", where=term.where,
                remedy="Call each population of neurons, a module of its own, once in every step with its own states.",
            )  # fmt: skip
        if term.kind == "reduce":
            inner = self.over_time(term.args[0])
            if inner is not None and len(inner) == self.steps and term.args[0].kind in ("stack", "reduce"):
                self.notes[
                    f"the module returns a {term['how']} over what each step sends; the graph sends each step's"
                ] = None
                return inner
        if term.kind in ("scale", "reshape") and term.args[0].kind in ("stack", "reduce"):
            return self.over_time(term.args[0])
        if term.kind == "permute" and term.args[0].kind == "stack":
            return self.over_time(term.args[0])
        if term.kind == "add" and self.steps > 1:
            parts = list(_summands(term))
            if len(parts) == self.steps:
                self.notes["the module returns a sum over the steps; the graph sends each step's"] = None
                return list(enumerate(parts))
        return [(self.steps - 1, term)]


def chains_in(sig: Sig) -> Iterator[Chain]:
    """The populations whose spikes or membranes a signature takes."""
    if sig[0] in ("spikes", "v"):
        yield sig[1]
    elif sig[0] in ("layer", "scale"):
        yield from chains_in(sig[2])
    elif sig[0] == "reshape":
        yield from chains_in(sig[1])
    elif sig[0] == "add":
        for part in sig[1]:
            yield from chains_in(part)


def without_past(sig: Sig) -> Sig:
    """The signature in the first step, when nobody has sent anything before."""
    if sig[0] in ("spikes", "v"):
        return ("zero", sig[3]) if sig[2] == 1 else sig
    if sig[0] in ("layer", "scale"):
        return (*sig[:2], without_past(sig[2]), *sig[3:])
    if sig[0] == "reshape":
        return (sig[0], without_past(sig[1]), *sig[2:])
    if sig[0] == "add":
        return (sig[0], tuple(without_past(part) for part in sig[1]), sig[2])
    return sig


def simplest(sig: Sig) -> Sig:
    """The signature without what is zero."""
    if sig[0] == "layer":
        part = simplest(sig[2])
        silent = part[0] == "zero" and sig[1].kind != "BatchNorm" and getattr(sig[1].module, "bias", None) is None
        return ("zero", sig[3]) if silent else (*sig[:2], part, sig[3])
    if sig[0] == "scale":
        part = simplest(sig[2])
        return part if part[0] == "zero" else (*sig[:2], part, *sig[3:])
    if sig[0] == "reshape":
        part = simplest(sig[1])
        return ("zero", sig[2]) if part[0] == "zero" else (sig[0], part, *sig[2:])
    if sig[0] == "add":
        parts = [part for part in map(simplest, sig[1]) if part[0] != "zero"]
        if not parts:
            return ("zero", sig[2])
        return parts[0] if len(parts) == 1 else ("add", tuple(parts), sig[2])
    return sig


def _summands(term: Term) -> Iterator[Term]:
    for part in term.args:
        if part.kind == "add":
            yield from _summands(part)
        elif not (part.kind == "constant" and not bool(torch.any(part["value"] != 0))):
            yield part
