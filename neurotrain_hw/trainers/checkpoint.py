"""Checkpoints: the whole state of a run between two epochs, in one .npz written in one step."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurotrain_hw.errors import FormatError
from neurotrain_hw.files import replacing


@dataclass
class Progress:
    """Where a run stands: metrics of the epochs done, and the seconds they took."""

    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def epochs_done(self) -> int:
        return len(self.history)


def save(
    path: Path,
    *,
    settings: dict[str, Any],
    progress: Progress,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    kept: dict[str, torch.Tensor],
) -> None:
    """Write shadow weights, the optimiser's moments, what the rule keeps, and the metrics, in place of the file."""
    document = {"settings": settings, "history": progress.history, "seconds": progress.seconds}
    arrays: dict[str, Any] = {"document": np.array(json.dumps(document))}
    for name, parameter in parameters.items():
        arrays[f"shadow/{name}"] = parameter.detach().numpy()
        for key, value in optimizer.state[parameter].items():
            arrays[f"adam/{name}/{key}"] = value.numpy()
    arrays |= {f"kept/{name}": tensor.numpy() for name, tensor in kept.items()}
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)


def load(
    path: Path,
    *,
    settings: dict[str, Any],
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    kept: dict[str, torch.Tensor],
) -> Progress:
    """Put weights, optimiser and what the rule keeps back as they were saved.

    Raises FormatError where the file is damaged or belongs to a run with other settings.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        document = json.loads(str(arrays["document"]))
        check_settings(document["settings"], settings, where=str(path))
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(torch.from_numpy(arrays[f"shadow/{name}"]))
                prefix = f"adam/{name}/"
                optimizer.state[parameter] = {
                    key.removeprefix(prefix): torch.from_numpy(value)
                    for key, value in arrays.items()
                    if key.startswith(prefix)
                }
            for name, tensor in kept.items():
                tensor.copy_(torch.from_numpy(arrays[f"kept/{name}"]))
        return Progress(document["history"], document["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"the checkpoint cannot be read: {error}", where=str(path), remedy="Delete it; the run then starts anew."
        ) from error


def check_settings(found: dict[str, Any], wanted: dict[str, Any], *, where: str) -> None:
    """Raise FormatError naming the settings in which an earlier run in this folder differs."""
    # through JSON, which turns tuples into lists
    wanted = json.loads(json.dumps(wanted))
    differing = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    if differing:
        raise FormatError(
            f"this folder holds a run with another {', '.join(differing)}", where=where,
            remedy="Choose another folder, or delete this one.",
        )  # fmt: skip
