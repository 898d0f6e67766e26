"""What a trained network needs and does per sample: per layer, and as the metrics of NeuroBench.

    footprint_bytes            weights in their bits, the rest (scales, biases, decays, thresholds) in 32
    footprint_in_torch_bytes   every parameter and buffer as torch holds it: what NeuroBench's package counts
    connection_sparsity        weights that are 0 / weights, of those the network computes with; biases left out
    activation_sparsity        1 - spikes / (neurons * steps * samples), over all layers that spike
    effective_acs, _macs       synaptic operations per sample, from spikes (-1, 0, 1) and from other values
    dense                      those of all inputs and weights, zeros included
    membrane_updates           membranes that changed, per sample
    classification_accuracy    share of samples classified rightly

`counts.py` has how they are counted. Integrators do not spike: they are left out of activation sparsity, and their
class is read from their membranes.
"""

from __future__ import annotations

import math
from typing import Any

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.counts import Arrivals, Counts, LayerCounts, fan_out


def layer_figures(network: SpikingNetwork, cells: list[Cell], counts: Counts) -> list[dict[str, Any]]:
    """Per layer: neurons, spikes per sample, activation sparsity (None for integrators), synaptic operations."""
    figures = []
    for layer, cell, found in zip(network.spec.layers, cells, counts.layers, strict=True):
        spikes = float(found.fired.sum())
        figures.append(
            {
                "layer": layer.name,
                "neurons": cell.neurons,
                "spikes_per_sample": spikes / counts.samples,
                "activation_sparsity": 1 - spikes / (cell.neurons * found.steps) if layer.spikes else None,
                "synaptic_operations": _operations(cell, found, counts.samples),
                "membrane_updates": found.updates / counts.samples,
            }
        )
    return figures


def neurobench(network: SpikingNetwork, cells: list[Cell], counts: Counts, *, accuracy: float) -> dict[str, Any]:
    """NeuroBench's metrics of a network that has been run on samples."""
    layers = layer_figures(network, cells, counts)
    matrices = [matrix for cell in cells for matrix in (cell.weight, cell.recurrent) if matrix is not None]
    weights = sum(matrix.numel() for matrix in matrices)
    spiking = [
        (cell, found)
        for spec, cell, found in zip(network.spec.layers, cells, counts.layers, strict=True)
        if spec.spikes
    ]
    places = sum(cell.neurons * found.steps for cell, found in spiking)
    silent = 1 - sum(float(found.fired.sum()) for _, found in spiking) / places if places else None
    operations = {
        kind: sum(figures["synaptic_operations"][kind] for figures in layers)
        for kind in ("effective_macs", "effective_acs", "dense")
    }
    return {
        "footprint_bytes": _footprint(network),
        "footprint_in_torch_bytes": _in_torch(network),
        "connection_sparsity": sum(int((matrix == 0).sum()) for matrix in matrices) / weights,
        "activation_sparsity": silent,
        "synaptic_operations": operations,
        "membrane_updates": sum(figures["membrane_updates"] for figures in layers),
        "classification_accuracy": accuracy,
    }


def _operations(cell: Cell, found: LayerCounts, samples: int) -> dict[str, float]:
    total = {"effective_macs": 0.0, "effective_acs": 0.0, "dense": 0.0}
    sources: list[tuple[Arrivals, int]] = [(found.below, 0)]
    if cell.recurrent is not None:
        sources.append((found.itself, 1))
    for arrivals, position in sources:
        way = cell.ways[position]
        reached = fan_out(way.operator, way.weight, arrivals.spikes.shape)
        all_of = fan_out(way.operator, way.weight.new_ones(way.weight.shape), arrivals.spikes.shape)
        total["effective_acs"] += float((arrivals.spikes * reached).sum()) / samples
        total["effective_macs"] += float((arrivals.values * reached).sum()) / samples
        total["dense"] += float(all_of.sum()) * found.steps / samples
    return total


def _footprint(network: SpikingNetwork) -> int:
    """Bytes of the network in its number formats; arrays of n-bit integers are packed."""
    bits = 0
    for layer, shape in zip(network.spec.layers, network.spec.shapes, strict=False):
        weights, maps = layer.weights(shape), layer.channels if layer.kind == "conv" else layer.neurons
        words = 2 * (maps if layer.learn_beta or layer.learn_threshold else 1) + (maps if layer.bias else 0)
        if layer.weight_bits is not None:
            words += maps if layer.weight_scale == "channel" else 1
        bits += weights * (layer.weight_bits or 32) + 32 * words
    return math.ceil(bits / 8)


def _in_torch(network: SpikingNetwork) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in (*network.parameters(), *network.buffers()))
