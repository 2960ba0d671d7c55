"""From outputs to decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn

from affidavit.contract import Context
from affidavit.contract.decisions import decisions
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError, ModelError
from affidavit.graph import Graph, load

Answers = Callable[..., Dataset]


def context(model: Graph, data: Dataset, output: Literal["logit"] | None = "logit") -> Context:
    return Context(model, data, output=output)


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
    predicted, rule = decisions(context(one_output(last), data, None if last else "logit"), "test")
    assert int((predicted == data.labels).sum()) == 25
    assert what in rule


def test_a_squeezed_probability_is_still_one(answers: Answers) -> None:
    model = one_output(nn.Sequential(nn.Sigmoid(), nn.Unflatten(1, (1, 1)), nn.Flatten()))
    assert "probability" in decisions(Context(model, answers(4, 0)), "test")[1]


def test_other_classes_than_the_model_s_are_refused(identity_model: Graph) -> None:
    data = Dataset(
        name="d",
        inputs=np.ones((3, 2), np.float32),
        labels=np.arange(3),
        class_names=("a", "b", "c"),
    )
    with pytest.raises(DataError, match=r"tells 2 classes apart, and d has 3 \(a, b, c\): say"):
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


def test_what_a_single_output_is_must_be_known(answers: Answers) -> None:
    with pytest.raises(ContractError, match=r'say whether it is a "logit" .* or a "probability"'):
        decisions(context(one_output(), answers(4, 0), None), "test")
    clipped = one_output(nn.Sequential(nn.Sigmoid(), nn.Hardtanh(1e-6, 1 - 1e-6)))
    data = answers(25, 5)
    predicted, rule = decisions(Context(clipped, data, output="probability"), "test")
    assert int((predicted == data.labels).sum()) == 25
    assert "above 0.5" in rule


def test_a_single_output_without_an_axis_of_its_own(answers: Answers) -> None:
    data = answers(25, 5)
    flat = one_output(nn.Flatten(0))
    predicted, _ = decisions(context(flat, data), "test")
    assert int((predicted == data.labels).sum()) == 25


def test_a_model_that_names_its_classes_is_matched_by_name() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 2)).astype(np.float32)
    truth = (inputs[:, 0] > 0).astype(int)
    fitted = MLPClassifier((8,), max_iter=2000, random_state=0).fit(
        inputs, np.array(["zebra", "ant"])[truth]
    )
    model = load(fitted)
    assert model.output_names == ("ant", "zebra")
    by_name = Dataset(name="d", inputs=inputs, labels=1 - truth, class_names=("ant", "zebra"))
    reversed_ = Dataset(name="d", inputs=inputs, labels=truth, class_names=("zebra", "ant"))
    for data in (by_name, reversed_):
        predicted, _ = decisions(Context(model, data), "test")
        assert (predicted == data.labels).mean() > 0.9
    other = Dataset(name="d", inputs=inputs, labels=truth, class_names=("no", "yes"))
    with pytest.raises(DataError, match="tells the classes ant, zebra apart, and d has no, yes"):
        decisions(Context(model, other), "test")
    indices = load(MLPClassifier((8,), max_iter=2000, random_state=0).fit(inputs, truth))
    predicted, _ = decisions(Context(indices, other), "test")
    assert (predicted == truth).mean() > 0.9


def test_contradictions_about_a_single_output_are_told(answers: Answers) -> None:
    with pytest.raises(ContractError, match="ends in a sigmoid: it gives a probability"):
        decisions(context(one_output(nn.Sigmoid()), answers(4, 0)), "test")
    with pytest.raises(ModelError, match="a softmax over a single entry"):
        decisions(context(one_output(nn.Softmax(1)), answers(4, 0)), "test")


def test_whole_numbers_among_class_labels_are_written_as_such() -> None:
    inputs = np.random.default_rng(0).normal(size=(40, 2))
    model = MLPClassifier((3,), solver="lbfgs", max_iter=2000, random_state=0)
    fitted = model.fit(inputs, (inputs[:, 0] > 0).astype(float))
    assert load(fitted).output_names == ("0", "1")
