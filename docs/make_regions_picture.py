"""Draws `docs/regions.png`, the picture of the guide to linear regions."""

from pathlib import Path

from PIL import Image
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier

from affidavit import regions
from affidavit.graph import load
from affidavit.regions import pictures


def main(picture: Path) -> None:
    iris = load_iris()
    model = MLPClassifier((12, 8), max_iter=3000, random_state=0).fit(iris.data, iris.target)
    lower, upper = iris.data.min(0), iris.data.max(0)
    where = regions.Slice(iris.data.mean(0), (2, 3), lower[2:], upper[2:])
    partition = regions.partition(load(model), where, refine="decision")
    figure = pictures.decision_map(
        partition, names=iris.feature_names, classes=list(iris.target_names)
    )
    figure.savefig(picture, dpi=130)
    # Few colours, few bytes: the repository keeps every version.
    Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(__file__).with_name("regions.png"))
