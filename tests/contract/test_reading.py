"""Contracts: what is read, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from affidavit.contract import (
    Accuracy,
    Contract,
    Data,
    Model,
    Preprocessing,
    Run,
    read_contract,
)
from affidavit.data import Split
from affidavit.errors import ContractError

GOOD = """
title = "Example"
[model]
source = "m.py:net"
weights = "w.safetensors"
arguments = { hidden = 3 }
preprocessing = { mean = [0.5], std = [0.2] }
[data]
source = "sklearn:digits"
split = { train = 0.6, validation = 0.2, test = 0.2, seed = 1 }
protected = []
[run]
seed = 3
[[claim]]
id = "accurate"
kind = "accuracy"
at_least = 0.95
"""


def read(text: str, folder: Path) -> Contract:
    path = folder / "contract.toml"
    path.write_text(text, encoding="utf-8")
    return read_contract(path)


def test_the_python_form_is_equal(tmp_path: Path) -> None:
    python = Contract(
        title="Example",
        model=Model(
            source="m.py:net",
            weights="w.safetensors",
            arguments={"hidden": 3},
            preprocessing=Preprocessing(mean=[0.5], std=[0.2]),
        ),
        data=Data(source="sklearn:digits", split=Split(0.6, 0.2, 0.2, seed=1)),
        run=Run(seed=3),
        claim=[Accuracy(id="accurate", at_least=0.95)],
    )
    contract = read(GOOD, tmp_path)
    assert contract == python
    assert contract.sha256 == python.sha256
    assert contract.folder == tmp_path
    assert contract != read(GOOD.replace("0.95", "0.96"), tmp_path)


FAULTS: list[tuple[str, str, str]] = [
    ('at_least = 0.95', 'at_least = "high"', "1 (accurate) at_least: expected a valid number"),
    ('at_least = 0.95', 'at_least = 1.5', "at_least: expected less than or equal to 1, got 1.5"),
    ('at_least = 0.95', '', "at_least: missing; expected least accuracy claimed"),
    ('at_least = 0.95', 'at_least = 0.95\natleast = 1', "unknown key (did you mean 'at_least'?)"),
    ('at_least = 0.95', 'at_least = 0.95\nbins = 3', "bins: expected a valid dictionary"),
    ('"accuracy"', '"acuracy"', "of the unknown kind 'acuracy' (did you mean 'accuracy'?)"),
    ('kind = "accuracy"', '', "a claim without a kind; known kinds: accuracy"),
    ('id = "accurate"', '', "id: missing; expected name of the claim"),
    ('"accuracy"', '["accuracy"]', "of the unknown kind ['accuracy']; known kinds: accuracy"),
    ('seed = 3', 'seed = 18446744073709551616', "[run] seed: expected less than"),
    ('[[claim]]', '[[clam]]', "[clam]: unknown table (did you mean 'claim'?)"),
    ('[model]', '[modell]', "[modell]: unknown table (did you mean 'model'?)"),
    ('source = "m.py:net"', '', "[model] source: missing; expected an .onnx file"),
    ('[model]', '[model]\nwights = 3', "[model] wights: unknown key (did you mean 'weights'?)"),
    ('std = [0.2]', 'std = "x"', "[model] preprocessing: std: expected a valid list"),
    ('seed = 3', 'seed = -3', "[run] seed: expected greater than or equal to 0, got -3"),
    ('seed = 3', 'sed = 3', "[run] sed: unknown key (did you mean 'seed'?)"),
    ('split = {', 'split = 0.5 #', '[data] split: expected shares such as { train = 0.6'),
    ('train = 0.6', 'train = 0.7', "[data] split: train 0.7"),
    ('train = 0.6', 'trian = 0.6', "[data] split: unknown key 'trian' (did you mean 'train'?)"),
    ('at_least = 0.95', 'at_least = true', "at_least: expected a valid number, got True"),
    ('at_least = 0.95', 'at_least = "0.95"', "at_least: expected a valid number, got '0.95'"),
    ('at_least = 0.95', 'at_least = 0.9\nconfidence = 0.05', "confidence: expected greater than"),
    ('id = "accurate"', 'id = ""', "id: expected at least 1 character"),
    ('protected = []', 'protected = "sex"', "[data] protected: expected a valid list, got 'sex'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"), FAULTS, ids=[new or old for old, new, _ in FAULTS]
)
def test_faults_point_at_the_key(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(ContractError) as caught:
        read(GOOD.replace(old, new), tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / "contract.toml") in str(caught.value)


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    text = GOOD.replace("0.95", "2").replace("seed = 3", "sed = 3").replace("weights", "wights")
    with pytest.raises(ContractError, match="4 faults") as caught:
        read(text + "[extra]\n", tmp_path)
    for place in ("[extra]", "[model] wights", "[run] sed", "[[claim]] 1 (accurate) at_least"):
        assert place in str(caught.value)


def test_the_python_form_tells_its_faults_too() -> None:
    with pytest.raises(ContractError, match="Accuracy: at_least: expected less than or equal to 1"):
        Accuracy(id="a", at_least=2)
    with pytest.raises(ContractError, match="Run: seed: expected greater than or equal to 0"):
        Run(seed=-1)
    with pytest.raises(ContractError, match="Contract: claim: expected at least 1 item"):
        Contract(model=Model(source="x.onnx"), data=Data(source="y.csv"), claim=[])


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(GOOD, encoding="utf-8-sig")
    assert read_contract(tmp_path / "c.toml") == read(GOOD, tmp_path)


def test_all_faulty_claims_are_told_together(tmp_path: Path) -> None:
    text = GOOD.replace("0.95", "2") + '[[claim]]\nid = "b"\nkind = "acuracy"\n'
    with pytest.raises(ContractError, match="2 faults") as caught:
        read(text, tmp_path)
    assert "[[claim]] 1 (accurate)" in str(caught.value)
    assert "[[claim]] 2 (b)" in str(caught.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [("model", "[model] is missing"), ("data", "[data] is missing"), ("claim", "no claim")],
)
def test_missing_sections_are_told(section: str, message: str, tmp_path: Path) -> None:
    import tomllib

    from affidavit.contract.reading import contract_from

    content: dict[str, Any] = tomllib.loads(GOOD)
    del content[section]
    with pytest.raises(ContractError) as caught:
        contract_from(content)
    assert message in str(caught.value)


def test_ids_must_differ(tmp_path: Path) -> None:
    twice = GOOD + GOOD[GOOD.index("[[claim]]") :]
    with pytest.raises(ContractError, match="two claims have the id 'accurate'"):
        read(twice, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is missing"),
        (b"[model", "not valid TOML"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"claim = 3\n[model]\nsource='x'\n[data]\nsource='y'", "claim"),
        (b"claim = []\n[model]\nsource='x'\n[data]\nsource='y'", "claim"),
        (b"claim = [3]\n[model]\nsource='x'\n[data]\nsource='y'", "[[claim]] 1"),
        (
            b"model = 3\n[data]\nsource='y'\n[[claim]]\nid='a'\nkind='accuracy'\nat_least=0.5",
            "[model]",
        ),
    ],
)
def test_what_is_no_contract_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(ContractError) as caught:
        read_contract(path)
    assert message in str(caught.value)


def test_a_contract_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no such contract"):
        read_contract(tmp_path / "none.toml")
    with pytest.raises(ContractError, match="cannot be read"):
        read_contract(tmp_path)
