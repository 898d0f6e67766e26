"""Names of a package that are imported when first asked for, so that torch costs nothing until something trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from neurotrain_hw.errors import MissingExtraError

TRAIN_PACKAGES = ("torch", "snntorch", "brevitas", "sklearn")


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__`: `homes` says in which submodule of `package` each name lives.

    The names raise MissingExtraError where torch or one of its companions is not installed.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        try:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing in TRAIN_PACKAGES:
                raise MissingExtraError(missing, "train") from None
            raise

    return find
