"""`affidavit explain`: what it finds, prints and writes, and how it ends."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner, Result

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.evaluation import deletion, insertion
from affidavit.attribution.explainers import RISE, LearnedMask, Saliency
from affidavit.cli import app
from affidavit.cli.explain.command import EXAMPLES
from affidavit.cli.explain.images import told_apart
from affidavit.cli.explain.setup import explainers_of

NETWORK = """
import torch
from torch import nn
def net(channels=3, classes=3):
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(64, classes),
    )
def grey(): return net(1, 10)
def single(): return net(1, 1)
def broken(): return nn.Sequential(net(), nn.Hardtanh(float("nan"), float("nan")))
"""


def network(name: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(NETWORK, namespace)
    return namespace[name]()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Networks and images, in the working directory."""
    generator = np.random.default_rng(0)
    (tmp_path / "photographs" / "inside").mkdir(parents=True)
    for place, size in (
        ("cat.jpg", (40, 30)), ("dog.png", (30, 44)), ("photographs/a.png", (32, 32)),
        ("photographs/inside/cat.png", (32, 32)),
    ):  # fmt: skip
        values = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / place)
    (tmp_path / "photographs" / "notes.txt").write_text("no image")
    (tmp_path / "classes.txt").write_text("goldfish\nelectric ray\n[red]hen\n")
    (tmp_path / "network.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def onnx_file(path: Path) -> None:
    """A convolutional network on images of digits as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper, save

    generator = np.random.default_rng(0)
    shapes = {"k": (4, 1, 3, 3), "w": (144, 10)}
    tensors = [
        numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def test_numbers_are_those_of_the_package(folder: Path) -> None:
    result = run(
        "network.py:net", "photographs", "--mean", "0.5", "--std", "0.2,0.25,0.3", "--method",
        "saliency", "--method", "neuromask", "--steps", 10, "--labels", "classes.txt", "--json",
        "--out", "out", "--share", "0.3", "--fill-in", "blur",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert json.loads((folder / "out" / "table.json").read_text()) == found
    assert [one["image"] for one in found["images"]] == ["a", "cat"]
    paths = [folder / "photographs" / "a.png", folder / "photographs" / "inside" / "cat.png"]
    pixels = torch.stack(
        [torch.tensor(np.asarray(Image.open(p)) / np.float32(255)).movedim(-1, 0) for p in paths]
    )
    classifier = Classifier(network("net"), Preprocessing([0.5] * 3, [0.2, 0.25, 0.3]))
    scores = classifier.scores(pixels)
    names = ["goldfish", "electric ray", "[red]hen"]
    for name, explainer in (("saliency", Saliency()), ("neuromask", LearnedMask())):
        maps = explainer(classifier, pixels)
        options: dict[str, Any] = {"fill": "blur", "steps": 10}
        removed = deletion(classifier, pixels, None, maps, **options).area
        added = insertion(classifier, pixels, None, maps, **options).area
        for place, one in enumerate(found["images"]):
            assert one["prediction"] == names[int(scores[place].argmax())]
            assert one["probability"] == pytest.approx(float(scores[place].softmax(0).max()))
            line = one["methods"][name]
            assert line["deletion"] == pytest.approx(float(removed[place]), abs=1e-5)
            assert line["insertion"] == pytest.approx(float(added[place]), abs=1e-5)
            assert line["seconds"] > 0
            stored = np.load(folder / "out" / one["image"] / f"{name}.npy")
            np.testing.assert_allclose(stored, maps[place].numpy(), atol=1e-5)
            area = float(maps[place].mean()) if name == "neuromask" else None
            assert line["mask_area"] == pytest.approx(area, abs=1e-6)
    mean = np.mean([one["methods"]["saliency"]["deletion"] for one in found["images"]])
    assert found["means"]["saliency"]["deletion"] == pytest.approx(mean)
    with (folder / "out" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["method"]) for row in rows] == [
        (image, name) for image in ("a", "cat") for name in ("saliency", "neuromask")
    ]


def test_the_folder(folder: Path) -> None:
    result = run(
        "network.py:net", "cat.jpg", "photographs", "--size", "24,28", "--method", "neuromask",
        "--method", "random", "--out", "out", "--learning", "--steps", 5, "--labels", "classes.txt",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for word in ("neuromask", "random", "insertion", "Means over 3 images", "cat-1", "cat-2"):
        assert word in result.output
    names = {path.name for path in (folder / "out").iterdir()}
    assert {"a", "cat-1", "cat-2", "table.csv", "table.json"} < names
    assert {"comparison.png", "comparison.svg", "curves.png", "curves.svg"} < names
    inside = {path.name for path in (folder / "out" / "cat-1").iterdir()}
    assert inside == {
        "explanation.json", "neuromask.png", "neuromask.npy", "neuromask-mask.png",
        "neuromask-learning.png", "random.png", "random.npy", "random-mask.png",
    }  # fmt: skip
    with Image.open(folder / "out" / "cat-1" / "neuromask-mask.png") as mask:
        assert (mask.size, mask.mode) == ((28, 24), "L")
        stored = np.load(folder / "out" / "cat-1" / "neuromask.npy")
        np.testing.assert_array_equal(np.asarray(mask), (255 * stored + 0.5).astype(np.uint8))


def test_a_class_that_is_asked_for(folder: Path) -> None:
    for target in ("1", "electric ray"):
        result = run(
            "network.py:net", "photographs", "--target", target, "--labels", "classes.txt",
            "--method", "saliency", "--steps", 2, "--json",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        (image, _) = json.loads(result.stdout)["images"]
        assert image["explained_class"] == "electric ray"
        scores = Classifier(network("net")).scores(
            torch.tensor(np.asarray(Image.open("photographs/a.png")) / np.float32(255)).movedim(
                -1, 0
            )[None]
        )
        assert image["probability"] == pytest.approx(float(scores.softmax(1)[0, 1]), rel=1e-4)


def test_data_sets_and_models_of_one_channel(folder: Path) -> None:
    onnx_file(folder / "digits.onnx")
    for model in ("digits.onnx", "network.py:grey"):
        result = run(
            model, "sklearn:digits", "--rows", "2", "--method", "saliency", "--steps", 4, "--json",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        images = json.loads(result.stdout)["images"]
        assert [image["image"][:4] for image in images] == ["row-", "row-"]
    # An image file is brought to the size and the channels that the model takes.
    result = run("digits.onnx", "cat.jpg", "--method", "saliency", "--steps", 4, "--json")
    assert result.exit_code == 0, result.output


def test_a_single_output(folder: Path) -> None:
    given = ("network.py:single", "photographs", "--grey", "--method", "saliency", "--steps", 4)
    refused = run(*given)
    assert refused.exit_code == 3
    assert "a score for each of two or more" in refused.stderr
    result = run(*given, "--output", "logit", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["images"][0]["prediction"] in ("0", "1")


def test_options_reach_their_method() -> None:
    options = ["rise.masks=10", "neuromask.seed=3"]
    found = explainers_of(["rise", "neuromask"], "official", options, seed=7)
    assert list(found) == ["rise", "neuromask"]
    assert found["rise"] == RISE(masks=10, seed=7)
    assert found["neuromask"] == LearnedMask(preset="official", seed=3)


def test_the_first_images_are_shown(folder: Path) -> None:
    result = run("network.py:grey", "sklearn:digits", "--method", "edges", "--rows", "0..24",
                 "--steps", 1)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "The first 20 of 25 images." in result.output
    assert "row-19" in result.output
    assert "row-20" not in result.output
    assert "Means over 25 images" in result.output


def test_images_of_one_name_are_told_apart() -> None:
    assert told_apart(["a", "b", "a", "a-1"]) == ("a-2", "b", "a-3", "a-1")
    assert told_apart([]) == ()


def test_quiet_prints_nothing(folder: Path) -> None:
    result = run("network.py:net", "photographs", "--method", "random", "--steps", 2, "--quiet")
    assert (result.exit_code, result.output) == (0, "")


PHOTOGRAPHS = ("network.py:net", "photographs")
BAD: list[tuple[tuple[str, ...], str]] = [
    (("network.py:net", "cat.jpg", "dog.png"), "images have 2 sizes (30×44, 40×30)"),
    (("network.py:net", "bird.png"), "bird.png: there is no such image"),
    (("network.py:net", "mnsit"), "did you mean 'mnist'"),
    (("network.py:net", "sklearn:wine"), "has inputs of shape [13]; expected images"),
    (("network.py:net", "sklearn:digits", "--rows", "5000..5000"), "there is no row 5000"),
    (("network.py:net", "empty"), "empty holds no images"),
    (("network.py:nett", "cat.jpg"), "nett"),
    (("network.onnx", "cat.jpg"), "network.onnx"),
    (("network.py:broken", "photographs"), "NaN or infinite scores"),
    ((*PHOTOGRAPHS, "--size", "0"), "--size '0': expected 224"),
    ((*PHOTOGRAPHS, "--method", "neuromusk"), "did you mean 'neuromask'"),
    ((*PHOTOGRAPHS, "--preset", "fsat"), "did you mean 'fast'"),
    ((*PHOTOGRAPHS, "--method", "rise", "--preset", "fast"), "it is neuromask's"),
    ((*PHOTOGRAPHS, "--option", "masks=3"), "expected METHOD.NAME=VALUE"),
    ((*PHOTOGRAPHS, "--option", "rise.masks=3"), "--method names neuromask"),
    ((*PHOTOGRAPHS, "--option", "neuromask.presets=fast"), "did you mean 'preset'"),
    ((*PHOTOGRAPHS, "--target", "3"), "there is no class '3'; the model has 3, 0 to 2"),
    ((*PHOTOGRAPHS, "--mean", "0.1,0.2"), "expected a number, or 3, as the inputs have 3"),
    ((*PHOTOGRAPHS, "--std", "x"), "--std 'x': expected numbers"),
    ((*PHOTOGRAPHS, "--std", "0"), "every std above 0"),
    ((*PHOTOGRAPHS, "--share", "0"), "--share 0.0: expected a number above 0"),
    ((*PHOTOGRAPHS, "--fill-in", "blakc"), "did you mean 'black'"),
    ((*PHOTOGRAPHS, "--labels", "network.py"), "names for 3 classes"),
    ((*PHOTOGRAPHS, "--labels", "none.txt"), "cannot be read"),
    ((*PHOTOGRAPHS, "--device", "tpu9"), "--device 'tpu9' cannot be used"),
    ((*PHOTOGRAPHS, "--output", "logits"), "did you mean 'logit'"),
    ((*PHOTOGRAPHS, "--out", "cat.jpg"), "cat.jpg cannot be written to"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(call) for call, _ in BAD])
def test_what_cannot_be_done_ends_with_3_and_one_message(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    (folder / "empty").mkdir()
    result = run(*arguments)
    assert result.exit_code == 3, result.output
    assert message in result.stderr
    assert result.stderr.startswith("affidavit: ")
    assert "unforeseen" not in result.stderr


def examples() -> list[str]:
    found = re.findall(r"^(affidavit explain .*?)\n\n", EXAMPLES, re.DOTALL | re.MULTILINE)
    return [text.replace("\n", " ") for text in found]


def test_an_interrupt_keeps_what_was_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    call = ("network.py:net", "cat.jpg", "--size", 24, "--steps", 3, "--out", "out", "--method")
    monkeypatch.setattr(RISE, "__call__", interrupted)
    result = run(*call, "random", "--method", "rise", "--method", "edges")
    assert result.exit_code == 2, result.output
    assert "Not all was done: it was interrupted at rise" in result.output
    found = json.loads((folder / "out" / "table.json").read_text())
    assert list(found["means"]) == list(found["options"]) == ["random"]
    assert (folder / "out" / "cat" / "random.npy").exists()
    assert run(*call, "rise").exit_code == 3


def test_there_are_examples() -> None:
    assert len(examples()) == 3


@pytest.mark.parametrize("example", examples())
def test_examples_of_the_help_run(folder: Path, example: str) -> None:
    onnx_file(folder / "digits.onnx")
    save_file(network("net").state_dict(), folder / "net.safetensors")
    # A small size and few steps: what is shown is that the words are understood.
    arguments = [word.replace("224", "12") for word in shlex.split(example)[2:]]
    result = run(*arguments, "--steps", 3)
    assert result.exit_code == 0, result.output
    assert "insertion" in result.output
