"""The digits that are kept in the user's cache folder: the same bits, whatever became of the file."""

import builtins
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from neurotrain_hw.data import Samples, Splits, digits, load_digits_split
from neurotrain_hw.data.splits import stratified
from neurotrain_hw.errors import MissingExtraError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that is not there yet, in place of the user's."""
    return _cache_at(tmp_path / "cache", monkeypatch)


def _cache_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(folder))
    return folder


def _without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.split(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)


def _expected(validation: float) -> list[np.ndarray]:
    """The arrays by scikit-learn alone."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, y = (x / 16).astype(np.float32), y.astype(np.int64)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=360, random_state=0, stratify=y)
    kept, held = stratified(y_rest, share=validation, seed=0)
    return [x_rest[kept], y_rest[kept], x_rest[held], y_rest[held], x_test, y_test]


def _arrays(splits: Splits) -> list[np.ndarray]:
    parts: tuple[Samples, ...] = (splits.train, splits.validation, splits.test)
    return [array for part in parts for array in (part.x, part.y)]


def _same_bits(splits: Splits, *, validation: float = 0.15) -> bool:
    pairs = list(zip(_arrays(splits), _expected(validation), strict=True))
    return all((a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()) for a, b in pairs)


@pytest.mark.parametrize("validation", [0.15, 0.3])
def test_kept_digits_are_bit_for_bit_those_of_scikit_learn(cache: Path, validation: float) -> None:
    assert _same_bits(load_digits_split(validation=validation), validation=validation)
    assert len(list(cache.iterdir())) == 1
    assert _same_bits(load_digits_split(validation=validation), validation=validation)


def test_kept_digits_are_read_without_importing_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_digits_split()
    _without_scikit_learn(monkeypatch)
    assert all(np.array_equal(a, b) for a, b in zip(_arrays(load_digits_split()), _arrays(first), strict=True))


def test_kept_digits_are_read_only(cache: Path) -> None:
    for _ in range(2):
        assert not any(array.flags.writeable for array in _arrays(load_digits_split()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"", lambda whole: whole[:-1], lambda whole: whole + b"0", lambda whole: whole[:1000],
        lambda whole: bytes([whole[0] ^ 1]) + whole[1:], lambda whole: whole[:-1] + bytes([whole[-1] ^ 128]),
        lambda whole: bytes(len(whole)), lambda whole: whole[::-1],
    ],
    ids=["empty", "a byte short", "a byte long", "cut off", "a pixel", "the checksum", "zeros", "reversed"],
)  # fmt: skip
def test_damaged_file_is_made_anew(cache: Path, damage) -> None:
    load_digits_split()
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert _same_bits(load_digits_split())
    assert list(cache.iterdir()) == [path] and path.read_bytes() == whole


def test_folder_in_the_files_place_is_left_alone(cache: Path) -> None:
    load_digits_split()
    (path,) = cache.iterdir()
    path.unlink()
    path.mkdir()
    assert _same_bits(load_digits_split())
    assert list(cache.iterdir()) == [path] and path.is_dir()


def test_without_a_place_to_keep_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    _cache_at(tmp_path / "file" / "cache", monkeypatch)
    assert _same_bits(load_digits_split())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_is_kept_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _cache_at(Path("~/.cache"), monkeypatch)  # as it is named where no home folder is known
    assert _same_bits(load_digits_split())
    assert list(tmp_path.iterdir()) == []


def test_each_version_of_scikit_learn_has_its_own_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_digits_split()
    monkeypatch.setattr(metadata, "version", lambda _: "0.0")
    assert _same_bits(load_digits_split())
    assert len(list(cache.iterdir())) == 2


def test_unknown_version_of_scikit_learn(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", unknown)
    assert _same_bits(load_digits_split())
    assert not cache.exists()


def test_change_of_the_split_has_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digits._kept_as()
    changed = tmp_path / "digits.py"
    changed.write_bytes(Path(digits.__file__).read_bytes() + b"\n")
    monkeypatch.setattr(digits, "__file__", str(changed))
    assert before is not None and digits._kept_as() not in (None, before)


def test_missing_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_scikit_learn(monkeypatch)
    with pytest.raises(MissingExtraError, match=r"neurotrain-hw\[train\]"):
        load_digits_split()
