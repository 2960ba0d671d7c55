"""From outputs to decisions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.contract import Context
from affidavit.contract.decisions import decisions
from affidavit.data import Dataset
from affidavit.errors import DataError, ModelError
from affidavit.graph import Graph, load

Answers = Callable[..., Dataset]


def one_output(last: nn.Module | None = None) -> Graph:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-1.0, 1.0]]))
    return load(nn.Sequential(layer, *([last] if last else [])), torch.zeros(1, 2))


def test_the_largest_output_decides(identity_model: Graph, answers: Answers) -> None:
    predicted, rule = decisions(Context(identity_model, answers(30, 10)), "test")
    assert int((predicted == answers(30, 10).labels).sum()) == 30
    assert "largest output" in rule


def test_ties_go_to_the_first_class(identity_model: Graph) -> None:
    data = Dataset(
        name="d",
        inputs=np.ones((3, 2), np.float32),
        labels=np.arange(3) % 2,
        class_names=("a", "b"),
    )
    predicted, _ = decisions(Context(identity_model, data), "test")
    assert predicted.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("last", "what"), [(None, "logit, is above 0"), (nn.Sigmoid(), "probability, is above 0.5")]
)
def test_a_single_output_decides_between_two_classes(
    last: nn.Module | None, what: str, answers: Answers
) -> None:
    data = answers(25, 5)
    predicted, rule = decisions(Context(one_output(last), data), "test")
    assert int((predicted == data.labels).sum()) == 25
    assert what in rule


def test_a_squeezed_probability_is_still_one(answers: Answers) -> None:
    model = one_output(nn.Sequential(nn.Sigmoid(), nn.Unflatten(1, (1, 1)), nn.Flatten()))
    assert "probability" in decisions(Context(model, answers(4, 0)), "test")[1]


def test_labels_beyond_the_outputs_are_refused(identity_model: Graph) -> None:
    data = Dataset(
        name="d",
        inputs=np.ones((3, 2), np.float32),
        labels=np.arange(3),
        class_names=("a", "b", "c"),
    )
    with pytest.raises(DataError, match="labels from 0 to 2 do not fit the model, which tells 2"):
        decisions(Context(identity_model, data), "test")


def test_regression_has_no_decisions(identity_model: Graph) -> None:
    data = Dataset(
        name="numbers", inputs=np.ones((3, 2), np.float32), labels=np.array([0.5, 1.5, 2.0])
    )
    with pytest.raises(DataError, match="numbers has no classes"):
        decisions(Context(identity_model, data), "test")


class Undefined(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / x.sub(x)


def test_a_model_that_returns_nan_is_refused() -> None:
    data = Dataset(
        name="d",
        inputs=np.zeros((3, 2), np.float32),
        labels=np.arange(3) % 2,
        class_names=("a", "b"),
    )
    context = Context(load(Undefined(), torch.zeros(1, 2)), data)
    with pytest.raises(ModelError, match="returns NaN on 3 of the 3 inputs of 'test'"):
        decisions(context, "test")


def test_outputs_with_more_axes_are_refused(answers: Answers) -> None:
    model = load(nn.Unflatten(1, (1, 2)), torch.zeros(1, 2))
    with pytest.raises(ModelError, match=r"outputs of shape \[1, 2\]"):
        decisions(Context(model, answers(2, 0)), "test")


def test_batches_do_not_matter(identity_model: Graph, answers: Answers) -> None:
    data = answers(30, 7)
    whole = Context(identity_model, data).outputs("test")
    small = Context(identity_model, data, batch_size=4).outputs("test")
    np.testing.assert_array_equal(whole, small)
