"""The event datasets, from small files in their true formats: frames, labels, splits, cache and checksums."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_files import (
    Event,
    aedat2,
    aedat4,
    aedat31,
    gesture_npy,
    nmnist_bin,
    some_events,
    spoken_h5,
    tarred,
    zipped,
)  # fmt: skip

from neurotrain_hw.data import event_sets, frames, load_dataset
from neurotrain_hw.data.catalogue import CIFAR_CLASSES, DATASETS
from neurotrain_hw.errors import DataUnavailableError, FormatError, UnknownNameError, ValueRangeError

Members = list[tuple[str, bytes]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, and no data folder but the one that a test names."""
    monkeypatch.setenv("NEUROTRAIN_HW_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Make archives of a test count as the official ones: the checksums are those of the files that lie there."""

    def take(name: str, folder: Path) -> None:
        facts = DATASETS[name]
        sums = [hashlib.md5((folder / a.name).read_bytes()).hexdigest() for a in facts.archives]
        archives = tuple(replace(a, md5=md5) for a, md5 in zip(facts.archives, sums, strict=True))
        monkeypatch.setitem(DATASETS, name, replace(facts, archives=archives))

    return take


def recordings(count: int, classes: int, size: int, last: int, seed: int) -> list[tuple[int, list[Event]]]:
    """Labels, each class in turn, and random events."""
    rng = np.random.default_rng(seed)
    return [(k % classes, some_events(rng, 80, size, last)) for k in range(count)]


def literal_frames(events: list[Event], steps: int, size: int) -> np.ndarray:
    """Numbers of events (T, 2, size, size), one event after the other."""
    first, last = min(t for *_, t in events), max(t for *_, t in events)
    out = np.zeros((steps, 2, size, size), int)
    for x, y, p, t in events:
        out[int((t - first) * steps / (last - first + 1)), p, y, x] += 1
    return out


def nmnist_members(part: str, found: list[tuple[int, list[Event]]]) -> Members:
    """Files of an N-MNIST archive."""
    return [(f"{part}/{label}/{k:05d}.bin", nmnist_bin(events)) for k, (label, events) in enumerate(found)]


def unpack(folder: Path, members: Members) -> None:
    """The same files in a folder."""
    for name, content in members:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def nmnist(folder: Path, *, archives: bool) -> tuple[list[tuple[int, list[Event]]], list[tuple[int, list[Event]]]]:
    """A small N-MNIST in a folder."""
    train, test = recordings(40, 10, 34, 300_000, 0), recordings(10, 10, 34, 300_000, 1)
    for part, found in (("Train", train), ("Test", test)):
        members = nmnist_members(part, found)
        if archives:
            folder.mkdir(exist_ok=True)
            (folder / f"{part.lower()}.zip").write_bytes(zipped(reversed(members)))
        else:
            unpack(folder, members)
    return train, test


@pytest.mark.parametrize("archives", [False, True], ids=["unpacked", "archives"])
@pytest.mark.parametrize("kind", ["binary", "counts"])
def test_n_mnist(tmp_path: Path, official, archives: bool, kind: str) -> None:
    train, test = nmnist(tmp_path / "nmnist", archives=archives)
    if archives:
        official("nmnist", tmp_path / "nmnist")
    splits = load_dataset("nmnist", folder=tmp_path, steps=7, validation=0.25, encoding=kind)
    assert (splits.shape, splits.inputs, splits.classes) == ((2, 34, 34), 2312, 10)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (30, 10, 10)
    by_name = sorted(test, key=lambda found: found[0])  # the folders of the classes come first in a name
    shown = splits.test.spikes(np.arange(10), steps=7, seed=5)
    assert (shown.dtype, shown.shape) == (np.uint8, (10, 7, 2, 34, 34))
    for got, label, (expected, events) in zip(shown, splits.test.y, by_name, strict=True):
        counts = literal_frames(events, 7, 34)
        assert label == expected
        assert np.array_equal(got, counts if kind == "counts" else counts > 0)
    # every training recording is in one part, with its label
    known = {literal_frames(events, 7, 34).astype(bool).tobytes(): label for label, events in train}
    for samples in (splits.train, splits.validation):
        for k, got in enumerate(samples.spikes(slice(None), steps=7, seed=0)):
            assert known.pop(got.astype(bool).tobytes()) == samples.y[k]
    assert not known


def test_the_first_samples_of_event_sets(tmp_path: Path) -> None:
    nmnist(tmp_path, archives=False)
    train = load_dataset("nmnist", folder=tmp_path, steps=3).train
    few = train.first(4)
    assert len(few) == 4
    assert np.array_equal(few.spikes([3, 0], steps=3, seed=0), train.spikes([3, 0], steps=3, seed=1))
    with pytest.raises(ValueRangeError, match="expected 3"):
        few.spikes([0], steps=4, seed=0)


def test_dvs_gesture(tmp_path: Path, official) -> None:
    train, test = recordings(22, 11, 128, 4_000_000, 2), recordings(11, 11, 128, 4_000_000, 3)
    for part, found in (("Train", train), ("Test", test)):
        members = [
            (f"ibmGesture{part}/user{1 + k // 11:02d}_led/{label}.npy", gesture_npy(events))
            for k, (label, events) in enumerate(found)
        ]
        (tmp_path / f"ibmGesture{part}.tar.gz").write_bytes(tarred(members))
    official("dvsgesture", tmp_path)
    splits = load_dataset("dvsgesture", folder=tmp_path, steps=5)
    assert splits.shape == (2, 128, 128)
    assert splits.test.y.tolist() == sorted(range(11), key=str)
    shown = splits.test.spikes([0], steps=5, seed=0)[0]
    in_milliseconds = [(x, y, p, t // 1000 * 1000) for x, y, p, t in test[0][1]]
    assert np.array_equal(shown, literal_frames(in_milliseconds, 5, 128) > 0)


def test_dvs_gesture_as_ibm_published_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings of a person hold one gesture after the other; tables say when; lists say who trains and who tests."""
    rng = np.random.default_rng(8)
    files, cut = [], {"train": [], "test": []}
    for user in range(3):
        name, part = f"user{user + 1:02d}_led", "test" if user == 1 else "train"
        events = some_events(rng, 600, 128, 1_200_000)
        rows = [(k % 11, 100_000 * k + 5_000, 100_000 * k + 95_000) for k in range(11)]
        table = "".join(f"{label + 1},{begin},{end}\n" for label, begin, end in rows)
        files += [
            (f"DvsGesture/{name}.aedat", aedat31(events)),
            (f"DvsGesture/{name}_labels.csv", f"class,startTime_usec,endTime_usec\n{table}".encode()),
        ]
        cut[part] += [(label, [e for e in events if begin <= e[3] < end]) for label, begin, end in rows]
    files += [
        ("DvsGesture/trials_to_train.txt", b"user01_led.aedat\nuser03_led.aedat\n"),
        ("DvsGesture/trials_to_test.txt", b"user02_led.aedat\n\n"),
    ]
    (tmp_path / "DvsGesture.tar.gz").write_bytes(tarred(files))
    with pytest.raises(FormatError, match=r"DvsGesture\.tar\.gz: its MD5"):
        load_dataset("dvsgesture", folder=tmp_path, steps=4)
    (tmp_path / "DvsGesture.tar.gz").unlink()
    unpack(tmp_path, files)
    splits = load_dataset("dvsgesture", folder=tmp_path, steps=4, validation=0.5)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (11, 11, 11)
    shown = splits.test.spikes(slice(None), steps=4, seed=0)
    for got, label, (expected, events) in zip(shown, splits.test.y, cut["test"], strict=True):
        assert label == expected
        assert np.array_equal(got, literal_frames(events, 4, 128) > 0)
    (tmp_path / "DvsGesture/user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n12,0,5\n")
    with pytest.raises(FormatError, match=r"user01_led_labels\.csv: .*classes 1 to 11"):
        load_dataset("dvsgesture", folder=tmp_path, steps=4)


@pytest.mark.parametrize("write", [aedat2, aedat4], ids=["as published", "as tonic has it"])
def test_cifar10_dvs(tmp_path: Path, official, monkeypatch: pytest.MonkeyPatch, write) -> None:
    found = recordings(20, 10, 128, 1_300_000, 4)
    suffix = "aedat" if write is aedat2 else "aedat4"
    archives = {
        label: zipped(
            (f"{label}/cifar10_{label}_{k}.{suffix}", write(events))
            for k, (c, events) in enumerate(found) if CIFAR_CLASSES[c] == label
        )
        for label in CIFAR_CLASSES
    }  # fmt: skip
    if write is aedat2:
        for label, content in archives.items():
            (tmp_path / f"{label}.zip").write_bytes(content)
        official("cifar10dvs", tmp_path)
    else:
        whole = zipped((f"{label}.zip", content) for label, content in archives.items())
        (tmp_path / "CIFAR10DVS.zip").write_bytes(whole)
        monkeypatch.setattr(event_sets, "TONIC_DVS", replace(event_sets.TONIC_DVS, md5=hashlib.md5(whole).hexdigest()))
    splits = load_dataset("cifar10dvs", folder=tmp_path, steps=4, validation=0.2)
    parts = (splits.train, splits.validation, splits.test)
    # of two of a class, one tests; one share of each class is at least one sample, so none of two is left to train
    assert sorted(len(part) for part in parts) == [0, 10, 10]
    assert "none is official" in splits.note
    seen = {}
    for part in parts:
        seen |= {
            row.tobytes(): label for row, label in zip(part.spikes(slice(None), steps=4, seed=0), part.y, strict=True)
        }
    assert seen == {(literal_frames(e, 4, 128) > 0).astype(np.uint8).tobytes(): label for label, e in found}


@pytest.mark.parametrize(("name", "archives"), [("shd", False), ("shd", True), ("ssc", True)])
def test_spoken_sets_whose_times_are_float16_seconds(tmp_path: Path, official, name: str, archives: bool) -> None:
    rng = np.random.default_rng(6)
    classes = 4
    made = {}
    for part in ("train", "valid", "test") if name == "ssc" else ("train", "test"):
        found = [
            (np.sort(1.4 * rng.random(50)).astype(np.float16), rng.integers(0, 700, 50)) for _ in range(2 * classes)
        ]
        labels = [k % classes for k in range(2 * classes)]
        path = tmp_path / f"{name}_{part}.h5"
        spoken_h5(path, found, labels)
        made[part] = found, labels
        if archives:
            (tmp_path / f"{path.name}.zip").write_bytes(zipped([(path.name, path.read_bytes())]))
            path.unlink()
    if archives:
        official(name, tmp_path)
    splits = load_dataset(name, folder=tmp_path, steps=10, validation=0.5)
    assert splits.shape == (700,)
    assert len(splits.train) == (4 if name == "shd" else 8)
    for part, samples in (("test", splits.test), ("valid", splits.validation)):
        if part not in made:
            continue
        found, labels = made[part]
        assert samples.y.tolist() == labels
        for got, (times, units) in zip(samples.spikes(slice(None), steps=10, seed=0), found, strict=True):
            micro = [round(float(t) * 1e6) for t in times]
            expected = np.zeros((10, 700), np.uint8)
            for t, unit in zip(micro, units, strict=True):
                expected[int((t - min(micro)) * 10 / (max(micro) - min(micro) + 1)), unit] = 1
            assert np.array_equal(got, expected)


def test_frames_are_made_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nmnist(tmp_path, archives=False)
    first = load_dataset("nmnist", folder=tmp_path, steps=3).train.spikes([5], steps=3, seed=0)
    assert len(list((cache / "frames").iterdir())) == 1
    real = frames.bin_events
    monkeypatch.setattr(frames, "bin_events", lambda *_, **__: pytest.fail("made again"))
    assert np.array_equal(load_dataset("nmnist", folder=tmp_path, steps=3).train.spikes([5], steps=3, seed=0), first)
    monkeypatch.setattr(frames, "bin_events", real)
    # whatever the frames depend on gives others
    load_dataset("nmnist", folder=tmp_path, steps=4)
    load_dataset("nmnist", folder=tmp_path, steps=3, encoding="counts")
    changed = next((tmp_path / "Train/3").iterdir())
    changed.write_bytes(nmnist_bin([(1, 1, 1, 5)]))
    load_dataset("nmnist", folder=tmp_path, steps=3)
    monkeypatch.setattr(event_sets, "_code", lambda: "other code")
    load_dataset("nmnist", folder=tmp_path, steps=3)
    assert len(list((cache / "frames").iterdir())) == 5


@pytest.mark.parametrize("name", ["train.bin", "parts.json"])
@pytest.mark.parametrize("damage", [lambda whole: whole[:-5], lambda whole: b"", lambda whole: whole + b"\0"])
def test_damaged_frames_are_made_anew(tmp_path: Path, cache: Path, name: str, damage) -> None:
    nmnist(tmp_path, archives=False)
    first = load_dataset("nmnist", folder=tmp_path, steps=3).train.spikes([5], steps=3, seed=0)
    (place,) = (cache / "frames").iterdir()
    whole = (place / name).read_bytes()
    (place / name).write_bytes(damage(whole))
    again = load_dataset("nmnist", folder=tmp_path, steps=3).train.spikes([5], steps=3, seed=0)
    assert np.array_equal(first, again)


def test_an_interrupted_start_leaves_no_half_frames(tmp_path: Path, cache: Path) -> None:
    nmnist(tmp_path, archives=False)
    broken = sorted((tmp_path / "Train/7").iterdir())[-1]
    broken.write_bytes(b"abc")
    with pytest.raises(FormatError, match=f"{broken.name}: it is 3 bytes long"):
        load_dataset("nmnist", folder=tmp_path, steps=3)
    assert list((cache / "frames").iterdir()) == []


def test_another_archive_than_the_official_one_is_refused(tmp_path: Path) -> None:
    nmnist(tmp_path, archives=True)
    with pytest.raises(
        FormatError, match=r"train.zip: its MD5 is [0-9a-f]{32} \(expected 20959b8e626244a1b502305a9e6e2031\)"
    ):
        load_dataset("nmnist", folder=tmp_path, steps=3)


@pytest.mark.parametrize("name", [name for name, facts in DATASETS.items() if facts.archives])
def test_absent_files_say_what_to_download_where(tmp_path: Path, name: str) -> None:
    facts = DATASETS[name]
    with pytest.raises(DataUnavailableError) as caught:
        load_dataset(name, folder=tmp_path)
    error = caught.value
    assert error.where == str(tmp_path)
    assert facts.archives[0].name in error.what and "NEUROTRAIN_HW_OFFLINE" in error.what
    assert facts.archives[0].url in error.remedy and str(tmp_path / name) in error.remedy


def test_what_frames_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="binary"):
        load_dataset("nmnist", folder=tmp_path, encoding="latency")
    with pytest.raises(ValueRangeError, match="at least 1"):
        load_dataset("nmnist", folder=tmp_path, steps=0)


def test_archives_that_would_write_elsewhere_write_nothing(tmp_path: Path, official) -> None:
    """Nothing is unpacked by name, so a name that climbs out of the folder is only a name."""
    folder = tmp_path / "data"
    nmnist(folder, archives=True)
    (folder / "train.zip").write_bytes(
        zipped([(f"../../Train/{k}/{j}.bin", nmnist_bin([(1, 2, 1, 3)])) for k in range(10) for j in (1, 2)])
    )
    official("nmnist", folder)
    load_dataset("nmnist", folder=folder, steps=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "data"]


@pytest.mark.parametrize("fault", ["cut", "not an archive", "no recordings", "no class"])
def test_damaged_archives_are_named(tmp_path: Path, official, fault: str) -> None:
    nmnist(tmp_path, archives=True)
    path = tmp_path / "train.zip"
    path.write_bytes({
        "cut": path.read_bytes()[:-40], "not an archive": b"<html>404</html>",
        "no recordings": zipped([("Train/readme.txt", b"hello")]),
        "no class": zipped([("Train/a.bin", nmnist_bin([(1, 2, 1, 3)]))]),
    }[fault])  # fmt: skip
    official("nmnist", tmp_path)
    with pytest.raises(FormatError, match=r"train\.zip"):
        load_dataset("nmnist", folder=tmp_path, steps=3)


def test_damaged_spoken_files_are_named(tmp_path: Path) -> None:
    spoken_h5(tmp_path / "shd_test.h5", [([0.1, 0.2], [3, 4])] * 4, [0, 1, 0, 1])
    whole = (tmp_path / "shd_test.h5").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PK\3\4 no zip", whole.replace(b"spikes", b"spokes")):
        (tmp_path / "shd_train.h5").write_bytes(content)
        with pytest.raises(FormatError, match=r"shd_train\.h5"):
            load_dataset("shd", folder=tmp_path, steps=3)
    spoken_h5(tmp_path / "shd_train.h5", [([0.1, 0.2], [3, 700])], [0])
    with pytest.raises(FormatError, match=r"recording 0: a unit is 700 \(expected 0..699\)"):
        load_dataset("shd", folder=tmp_path, steps=3)


def test_checksums_are_those_that_tonic_publishes() -> None:
    tonic = pytest.importorskip("tonic.datasets")
    pairs = {
        "nmnist": (tonic.NMNIST.train_md5, tonic.NMNIST.test_md5),
        "dvsgesture": (tonic.DVSGesture.train_md5, tonic.DVSGesture.test_md5),
        "shd": (tonic.SHD.train_md5, tonic.SHD.test_md5),
        "ssc": (tonic.SSC.train_md5, tonic.SSC.valid_md5, tonic.SSC.test_md5),
    }
    assert {name: tuple(a.md5 for a in DATASETS[name].archives) for name in pairs} == pairs
    assert event_sets.TONIC_DVS.md5 == tonic.CIFAR10DVS.file_md5


def test_real_recordings_of_n_mnist(tmp_path: Path, shared: Path) -> None:
    """A hundred real ones, laid out as the official archive does, against tonic's frames of the same events."""
    transforms = pytest.importorskip("tonic.transforms")
    from tonic.io import read_mnist_file

    source = shared / "data/nir/cnn_sinabs_nmnist"
    labels = dict(line.split()[:2] for line in (source / "test100.txt").read_text().splitlines() if line[:1].isdigit())
    with tarfile.open(source / "nmnist_test100_bs2.tar.xz") as archive:
        for entry in archive:
            name, content = Path(entry.name).stem, archive.extractfile(entry).read()  # type: ignore[union-attr]
            for part in ("Train", "Test"):
                place = tmp_path / part / labels[name] / f"{name}.bin"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
    splits = load_dataset("nmnist", folder=tmp_path, steps=30, encoding="counts")
    assert (len(splits.test), splits.shape) == (100, (2, 34, 34))
    names = sorted(labels, key=lambda name: (labels[name], name))
    assert splits.test.y.tolist() == [int(labels[name]) for name in names]
    shown = splits.test.spikes([0, 57, 99], steps=30, seed=0)
    for got, k in zip(shown, (0, 57, 99), strict=True):
        kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
        events = read_mnist_file(str(tmp_path / "Test" / labels[names[k]] / f"{names[k]}.bin"), dtype=kind)
        assert got.sum() == len(events)
        # tonic's bins are a whole number of microseconds long, ours differ by a fraction of one: the same but at edges
        theirs = transforms.ToFrame(sensor_size=(34, 34, 2), n_time_bins=30)(events)
        assert np.abs(got.astype(int) - theirs).sum() < 0.01 * len(events) + 10
