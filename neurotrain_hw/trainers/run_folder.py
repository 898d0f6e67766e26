"""The run folder that training leaves: run.json, weights.npz and model.nir; read back without retraining."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.files import replacing, write_text
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec, Surrogate

if TYPE_CHECKING:
    from neurotrain_hw.networks.network import SpikingNetwork

FORMAT = "run-1"
RUN, WEIGHTS, GRAPH, CHECKPOINT = "run.json", "weights.npz", "model.nir", "checkpoint.npz"


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    `accuracy`: by network (`quantised`: as trained; `float`: the same shadow weights unquantised), then by split
    (train, validation, test), each 0..1. `history`: metrics of every epoch. `document`: run.json as a whole.
    """

    folder: Path
    model: ModelSpec
    rule: str
    seed: int
    accuracy: Mapping[str, Mapping[str, float]]
    history: tuple[Mapping[str, float], ...]
    document: Mapping[str, Any]

    @property
    def graph_path(self) -> Path:
        """The network as a NIR file with our metadata."""
        return self.folder / GRAPH

    @property
    def weights_path(self) -> Path:
        """Arrays `<layer>/shadow`, `/effective`, and of quantised layers `/integers`, `/scale`, `/bits`, and what else
        is learned: `SpikingNetwork.arrays`.
        """
        return self.folder / WEIGHTS

    def network(self) -> SpikingNetwork:
        """The trained network in torch."""
        from neurotrain_hw import networks

        network = networks.SpikingNetwork(self.model)  # names the extra where torch is missing
        with np.load(self.weights_path, allow_pickle=False) as stored:
            network.load_arrays(stored)
        return network


def is_finished(folder: Path) -> bool:
    """Whether a run in this folder ran to its end (run.json is written last)."""
    return (folder / RUN).is_file()


def load_run(folder: Path) -> TrainedRun:
    """Read a finished run; FormatError where there is none or its run.json is damaged."""
    path = folder / RUN
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise FormatError(f"format is {document['format']!r}", where=str(path), need=FORMAT)
        settings = document["settings"]
        return TrainedRun(
            folder, _model(settings["model"]), settings["rule"], settings["seed"], document["accuracy"],
            tuple(document["history"]), document,
        )  # fmt: skip
    except FileNotFoundError:
        raise FormatError("no finished run is here", where=str(path), remedy="Train first, or resume it.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"not a run: {error!r}", where=str(path)) from error


def save_network(folder: Path, network: SpikingNetwork) -> dict[str, Any]:
    """Write weights.npz, and model.nir where NIR can hold the network; what is written, or why it is not."""
    from neurotrain_hw.interchange import write_nir
    from neurotrain_hw.networks.export import to_graph

    arrays: dict[str, Any] = network.arrays()
    with replacing(folder / WEIGHTS) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)
    try:
        write_nir(folder / GRAPH, to_graph(network))
    except UnsupportedError as error:
        return {"file": None, "why": str(error)}
    return {"file": GRAPH}


def save_document(folder: Path, document: Mapping[str, Any]) -> None:
    """Write run.json, the last file of a run."""
    write_text(folder / RUN, json.dumps({"format": FORMAT, **document}, indent=2) + "\n")


def _model(document: Mapping[str, Any]) -> ModelSpec:
    layers = tuple(LayerSpec(**layer) for layer in document["layers"])
    return ModelSpec(**{**document, "layers": layers, "surrogate": Surrogate(**document["surrogate"])})
