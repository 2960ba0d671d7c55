from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.graph.modules import CASES, Case
from torch import nn

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph import Graph, load
from affidavit.regions.domain import Slice, frame
from affidavit.regions.network import Network, check_supported, strip_head
from affidavit.regions.switches import Level, Ranking, largest


def piecewise_linear(case: Case) -> bool:
    """Whether a case of the table is, but for a head that is put aside."""
    try:
        check_supported(strip_head(case.graph)[0])
    except UnsupportedOpsError:
        return False
    return True


LINEAR = [case for case in CASES if piecewise_linear(case)]


def sliced(case: Case, k: int = 3, width: float = 2.0) -> Slice:
    """A slice through a random input of a case, on a few random features."""
    x = case.inputs(1, torch.float64).numpy().reshape(-1)
    features = np.random.default_rng(1).choice(len(x), min(k, len(x)), replace=False)
    return Slice(x, features.tolist(), x[features] - width, x[features] + width)


def network(case: Case) -> Network:
    """A case on its slice."""
    domain = sliced(case)
    return Network(case.graph, frame(domain, len(domain.point)))


def points(found: Network, count: int) -> np.ndarray:
    """Random points of the frame's cube."""
    return np.random.default_rng(2).uniform(-1, 1, (count, found.frame.dimensions))


def test_the_table_of_modules_has_every_piecewise_linear_op() -> None:
    assert len(LINEAR) > 50


@pytest.mark.parametrize("case", LINEAR, ids=lambda case: case.name)
def test_constraints_hold_at_the_point_they_are_of_and_end_where_a_unit_switches(
    case: Case,
) -> None:
    found = network(case)
    t = points(found, 40)
    slopes, values = found.constraint_maps(t)
    assert (values >= 0).all()
    states = found.states(t)
    # Whether another point satisfies a point's constraints tells whether it has the same states.
    for i in range(len(t)):
        real = np.abs(slopes[i]).max(1, initial=0) > 0  # a winner is compared with itself too
        at = values[i, real] + (t - t[i]) @ slopes[i, real].T
        inside = (at > 1e-9).all(1) if at.shape[1] else np.ones(len(t), bool)
        outside = (at < -1e-9).any(1)
        same = (states == states[i]).all(1)
        assert same[inside].all()
        assert not same[outside].any()
        assert (inside | outside).all()


@pytest.mark.parametrize("case", LINEAR, ids=lambda case: case.name)
def test_maps_are_those_of_the_interpreter_and_of_autograd(case: Case) -> None:
    found = network(case)
    t = points(found, 5)
    x = torch.from_numpy(found.frame.embed(t)).reshape(-1, *case.shape).requires_grad_()
    y = strip_head(case.graph)[0].to(torch.float64)(x)
    y = y.reshape(len(x), -1)
    np.testing.assert_allclose(found.value(t), y.detach(), atol=1e-10)
    weights, values = found.gradients(t)
    np.testing.assert_allclose(values, y.detach(), atol=1e-10)
    slopes, _ = found.output_maps(t)
    for output in range(y.shape[1]):
        (expected,) = torch.autograd.grad(y[:, output].sum(), x, retain_graph=True)
        flat = expected.reshape(len(x), -1).numpy()
        np.testing.assert_allclose(weights[:, output], flat, atol=1e-9)
        along = flat[:, found.frame.free] * found.frame.half
        np.testing.assert_allclose(slopes[:, output], along, atol=1e-9)


@pytest.mark.parametrize("case", LINEAR, ids=lambda case: case.name)
def test_comparisons_tell_states_apart(case: Case) -> None:
    found = network(case)
    t = points(found, 60)
    signs = [found.comparisons(t, stage) > 0 for stage in found.stages]
    joined = np.concatenate(signs, 1) if signs else np.zeros((len(t), 0), bool)
    states = found.states(t)
    _, groups = np.unique(joined, axis=0, return_inverse=True)
    for group in range(groups.max() + 1):
        rows = states[groups.reshape(-1) == group]
        assert (rows == rows[0]).all()


def test_packed_states_unpack_to_what_was_packed() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(3, 1), nn.ReLU6(), nn.Flatten(), nn.Linear(8, 3)
    )
    graph = load(model, torch.zeros(1, 1, 4, 4))
    domain = Slice(np.zeros(16), [0, 5, 10], [-2] * 3, [2] * 3)
    found = Network(graph, frame(domain, 16), largest(3))
    table = found.unpack(found.states(points(found, 50)))
    *_, pool, clip, answer = table.values()
    assert pool.shape == (50, 8)
    assert pool.max() > 4
    assert set(np.unique(clip)) <= {0, 1, 2}
    y = found.value(points(found, 50))
    np.testing.assert_array_equal(answer[:, 0], y.argmax(1))


def test_refinements_name_what_the_outputs_say() -> None:
    torch.manual_seed(1)
    graph = load(nn.Linear(4, 5).double(), torch.zeros(1, 4, dtype=torch.float64))
    domain = frame(Slice(np.zeros(4), [0, 1, 2], [-1] * 3, [1] * 3), 4)
    ranking = Network(graph, domain, Ranking(5))
    t = points(ranking, 200)
    y = ranking.value(t)
    order = np.argsort(-y, axis=1)
    states = ranking.unpack(ranking.states(t))["output"][:, 0]
    np.testing.assert_array_equal(states, order[:, 0] * 5 + order[:, 1])
    rows = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, 0], [0, 0]])
    level = Network(graph, domain, Level(rows, torch.tensor([0.0, -0.2])))
    answers = level.unpack(level.states(t))["output"]
    np.testing.assert_array_equal(answers[:, 0], y[:, 0] > y[:, 2])
    np.testing.assert_array_equal(answers[:, 1], y[:, 1] > 0.2)


def test_ties_go_to_the_lowest_index_and_zero_is_not_positive() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3)).double()
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.zero_()
    graph = load(model, torch.zeros(1, 2, dtype=torch.float64))
    found = Network(graph, frame(Slice(np.zeros(2), [0, 1], [-1, -1], [1, 1]), 2), largest(3))
    assert not found.states(points(found, 3)).any()


@pytest.mark.parametrize(
    ("head", "name"),
    [(nn.Softmax(1), "softmax"), (nn.LogSoftmax(1), "logsoftmax"), (nn.Sigmoid(), "sigmoid")],
)
def test_a_head_is_put_aside(head: nn.Module, name: str) -> None:
    body = nn.Linear(3, 2)
    graph, found = strip_head(load(nn.Sequential(body, head, nn.Flatten()), torch.zeros(1, 3)))
    x = torch.randn(4, 3)
    assert found == name
    torch.testing.assert_close(graph(x), body(x))


def test_all_that_is_not_piecewise_linear_is_listed_at_once() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.smooth = nn.Tanh()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.smooth(self.first(x))
            y: torch.Tensor = torch.sigmoid(h * x) / (1 + x.abs())
            return y

    graph = load(Model(), torch.zeros(1, 3))
    with pytest.raises(UnsupportedOpsError) as caught:
        check_supported(graph)
    listed = [op for op, _ in caught.value.ops]
    assert listed == [
        "Tanh",
        "Mul of two values that depend on the input",
        "Sigmoid",
        "Div by a value that depends on the input",
    ]
    assert "smooth" in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(bad: float) -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.bias[1] = bad
    graph: Graph = load(model, torch.zeros(1, 2))
    with pytest.raises(ModelError, match="'bias' have an entry that is NaN or infinite"):
        Network(graph, frame(Slice([0, 0], [0], [0], [1]), 2))


def test_an_empty_batch_gives_empty_results() -> None:
    found = network(next(case for case in LINEAR if case.name == "small network"))
    t = np.zeros((0, found.frame.dimensions))
    assert found.states(t).shape == (0, -(-found.bits // 8))
    assert len(found.value(t)) == 0
    assert found.constraint_maps(t)[0].shape[0] == 0


def test_a_graph_whose_tensors_were_written_to_is_read_anew() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    graph = load(model, torch.zeros(1, 2))
    domain = frame(Slice([0, 0], [0, 1], [-1, -1], [1, 1]), 2)
    before = Network(graph, domain)
    assert Network(graph, domain).graph is before.graph
    with torch.no_grad():
        graph.tensors["0.weight"].mul_(2)
    t = points(before, 3)
    expected = graph(torch.from_numpy(t)).detach()
    np.testing.assert_allclose(Network(graph, domain).value(t), expected)
