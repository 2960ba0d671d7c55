"""The keys by which claims say what is trained, and how."""

from __future__ import annotations

from typing import Any

import pytest

from affidavit.contract import SeedStability
from affidavit.errors import ContractError
from affidavit.initialization.training import Dense, SmallCNN, Trainer


def claim(**keys: Any) -> SeedStability:
    return SeedStability(id="s", at_most=0.1, **keys)


@pytest.mark.parametrize(
    ("keys", "structure"),
    [
        ({}, None),
        ({"hidden": []}, Dense(())),
        ({"hidden": [8, 4], "activation": "tanh"}, Dense((8, 4), "tanh")),
        ({"channels": [4]}, SmallCNN((4,))),
        ({"channels": [4, 8], "hidden": [16]}, SmallCNN((4, 8), (16,))),
    ],
    ids=["none", "linear", "dense", "convolutions", "both"],
)
def test_structures(keys: dict[str, Any], structure: Dense | SmallCNN | None) -> None:
    assert claim(**keys).structure == structure


def test_the_training_is_that_of_the_trainer() -> None:
    assert claim().trainer == Trainer()
    keys: dict[str, Any] = {"epochs": 2, "batch_size": 7, "learning_rate": 0.3, "momentum": 0.5}
    assert claim(**keys, weight_decay=0.1).trainer == Trainer(**keys, weight_decay=0.1)
    assert claim(optimizer="adam").trainer == Trainer(optimizer="adam")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"hidden": [0]}, r"hidden\.0: expected greater than or equal to 1, got 0"),
        ({"hidden": 8}, "hidden: expected a valid list, got 8"),
        ({"channels": []}, "channels: expected at least 1 item"),
        ({"activation": "tanh"}, "activation is that of dense layers: name them with hidden"),
        ({"channels": [4], "activation": "tanh"}, "behind `channels` are always relu"),
        ({"hidden": [4], "activation": "rely"}, r"no activation 'rely' \(did you mean 'relu'\?\)"),
        ({"epochs": 0}, "epochs: expected greater than or equal to 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate: expected greater than 0"),
        ({"optimizer": "adm"}, r"no optimizer 'adm' \(did you mean 'adam'\?\)"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum is 0.9, but adam has its own"),
        ({"storage": ""}, "storage: expected at least 1 character"),
    ],
    ids=[
        "no neurons", "no list", "no blocks", "activation alone", "activation of blocks",
        "activation", "epochs", "rate", "optimizer", "momentum", "storage",
    ],
)  # fmt: skip
def test_faulty_keys(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        claim(**keys)
