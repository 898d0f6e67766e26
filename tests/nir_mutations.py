"""Random damage to NIR and netx files: to what they say (a tree of groups), and to their bytes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

KINDS = ("Input", "Output", "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten",
         "Delay", "Threshold", "I", "LI", "IF", "LIF", "CubaLI", "CubaLIF", "NIRGraph", "Nothing",
         "input", "dense", "dense_rec", "dense_comp", "conv", "flatten", "CUBA", "SDNN", "RF", "RF_PHASE")  # fmt: skip
NIR_FIELDS = ("weight", "bias", "scale", "stride", "padding", "dilation", "groups", "input_shape", "kernel_size",
          "start_dim", "end_dim", "input_type", "delay", "threshold", "r", "tau", "tau_syn", "tau_mem", "v_leak",
          "v_threshold", "v_reset", "w_in", "shape", "type", "edges", "nodes", "metadata")  # fmt: skip
NETX_FIELDS = ("type", "shape", "weight", "weight_rec", "real", "imag", "bias", "delay", "stride", "padding",
               "dilation", "groups", "neuron", "iDecay", "vDecay", "vThMant", "sinDecay", "cosDecay", "messageBits",
               "activation", "sigma_output")  # fmt: skip
FIELDS = (*NIR_FIELDS, *NETX_FIELDS)


def mutate_tree(tree: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A copy of a file's tree with one to four things changed."""
    found = copy.deepcopy(tree)
    for _ in range(int(rng.integers(1, 5))):
        groups = _groups(found)
        group = groups[rng.integers(len(groups))]
        _CHANGES[rng.integers(len(_CHANGES))](group, rng)
    return found


def mutate_bytes(whole: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A file with bytes changed, left out, repeated, cut off, or taken from another file."""
    data = np.frombuffer(whole, np.uint8).copy()
    match rng.integers(6):
        case 0:
            return data[: rng.integers(len(data))].tobytes()
        case 1:
            at, size = rng.integers(len(data)), rng.integers(1, 64)
            return np.delete(data, slice(at, at + size)).tobytes()
        case 2:
            at, size = rng.integers(len(data)), rng.integers(1, 512)
            return np.insert(data, at, data[at : at + size]).tobytes()
        case 3:
            at, start, size = rng.integers(len(data)), rng.integers(len(other)), rng.integers(1, 2048)
            piece = np.frombuffer(other, np.uint8)[start : start + size][: len(data) - at]
            data[at : at + len(piece)] = piece
        case 4:
            places = rng.integers(0, len(data), rng.integers(1, 4))
            data[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
        case _:
            places = rng.integers(0, min(len(data), 6000), rng.integers(1, 9))
            data[places] = rng.choice([0, 1, 2, 127, 128, 254, 255], len(places))
    return data.tobytes()


def _groups(group: dict[str, Any]) -> list[dict[str, Any]]:
    found = [group]
    for value in group.values():
        if isinstance(value, dict):
            found += _groups(value)
    return found


def _remove(group: dict[str, Any], rng: np.random.Generator) -> None:
    if group:
        group.pop(list(group)[rng.integers(len(group))])


def _rename(group: dict[str, Any], rng: np.random.Generator) -> None:
    if group:
        names = [*group, *FIELDS, "", "a.b", "input", "output"]
        group[names[rng.integers(len(names))]] = group.pop(list(group)[rng.integers(len(group))])


def _replace(group: dict[str, Any], rng: np.random.Generator) -> None:
    names = [*group, FIELDS[rng.integers(len(FIELDS))]]
    group[names[rng.integers(len(names))]] = _value(rng)


def _retype(group: dict[str, Any], rng: np.random.Generator) -> None:
    if "type" in group:
        group["type"] = KINDS[rng.integers(len(KINDS))]


def _rewire(group: dict[str, Any], rng: np.random.Generator) -> None:
    edges, nodes = group.get("edges"), group.get("nodes")
    if not isinstance(edges, list) or not isinstance(nodes, dict) or not nodes:
        return
    names = list(nodes)
    edge = [names[rng.integers(len(names))], names[rng.integers(len(names))]]
    if rng.random() < 0.5 or not edges:
        edges.append(edge)
    else:
        edges[rng.integers(len(edges))] = edge


def _stretch(group: dict[str, Any], rng: np.random.Generator) -> None:
    arrays = [key for key, value in group.items() if isinstance(value, np.ndarray) and value.size]
    if not arrays:
        return
    key = arrays[rng.integers(len(arrays))]
    value = group[key]
    match rng.integers(5):
        case 0:
            group[key] = value.reshape(1, *value.shape)
        case 1:
            group[key] = value.reshape(-1)[:1].reshape(())
        case 2:
            group[key] = np.concatenate([value.reshape(-1), value.reshape(-1)])
        case 3:
            group[key] = -value if value.dtype.kind != "u" else value
        case _:
            changed = value.astype(np.float64)
            changed.reshape(-1)[rng.integers(value.size)] = rng.choice([0, np.nan, np.inf, -1, 1e308, 1e-308, 1e9])
            group[key] = changed


def _copy_group(group: dict[str, Any], rng: np.random.Generator) -> None:
    inner = [key for key, value in group.items() if isinstance(value, dict)]
    if inner:
        key = inner[rng.integers(len(inner))]
        group[key][FIELDS[rng.integers(len(FIELDS))]] = copy.deepcopy(group[key])


_CHANGES = (_remove, _rename, _replace, _replace, _retype, _rewire, _rewire, _stretch, _stretch, _copy_group)


def _value(rng: np.random.Generator) -> Any:
    shape = tuple(int(n) for n in rng.integers(0, 4, rng.integers(0, 4)))
    match rng.integers(8):
        case 0:
            return ["", "LIF", "same", "NIRGraph", "input"][rng.integers(5)]
        case 1:
            return [["a", "b"], ["input", "output"]]
        case 2:
            return {}
        case 3:
            return rng.integers(-3, 1 << 40, shape)
        case 4:
            return rng.integers(0, 5, shape).astype(np.uint8)
        case 5:
            return np.full(shape, rng.choice([np.nan, np.inf, 0.0, -1.0, 1e300]))
        case 6:
            return rng.normal(size=shape).astype(np.float16)
        case _:
            return rng.normal(size=shape)
