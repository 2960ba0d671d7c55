"""`affidavit certify`: what it finds, prints and writes, and how it ends."""

from __future__ import annotations

import csv
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner, Result

from affidavit.certify import gradient_bounds
from affidavit.cli import app
from affidavit.cli.certify.command import EXAMPLES
from affidavit.contract.specification import Data, Model
from affidavit.contract.subject import load_data, load_model

NETWORK = """
import torch
from torch import nn
def net(inputs=3, outputs=2, width=8):
    torch.manual_seed(5)
    layers = [nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs)]
    norm = nn.BatchNorm1d(inputs, affine=False)
    if inputs == 3:  # what the table's columns are centred at, and how wide they are
        norm.running_mean.copy_(torch.tensor([50.0, 0.5, 0.0]))
        norm.running_var.copy_(torch.tensor([320.0, 0.1, 0.3]))
    return nn.Sequential(norm, *layers).eval()
def mlp(): return net(4)
def image(): return nn.Sequential(nn.Flatten(), net(64, 10)[1:])
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["certify", *map(str, arguments)])


def onnx_file(path: Path) -> None:
    """A ReLU network on images of digits as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper, save

    generator = np.random.default_rng(0)
    shapes = {"w": (64, 6), "b": (6,), "v": (6, 10), "c": (10,)}
    tensors = [
        numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "v", "c"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Networks and data, in the working directory."""
    generator = np.random.default_rng(1)
    rows = generator.uniform([18, 0, -1], [80, 1, 1], (40, 3))
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{'no' if a > 40 else 'yes'}" for a, b, c in rows]
    (tmp_path / "data.csv").write_text("\n".join(["age,income,debt,y", *lines]))
    lines = [
        f"{a:.3f},{b:.3f},{'mf'[i % 2]},{'no' if a > 40 else 'yes'}"
        for i, (a, b, _) in enumerate(rows)
    ]
    for name, label in (("patients", "diagnosis"), ("loans", "paid")):
        text = "\n".join([f"age,income,sex,{label}", *lines])
        (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / "network.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


DATA = ("network.py:net", "--data", "data.csv", "--label", "y")


def test_bounds_of_explanations(folder: Path) -> None:
    result = run(
        *DATA, "--epsilon", "0.01,0.1", "--tau", "0.02", "--rows", "10..24", "--method", "ibp",
        "--out", "out", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert [line["epsilon"] for line in found["sizes"]] == [0.01, 0.1]
    for line in found["sizes"]:
        assert line["certified"] + line["refuted"] + line["open"] == line["inputs"] == 15
    assert json.loads((folder / "out" / "table.json").read_text()) == found
    stored = np.load(folder / "out" / "bounds.npz")
    np.testing.assert_array_equal(stored["rows"], np.arange(10, 25))
    np.testing.assert_array_equal(stored["sizes"], [[0.01, 0], [0.1, 0]])
    dataset = load_data(Data(source="data.csv", label="y"), folder)
    graph = load_model(Model(source="network.py:net"), folder, dataset)
    x = torch.tensor(dataset.inputs[10:25]).double()
    data_range = tuple(torch.tensor(end).double() for end in (dataset.lower, dataset.upper))
    expected = gradient_bounds(graph, x, epsilon=0.1, data_range=data_range)  # type: ignore[arg-type]
    np.testing.assert_array_equal(stored["lower_1"], expected.lower.numpy())
    np.testing.assert_array_equal(stored["upper_1"], expected.upper.numpy())
    assert (stored["lower_1"] <= stored["explanation"]).all()
    assert (stored["explanation"] <= stored["upper_1"]).all()
    refuted = stored["refuted_1"]
    assert np.isfinite(stored["adversarial_1"][refuted]).all()
    assert found["sizes"][1]["refuted"] == refuted.sum()


def test_the_folder(folder: Path) -> None:
    result = run(*DATA, "--epsilon", "0.01,0.1", "--tau", "0.02", "--out", "out", "--largest")
    assert result.exit_code == 0, result.output
    for word in ("certified", "attacked", "neither", "mean δ", "Largest certified ε", "median"):
        assert word in result.output
    names = {path.name for path in (folder / "out").iterdir()}
    assert {"bounds.npz", "table.csv", "table.json", "inputs.csv"} <= names
    assert {"shares.png", "shares.svg", "row-0.png", "row-3.svg"} <= names
    with (folder / "out" / "inputs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    stored = np.load(folder / "out" / "bounds.npz")["largest"]
    for row in rows:
        largest = float(row["largest"]) if row["largest"] else -1.0
        # What the survey certified at a size, bisection reaches, as it began with the largest.
        assert row["found"] != "refuted" or largest < float(row["epsilon"])
        assert np.isclose(stored[int(row["row"])], largest) or largest < 0
    with (folder / "out" / "table.csv").open() as file:
        assert [line["epsilon"] for line in csv.DictReader(file)] == ["0.01", "0.1"]


def test_predictions_of_images(folder: Path) -> None:
    result = run(
        "network.py:image", "--data", "sklearn:digits", "--rows", "30", "--against", "prediction",
        "--epsilon", "0.01", "--gamma", "0.001,0.01", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    sizes = json.loads(result.stdout)["sizes"]
    assert [(line["epsilon"], line["gamma"]) for line in sizes] == [(0.01, 0.001), (0.01, 0.01)]
    assert sizes[0]["mean_delta"] is None
    assert sizes[0]["refuted"] > 0  # an untrained network is mostly wrong


def test_maps_of_images_and_corners(folder: Path) -> None:
    result = run(
        "network.py:image", "--data", "sklearn:digits", "--rows", "0..1", "--against", "targeted",
        "--tau", "0.04", "--epsilon", "0.001", "--out", "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "keeps from a square in a corner" in " ".join(result.output.split())
    assert (folder / "out" / "row-0.png").exists()
    assert not (folder / "out" / "shares.png").exists()  # one size makes no curve


def test_no_attack_leaves_no_counterexample(folder: Path) -> None:
    result = run(*DATA, "--epsilon", 5, "--tau", 1e-6, "--no-attack", "--method", "ibp", "--json")
    (line,) = json.loads(result.stdout)["sizes"]
    assert line["refuted"] == 0
    assert line["open"] > 0


def test_a_limit_ends_with_2(folder: Path) -> None:
    result = run(*DATA, "--epsilon", "0.1,0.2", "--tau", "0.02", "--limit-seconds", 1e-9)
    assert result.exit_code == 2, result.output
    assert "Not all was done: the limit of" in result.output


def test_quiet_prints_nothing(folder: Path) -> None:
    result = run(*DATA, "--epsilon", "0.1", "--tau", "0.1", "--rows", "3", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


BAD = [
    ([], "nothing varies: give --epsilon"),
    (["--epsilon", "small"], "--epsilon 'small': expected a finite number"),
    (["--gamma", "-1"], "--gamma '-1': expected a finite number"),
    (["--epsilon", "0.1"], "tau is missing"),
    (["--epsilon", "0.1", "--tau", "-1"], "tau is -1"),
    (["--epsilon", "0.1", "--against", "predictions"], "did you mean 'prediction'"),
    (["--epsilon", "0.1", "--tau", "1", "--method", "crwn"], "did you mean 'crown'"),
    (["--epsilon", "0.1", "--tau", "1", "--metric", "mae"], "metric"),
    (["--epsilon", "0.1", "--tau", "1", "--normalise", "ranges"], "did you mean 'range'"),
    (["--epsilon", "0.1", "--tau", "1", "--rows", "40..41"], "there is no row 41; the part has 40"),
    (["--epsilon", "0.1", "--tau", "1", "--rows", "x"], "expected how many to draw"),
    (["--epsilon", "0.1", "--tau", "1", "--part", "tests"], "no part 'tests'"),
    (["--epsilon", "0.1", "--tau", "1", "--split", "train"], "expected shares such as"),
    (["--epsilon", "0.1", "--tau", "1", "--split", "trian=1"], "did you mean 'train'"),
    (["--epsilon", "0.1", "--tau", "1", "--target", "maybe"], "there is no class 'maybe'"),
    (["--epsilon", "0.1", "--tau", "1", "--target", "a,b,c"], "a class, or two with a comma"),
    (["--epsilon", "0.1", "--tau", "1", "--target", "no,yes"], 'say loss = "margin"'),
    (["--epsilon", "0.1", "--against", "top_k"], "no features: name them"),
    (["--epsilon", "0.1", "--against", "top_k", "--feature", "agee"], "did you mean 'age'"),
    (["--epsilon", "0.1", "--against", "targeted", "--tau", "1"], "have no corners"),
    (["--epsilon", "0.1", "--tau", "1", "--device", "tpu9"], "--device 'tpu9' cannot be used"),
    (["--epsilon", "0.1", "--gamma", "0.1", "--tau", "1", "--largest"], "enlarges one of the two"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(call) for call, _ in BAD])
def test_what_cannot_be_done_ends_with_3_and_one_message(
    folder: Path, arguments: list[str], message: str
) -> None:
    result = run(*DATA, *arguments)
    assert result.exit_code == 3, result.output
    assert message in result.stderr
    assert result.stderr.startswith("affidavit: ")
    assert "unforeseen" not in result.stderr


def examples() -> list[str]:
    found = re.findall(r"^(affidavit certify .*?)\n\n", EXAMPLES, re.DOTALL | re.MULTILINE)
    return [text.replace("\n", " ") for text in found]


def test_there_are_examples() -> None:
    assert len(examples()) == 3


@pytest.mark.parametrize("example", examples())
def test_examples_of_the_help_run(folder: Path, example: str) -> None:
    onnx_file(folder / "digits.onnx")
    namespace: dict[str, Any] = {}
    exec(NETWORK, namespace)
    save_file(namespace["mlp"]().state_dict(), folder / "mlp.safetensors")
    result = run(*shlex.split(example)[2:])
    assert result.exit_code == 0, result.output
    assert "certified" in result.output


def test_an_interrupt_keeps_what_was_found(folder: Path) -> None:
    script = (
        "import sys\n"
        "from affidavit.certify import surveying\n"
        "from affidavit.cli import app\n"
        "def slow(self, rows):\n"
        "    import time\n"
        "    print('working', flush=True); time.sleep(60)\n"
        "surveying._Work.attack = slow\n"
        "app(sys.argv[1:])\n"
    )
    call = ["certify", *DATA, "--epsilon", "5,9", "--tau", "1e-9", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *call],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 2, stderr
    assert "Not all was done: it was interrupted" in stdout
    stored = np.load(folder / "out" / "bounds.npz")
    assert np.isfinite(stored["lower_0"]).all()
    assert len(stored["sizes"]) == 1
