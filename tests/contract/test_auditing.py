"""Audits from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from affidavit.contract import Accuracy, Affidavit, Contract, Data, Model, Run, audit
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError, OutputError, RecordError
from affidavit.evidence import Verdict, to_json
from affidavit.graph import Graph

Answers = Callable[..., Dataset]


def contract(model: Graph, data: Dataset, *claims: Accuracy, **run: object) -> Contract:
    return Contract(
        model=Model(source=model),
        data=Data(source=data),
        run=Run.model_validate(run),
        claim=list(claims),
    )


@pytest.fixture
def affidavit(identity_model: Graph, answers: Answers) -> Affidavit:
    claims = [
        Accuracy(id="holds", at_least=0.8),
        Accuracy(id="undecided: λ < 3 / <b>", at_least=0.95, by=["class"]),
        Accuracy(id="violated", at_least=0.99),
    ]
    return audit(contract(identity_model, answers(186, 14), *claims, seed=7))


def test_statements_come_in_order_with_their_circumstances(affidavit: Affidavit) -> None:
    verdicts = [statement.verdict for statement in affidavit.statements]
    assert verdicts == [Verdict.HOLDS, Verdict.UNDECIDED, Verdict.VIOLATED]
    assert affidavit.verdict is Verdict.VIOLATED
    for statement in affidavit.statements:
        assert statement.seed == affidavit.header.seed == 7
        assert statement.model_sha256 == affidavit.header.model.sha256
        assert statement.data_sha256 == affidavit.header.data.sha256
        assert {"affidavit", "python", "torch", "numpy"} <= set(statement.versions)
        assert statement.cost.evaluations == 200
        assert statement.cost.seconds > 0


def test_a_saved_affidavit_reads_back_the_same(affidavit: Affidavit, tmp_path: Path) -> None:
    folder = affidavit.save(tmp_path / "a")
    again = Affidavit.load(folder)
    assert to_json(again.header) == to_json(affidavit.header)
    assert to_json(again.statements) == to_json(affidavit.statements)
    assert dict(again.attachments) == dict(affidavit.attachments)
    assert again.verdict is affidavit.verdict
    assert {p.name for p in folder.iterdir()} == {
        "affidavit.json",
        "evidence",
        "junit.xml",
        "report.html",
    }
    # Saving what was loaded gives the same bytes: the report needs neither model nor data.
    other = again.save(tmp_path / "b")
    for name in ("affidavit.json", "junit.xml", "report.html"):
        assert (other / name).read_bytes() == (folder / name).read_bytes()


def test_the_same_contract_gives_the_same_statements(
    identity_model: Graph, answers: Answers
) -> None:
    def statements(backend: str | None) -> list[dict[str, object]]:
        claims = [Accuracy(id=str(i), at_least=0.5 + i / 10) for i in range(3)]
        found = audit(contract(identity_model, answers(90, 10), *claims), backend=backend)
        records = [to_json(statement) for statement in found.statements]
        return [{**record, "cost": None} for record in records]

    assert statements(None) == statements(None)
    assert statements("threading") == statements(None)


def test_claims_are_carried_out_by_joblib(identity_model: Graph, answers: Answers) -> None:
    claims = [Accuracy(id=str(i), at_least=0.5) for i in range(2)]
    found = audit(contract(identity_model, answers(90, 10), *claims), backend="loky")
    assert [statement.verdict for statement in found.statements] == [Verdict.HOLDS] * 2


def test_an_unknown_backend_or_device_is_told(identity_model: Graph, answers: Answers) -> None:
    claim = Accuracy(id="a", at_least=0.5)
    with pytest.raises(ContractError, match=r"backend 'lokyy' \(did you mean 'loky'\?\)"):
        audit(contract(identity_model, answers(9, 1), claim), backend="lokyy")
    with pytest.raises(ContractError, match="device: 'gpu' cannot be used"):
        audit(contract(identity_model, answers(9, 1), claim, device="gpu"))


def test_an_error_says_which_claim(identity_model: Graph, answers: Answers) -> None:
    claim = Accuracy(id="odd", at_least=0.5, on="validation")
    with pytest.raises(DataError) as caught:
        audit(contract(identity_model, answers(9, 1), claim))
    assert caught.value.__notes__ == ["in claim 'odd'"]


def test_ids_become_safe_folder_names(identity_model: Graph, answers: Answers) -> None:
    ids = ["../../etc", "a/b", "λ", "con", " ", "x" * 100]
    claims = [Accuracy(id=name, at_least=0.5) for name in ids]
    found = audit(contract(identity_model, answers(9, 1), *claims))
    for number, path in enumerate(found.attachments, 1):
        top, folder, name = path.split("/")
        assert (top, name) == ("evidence", "predictions.csv")
        assert folder.startswith(f"{number:02d}-")
        assert ".." not in folder


def test_a_folder_of_someone_else_is_left_alone(affidavit: Affidavit, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(OutputError):
        affidavit.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_damaged_record_is_told(affidavit: Affidavit, tmp_path: Path) -> None:
    folder = affidavit.save(tmp_path / "a")
    record = json.loads((folder / "affidavit.json").read_text())
    record["statements"][0]["verdict"] = "maybe"
    (folder / "affidavit.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match="verdict should be one of"):
        Affidavit.load(folder)


def test_an_audit_leaves_the_generators_alone(identity_model: Graph, answers: Answers) -> None:
    state = torch.get_rng_state()
    audit(contract(identity_model, answers(9, 1), Accuracy(id="a", at_least=0.5)))
    assert torch.equal(state, torch.get_rng_state())


def test_a_backend_that_is_not_installed_is_told(identity_model: Graph, answers: Answers) -> None:
    with pytest.raises(ContractError, match=r"cannot use the backend 'ray': No module named 'ray'"):
        audit(
            contract(identity_model, answers(9, 1), Accuracy(id="a", at_least=0.5)), backend="ray"
        )


def test_the_hash_of_a_contract_tells_contents_apart(
    identity_model: Graph, answers: Answers
) -> None:
    claim = Accuracy(id="a", at_least=0.5)
    one, other = answers(9, 1), answers(8, 2)
    assert contract(identity_model, one, claim) == contract(identity_model, one, claim)
    assert (
        contract(identity_model, one, claim).sha256 != contract(identity_model, other, claim).sha256
    )
    paths = [
        Contract(model=Model(source=Path(name)), data=Data(source="x.csv"), claim=[claim]).sha256
        for name in ("a.onnx", "b.onnx", "a.onnx")
    ]
    assert paths[0] == paths[2] != paths[1]
