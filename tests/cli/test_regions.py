"""`affidavit regions`: what it finds, prints and writes, and how it ends."""

from __future__ import annotations

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

from affidavit import regions
from affidavit.cli import app
from affidavit.cli.regions.command import EXAMPLES
from affidavit.graph import load

NETWORK = """
import torch
from torch import nn
def net(inputs=3, outputs=2, width=6):
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))
def mlp(): return net(30, 2)
def large():
    torch.manual_seed(5)
    layers = [nn.Linear(30, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 2)]
    return nn.Sequential(*layers)
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["regions", *map(str, arguments)])


def onnx_file(path: Path, inputs: int, outputs: int = 3) -> Path:
    """A ReLU network as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper, save

    generator = np.random.default_rng(0)
    shapes = {"w": (inputs, 5), "b": (5,), "v": (5, outputs), "c": (outputs,)}
    tensors = [
        numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "v", "c"], ["y"]),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
        for name, size in (("x", inputs), ("y", outputs))
    ]
    graph = helper.make_graph(nodes, "net", values[:1], values[1:], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Networks and data, in the working directory."""
    generator = np.random.default_rng(1)
    rows = [
        f"{a:.4f},{b:.4f},{c:.4f},{'no' if a + b > 1 else 'yes'}"
        for a, b, c in generator.uniform([18, 0, -1], [80, 1, 1], (40, 3))
    ]
    (tmp_path / "data.csv").write_text("\n".join(["age,income,debt,y", *rows]))
    (tmp_path / "network.py").write_text(NETWORK)
    onnx_file(tmp_path / "model.onnx", 4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LARGE = ("network.py:large", "--data", "sklearn:breast_cancer", "--box", "-1", "1")
DATA = ("network.py:net", "--data", "data.csv", "--label", "y")


def test_a_box_of_bounds(folder: Path) -> None:
    result = run("model.onnx", "--box", "-1", "1", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    graph = load(folder / "model.onnx")
    expected = regions.partition(graph, regions.Box([-1] * 4, [1] * 4), refine="decision")
    assert found["regions"] == len(expected)
    assert found["complete"] is True
    shares = regions.class_shares(expected).shares
    np.testing.assert_allclose([item["share"] for item in found["classes"]], shares)
    assert found["largest_gradient"] == regions.largest_gradient(expected, "all").value
    totals = regions.weights(expected, output="decision").totals
    ranked = [f"feature {index}" for index in np.argsort(-totals, kind="stable")]
    assert [item["name"] for item in found["totals"]] == ranked
    assert found["verification"]["volume_error"] < 1e-6


def test_a_slice_writes_partition_summary_and_pictures(folder: Path) -> None:
    result = run(*DATA, "--slice", "debt", "age", "--at", 3, "--out", "out")
    assert result.exit_code == 0, result.output
    for word in ("regions", "skeleton", "Decisions", "age", "Features by total weight"):
        assert word in result.output
    names = {path.name for path in (folder / "out").iterdir()}
    assert {"partition.npz", "summary.json", "decisions.png", "decisions.svg", "map.html"} <= names
    assert {"rank-1.png", "rank-1.svg"} <= names
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["features"] == ["debt", "age"]
    assert "age" in (folder / "out" / "map.html").read_text(encoding="utf-8")
    from affidavit.contract.specification import Data, Model
    from affidavit.contract.subject import load_data, load_model

    dataset = load_data(Data(source="data.csv", label="y"), folder)
    graph = load_model(Model(source="network.py:net"), folder, dataset)
    saved = regions.Partition.load(folder / "out" / "partition.npz", graph)
    assert len(saved) == summary["regions"]
    assert isinstance(saved.domain, regions.Slice)
    np.testing.assert_array_equal(saved.domain.point, dataset.inputs[3])
    np.testing.assert_array_equal(saved.domain.lower, dataset.lower[[2, 0]])


def test_ranges_narrow_the_box(folder: Path) -> None:
    whole = json.loads(run(*DATA, "--json").stdout)
    result = run(*DATA, "--where", "age=20..30", "--where", "debt=0", "--json")
    part = json.loads(result.stdout)
    assert whole["features"] == ["age", "income", "debt"]
    assert part["features"] == ["age", "income"]
    assert part["regions"] <= whole["regions"]


def test_the_region_of_a_point_and_the_envelope_of_the_data(folder: Path) -> None:
    assert json.loads(run(*DATA, "--point", 0, "--json").stdout)["regions"] == 1
    inside = json.loads(run(*DATA, "--cloud", "--json").stdout)
    assert inside["complete"] is True
    assert inside["regions"] <= json.loads(run(*DATA, "--json").stdout)["regions"]


def test_a_limit_ends_with_2_and_can_be_gone_on_from(folder: Path) -> None:
    first = run(*LARGE, "--limit-regions", 5, "--out", "out", "--json")
    assert first.exit_code == 2, first.output
    begun = json.loads(first.stdout)
    assert begun["complete"] is False
    assert "limit of 5 regions" in begun["reason"]
    resume = ("--resume", "out/partition.npz")
    second = run(*LARGE, *resume, "--limit-regions", begun["regions"] + 20, "--json")
    assert second.exit_code == 2, second.output
    assert json.loads(second.stdout)["regions"] > begun["regions"]
    other = run(*LARGE, *resume, "--point", 0)
    assert other.exit_code == 3
    assert "--resume goes on in the region it began in" in other.stderr


def test_nothing_found_before_the_limit_ends_with_2(folder: Path) -> None:
    result = run(*DATA, "--engine", "skeleton", "--limit-seconds", 1e-6)
    assert result.exit_code == 2, result.output
    assert "No region was found: the limit of 1e-06 s was reached" in result.output


def test_quiet_prints_nothing(folder: Path) -> None:
    result = run("model.onnx", "--box", "-1", "1", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


BAD = [
    (["model.onnx"], "--box LOWER UPPER, or --data SOURCE"),
    (["network.py:net", "--box", "0", "1"], "give --data"),
    (["model.onnx", "--box", "0,1", "1"], "2 numbers for 4 features"),
    (["model.onnx", "--box", "low", "1"], "'low' is neither a number"),
    (["model.onnx", "--box", "1", "0"], "feature 0"),
    (["model.onnx", "--box", "0", "1", "--engine", "skeletn"], "did you mean 'skeleton'"),
    (["model.onnx", "--box", "0", "1", "--refine", "decisions"], "did you mean 'decision'"),
    (["model.onnx", "--box", "0", "1", "--limit-seconds", "0"], "limit on seconds"),
    (["model.onnx", "--box", "0", "1", "--point", "0"], "give --data SOURCE too"),
    (["model.onnx", "--box", "0", "1", "--at", "0"], "give --slice too"),
    (["model.onnx", "--box", "0", "1", "--resume", "none.npz"], "none.npz"),
    (["none.onnx", "--box", "0", "1"], "none.onnx"),
    ([*DATA, "--slice", "agee", "debt"], "no feature is called 'agee' (did you mean 'age'?)"),
    ([*DATA, "--slice", "age", "age"], "twice"),
    ([*DATA, "--slice", "age", "debt", "--at", "first"], "a row, mean or middle"),
    ([*DATA, "--slice", "age", "debt", "--at", "40"], "row 40; the data have the rows 0 to 39"),
    ([*DATA, "--slice", "age", "debt", "--cloud"], "exclude each other"),
    ([*DATA, "--where", "age"], "expected FEATURE=LOWER..UPPER"),
    ([*DATA, "--where", "age=30..20"], "the range is empty, as 30 is above 20"),
    ([*DATA, "--where", "age=nan..20"], "the range is empty"),
    ([*DATA, "--where", "age=200"], "age ranges over"),
    ([*DATA, "--where", "debt=5..6"], "nothing of it is left"),
    ([*DATA, "--cloud", "--where", "age=20..30"], "leave out --where"),
    ([*DATA, "--output", "7"], "7"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(call) for call, _ in BAD])
def test_what_cannot_be_done_ends_with_3_and_one_message(
    folder: Path, arguments: list[str], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 3, result.output
    assert message in result.stderr
    assert result.stderr.startswith("affidavit: ")
    assert "unforeseen" not in result.stderr


def test_a_file_in_the_way_is_told_before_the_work(folder: Path) -> None:
    result = run("none.onnx", "--box", "0", "1", "--out", "data.csv")
    assert result.exit_code == 3
    assert "data.csv cannot be written to" in result.stderr


def examples() -> list[str]:
    found = re.findall(r"^(affidavit regions .*?)\n\n", EXAMPLES, re.DOTALL | re.MULTILINE)
    return [text.replace("\n", " ") for text in found]


def test_there_are_examples() -> None:
    assert len(examples()) == 3


@pytest.mark.parametrize("example", examples())
def test_examples_of_the_help_run(folder: Path, example: str) -> None:
    namespace: dict[str, Any] = {}
    exec(NETWORK, namespace)
    save_file(namespace["mlp"]().state_dict(), folder / "mlp.safetensors")
    result = run(*shlex.split(example)[2:])
    assert result.exit_code == 0, result.output
    assert "Linear regions" in result.output


def test_an_interrupt_keeps_what_was_found(folder: Path) -> None:
    torch.manual_seed(0)
    script = (
        "import affidavit.regions.lp as lp\n"
        "import sys\n"
        "from affidavit.cli import app\n"
        "step, seen = lp.LinearPrograms.step, []\n"
        "def slow(self, watch):\n"
        "    import time\n"
        "    if len(seen) == 3: print('working', flush=True); time.sleep(60)\n"
        "    seen.append(0)\n"
        "    return step(self, watch)\n"
        "lp.LinearPrograms.step = slow\n"
        "app(sys.argv[1:])\n"
    )
    call = ["regions", *LARGE, "--out", "out"]
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
    assert "interrupted" in stdout
    assert (folder / "out" / "partition.npz").exists()
