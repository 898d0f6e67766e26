"""A user's own network: made by a function or class in a file or package of theirs, its weights read from a file.

Naming a module runs the code in it. A weights file runs nothing: .pt is read with torch.load(weights_only=True), .npz
without pickles.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from neurotrain_hw.errors import DataUnavailableError, FormatError, UnknownNameError, UnsupportedError

MAX_WEIGHT_BYTES = 4 << 30


def load_user_module(reference: str) -> nn.Module:
    """The torch module that `FILE.py:NAME` or `package.module:NAME` names: the thing itself, or what calling it gives.

    Imports and runs the user's code, with the file's folder, or the current one, first on the path. Raises FormatError
    for a malformed reference, DataUnavailableError where there is no such file or package, UnknownNameError where it
    has no such name, UnsupportedError where that is no torch module or needs arguments.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name.isidentifier():
        raise FormatError(
            f"'{reference}' names no callable", where="--module", need="FILE.py:NAME or PACKAGE.MODULE:NAME"
        )
    source = _imported(place)
    if not hasattr(source, name):
        raise UnknownNameError(
            "name in it", name, [each for each in vars(source) if not each.startswith("_")], where=place
        )
    found = getattr(source, name)
    if not isinstance(found, nn.Module) and callable(found):
        try:
            found = found()
        except TypeError as error:
            raise UnsupportedError(
                f"cannot be called without arguments ({error})", where=reference,
                remedy="Name a function that takes none and returns the network.",
            ) from error  # fmt: skip
    if not isinstance(found, nn.Module):
        raise UnsupportedError(f"is of type {type(found).__name__}", where=reference, need="a torch.nn.Module")
    return found


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Put the weights of a .pt/.pth (state_dict) or .npz file (arrays by the names of the state_dict) into a module.

    Raises DataUnavailableError where there is no file, FormatError for another kind of file, one that is damaged or
    holds more than tensors, and weights that are not those of the module.
    """
    path = Path(path)
    if not path.is_file():
        raise DataUnavailableError("there is no such file", where=str(path), remedy="Give the file with the weights.")
    if path.stat().st_size > MAX_WEIGHT_BYTES:
        raise FormatError(f"has {path.stat().st_size:,} bytes", where=str(path), limit=f"{MAX_WEIGHT_BYTES:,}")
    readers = {".pt": _torch_state, ".pth": _torch_state, ".npz": _numpy_state}
    if path.suffix not in readers:
        raise FormatError(f"is a '{path.suffix}' file", where=str(path), need=" ".join(readers))
    try:
        module.load_state_dict(readers[path.suffix](path))
    except RuntimeError as error:
        text = " ".join(str(error).split())
        raise FormatError(f"does not fit the module: {text}", where=str(path), need="its state_dict") from error


def _imported(place: str) -> Any:
    file = Path(place)
    with _first_on_path(file.parent if file.suffix == ".py" else Path.cwd()):
        if file.suffix != ".py":
            try:
                return importlib.import_module(place)
            except ModuleNotFoundError as error:
                raise DataUnavailableError(
                    f"{error}", where=f"--module {place}", remedy="Give a .py file, or a package that can be imported."
                ) from error
        if not file.is_file():
            raise DataUnavailableError("there is no such file", where=place, remedy="Give the file with the network.")
        spec = importlib.util.spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None:
            raise FormatError("cannot be imported", where=place, need="a Python file")
        source = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(source)
        return source


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))


def _torch_state(path: Path) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise FormatError(
            "holds more than weights, or is damaged", where=str(path), need="a state_dict",
            remedy="Save it with torch.save(module.state_dict(), path).",
        ) from error  # fmt: skip
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FormatError("is no table of tensors", where=str(path), need="a state_dict")
    return state


def _numpy_state(path: Path) -> dict[str, torch.Tensor]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            total = sum(info.file_size for info in arrays.zip.infolist())
            if total > MAX_WEIGHT_BYTES:
                raise FormatError(f"unpacks to {total:,} bytes", where=str(path), limit=f"{MAX_WEIGHT_BYTES:,}")
            return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise FormatError("is no file of NumPy arrays, or is damaged", where=str(path), need="an .npz file") from error
