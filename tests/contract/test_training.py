"""Training for claims: once for all that ask for the same, from code or a structure."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_weights
from tests.contract.trainable import QUICK, trainable
from torch import nn

from affidavit.contract import (
    AttainableAccuracy,
    Contract,
    Data,
    Model,
    Preprocessing,
    SeedStability,
    audit,
)
from affidavit.contract.factory import Factory
from affidavit.contract.training import networks, training_data
from affidavit.errors import ContractError, DataError, DomainError, ModelError, OutputError
from affidavit.initialization.strategies import Reseeding
from affidavit.initialization.training import Dense, Trainer

FACTORY = """
import torch
from torch import nn

calls = []

def net(width=4):
    calls.append(1)
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))

def same():
    torch.manual_seed(0)
    return nn.Linear(2, 2)

def probabilities():
    return nn.Sequential(net(), nn.Softmax(1))

def interrupted():
    net()
    if len(calls) > 20:
        raise KeyboardInterrupt
    return net()
"""


def attain(**keys: Any) -> AttainableAccuracy:
    given = {"id": "a", "at_least": 0.6, "max_trial": 3, **QUICK}
    return AttainableAccuracy(**(given | keys))


def stable(**keys: Any) -> SeedStability:
    return SeedStability(**({"id": "s", "at_most": 0.9, "runs": 4, **QUICK} | keys))


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many networks were trained together, by the times that some were."""
    found: list[int] = []
    begin = Trainer.begin

    def counted(self: Trainer, models: Any, *rest: Any, **keys: Any) -> Any:
        found.append(len(models))
        return begin(self, models, *rest, **keys)

    monkeypatch.setattr(Trainer, "begin", counted)
    return found


def test_claims_that_ask_for_the_same_train_once(trainings: list[int]) -> None:
    subject = trainable()
    first = attain().check(subject)
    assert trainings == [1, 3]
    second = stable().check(subject)
    assert attain(id="b", at_least=0.9).check(subject).value == first.value
    assert trainings == [1, 3]
    seeds = [
        [line.split(b",")[1] for line in found.files["runs.csv"].content.splitlines()]
        for found in (first, second)
    ]
    assert seeds[0] == seeds[1]
    for other in (attain(epochs=3), attain(hidden=[5]), attain(strategy="halving")):
        before = len(trainings)
        other.check(subject)
        assert len(trainings) > before


def audited(tmp_path: Path, *claims: Any, source: str = "made.py:net", **model: Any) -> Any:
    (tmp_path / "made.py").write_text(FACTORY)
    return audit(
        Contract(
            model=Model(source=source, **model),
            data=Data(source=trainable().dataset),
            claim=list(claims),
            folder=tmp_path,
        )
    )


def test_the_factory_gives_every_network(tmp_path: Path) -> None:
    claim = attain(hidden=None)
    found = audited(tmp_path, claim, arguments={"width": 9})
    (statement,) = found.statements
    weights = load_weights(found.attachments["evidence/01-a/chosen.safetensors"])
    assert weights["0.weight"].shape == (9, 2)
    assert statement.assumptions[0] == (
        "Every run calls the factory made.py:net anew, under a seed of its own; weights that"
        " [model] names are not loaded."
    )
    model = nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, 2))
    model.load_state_dict(weights)
    rows = trainable().part("test")
    right = model(torch.tensor(rows.inputs)).argmax(1).numpy() == rows.labels
    assert statement.value == right.mean()


def test_what_the_model_is_does_not_matter_to_a_structure(tmp_path: Path) -> None:
    found = audited(tmp_path, attain(), source="made.py:same")
    (statement,) = found.statements
    assert "takes no part in this statement" in statement.assumptions[0]
    assert statement.value == attain().check(trainable()).value


def test_a_factory_without_chance(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gives the same weights under any seed"):
        audited(tmp_path, attain(hidden=None), source="made.py:same")


def test_probabilities_are_no_logits(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="outputs are probabilities; expected logits"):
        audited(tmp_path, attain(hidden=None), source="made.py:probabilities")


def test_networks_of_keras_have_names_of_their_own() -> None:
    keras = pytest.importorskip("keras")

    class Made(Factory):
        def load(self) -> Any:
            return lambda: keras.Sequential(
                [keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)]
            )

    subject = trainable(factory=Made("made.py:net", {}, Path()))
    make = networks(stable(hidden=None), subject, subject.dataset, Reseeding())
    first, second = make(), make()
    assert first.state_dict().keys() != second.state_dict().keys()


def test_no_structure_at_all() -> None:
    with pytest.raises(ContractError, match=r"is no factory.*hidden = \[256, 256\].*channels"):
        stable(hidden=None).check(trainable())


def test_an_interruption_is_none_of_a_claim_s_verdicts(tmp_path: Path) -> None:
    claim = attain(hidden=None, storage="runs.journal", max_trial=60)
    with pytest.raises(KeyboardInterrupt):
        audited(tmp_path, claim, source="made.py:interrupted")
    assert (tmp_path / "runs.journal").stat().st_size > 0


def test_a_stored_search_goes_on(tmp_path: Path, trainings: list[int]) -> None:
    subject = trainable(folder=tmp_path)
    claims = attain(storage="runs"), stable(storage="runs", runs=4)
    first, _ = (claim.check(dataclasses.replace(subject, _kept={})) for claim in claims)
    trainings.clear()
    again, _ = (claim.check(dataclasses.replace(subject, _kept={})) for claim in claims)
    assert trainings == [1, 1]  # the chosen ones, for their weights
    assert again.value == first.value
    trainings.clear()
    more = stable(storage="runs", runs=6).check(dataclasses.replace(subject, _kept={}))
    assert trainings[0] == 2
    fewer = stable(storage="runs", runs=3).check(dataclasses.replace(subject, _kept={}))
    counts = [one.files["runs.csv"].content.count(b"complete") for one in (more, fewer)]
    assert counts == [6, 3]
    with pytest.raises(ContractError, match="holds 3 runs after the first, and max_trial is 2"):
        attain(storage="runs", max_trial=2).check(dataclasses.replace(subject, _kept={}))
    with pytest.raises(OutputError, match="is of another search: training was"):
        attain(storage="runs", epochs=1).check(dataclasses.replace(subject, _kept={}))


def test_inputs_are_normalised_as_the_model_s(tmp_path: Path) -> None:
    steps = Preprocessing(mean=[0.5, -0.5], std=[2.0])
    finding = attain().check(trainable(preprocessing=steps))
    model = Dense((6,)).make((2,), 2)
    model.load_state_dict(load_weights(finding.files["chosen.safetensors"].content))
    rows = trainable().part("test")
    inputs = (rows.inputs - np.array([0.5, -0.5])) / 2
    right = model(torch.tensor(inputs, dtype=torch.float32)).argmax(1).numpy() == rows.labels
    assert finding.value == right.mean()
    assert "Inputs are normalised first, as [model] preprocessing says." in finding.assumptions


def test_images_are_normalised_by_channel() -> None:
    data = trainable(60).dataset
    images = np.random.default_rng(0).uniform(0, 1, (180, 3, 4, 4)).astype(np.float32)
    steps = Preprocessing(mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7])
    given = []
    for inputs in (images, images.transpose(0, 2, 3, 1)):
        empty = np.empty(0, np.float32)  # of images, the range is that of all pixels
        arrays = dataclasses.replace(data, inputs=inputs, lower=empty, upper=empty)
        subject = trainable(preprocessing=steps)
        given.append(dataclasses.replace(subject, dataset=arrays, _parts={}, _kept={}))
    first, last = (training_data(subject).inputs for subject in given)
    mean, std = (np.array(v).reshape(3, 1, 1) for v in (steps.mean, steps.std))
    np.testing.assert_allclose(first, (images - mean) / std, rtol=1e-5)
    np.testing.assert_allclose(last, first.transpose(0, 2, 3, 1), rtol=1e-6)
    stable(channels=[2], hidden=[], epochs=1, runs=2).check(given[0])
    with pytest.raises(ContractError, match=r"leave out \[data\] channels_last"):
        stable(channels=[2], hidden=[]).check(given[1])


def test_data_that_do_not_serve() -> None:
    subject = trainable()
    data = subject.dataset
    numbers = dataclasses.replace(data, labels=data.labels.astype(float), class_names=())
    parts = {"train": data.parts["train"], "test": data.parts["test"]}
    cases: list[tuple[Any, type[Exception], str]] = [
        (numbers, DataError, "has no classes: its labels are numbers"),
        (dataclasses.replace(data, parts=parts), DataError, "no part 'validation', only: train"),
    ]
    for given, error, said in cases:
        with pytest.raises(error, match=said):
            attain().check(dataclasses.replace(subject, dataset=given, _parts={}))
    with pytest.raises(DomainError, match=r"inputs have the shape \[2\]"):
        attain(channels=[4]).check(subject)
    with pytest.raises(ModelError, match="the first run failed"):
        attain(learning_rate=1e30, optimizer="sgd").check(subject)


def test_progress_is_shown_on_stderr_alone(capsys: pytest.CaptureFixture[str]) -> None:
    attain().check(trainable(progress=True))
    attain(max_trial=None, max_time=0.05).check(trainable(progress=True))
    assert capsys.readouterr().out == ""


def test_a_factory_goes_to_other_processes() -> None:
    factory = Factory("made.py:net", {"width": 3}, Path())
    subject = trainable(factory=factory)
    assert pickle.loads(pickle.dumps(subject)).factory == factory
