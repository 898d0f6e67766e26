"""Checkpoints: the whole state of a run between two epochs, in one .npz written in one step."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from neurotrain_hw.errors import FormatError
from neurotrain_hw.files import replacing

FORMAT = "checkpoint-2"


@dataclass
class Progress:
    """Where a run stands: metrics of the epochs done, the seconds that each took to learn, and all seconds so far."""

    history: list[dict[str, float]] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
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
    """Write shadow weights, the optimiser's state, what the rule keeps, and the metrics, in place of the file.

    Nothing of the device is in it: a run may go on elsewhere.
    """
    document = {"format": FORMAT, "settings": settings, **asdict(progress)}
    arrays: dict[str, Any] = {"document": np.array(json.dumps(document))}
    for name, parameter in parameters.items():
        arrays[f"shadow/{name}"] = _array(parameter)
        for key, value in optimizer.state[parameter].items():
            if isinstance(value, torch.Tensor):
                arrays[f"optimiser/{name}/{key}"] = _array(value)
            elif value is not None:
                raise TypeError(f"the optimiser keeps '{key}', a {type(value).__name__}, which is no tensor")
    arrays |= {f"kept/{name}": _array(tensor) for name, tensor in kept.items()}
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)


def load(
    path: Path,
    *,
    settings: dict[str, Any],
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    kept: dict[str, torch.Tensor],
    defaults: dict[str, Any],
) -> Progress:
    """Put weights, optimiser and what the rule keeps back as they were saved.

    Raises FormatError where the file is damaged or belongs to a run with other settings.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        document = json.loads(str(arrays["document"]))
        if document.get("format") != FORMAT:
            raise ValueError(f"its format is {document.get('format')!r}, not {FORMAT!r}")
        check_settings(document["settings"], settings, where=str(path), defaults=defaults)
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(torch.from_numpy(arrays[f"shadow/{name}"]))
                prefix = f"optimiser/{name}/"
                optimizer.state[parameter] = {
                    key.removeprefix(prefix): _beside(parameter, value)
                    for key, value in arrays.items()
                    if key.startswith(prefix)
                }
            for name, tensor in kept.items():
                tensor.copy_(torch.from_numpy(arrays[f"kept/{name}"]))
        return Progress(document["history"], document["epoch_seconds"], document["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"the checkpoint cannot be read: {error}", where=str(path), remedy="Delete it; the run then starts anew."
        ) from error


def check_settings(found: dict[str, Any], wanted: dict[str, Any], *, where: str, defaults: dict[str, Any]) -> None:
    """Raise FormatError naming the settings in which an earlier run in this folder differs.

    What an earlier run does not name has the value in `defaults`, which is what it meant then.
    """
    # through JSON, which turns tuples into lists
    wanted, defaults = json.loads(json.dumps(wanted)), json.loads(json.dumps(defaults))
    found = _completed(found, defaults)
    differing = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    if differing:
        raise FormatError(
            f"this folder holds a run with another {', '.join(differing)}", where=where,
            remedy="Choose another folder, or delete this one.",
        )  # fmt: skip


def _completed(found: Any, defaults: Any) -> Any:
    if isinstance(found, dict) and isinstance(defaults, dict):
        return {**defaults, **{key: _completed(value, defaults.get(key)) for key, value in found.items()}}
    if isinstance(found, list) and isinstance(defaults, list) and len(found) == len(defaults):
        return [_completed(one, default) for one, default in zip(found, defaults, strict=True)]
    return found


def _array(tensor: torch.Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def _beside(parameter: torch.Tensor, value: npt.NDArray[Any]) -> torch.Tensor:
    """An optimiser's tensor: on the parameter's device, as torch keeps it, but for counts of steps."""
    tensor = torch.from_numpy(value)
    return tensor.to(parameter.device) if tensor.shape == parameter.shape else tensor
