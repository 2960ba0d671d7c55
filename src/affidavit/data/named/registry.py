"""The sets that have a name, as data: their files, homes, checksums, readers and sources."""

from __future__ import annotations

from collections.abc import Sequence

from affidavit.data.named import images, tables
from affidavit.data.named.download import SetFile
from affidavit.data.named.forms import Form, NamedSet


def _sha(checksum: str) -> str:
    return f"sha256:{checksum}"


def _idx_files(folder: str, home: str, checksums: Sequence[str]) -> tuple[SetFile, ...]:
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    return tuple(
        SetFile(f"{folder}/{name}", home + name, (_sha(checksum),), unpacked=True)
        for name, checksum in zip(names, checksums, strict=True)
    )


def _wine(colour: str, *checksums: str) -> NamedSet:
    home = "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/"
    name = f"winequality-{colour}.csv"
    file = SetFile(f"tabular/{name}", home + name, tuple(_sha(item) for item in checksums))
    return NamedSet(
        f"wine-quality-{colour}",
        f"{colour} wines: 11 measurements, classes are the grades of tasters",
        "UCI Machine Learning Repository (Cortez and others 2009), CC BY 4.0",
        (Form((file,), tables.wine_quality),),
    )


_SETS = (
    NamedSet(
        "mnist",
        "handwritten digits, 28×28 grey, 60,000 + 10,000",
        "LeCun, Cortes and Burges, public",
        (
            Form(
                _idx_files(
                    "mnist",
                    "https://ossci-datasets.s3.amazonaws.com/mnist/",
                    (
                        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                    ),
                ),
                images.mnist,
            ),
        ),
    ),
    NamedSet(
        "fashion-mnist",
        "clothes, 28×28 grey, 60,000 + 10,000",
        "Zalando (Xiao, Rasul and Vollgraf 2017), MIT",
        (
            Form(
                _idx_files(
                    "fashion-mnist",
                    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                    (
                        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                    ),
                ),
                images.fashion_mnist,
            ),
        ),
    ),
    NamedSet(
        "cifar10",
        "photographs of 10 classes, 32×32 RGB, 50,000 + 10,000",
        "Krizhevsky 2009, public",
        (
            Form(
                (
                    SetFile(
                        "cifar10/train_jpeg.npz",
                        digests=(
                            _sha(
                                "538eef7c4454c5b476d708af6ffd4e6f9168ced5c17d2f638c53a9f79d5877d8"
                            ),
                        ),
                    ),
                    SetFile(
                        "cifar10/test_jpeg.npz",
                        digests=(
                            _sha(
                                "80ceeedbce5147b215a9b8a39b7b6db1da7e5ccbb2fb2696496726a661fbd4dc"
                            ),
                        ),
                    ),
                ),
                images.cifar10_jpeg,
                ("CIFAR-10 re-encoded as JPEG",),
                "the re-encoding as JPEG has no public home",
            ),
            Form(
                (
                    SetFile(
                        "cifar10/cifar-10-binary.tar.gz",
                        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                        ("md5:c32a1d4ab5d03f1284b67883e8d87530",),
                    ),
                ),
                images.cifar10_binary,
                ("CIFAR-10, the original binary version",),
            ),
        ),
    ),
    NamedSet(
        "imagenet-sample",
        "300 photographs of ImageNet classes, RGB, of several sizes",
        "ImageNet samples, for research",
        (
            Form(
                (SetFile("imagenet/images"),),
                images.imagenet_sample,
                ("a sample of ImageNet: one photograph each of 300 of its 1000 classes",),
                "ImageNet's terms do not let the photographs be passed on in public",
            ),
        ),
        sized=True,
    ),
    NamedSet(
        "pneumoniamnist",
        "chest X-rays of children, 28×28 grey, with and without pneumonia",
        "MedMNIST v2 (Yang and others 2023), CC BY 4.0",
        (
            Form(
                (
                    SetFile(
                        "medmnist/pneumoniamnist.npz",
                        "https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
                        (
                            "md5:28209eda62fecd6e6a2d98b1501bb15f",
                            _sha(
                                "a554d2332488d3ddc075125e66a1af77ec379fd2bafc09108ab95a37e2bd9c26"
                            ),
                        ),
                    ),
                ),
                images.pneumonia_mnist,
            ),
        ),
    ),
    NamedSet(
        "german-credit",
        "credit applications, good and bad risks",
        "UCI Machine Learning Repository (Hofmann 1994), CC BY 4.0",
        (
            Form(
                (
                    SetFile(
                        "tabular/german_credit.csv",
                        digests=(
                            _sha(
                                "659b9350fa46a8dab7e73daa167c28a488d0714aa39d643295347d1f82b3696f"
                            ),
                        ),
                    ),
                ),
                tables.german_credit,
                why_not="the form with a header has no public home",
            ),
            Form(
                (
                    SetFile(
                        "tabular/german.data",
                        "https://archive.ics.uci.edu/ml/machine-learning-databases/statlog/german/"
                        "german.data",
                        (_sha("b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871"),),
                    ),
                ),
                tables.german_credit,
            ),
        ),
    ),
    _wine(
        "red",
        "4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
        "57d135117d83ff1cb7ff01ebdddc16d71b0cd0840ce8ef536c67cdbc74f0d8fe",
    ),
    _wine(
        "white",
        "76c3f809815c17c07212622f776311faeb31e87610d52c26d87d6e361b169836",
        "1ad97f00a3508321a2678fc95a16eeb7048facb1d6568a9c9d811a8d89e00b36",
    ),
    NamedSet(
        "compas",
        "defendants in Broward County, recidivism within two years",
        "ProPublica (Larson and others 2016)",
        (
            Form(
                (
                    SetFile(
                        "tabular/compas-scores-two-years.csv",
                        "https://raw.githubusercontent.com/propublica/compas-analysis/"
                        "bafff5da3f2e45eca6c2d5055faad269defd135a/compas-scores-two-years.csv",
                        (_sha("c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d"),),
                    ),
                ),
                tables.compas,
            ),
        ),
    ),
    NamedSet(
        "adult",
        "census records, income above 50,000 dollars a year",
        "UCI Machine Learning Repository (Becker and Kohavi 1996), CC BY 4.0",
        (
            Form(
                (
                    SetFile(
                        "tabular/adult_onehot.csv.gz",
                        digests=(
                            _sha(
                                "46412480980101489ab9acc0ead2c9c478a78f107fcab39480111521ae093cc1"
                            ),
                        ),
                    ),
                ),
                tables.adult,
                ("the 45,222 of 48,842 records without a missing value, one-hot",),
                "the one-hot table was made from UCI's files and has no public home",
            ),
        ),
    ),
)

NAMED: dict[str, NamedSet] = {entry.name: entry for entry in _SETS}
"""The named sets, by name."""
