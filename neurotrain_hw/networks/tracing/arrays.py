"""Parameters of torch modules as NumPy arrays, whatever device they are on; integers behind Brevitas's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import Quantisation

FloatArray = npt.NDArray[np.floating[Any]]


def array(value: Any, *, where: str) -> FloatArray:
    """A tensor, parameter or number as a float array on the CPU; float64 stays, all else becomes float32.

    Raises UnsupportedError for a tensor on torch's meta device, which has no values.
    """
    if not isinstance(value, torch.Tensor):
        return np.asarray(value, np.float32)
    if value.is_meta:
        raise UnsupportedError(
            "is on torch's meta device and has no values", where=where, remedy="Load the weights, then export."
        )
    wanted = torch.float64 if value.dtype == torch.float64 else torch.float32
    found: FloatArray = value.detach().to("cpu", wanted).numpy().copy()
    return found


def per_neuron(value: Any, shape: tuple[int, ...], *, where: str) -> npt.NDArray[np.float64]:
    """A parameter as float64 of the layer's shape, from one value for all or one each; a batch axis of 1 is left out.

    Raises UnsupportedError for another shape.
    """
    found = array(value, where=where).astype(np.float64)
    if found.ndim == len(shape) + 1 and found.shape[0] == 1:
        found = found[0]
    try:
        return np.broadcast_to(found, shape).copy()
    except ValueError:
        raise UnsupportedError(f"has shape {found.shape}, the neurons {shape}", where=where) from None


def weight_and_quantisation(module: Any, *, where: str) -> tuple[FloatArray, Quantisation | None, tuple[str, ...]]:
    """The weights that a layer computes with, the integers' bits and scale where Brevitas made them, and notes.

    Raises UnsupportedError for what a graph cannot hold: quantised activations, a zero point that is not 0.
    """
    if not hasattr(module, "quant_weight"):
        return array(module.weight, where=where), None, ()
    for side in ("input_quant", "output_quant"):
        quant = getattr(module, side, None)
        if quant is not None and getattr(quant, "is_quant_enabled", False):
            raise UnsupportedError(
                f"quantises its {side.split('_')[0]}", where=where,
                remedy=f"Leave out {side}; spikes need none, and a graph of NIR cannot hold it.",
            )  # fmt: skip
    with torch.no_grad():
        found = module.quant_weight()
    if not module.weight_quant.is_quant_enabled or isinstance(found, torch.Tensor):
        return array(getattr(found, "value", found), where=where), None, ()
    if not hasattr(found, "zero_point") or not found.is_valid:
        note = f"{where}: its weights are not multiples of a scale; they are written as floats"
        return array(found.value, where=where), None, (note,)
    if bool(torch.any(found.zero_point != 0)):
        raise UnsupportedError(
            "has weights with a zero point", where=where, need="symmetric quantisation",
            remedy="Use a symmetric quantiser such as Int8WeightPerTensorFloat.",
        )  # fmt: skip
    weight = array(found.value, where=where)
    q = np.rint(array(found.int(float_datatype=True), where=where)).astype(np.int64)
    scales = tuple(float(s) for s in array(found.scale, where=where).reshape(-1))
    bits, notes = int(found.bit_width), tuple[str, ...]()
    if bool(found.signed) and q.size and q.max() > (1 << (bits - 1)) - 1:  # binary weights are -1 and +1
        notes = (
            f"{where}: integers {int(q.min())}..{int(q.max())} of {bits} bit need {bits + 1} bits in a signed number",
        )
        bits += 1
    scale = scales[0] if len(scales) == 1 else scales
    return weight, Quantisation(bits, scale, "mixed" if bool(found.signed) else "excitatory"), notes


def bias(module: Any, channels: int, *, where: str) -> tuple[FloatArray | None, tuple[str, ...]]:
    """The bias that a layer computes with, None where it has none, and notes; a quantised one stays a float."""
    if module.bias is None:
        return None, ()
    quant = getattr(module, "bias_quant", None)
    if quant is None or not getattr(quant, "is_quant_enabled", False):
        return array(module.bias, where=where).reshape(channels), ()
    try:
        with torch.no_grad():
            found = module.quant_bias()
    except RuntimeError as error:
        raise UnsupportedError(
            "its bias is quantised with the scale of its input, which spikes do not have", where=where,
            remedy="Use a bias quantiser with a scale of its own, or none.",
        ) from error  # fmt: skip
    note = f"{where}: the quantised bias is written as floats; its integers are not in the file"
    return array(getattr(found, "value", found), where=where).reshape(channels), (note,)
