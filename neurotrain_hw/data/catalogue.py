"""What is known of each dataset: size, shape, split, licence, and the official files with their checksums."""

from __future__ import annotations

from dataclasses import dataclass

from neurotrain_hw.errors import UnknownNameError


@dataclass(frozen=True)
class Archive:
    """One official file: its name, where it comes from, its MD5, and what it is called when it is unpacked."""

    name: str
    url: str
    md5: str
    unpacked: str


@dataclass(frozen=True)
class Facts:
    """A dataset: samples of the official parts, `shape` of one step, classes, and how training and test part.

    `megabytes` to download, rounded (None: unknown); `checksums`: where the MD5 sums were published; `steps`: bins of a
    recording where the caller names none (0: images).
    """

    name: str
    title: str
    samples: str
    shape: tuple[int, ...]
    classes: int
    split: str
    source: str
    licence: str
    megabytes: int | None
    checksums: str
    archives: tuple[Archive, ...] = ()
    folders: tuple[str, ...] = ()
    steps: int = 0

    @property
    def kind(self) -> str:
        """`events` or `images`."""
        return "events" if self.steps else "images"


_TORCHVISION = "torchvision's sources"
_TONIC = "tonic 1.7.0's sources"
_OWN_SHARE = "a share of the training part is for validation"
_MENDELEY = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files"
_FIGSHARE = "https://ndownloader.figshare.com/files"  # tonic names figshare.com/ndownloader
_ZENKE = "https://zenkelab.org/datasets"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_SVHN = "http://ufldl.stanford.edu/housenumbers"
_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _idx(base: str, sums: tuple[str, ...]) -> tuple[Archive, ...]:
    return tuple(Archive(f"{name}.gz", f"{base}/{name}.gz", md5, name) for name, md5 in zip(_IDX, sums, strict=True))


CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_DVS_SUMS = (
    ("7712788", "0afd5c4bf9ae06af762a77b180354fdd"), ("7712791", "8438dfeba3bc970c94962d995b1b9bdd"),
    ("7712794", "a9c207c91c55b9dc2002dc21c684d785"), ("7712812", "52c63c677c2b15fa5146a8daf4d56687"),
    ("7712815", "b6bf21f6c04d21ba4e23fc3e36c8a4a3"), ("7712818", "f379ebdf6703d16e0a690782e62639c3"),
    ("7712842", "cad6ed91214b1c7388a5f6ee56d08803"), ("7712851", "e7cbbf77bec584ffbf913f00e682782a"),
    ("7712836", "41c7bd7d6b251be82557c6cce9a7d5c9"), ("7712839", "89f3922fd147d9aeff89e76a2b0b70a7"),
)  # fmt: skip
TONIC_DVS = Archive("CIFAR10DVS.zip", f"{_FIGSHARE}/38023437", "ce3a4a0682dc0943703bd8f749a7701c", "CIFAR10DVS")
"""tonic's copy of CIFAR10-DVS, one archive of the same ten in AEDAT 4."""

IBM_GESTURE = Archive(
    "DvsGesture.tar.gz", "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794",
    "8a5c71fb11e24e5ca5b11866ca6c00a1", "DvsGesture",
)  # fmt: skip
"""DVS128 Gesture as IBM published it (MD5: SpikingJelly's sources); it is fetched in a browser."""

_ALL = (
    Facts(
        "digits", "scikit-learn's handwritten digits", "1,437 / 360", (64,), 10,
        f"stratified, seed 0, the same everywhere here; {_OWN_SHARE}",
        "part of scikit-learn (UCI Optical Recognition of Handwritten Digits)", "CC BY 4.0", 0, "",
    ),
    Facts(
        "mnist", "MNIST", "60,000 / 10,000", (1, 28, 28), 10,
        f"official; with the test files alone, the first 8,000 of them train and the last 2,000 test; {_OWN_SHARE}",
        _MNIST, "none stated", 12, _TORCHVISION,
        _idx(_MNIST, (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c",
        )), ("MNIST", "MNIST/raw"),
    ),
    Facts(
        "fashion-mnist", "Fashion-MNIST", "60,000 / 10,000", (1, 28, 28), 10, f"official; {_OWN_SHARE}",
        _FASHION, "MIT", 30, _TORCHVISION,
        _idx(_FASHION, (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
        )), ("FashionMNIST", "FashionMNIST/raw"),
    ),
    Facts(
        "cifar10", "CIFAR-10", "50,000 / 10,000", (3, 32, 32), 10, f"official; {_OWN_SHARE}",
        "https://www.cs.toronto.edu/~kriz/cifar.html (the binary version)", "none stated", 162, "the source's page",
        (Archive("cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                 "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin"),),
    ),
    Facts(
        "svhn", "Street View House Numbers, cropped digits", "73,257 / 26,032", (3, 32, 32), 10,
        f"official, without the 'extra' images; {_OWN_SHARE}", _SVHN, "non-commercial use", 246, _TORCHVISION,
        (Archive("train_32x32.mat", f"{_SVHN}/train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", ""),
         Archive("test_32x32.mat", f"{_SVHN}/test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", "")), ("SVHN",),
    ),
    Facts(
        "nmnist", "N-MNIST", "60,000 / 10,000", (2, 34, 34), 10, f"official; {_OWN_SHARE}",
        "https://www.garrickorchard.com/datasets/n-mnist", "CC BY-SA 4.0", None, _TONIC,
        (Archive("train.zip", f"{_MENDELEY}/39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                 "20959b8e626244a1b502305a9e6e2031", "Train"),
         Archive("test.zip", f"{_MENDELEY}/05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                 "69ca8762b2fe404d9b9bad1103e97832", "Test")), ("NMNIST",), 20,
    ),
    Facts(
        "dvsgesture", "DVS128 Gesture", "1,077 / 264 (tonic), 1,176 / 288 (IBM)", (2, 128, 128), 11,
        f"official, by persons (1 to 23 and 24 to 29); {_OWN_SHARE}, of the same persons",
        "https://research.ibm.com/interactive/dvsgesture", "CC BY 4.0", None, _TONIC,
        (Archive("ibmGestureTrain.tar.gz", f"{_FIGSHARE}/38022171", "3a8f0d4120a166bac7591f77409cb105",
                 "ibmGestureTrain"),
         Archive("ibmGestureTest.tar.gz", f"{_FIGSHARE}/38020584", "56070e45dadaa85fff82e0fbfbc06de5",
                 "ibmGestureTest")), ("DVSGesture",), 20,
    ),
    Facts(
        "cifar10dvs", "CIFAR10-DVS", "10,000", (2, 128, 128), 10,
        f"none is official: a tenth of each class tests, drawn with seed 0; {_OWN_SHARE}",
        "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671", "CC BY 4.0", None, "SpikingJelly's sources",
        tuple(Archive(f"{label}.zip", f"{_FIGSHARE}/{number}", md5, label)
              for label, (number, md5) in zip(CIFAR_CLASSES, _DVS_SUMS, strict=True)), ("CIFAR10DVS",), 10,
    ),
    Facts(
        "shd", "Spiking Heidelberg Digits", "8,156 / 2,264", (700,), 20,
        f"official; two of the twelve speakers are in the test part alone; {_OWN_SHARE}, of the other speakers, so "
        "it is easier than the test",
        _ZENKE, "CC BY 4.0", None, _TONIC,
        (Archive("shd_train.h5.zip", f"{_ZENKE}/shd_train.h5.zip", "f3252aeb598ac776c1b526422d90eecb", "shd_train.h5"),
         Archive("shd_test.h5.zip", f"{_ZENKE}/shd_test.h5.zip", "1503a5064faa34311c398fb0a1ed0a6f", "shd_test.h5")),
        ("SHD",), 100,
    ),
    Facts(
        "ssc", "Spiking Speech Commands", "75,466 / 9,981 / 20,382", (700,), 35,
        "official, with its own validation part", _ZENKE, "CC BY 4.0", None, _TONIC,
        tuple(Archive(f"ssc_{part}.h5.zip", f"{_ZENKE}/ssc_{part}.h5.zip", md5, f"ssc_{part}.h5") for part, md5 in (
            ("train", "d102be95e7144fcc0553d1f45ba94170"), ("valid", "b4eee3516a4a90dd0c71a6ac23a8ae43"),
            ("test", "a35ff1e9cffdd02a20eb850c17c37748"))), ("SSC",), 100,
    ),
)  # fmt: skip

DATASETS = {facts.name: facts for facts in _ALL}


def dataset_names() -> list[str]:
    """Names that `load_dataset` knows."""
    return list(DATASETS)


def dataset_facts(name: str) -> Facts:
    """What is known of a dataset; UnknownNameError."""
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    return DATASETS[name]
