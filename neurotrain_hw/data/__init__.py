"""Datasets and encodings: samples, spikes, streams, tensors (torch and scikit-learn are imported only when needed)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neurotrain_hw.data.catalogue import DATASETS, Facts, dataset_facts, dataset_names
from neurotrain_hw.data.digits import load_digits_split
from neurotrain_hw.data.encode import EVALUATION_SEED, encode_rate, encode_regular, from_tensor, to_streams, to_tensor
from neurotrain_hw.data.encodings import ENCODINGS, Encoding, make_encoding
from neurotrain_hw.data.idx import load_mnist_split
from neurotrain_hw.data.recordings import Recordings, read_recordings, read_spikes
from neurotrain_hw.data.splits import Samples, Splits

__all__ = [
    "DATASETS", "ENCODINGS", "EVALUATION_SEED", "Encoding", "Facts", "Recordings", "Samples", "Splits",
    "dataset_facts", "dataset_names", "encode_rate", "encode_regular", "from_tensor", "load_dataset",
    "load_digits_split", "load_mnist_split", "make_encoding", "read_recordings", "read_spikes", "to_streams",
    "to_tensor",
]  # fmt: skip


def load_dataset(
    name: str,
    *,
    validation: float = 0.15,
    folder: Path | None = None,
    encoding: str | Encoding | None = None,
    steps: int | None = None,
) -> Splits:
    """A dataset by name, or an `.npz` file of one's own; `folder` says where its files lie, for those that have files.

    `encoding` (by name or as an object; None: rate) makes spikes of values; for recordings it is `binary` or `counts`,
    and `steps` is the number of bins. What is not there is downloaded, unless NEUROTRAIN_HW_OFFLINE is set. Raises
    UnknownNameError, DataUnavailableError (what to put where), FormatError, MissingExtraError, OutputError.
    """
    if name.endswith(".npz"):
        from neurotrain_hw.data.own import load_own

        return load_own(Path(name), validation=validation, encoding=encoding, steps=steps)
    facts = dataset_facts(name)
    if facts.steps:
        from neurotrain_hw.data.event_sets import load_events

        return load_events(name, validation=validation, folder=folder, encoding=encoding, steps=steps)
    code = make_encoding(encoding)
    if name == "digits":
        return load_digits_split(validation=validation).encoded(code)
    return _images(name)(validation=validation, folder=folder).encoded(code)


def _images(name: str) -> Callable[..., Splits]:
    from neurotrain_hw.data import colour, idx

    return {
        "mnist": idx.load_mnist_split, "fashion-mnist": idx.load_fashion_split,
        "cifar10": colour.load_cifar10_split, "svhn": colour.load_svhn_split,
    }[name]  # fmt: skip
