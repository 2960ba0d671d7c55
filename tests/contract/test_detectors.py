"""The keys by which a claim names a detector."""

from __future__ import annotations

from typing import Any

import pytest

from affidavit.contract import DetectsErrors
from affidavit.errors import ContractError
from affidavit.misclassification import EqualRecall, MaximumRisk


def claim(**keys: Any) -> DetectsErrors:
    return DetectsErrors(id="a", recall=0.8, false_alarms=0.1, **keys)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({}, "max_softmax"),
        ({"scorer": "neighbours", "options": {"k": 5}}, "neighbours (k 5)"),
        ({"features": ["softmax", "class"], "head": "forest"}, "forest on softmax, class"),
        (
            {"features": ["conductance"], "layers": ["layer4", "fc"]},
            "mlp on conductance (layers layer4, fc)",
        ),
        ({"detector": "kept"}, "kept"),
    ],
    ids=["default", "options", "features", "layers", "saved"],
)
def test_names(keys: dict[str, Any], name: str) -> None:
    assert claim(**keys).detector_name == name


def test_policies() -> None:
    assert claim().given_policy() is None
    assert claim(policy="equal_recall").given_policy() == EqualRecall()
    risk = claim(policy={"policy": "maximum_risk", "risk": 0.1}).given_policy()
    assert risk == MaximumRisk(0.1)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"scorer": "max_softmx"}, r"no scorer 'max_softmx' \(did you mean 'max_softmax'\?\)"),
        ({"scorer": "doctor", "options": {"gama": 1}}, "doctor has no parameter 'gama'"),
        (
            {"scorer": "neighbours", "options": {"k": "five"}},
            "options of neighbours: {'k': ",
        ),
        ({"options": {"k": 5}}, "options are those of a scorer"),
        ({"features": ["softmx"]}, r"no features 'softmx' \(did you mean 'softmax'\?\)"),
        ({"features": ["softmax"], "head": "mpl"}, r"no head 'mpl' \(did you mean 'mlp'\?\)"),
        ({"head": "mlp"}, "head learns from features"),
        ({"features": ["softmax"], "scorer": "entropy"}, "scorer and features exclude each other"),
        ({"features": ["conductance"]}, "needs conductance, which takes layers = "),
        ({"features": ["contrast"]}, "needs conductance, which takes layers = "),
        ({"scorer": "label_change_rate"}, "needs label_change_rate, which takes mutants = "),
        ({"layers": ["fc"]}, "layers: the scorer max_softmax does not look at them"),
        ({"mutants": {"rate": 0.1}}, "mutants: the scorer max_softmax does not look at them"),
        ({"scorer": "mc_dropout"}, "takes dropout layers, and the graph that an audit makes"),
        ({"scorer": "ensemble"}, "takes further models, and the graph that an audit makes"),
        ({"policy": "equal"}, r"no policy 'equal'"),
        ({"policy": {"policy": "fixed"}}, "the policy 'fixed' cannot be made"),
        ({"policy": {"policy": "maximum_risk", "risk": 2}}, "risk is 2; expected a share"),
        ({"policy": {"risk": 0.1}}, "a name under 'policy'"),
        ({"fit_on": "test"}, "the part 'test' is named twice"),
        ({"calibrate_on": "validation"}, "the part 'validation' is named twice"),
        ({"detector": "kept", "scorer": "entropy"}, "scorer: a saved detector has that settled"),
        ({"detector": "kept", "fit_on": "train"}, "fit_on: a saved detector has that settled"),
        ({"mutants": {"rate": 0.0}}, "rate: expected greater than 0"),
        ({"mutants": {"rate": 0.1, "operator": "NAJ"}}, r"no operator 'NAJ' \(did you mean 'NAI'"),
        ({"mutants": {"rate": 0.1, "scheme": "woo"}}, "no scheme 'woo'"),
        ({"recall_of": 1}, "unknown key"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_faulty_keys(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        claim(**keys)
