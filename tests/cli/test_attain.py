"""`affidavit attain`: what it searches, prints and writes, and what it refuses to do."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from affidavit.cli import app
from affidavit.cli.attain import parameters as attain_parameters
from affidavit.cli.attain import search as attain_search
from affidavit.cli.attain.setup import seconds_of, strategy_of
from affidavit.data import Split, load
from affidavit.errors import DomainError
from affidavit.initialization.strategies import Annealing, Initializers, Walk
from affidavit.initialization.training import Dense

NETWORK = """
from torch import nn
def net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))
def constant():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[1].bias)
    return model
"""
DIGITS = ("--data", "sklearn:digits", "--hidden", 8, "--epochs", 2, "--max-trial", 2)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["attain", *map(str, arguments)])


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "network.py").write_text(NETWORK)
    torch.manual_seed(0)
    namespace: dict[str, object] = {}
    exec(NETWORK, namespace)
    save_file(namespace["net"]().state_dict(), tmp_path / "net.safetensors")  # type: ignore[operator]
    monkeypatch.chdir(tmp_path)


def examples(text: str) -> list[str]:
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return [part for part in paragraphs if part.startswith("affidavit attain")]


@pytest.mark.parametrize(
    "line",
    examples(attain_search.EXAMPLES) + examples(attain_parameters.EXAMPLES),
)
def test_examples_of_the_help_run(line: str) -> None:
    found = run(*shlex.split(line)[2:])
    assert found.exit_code in (0, 1, 2), found.output
    assert found.output.strip()


def test_what_it_writes_is_what_it_found(tmp_path: Path) -> None:
    found = run("search", *DIGITS, "--out", "out", "--json")
    assert found.exit_code == 0, found.output
    record = json.loads(found.stdout)
    assert record == json.loads((tmp_path / "out" / "search.json").read_text())
    with (tmp_path / "out" / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["position"]) for row in rows] == [0, 1, 2]
    best = max(rows, key=lambda row: float(row["accuracy"]))
    assert record["chosen"]["position"] == int(best["position"])
    # The weights are those that were certified.
    split = Split(train=0.6, validation=0.2, test=0.2)
    test = load("sklearn:digits", split=split).part("test")
    model = Dense((8,)).make((1, 8, 8), 10)
    model.load_state_dict(load_file(tmp_path / "out" / "chosen.safetensors"))
    with torch.no_grad():
        right = model(torch.tensor(test.inputs)).argmax(1).numpy() == test.labels
    assert record["judgement"]["certified"]["right"] == int(right.sum())
    for name in ("accuracies.png", "gain-by-trial.png", "gain-by-time.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_a_search_goes_on_where_it_ended() -> None:
    run("search", *DIGITS, "--out", "out")
    found = run("search", *DIGITS[:-1], 4, "--out", "out", "--json")
    whole = run("search", *DIGITS[:-1], 4, "--json")
    ours, theirs = json.loads(found.stdout)["runs"], json.loads(whole.stdout)["runs"]
    assert [run["accuracy"] for run in ours] == [run["accuracy"] for run in theirs]


def test_another_search_in_the_same_folder_is_refused() -> None:
    run("search", *DIGITS, "--out", "out")
    found = run("search", *DIGITS, "--seed", 3, "--out", "out")
    assert found.exit_code == 3
    assert "seed was '0' and is now '3'" in found.stderr


def test_the_exit_status_is_the_verdict() -> None:
    holds = run("search", *DIGITS, "--at-least", 0.05)
    violated = run("search", *DIGITS, "--at-least", 0.99)
    assert (holds.exit_code, violated.exit_code) == (0, 1)
    assert "is met" in " ".join(holds.stdout.split())
    assert "did not attain 0.99" in " ".join(violated.stdout.split())


def test_without_rows_to_judge_on_it_says_so() -> None:
    found = run("search", *DIGITS, "--split", "train=0.7,validation=0.3")
    assert found.exit_code == 0
    assert "no part 'test'" in found.stdout


def test_parameters_of_a_factory_and_of_weights() -> None:
    made = run("parameters", "network.py:net")
    assert made.exit_code == 0, made.output
    assert "torch_linear" in made.stdout
    weights = run("parameters", "network.py:net", "--weights", "net.safetensors", "--json")
    names = [one["name"] for one in json.loads(weights.stdout)]
    assert names == ["0.weight", "0.bias", "3.weight", "3.bias"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "--data", "sklearn:digits"), "expected one structure"),
        (("search", "network.py:net", *DIGITS), "expected one structure"),
        (("search", *DIGITS, "--max-time", "soon"), "expected such as 90"),
        (("search", *DIGITS, "--max-time", "0"), "max_time is 0.0"),
        (("search", *DIGITS, "--at-least", 95), "95 % is 0.95"),
        (("search", *DIGITS, "--strategy", "wlak"), "did you mean 'walk'"),
        (("search", *DIGITS, "--option", "delta=1"), "reseed has no 'delta'"),
        (("search", *DIGITS, "--option", "delta"), "expected NAME=VALUE"),
        (("search", *DIGITS, "--hidden", "8,x"), "expected whole numbers"),
        (("search", *DIGITS, "--learning-rate", "-1"), "learning_rate is -1.0"),
        (("search", *DIGITS, "--split", "train=0.5,test=0.5"), "no rows in a part 'validation'"),
        (("search", "--data", "sklearn:diabetes", "--hidden", 4), "numbers to predict"),
        (("search", "net.onnx", "--data", "sklearn:digits"), "holds one set of weights"),
        (("parameters", "net.onnx"), "expected a factory"),
        (("parameters", "network.py:constant"), "none of the model's parameters is drawn"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_done(arguments: tuple[object, ...], said: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 3, found.output
    assert said in " ".join(found.stderr.split())


def test_settings_of_strategies() -> None:
    assert strategy_of("walk", ["deltas=0.1,-0.2", "budget=3"]) == Walk((0.1, -0.2), 3)
    assert strategy_of("walk", ["deltas=0.1"]) == Walk((0.1,))
    assert strategy_of("anneal", ["reach=0.5"]) == Annealing(reach=0.5)
    assert strategy_of("initializers", ['kernels=["he_normal"]']) == Initializers(("he_normal",))
    assert strategy_of("initializers", ["kernels=he_normal"]) == Initializers(("he_normal",))
    with pytest.raises(DomainError, match="budget is 'x'"):
        strategy_of("walk", ["budget=x"])
    with pytest.raises(DomainError, match="deltas"):
        strategy_of("walk", ["deltas=a,b"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("1.5 h", 5400.0), ("10min", 600.0), ("2m", 120.0)],
)
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--confidence", 1], "confidence is 1.0"),
        (["--at-least", 0.5, "--split", "train=0.5,validation=0.5"], "expected a part 'test'"),
    ],
    ids=["confidence", "nothing to certify on"],
)
def test_what_cannot_be_judged_is_said_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, options: list[object], said: str
) -> None:
    monkeypatch.setattr("affidavit.initialization.searching.search", lambda *_, **__: 1 / 0)
    found = run("search", *DIGITS, *options)
    assert found.exit_code == 3
    assert said in " ".join(found.stderr.split())
