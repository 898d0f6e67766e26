"""Datasets and encodings: samples, spikes, streams, tensors (torch and scikit-learn are imported only when needed)."""

from __future__ import annotations

from pathlib import Path

from neurotrain_hw.data.digits import load_digits_split
from neurotrain_hw.data.encode import EVALUATION_SEED, encode_rate, encode_regular, from_tensor, to_streams, to_tensor
from neurotrain_hw.data.encodings import ENCODINGS, Encoding, make_encoding
from neurotrain_hw.data.mnist import load_mnist_split
from neurotrain_hw.data.recordings import Recordings, read_recordings, read_spikes
from neurotrain_hw.data.splits import Samples, Splits
from neurotrain_hw.errors import UnknownNameError

__all__ = [
    "ENCODINGS", "EVALUATION_SEED", "Encoding", "Recordings", "Samples", "Splits", "dataset_names", "encode_rate",
    "encode_regular", "from_tensor", "load_dataset", "load_digits_split", "load_mnist_split", "make_encoding",
    "read_recordings", "read_spikes", "to_streams", "to_tensor",
]  # fmt: skip


def dataset_names() -> list[str]:
    """Names that `load_dataset` knows."""
    return ["digits", "mnist"]


def load_dataset(
    name: str,
    *,
    validation: float = 0.15,
    folder: Path | None = None,
    encoding: str | Encoding | None = None,
    steps: int | None = None,
) -> Splits:
    """A dataset by name; `folder` says where its files lie, for those that have files.

    `encoding` (by name or as an object; None: rate) makes spikes of values; `steps` is the number of bins of event
    recordings. Raises UnknownNameError, DataUnavailableError (what to put where), MissingExtraError.
    """
    if name == "digits":
        return load_digits_split(validation=validation).encoded(make_encoding(encoding))
    if name == "mnist":
        return load_mnist_split(validation=validation, folder=folder).encoded(make_encoding(encoding))
    raise UnknownNameError("dataset", name, dataset_names())
