"""What a claim says of explanations: its keys, and the property they stand for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affidavit.certify.explanation_properties import OutsideTop, Targeted, Untargeted
from affidavit.contract import Context
from affidavit.contract.explained import ExplanationKeys
from affidavit.errors import AffidavitError, ContractError

Loans = Callable[..., Context]


def keys(**given: Any) -> ExplanationKeys:
    return ExplanationKeys(**({"tau": 0.1} | given))


def test_untargeted(loans: Loans) -> None:
    found = keys().explanation_property(loans())
    assert isinstance(found, Untargeted)
    assert (found.tau, found.metric, found.loss, found.target) == (0.1, "mse", "logit", None)
    named = keys(output="approve", loss="cross_entropy").explanation_property(loans())
    assert (named.target, named.loss) == (1, "cross_entropy")
    pair = keys(margin=["approve", "deny"], loss="margin").explanation_property(loans())
    assert pair.target == (1, 0)


def test_classes_go_to_the_outputs_that_stand_for_them(loans: Loans) -> None:
    context = loans()
    graph = dataclasses.replace(context.graph, output_names=("approve", "deny"))
    swapped = dataclasses.replace(context, graph=graph)
    assert keys(output="approve").explanation_property(swapped).target == 0


def test_a_single_output_is_the_second_class(loans: Loans) -> None:
    context = loans(single=True, output="logit")
    assert keys(output="approve").explanation_property(context).target == 0
    with pytest.raises(ContractError, match="single output is the score of approve"):
        keys(output="deny").explanation_property(context)


def test_top_k_of_named_or_protected_features(loans: Loans) -> None:
    found = keys(against="top_k", tau=None, features=["net debt"], k=1)
    made = found.explanation_property(loans())
    assert isinstance(made, OutsideTop)
    assert (made.features, made.k) == ((1,), 1)
    columns = {"age": np.arange(121.0)}
    protected = loans(columns=columns, protected=("age",))
    made = keys(against="top_k", k=1).explanation_property(protected)
    assert isinstance(made, OutsideTop)
    assert made.features == (0,)
    with pytest.raises(ContractError, match="no features: name them"):
        keys(against="top_k").explanation_property(loans())
    with pytest.raises(AffidavitError, match="no feature 'debts'"):
        keys(against="top_k", features=["debts"]).explanation_property(loans())


def test_goals_from_a_file(loans: Loans, tmp_path: Path) -> None:
    context = dataclasses.replace(loans(), folder=tmp_path)
    np.save(tmp_path / "goals.npy", np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]))
    np.save(tmp_path / "one.npy", np.array([1.0, 0.0]))
    np.save(tmp_path / "wrong.npy", np.zeros((2, 3)))
    (tmp_path / "text.npy").write_text("no array")
    made = keys(against="targeted", goal="goals.npy").explanation_property(context)
    assert isinstance(made, Targeted)
    assert made.goals.shape == (3, 2)
    made = keys(against="targeted", goal="one.npy").explanation_property(context)
    assert isinstance(made, Targeted)
    assert torch.equal(made.goals, torch.tensor([[1.0, 0.0]], dtype=torch.float64))
    for name, message in (
        ("wrong.npy", r"shape \[2, 3\]; expected finite explanations of the shape \[2\]"),
        ("none.npy", "no such file"),
        ("text.npy", "cannot be read"),
        ("corners", "no images, and have no corners"),
    ):
        with pytest.raises(AffidavitError, match=message):
            keys(against="targeted", goal=name).explanation_property(context)


def test_corners_of_images(loans: Loans) -> None:
    images = dataclasses.replace(
        loans().dataset,
        inputs=np.zeros((4, 1, 8, 8), np.float32),
        labels=np.zeros(4, np.int64),
        feature_names=(),
        lower=np.empty(0, np.float32),
        upper=np.empty(0, np.float32),
        parts={},
    )
    context = dataclasses.replace(loans(), dataset=images)
    made = keys(against="targeted", corner=3, distances=2).explanation_property(context)
    assert isinstance(made, Targeted)
    assert made.goals.shape == (8, 1, 8, 8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tau": None}, "tau is missing, which against = 'untargeted' needs"),
        ({"tau": -0.1}, "tau is -0.1; expected a number at least 0 for mse"),
        ({"tau": 1.5, "metric": "cosine"}, "from -1 to 1 for cosine"),
        ({"margin": ["a", "b"]}, 'say loss = "margin"'),
        ({"margin": ["a", "a"], "loss": "margin"}, "against itself"),
        ({"against": "anything"}, "untargeted"),
    ],
)
def test_what_is_refused_at_once(given: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        keys(**given)


def test_a_margin_has_two_classes(loans: Loans) -> None:
    with pytest.raises(ContractError, match="is of two classes"):
        keys(loss="margin", output="approve").explanation_property(loans())


def test_words() -> None:
    assert keys().stays == "stays within a mean squared difference of at most 0.1"
    assert keys(metric="cosine").stays == "stays within a cosine similarity of at least 0.1"
    assert keys(against="targeted").stays == (
        "keeps from a square in a corner a mean squared difference above 0.1"
    )
    assert keys(against="top_k", features=["age"]).stays == (
        "does not have age among its 5 largest features"
    )
    assert keys(loss="cross_entropy").of_text == "the cross-entropy of the predicted class"
    assert keys(margin=["a", "b"], loss="margin").of_text == "the margin of a over b"
