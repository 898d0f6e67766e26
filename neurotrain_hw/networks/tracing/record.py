"""Run a module's forward pass once on an example and write down what it computed, as terms.

Known layers and neurons are one operation each (`leaves.py`); other modules are looked into. Loops over time run as
they stand, so that every step is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import snntorch
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks.tracing import leaves
from neurotrain_hw.networks.tracing.functions import term_of
from neurotrain_hw.networks.tracing.terms import Chain, Layer, Term, reshaped

# what makes a tensor of the shape of another, without its values
_FRESH = ("zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_empty", "new_full",
          "new_tensor")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trace:
    """What a forward pass gave: the terms that it returned, by a name for each, and the populations of neurons."""

    returned: Mapping[str, Term]
    chains: tuple[Chain, ...]


def record(module: nn.Module, inputs: Mapping[str, torch.Tensor], others: Mapping[str, Any]) -> Trace:
    """Run `module(**inputs, **others)` in evaluation mode, without gradients, and write it down.

    The module is left as it was: training mode, hidden states. Raises UnsupportedError where the forward pass decides
    by values, or feeds a neuron with states that are not its own.
    """
    recorder = _Recorder(module)
    with _undisturbed(module), recorder.watching(), torch.no_grad(), recorder:
        for name, value in inputs.items():
            recorder.know(value, Term("input", (), tuple(value.shape), f"argument '{name}'", {"name": name}))
        for name, value in others.items():
            if isinstance(value, torch.Tensor):
                attrs = {"name": name, "why": (f"argument '{name}' of forward is used as a signal", "Give its shape.")}
                recorder.know(value, Term("argument", (), tuple(value.shape), f"argument '{name}'", attrs))
        try:
            result = module(**inputs, **others)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in inputs.items())
            raise UnsupportedError(
                f"its forward failed on an example of {shapes} ({type(error).__name__}: {error})",
                where=recorder.place(), remedy="Give an example that forward takes, with its batch axis.",
            ) from error  # fmt: skip
    return Trace(dict(recorder.returned(result)), tuple(recorder.chains))


class _Recorder(TorchFunctionMode):
    """Terms by the tensors that hold their values; tensors are kept, so that no two ever share an id."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.paths = {id(part): path for path, part in module.named_modules(remove_duplicate=True)}
        self.terms: dict[int, Term] = {}
        self.kept: list[Any] = []
        self.within: list[str] = []
        self.leaf = 0
        self.chains: list[Chain] = []
        self.hidden: dict[int, Chain] = {}
        self.open = Term("call", (), ())

    def know(self, value: Any, term: Term) -> None:
        """Remember the term of a tensor."""
        self.kept.append(value)
        self.terms[id(value)] = term

    def term(self, value: Any) -> Term:
        """The term of a tensor; one that was never seen is a constant."""
        if id(value) in self.terms:
            return self.terms[id(value)]
        value = getattr(value, "value", value) if not isinstance(value, torch.Tensor) else value
        found = Term("constant", (), tuple(value.shape), self.place(), {"value": value})
        self.know(value, found)
        return found

    def place(self, function: str = "") -> str:
        """Where the forward pass is, for errors."""
        path = self.within[-1] if self.within else ""
        parts = [f"module '{path}'" if path else type(self.module).__name__, function]
        return ": ".join(part for part in parts if part)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", str(function))
        if self.leaf or name in ("__get__", "__set__"):
            return function(*args, **kwargs)
        tensors = [self.terms[id(a)] for a in _tensors((args, kwargs)) if id(a) in self.terms]
        if name in _FRESH or not any(term.kind != "constant" for term in tensors):
            result = function(*args, **kwargs)
            for value in _tensors(result):
                constant = {"value": value, "random": name in ("rand", "randn", "bernoulli", "normal", "randint")}
                self.know(value, Term("constant", (), tuple(value.shape), self.place(name), constant))
            return result
        if name in ("__bool__", "item", "tolist", "numpy", "__float__", "__int__", "__index__"):
            raise UnsupportedError(
                f"the forward pass looks at values ('{name}')", where=self.place(),
                remedy="Export the module without the part that decides by values.",
            )  # fmt: skip
        if name == "__iter__":
            return iter(self.__torch_function__(torch.Tensor.unbind, types, args, kwargs))
        result = function(*args, **kwargs)
        values = list(_tensors(result))
        for number, value in enumerate(values):
            made = term_of(name, args, kwargs, value, number, self.term, self.place(name))
            self.know(value, made)
        return result

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks on all modules while the forward pass runs."""
        handles = []
        for part in self.module.modules():
            leaf = leaves.is_leaf(part)
            handles.append(part.register_forward_pre_hook(self._enter(leaf), with_kwargs=True))
            handles.append(part.register_forward_hook(self._leave(leaf), with_kwargs=True))
            if leaf:
                for inner in part.modules():
                    self.paths.setdefault(id(inner), "")
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, leaf: bool) -> Callable[..., None]:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.within.append(self.paths[id(module)])
            self.leaf += leaf
            if self.leaf == 1 and leaf and isinstance(module, snntorch.SpikingNeuron):
                self._before_neuron(module, args, kwargs)

        return enter

    def _leave(self, leaf: bool) -> Callable[..., None]:
        def leave(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            if self.leaf == 1 and leaf:
                if isinstance(module, snntorch.SpikingNeuron):
                    self._after_neuron(result)
                else:
                    self._layer(module, args, result)
            self.leaf -= leaf
            self.within.pop()

        return leave

    def _layer(self, module: nn.Module, args: Any, result: Any) -> None:
        path, x = self.within[-1], self.term(args[0])
        value = getattr(result, "value", result) if not isinstance(result, torch.Tensor) else result
        shape, kind, where = tuple(value.shape), leaves.layer_kind(module), self.place()
        if isinstance(module, leaves.PASSING):
            term = x
        elif isinstance(module, leaves.RESHAPING):
            term = reshaped(x, shape, where)
        elif kind is None or kind == "Brevitas":
            term = Term("other", (x,), shape, where, {"why": leaves.why_not(type(module).__name__)})
        else:
            term = Term("layer", (x,), shape, where, {"layer": Layer(kind, module, path)})
        for each in (result, value):
            self.know(each, term)

    def _before_neuron(self, module: Any, args: Any, kwargs: Any) -> None:
        """Which population this call is a step of: that of the states it is given, else a new one."""
        names = leaves.NEURONS.get(type(module), ())
        given = dict(zip(("input_", *names), args, strict=False)) | kwargs
        x = self.term(given["input_"])
        states = {name: self.term(given[name]) for name in names if given.get(name) is not None}
        states = {name: term for name, term in states.items() if term.kind not in ("constant", "argument", "input")}
        if any(given.get(name) is not None for name in names):
            for name in names:  # states that a population starts from
                value = given.get(name)
                if value is not None and name not in states and bool(torch.any(value != 0)):
                    raise UnsupportedError(
                        f"starts with {name} other than 0", where=self.place(), remedy="Start from states of 0."
                    )
            previous = self._previous(module, states)
            chain = self._new(module) if previous is None else previous
        else:
            if id(module) not in self.hidden:
                self.hidden[id(module)] = self._new(module)
            chain = self.hidden[id(module)]
        self.open = Term("call", (x,), x.shape, self.place(), {"chain": chain, "number": len(chain.calls)})
        chain.calls.append(self.open)

    def _previous(self, module: nn.Module, states: Mapping[str, Term]) -> Chain | None:
        """The population whose latest call gave all of these states; None where there are none."""
        found: Chain | None = None
        for name, term in states.items():
            call = term.args[0] if term.kind in ("spikes", "state") else None
            fits = call is not None and call["chain"].module is module and call is call["chain"].calls[-1]
            wanted = "spikes" if name == "spk" else "state"
            if not fits or term.kind != wanted or (wanted == "state" and term["name"] != name):
                raise UnsupportedError(
                    f"is given a {name} that is not its own of the step before", where=self.place(),
                    remedy="Hand each neuron the states that it returned in the step before.",
                )  # fmt: skip
            chain: Chain = call["chain"]  # type: ignore[index]
            if found is not None and chain is not found:
                raise UnsupportedError("is given states of different neurons", where=self.place())
            found = chain
        return found

    def _new(self, module: Any) -> Chain:
        chain = Chain(type(module).__name__, module, self.within[-1])
        self.chains.append(chain)
        return chain

    def _after_neuron(self, result: Any) -> None:
        call = self.open
        names = [name for name in leaves.NEURONS.get(type(call["chain"].module), ()) if name != "spk"]
        values = result if isinstance(result, tuple) else (result,)
        for number, value in enumerate(values):
            shape = tuple(value.shape)
            if number == 0:
                self.know(value, Term("spikes", (call,), shape, self.place()))
            elif number <= len(names):
                self.know(value, Term("state", (call,), shape, self.place(), {"name": names[number - 1]}))

    def returned(self, result: Any, name: str = "") -> Iterator[tuple[str, Term]]:
        """The terms that forward returned, by their place in what it returned."""
        if isinstance(result, torch.Tensor):
            yield name, self.term(result)
        elif isinstance(result, Mapping):
            for key, value in result.items():
                yield from self.returned(value, f"{name}_{key}" if name else str(key))
        elif isinstance(result, list) and _alike(result):  # of steps, or of layers: `step.py` finds out
            parts = tuple(self.term(value) for value in result)
            shape = (len(result), *result[0].shape)
            yield name, Term("stack", parts, shape, self.place("list"), {"axis": 0, "listed": True})
        elif isinstance(result, Sequence) and not isinstance(result, str):
            for number, value in enumerate(result):
                yield from self.returned(value, f"{name}_{number}" if name else str(number))


def _alike(values: list[Any]) -> bool:
    """Whether a list holds several tensors of one shape."""
    first = values[0] if len(values) > 1 else None
    return isinstance(first, torch.Tensor) and all(
        isinstance(value, torch.Tensor) and value.shape == first.shape for value in values
    )


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


@contextmanager
def _undisturbed(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; then modes and hidden states as they were."""
    modes = {part: part.training for part in module.modules()}
    buffers = {part: dict(part._buffers) for part in module.modules() if isinstance(part, snntorch.SpikingNeuron)}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
        for part, kept in buffers.items():
            part._buffers.clear()
            part._buffers.update(kept)
