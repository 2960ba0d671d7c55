"""From a contract's sections to a graph and data."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.neural_network import MLPClassifier
from torch import nn

from affidavit.contract import Data, Model, Preprocessing, load_data
from affidavit.contract.subject import load_model, with_preprocessing
from affidavit.data import Dataset, Split
from affidavit.errors import ContractError, DataError, ModelError
from affidavit.graph import Graph, load

FACTORY = """
import torch
class Broken(Exception): pass
def net(width=3):
    first, last = torch.nn.Linear(2, width), torch.nn.Linear(width, 2)
    return torch.nn.Sequential(first, torch.nn.ReLU(), last)
def broken(): raise Broken("out of order")
number = 3
def leaves(): raise SystemExit(0)
def random(): return net()
def graph():
    from affidavit.graph import load
    return load(net(), torch.zeros(1, 2))
"""


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        name="d",
        inputs=np.ones((4, 2), np.float32),
        labels=np.arange(4) % 2,
        class_names=("a", "b"),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "factory.py").write_text(FACTORY)
    return tmp_path


def test_a_factory_beside_the_contract(folder: Path, dataset: Dataset) -> None:
    graph = load_model(Model(source="factory.py:net", arguments={"width": 5}), folder, dataset)
    assert graph.shapes["0"] == (-1, 5)


def test_files_of_one_name_in_two_folders_do_not_meet(
    folder: Path, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "factory.py").write_text(FACTORY.replace("width=3", "width=7"))
    shapes = [
        load_model(Model(source="factory.py:net"), place, dataset).shapes["0"]
        for place in (folder, other, folder)
    ]
    assert shapes == [(-1, 3), (-1, 7), (-1, 3)]


def test_a_factory_in_a_module(folder: Path, dataset: Dataset) -> None:
    (folder / "module_of_a_test.py").write_text(FACTORY)
    before = list(sys.path)
    graph = load_model(Model(source="module_of_a_test:net"), folder, dataset)
    assert graph.input_shape == (2,)
    assert sys.path == before


def test_weights_fill_the_module(folder: Path, dataset: Dataset) -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    save_file(network.state_dict(), folder / "w.safetensors")
    model = Model(source="factory.py:net", weights="w.safetensors")
    graph = load_model(model, folder, dataset)
    x = torch.rand(5, 2)
    torch.testing.assert_close(graph(x), network(x))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("factory.py:nat", "has no function 'nat'"),
        ("factory.py:number", "has no function 'number'"),
        ("factory.py:leaves", "failed: SystemExit: 0"),
        ("factory.py:broken", "failed: Broken: out of order"),
        ("nowhere.py:net", "no such file"),
        ("no_such_package.models:net", "cannot be imported: ModuleNotFoundError"),
        ("factory.py", "expected an .onnx file, package.module:function or file.py:function"),
        ("weights.safetensors", "expected an .onnx file, package.module:function"),
        ("none.onnx", "cannot be read"),
    ],
)
def test_bad_sources_are_told(source: str, message: str, folder: Path, dataset: Dataset) -> None:
    with pytest.raises((ContractError, ModelError)) as caught:
        load_model(Model(source=source), folder, dataset)
    assert message in str(caught.value)


def test_weights_need_a_module_to_fill(folder: Path, dataset: Dataset) -> None:
    with pytest.raises(ContractError, match="belong to a factory"):
        load_model(Model(source="x.onnx", weights="w.safetensors"), folder, dataset)
    graph = load(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(ContractError, match="not to a model that is there"):
        load_model(Model(source=graph, weights="w"), folder, dataset)
    with pytest.raises(ContractError, match="Graph is no PyTorch module to fill"):
        load_model(Model(source="factory.py:graph", weights="w"), folder, dataset)


def test_data_that_do_not_fit_the_model_are_told(folder: Path) -> None:
    wide = Dataset(
        name="wide",
        inputs=np.ones((4, 3), np.float32),
        labels=np.arange(4) % 2,
        class_names=("a", "b"),
    )
    graph = load(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(
        DataError, match=r"inputs of shape \[2\]. The data \(wide\) have inputs of shape \[3\]"
    ):
        load_model(Model(source=graph), folder, wide)
    with pytest.raises(ModelError, match="cannot trace"):
        load_model(Model(source="factory.py:net"), folder, wide)


@pytest.mark.parametrize("mean", [[0.5], [0.1, 0.2, 0.3]])
def test_preprocessing_comes_first(mean: list[float]) -> None:
    conv = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
    graph = load(conv, torch.zeros(1, 3, 4, 4))
    whole = with_preprocessing(graph, Preprocessing(mean=mean, std=[0.5]))
    x = torch.rand(2, 3, 4, 4)
    expected = conv((x - torch.tensor(mean).reshape(-1, 1, 1)) / 0.5)
    torch.testing.assert_close(whole(x), expected)
    assert whole.parameters == graph.parameters


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([1.0, 2.0], [1.0], "mean: expected 1 or 3 finite numbers"),
        ([1.0], [0.0], "std: expected numbers above 0"),
        ([float("nan")], [1.0], "mean: expected 1 or 3 finite numbers"),
    ],
)
def test_bad_preprocessing_is_told(mean: list[float], std: list[float], message: str) -> None:
    graph: Graph = load(nn.Flatten(), torch.zeros(1, 3, 2, 2))
    with pytest.raises(ContractError, match=message):
        with_preprocessing(graph, Preprocessing(mean=mean, std=std))


def test_data_may_be_given_as_they_are(dataset: Dataset) -> None:
    assert load_data(Data(source=dataset), Path()) is dataset
    with pytest.raises(ContractError, match="expected a name or path, got a int"):
        load_data(Data(source=3), Path())


def test_data_are_split_as_the_contract_says(tmp_path: Path) -> None:
    split = Split(train=0.5, test=0.5, seed=4)
    data = load_data(Data(source="sklearn:iris", split=split, protected=[]), tmp_path)
    assert {name: len(rows) for name, rows in data.parts.items()} == {"train": 75, "test": 75}


def test_inputs_are_brought_into_the_model_s_shape(tmp_path: Path) -> None:
    digits = load_data(Data(source="sklearn:digits", shape=[64]), tmp_path)
    assert digits.inputs.shape == (1797, 64)
    assert load_data(Data(source="sklearn:digits", channels_last=True), tmp_path).inputs.shape == (
        1797,
        8,
        8,
        1,
    )
    with pytest.raises(DataError, match=r"cannot take the shape \[63\]"):
        load_data(Data(source="sklearn:digits", shape=[63]), tmp_path)


def test_a_factory_draws_with_the_seed_of_the_run(folder: Path, dataset: Dataset) -> None:
    def digest(seed: int) -> str:
        torch.manual_seed(time.time_ns() % 2**31)
        state = torch.get_rng_state()
        graph = load_model(Model(source="factory.py:random"), folder, dataset, seed=seed)
        assert torch.equal(state, torch.get_rng_state())
        return graph.sha256

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_a_factory_s_file_finds_its_neighbours(folder: Path, dataset: Dataset) -> None:
    (folder / "neighbour_of_a_test.py").write_text(FACTORY)
    (folder / "makes.py").write_text("from neighbour_of_a_test import net")
    assert load_model(Model(source="makes.py:net"), folder, dataset).input_shape == (2,)


def test_features_of_other_names_are_refused() -> None:
    frame = pd.DataFrame({"age": [1.0, 2, 3, 4], "income": [0.0, 1, 0, 1]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = MLPClassifier((3,), max_iter=5).fit(frame, [0, 1, 0, 1])
    data = Dataset(
        name="d",
        inputs=np.ones((4, 2), np.float32),
        labels=np.arange(4) % 2,
        class_names=("a", "b"),
        feature_names=("income", "age"),
    )
    with pytest.raises(
        DataError, match=r"on the features age, income; .*'income' where it expects 'age'"
    ):
        load_model(Model(source=fitted), Path(), data)


def test_a_data_set_has_its_split_already(dataset: Dataset) -> None:
    with pytest.raises(ContractError, match="label, split: a Dataset has that settled already"):
        load_data(Data(source=dataset, split=Split(test=1.0), label="y"), Path())


def test_a_mismatch_says_which_columns_there_are(folder: Path) -> None:
    rows = "\n".join(f"{i},{'?' if i == 3 else i},{i % 2}" for i in range(9))
    (folder / "t.csv").write_text("a,b,y\n" + rows)
    data = load_data(Data(source="t.csv", label="y"), folder)
    with pytest.raises(ModelError) as caught:
        load_model(Model(source="factory.py:net"), folder, data)
    assert caught.value.__notes__ == [
        "The data (t.csv) have inputs of shape [10]: a, b (9 values)."
    ]


def test_classes_come_in_the_order_of_the_outputs(folder: Path) -> None:
    (folder / "t.csv").write_text("a,y\n1,b\n2,c\n3,b\n")
    data = load_data(Data(source="t.csv", label="y", classes=["a", "b", "c"]), folder)
    assert data.class_names == ("a", "b", "c")
    assert data.labels.tolist() == [1, 2, 1]
    with pytest.raises(DataError, match="the label 'c' is none of the classes"):
        load_data(Data(source="t.csv", label="y", classes=["a", "b"]), folder)


class Normalised(nn.Module):
    """A network whose own normalisation stands in a module called `preprocessing`."""

    class Scaling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x - 0.25) / 4

    def __init__(self) -> None:
        super().__init__()
        self.preprocessing, self.last = Normalised.Scaling(), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.last(self.preprocessing(x))
        return result


def test_preprocessing_before_a_model_with_its_own() -> None:
    network = Normalised()
    graph = load(network, torch.zeros(1, 2))
    x = torch.rand(5, 2)
    once = with_preprocessing(graph, Preprocessing(mean=[1.0], std=[2.0]))
    torch.testing.assert_close(once(x), network((x - 1) / 2))
    twice = with_preprocessing(once, Preprocessing(mean=[1.0], std=[2.0]))
    torch.testing.assert_close(twice(x), network(((x - 1) / 2 - 1) / 2))
    assert twice.parameters == graph.parameters


def test_channels_may_come_last_in_preprocessing() -> None:
    graph = load(nn.Flatten(), torch.zeros(1, 4, 4, 3))
    channels = Preprocessing(mean=[0.1, 0.2, 0.3], std=[1.0, 2.0, 3.0])
    x = torch.rand(2, 4, 4, 3)
    expected = (x - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([1.0, 2.0, 3.0])
    found = with_preprocessing(graph, channels, channels_last=True)(x)
    torch.testing.assert_close(found, expected.flatten(1))
    with pytest.raises(ContractError, match="expected 1 or 4 finite numbers"):
        with_preprocessing(graph, channels)


def test_a_module_in_double_precision_is_traced_as_it_is(dataset: Dataset) -> None:
    network = nn.Linear(2, 2).double()
    graph = load_model(Model(source=network), Path(), dataset)
    assert graph.tensors["weight"].dtype == torch.float64
