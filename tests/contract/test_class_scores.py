"""The audited model as one that gives a score to every class."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.contract.doubts import doubtful
from torch import nn

from affidavit.contract import Context
from affidavit.contract.class_scores import class_scores
from affidavit.contract.decisions import decisions
from affidavit.errors import ContractError
from affidavit.graph import Graph, load


@pytest.mark.parametrize("head", ["two", "logit", "probability"])
def test_decisions_stay_and_layers_keep_their_names(head: str) -> None:
    context = doubtful(100, head=head)
    found = class_scores(context)
    assert isinstance(found, Graph)
    x = torch.tensor(context.part("test").inputs)
    scores = found(x)
    assert scores.shape == (100, 2)
    np.testing.assert_array_equal(scores.argmax(1), decisions(context, "test")[0])
    lead = 4 * (x[:, 1] - x[:, 0])
    torch.testing.assert_close(scores[:, 1] - scores[:, 0], lead)
    assert {node.module for node in found.nodes} >= {"0", "1", "2"}


@pytest.mark.parametrize("flat", [True, False])
def test_a_bare_probability_and_a_score_without_an_axis(flat: bool) -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.Hardtanh(0.0, 1.0), *[nn.Flatten(0)] * flat)
    data = doubtful(10).dataset
    context = Context(load(network, torch.zeros(2, 2)), data, output="probability")
    x = torch.tensor(data.inputs)
    p = network(x).reshape(-1).clamp(1e-6, 1 - 1e-6)
    found = class_scores(context)(x).softmax(1)[:, 1]
    torch.testing.assert_close(found, p, atol=1e-5, rtol=0)
    logit = Context(load(network, torch.zeros(2, 2)), data, output="logit")
    torch.testing.assert_close(
        class_scores(logit)(x), network(x).reshape(-1, 1) * torch.tensor([-0.5, 0.5])
    )


def test_somebody_has_to_say_what_a_single_output_is() -> None:
    context = doubtful(10, head="logit")
    with pytest.raises(ContractError, match="does not end in a sigmoid"):
        class_scores(Context(context.graph, context.dataset))
