"""States and answers of the mixed-integer program, against geometry and brute force."""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection
from torch import Tensor, nn

from affidavit.errors import DomainError, EngineError
from affidavit.graph import load
from affidavit.regions import milp, skeleton
from affidavit.regions.domain import Array, Box, Domain, Polytope, Slice, frame
from affidavit.regions.milp_encoding import RULES, encode
from affidavit.regions.network import Network
from affidavit.regions.switches import RULES as SWITCHES
from affidavit.regions.switches import Level, Ranking, Switch, largest

SOLVERS = [
    "highs",
    pytest.param(
        "scip",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("pyscipopt") is None, reason="PySCIPOpt is not installed"
        ),
    ),
]


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Residual(nn.Module):
    """A block with a skip connection, and its parts joined to the input."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 5), nn.Linear(5, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.second(torch.relu(self.first(x))) + x)
        return self.last(torch.cat([y, x], 1))  # type: ignore[no-any-return]


class Extrema(nn.Module):
    """The larger and the smaller of two layers, and of one layer and a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 3), nn.Linear(2, 3), nn.Linear(6, 3)
        self.cap = nn.Parameter(torch.tensor(0.2))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.a(x), self.b(x)
        y = self.c(torch.cat([torch.maximum(a, b), torch.minimum(a, b)], 1))
        return torch.minimum(y, self.cap)


def dense(*widths: int, bias: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def prelu() -> nn.Sequential:
    """Slopes below, at and above one."""
    module = nn.Sequential(nn.Linear(2, 5), nn.PReLU(5), nn.Linear(5, 3), nn.LeakyReLU(0.1))
    module[1].weight.data = torch.tensor([0.25, 1.0, 1.5, -0.5, 0.0])
    return module


def convolution() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 3)),
        nn.Conv2d(1, 2, 2),
        nn.ReLU(),
        nn.Conv2d(2, 2, 2, padding=1),
        nn.AvgPool2d(2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


def overlapping() -> nn.Sequential:
    """Windows that share entries, and padding at the borders."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 6)),
        nn.Conv1d(1, 2, 2),
        nn.MaxPool1d(3, 1, padding=1),
        nn.Conv1d(2, 1, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def abs_and_clip() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, 4),
        Apply(torch.abs),
        nn.Linear(4, 4),
        nn.Hardtanh(-0.2, 0.3),
        nn.Linear(4, 2),
        Apply(lambda x: torch.clamp(x, max=0.4)),
    )


def square(k: int) -> Box:
    return Box([-1.0] * k, [1.0] * k)


TRIANGLE = Polytope([[1.0, 1.0], [-1.0, 0.0], [0.0, -2.0]], [1.0, 0.8, 1.0])
PLANE = Slice(np.linspace(-1, 1, 9), [1, 4], [-2.0, -1.0], [2.0, 3.0])

CASES: dict[str, tuple[Callable[[], nn.Module], int, Domain]] = {
    "dense": (lambda: dense(3, 6, 4, 2), 3, square(3)),
    "four inputs": (lambda: dense(4, 5, 2), 4, square(4)),
    "triangle": (lambda: dense(2, 8, 5, 2), 2, TRIANGLE),
    "kinks": (prelu, 2, square(2)),
    "residual": (Residual, 2, square(2)),
    "extrema": (Extrema, 2, square(2)),
    "abs and clip": (abs_and_clip, 2, square(2)),
    "convolution": (convolution, 9, PLANE),
    "windows": (overlapping, 6, Slice(np.ones(6), [0, 3], [-1.0, -1.0], [1.0, 1.0])),
    "no kink": (lambda: nn.Linear(2, 2), 2, square(2)),
    "fixed states": (lambda: dense(2, 4, 2), 2, Box([0.5, 0.5], [0.501, 0.501])),
}

DEGENERATE = ("triangle", "extrema", "windows", "fixed states")
"""Cases in which hyperplanes meet more than two at a time: their cover alone is checked."""


def network(
    make: Callable[[], nn.Module], features: int, domain: Domain, refine: Switch | None = None
) -> Network:
    torch.manual_seed(3)
    module = make().eval()
    return Network(load(module, torch.zeros(1, features)), frame(domain, features), refine)


@functools.cache
def case(name: str) -> Network:
    return network(*CASES[name])


def unique(patterns: np.ndarray) -> np.ndarray:
    return np.unique(patterns, axis=0)


def polytope(found: Network, t: Array) -> tuple[Array, Array]:
    """The region around a point, from the network's own guards."""
    slopes, values = found.constraint_maps(t[None])
    A, b = -slopes[0], values[0] + -slopes[0] @ t
    used = np.abs(A).sum(1) > 1e-12
    k = len(t)
    A = np.r_[A[used], np.eye(k), -np.eye(k), found.frame.A]
    return A, np.r_[b[used], np.ones(2 * k), found.frame.b]


def volume(A: Array, b: Array, t: Array) -> float:
    corners = HalfspaceIntersection(np.c_[A, -b], t).intersections
    return float(ConvexHull(corners).volume)


def check_cover(found: Network, states: milp.States) -> None:
    """Different patterns whose regions fill the domain: neither one too few nor one too many."""
    assert states.complete
    assert len(unique(states.patterns)) == len(states.patterns)
    assert np.array_equal(found.states(states.interior), states.patterns)
    inside = sum(volume(*polytope(found, t), t) for t in states.interior)
    k = found.frame.dimensions
    box = np.r_[np.eye(k), -np.eye(k), found.frame.A]
    bounds = np.r_[np.ones(2 * k), found.frame.b]
    assert inside == pytest.approx(volume(box, bounds, states.interior[0]), rel=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_states_are_those_of_the_arrangement(name: str) -> None:
    found = case(name)
    states = milp.states(found)
    check_cover(found, states)
    try:
        cut = skeleton.subdivide(found, skeleton.domain_complex(found.frame))
    except skeleton.DegenerateError:
        assert name in DEGENERATE
        return
    cells = skeleton.cells(cut)
    assert np.array_equal(unique(states.patterns), unique(found.states(cells.interior)))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "refine",
    [largest(3), Ranking(3), Level(torch.tensor([[1.0], [-1.0], [0.0]]), torch.tensor([0.01]))],
    ids=lambda refine: type(refine).__name__,
)
def test_states_with_a_refinement(solver: str, refine: Switch) -> None:
    def make() -> nn.Module:
        """Three outputs that are equal at the origin."""
        module = dense(2, 5, 3)
        with torch.no_grad():
            module[2].bias -= module(torch.zeros(1, 2))[0]
        return module

    found = network(make, 2, square(2), refine)
    states = milp.states(found, solver=solver)
    check_cover(found, states)
    plain = milp.states(network(make, 2, square(2)), solver=solver)
    assert len(states.patterns) > len(plain.patterns) + 2


def through_origin(n: int) -> nn.Sequential:
    """Lines through the origin at n different angles."""
    module = dense(2, n, 1, bias=False)
    angle = torch.arange(n) * torch.pi / n + 0.1
    module[0].weight.data = torch.stack([angle.cos(), angle.sin()], 1)
    return module


def test_lines_that_all_meet_in_one_point() -> None:
    found = network(lambda: through_origin(6), 2, square(2))
    states = milp.states(found)
    assert len(states.patterns) == 12
    check_cover(found, states)
    # Without cuts for a common reason there would be as many as there are assignments.
    assert states.flat < 2**6 - 12


def test_layers_without_biases() -> None:
    # Behind units that are all off, a second layer's pre-activations vanish on whole cells.
    found = network(lambda: dense(2, 4, 3, 2, bias=False), 2, square(2))
    check_cover(found, milp.states(found))


def repeated(copies: int, dead: int) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module: Any = dense(2, 4, 2)
        extra: Any = dense(2, 4 * copies + dead, 2)
        weight, bias = module[0].weight.data, module[0].bias.data
        extra[0].weight.data = torch.cat([*[weight] * copies, torch.zeros(dead, 2)])
        extra[0].bias.data = torch.cat([*[bias] * copies, torch.zeros(dead)])
        result: nn.Module = extra
        return result

    return make


def test_repeated_and_dead_neurons_add_no_states() -> None:
    plain = milp.states(network(repeated(1, 0), 2, square(2)))
    found = network(repeated(3, 2), 2, square(2))
    states = milp.states(found)
    check_cover(found, states)
    assert len(states.patterns) == len(plain.patterns)


def test_equal_entries_of_a_window() -> None:
    def make() -> nn.Module:
        first = nn.Linear(2, 4)
        first.weight.data[1] = first.weight.data[2]
        first.bias.data[1] = first.bias.data[2]
        return nn.Sequential(first, nn.Unflatten(1, (1, 4)), nn.MaxPool1d(4), nn.Flatten())

    found = network(make, 2, square(2))
    check_cover(found, milp.states(found))


def test_limits_and_watching() -> None:
    found = case("triangle")
    seen: list[int] = []
    states = milp.states(found, limit=4, watch=seen.append)
    assert (len(states.patterns), states.complete, seen) == (4, False, [1, 2, 3, 4])
    none = milp.states(found, seconds=0.0)
    assert (none.patterns.shape, none.interior.shape) == ((0, states.patterns.shape[1]), (0, 2))
    assert not none.complete

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        milp.states(found, watch=stop)


def test_unknown_solvers() -> None:
    with pytest.raises(EngineError, match=r"no solver 'hihgs' .did you mean 'highs'.*highs, scip"):
        milp.states(case("no kink"), solver="hihgs")


@pytest.mark.skipif(
    importlib.util.find_spec("pyscipopt") is not None, reason="PySCIPOpt is installed"
)
def test_missing_solver() -> None:
    with pytest.raises(EngineError, match="pip install pyscipopt"):
        milp.states(case("no kink"), solver="scip")


def test_every_switching_op_has_an_encoding() -> None:
    assert RULES.keys() == SWITCHES.keys()


def test_units_of_one_state_need_no_variables() -> None:
    encoding = encode(case("fixed states"))
    assert encoding.choices == ()
    assert len(encoding.program.lower) == 2


@pytest.mark.parametrize("tighten", [False, True])
def test_bounds_hold_everywhere(tighten: bool) -> None:
    """The encoding admits what the network does, at any point."""
    found = case("abs and clip")
    encoding = encode(found, tighten=tighten)
    program = encoding.program
    for t in np.random.default_rng(0).uniform(-1, 1, (50, 2)):
        x = np.r_[t, np.zeros(len(program.lower) - 2)]
        for choice in encoding.choices:
            values = [piece.value(x) for piece in choice.pieces]
            x[choice.column] = max(values)
            pick = int(np.argmax(values))
            for number, row in enumerate(choice.picked):
                x[row.columns[0]] = float((number == pick) == (row.weights[0] > 0))
        assert ((x >= np.array(program.lower)) & (x <= np.array(program.upper))).all()
        assert max(row.value(x) for row in program.rows) <= 1e-12
        assert max(rule.relaxed.value(x) for rule in program.implications) <= 1e-12
        y = [row.value(x) for row in encoding.outputs]
        assert np.allclose(y, found.value(t[None])[0], atol=1e-12)


# Questions, against linear programs over every region.


@functools.cache
def regions(name: str) -> list[tuple[Array, Array, Array, Array]]:
    """Constraints of each region, and the outputs' slopes and constants there."""
    found = case(name)
    interior = milp.states(found).interior
    slopes, values = found.output_maps(interior)
    return [
        (*polytope(found, t), slope, value - slope @ t)
        for t, slope, value in zip(interior, slopes, values, strict=True)
    ]


def best(name: str, row: Array) -> float:
    return max(
        float(row @ constant) - (linprog(-row @ slope, A, b, bounds=(None, None)).fun or 0.0)
        for A, b, slope, constant in regions(name)
    )


def least_distance(
    name: str, t0: Array, rows: Array, bounds: Array, steps: Array, norm: str, free: np.ndarray
) -> float:
    k = len(t0)
    extra = np.eye(k) if norm == "l1" else np.ones((k, 1))
    width = extra.shape[1]
    found = [np.inf]
    for A, b, slope, constant in regions(name):
        left = np.r_[
            np.c_[np.r_[A, rows @ slope], np.zeros((len(A) + len(rows), width))],
            np.c_[np.diag(steps), -extra],
            np.c_[-np.diag(steps), -extra],
        ]
        right = np.r_[b, bounds - rows @ constant, steps * t0, -steps * t0]
        span = [(None, None) if f else (t, t) for f, t in zip(free, t0, strict=True)]
        cost = np.r_[np.zeros(k), np.ones(width)]
        result = linprog(cost, left, right, bounds=[*span, *[(0, None)] * width])
        if result.fun is not None:
            found.append(float(result.fun))
    return min(found)


QUESTIONS = ["dense", "triangle", "kinks", "residual", "extrema", "abs and clip", "convolution"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_maximize(name: str) -> None:
    found = case(name)
    row = np.random.default_rng(1).standard_normal(found.outputs)
    answer = milp.maximize(found, row, 0.5)
    assert answer.decided
    assert answer.t is not None
    assert answer.value is not None
    assert answer.value == found.value(answer.t[None])[0] @ row + 0.5
    assert answer.value == pytest.approx(best(name, row) + 0.5, abs=1e-7)
    assert answer.value <= answer.bound <= answer.value + 1e-6


@pytest.mark.parametrize("name", QUESTIONS)
def test_exists(name: str) -> None:
    found = case(name)
    row = np.random.default_rng(2).standard_normal(found.outputs)
    top = best(name, row)
    reach = max(abs(top), 0.1)
    answer = milp.exists(found, [-row], [-(top - 0.01 * reach)])
    assert answer.decided
    assert answer.t is not None
    assert found.value(answer.t[None])[0] @ row >= top - 0.01 * reach
    assert answer.value is not None
    assert 0 <= answer.value <= 0.01 * reach + 1e-9
    assert (np.abs(answer.t) <= 1).all()
    none = milp.exists(found, [-row], [-(top + 0.01 * reach)])
    assert (none.t, none.value, none.bound, none.decided) == (None, None, -np.inf, True)


def test_exists_at_a_single_point() -> None:
    """The largest value itself is reached, to rounding."""
    found = case("dense")
    row = np.array([1.0, -1.0])
    top = best("dense", row)
    assert milp.exists(found, [-row], [-top + 1e-12]).t is not None
    assert milp.exists(found, [-row], [-top - 1e-6]).decided
    assert milp.exists(found, [-row], [-top - 1e-6]).t is None


def test_exists_under_no_constraint() -> None:
    answer = milp.exists(case("dense"), np.zeros((0, 2)), [])
    assert answer.decided
    assert answer.t is not None


@pytest.mark.parametrize("norm", ["l1", "linf"])
@pytest.mark.parametrize("name", ["dense", "triangle", "residual", "convolution"])
def test_nearest(name: str, norm: Any) -> None:
    found = case(name)
    k = found.frame.dimensions
    row = np.random.default_rng(4).standard_normal(found.outputs)
    t0 = np.linspace(-0.2, 0.2, k)
    y0 = float(found.value(t0[None])[0] @ row)
    bound = [-(y0 + 0.5 * (best(name, row) - y0))]
    scale = np.linspace(0.5, 2.0, k)
    steps = found.frame.half / scale
    answer = milp.nearest(found, t0, [-row], bound, norm=norm, scale=scale)
    expected = least_distance(name, t0, -row[None], np.array(bound), steps, norm, np.ones(k, bool))
    assert answer.decided
    assert answer.t is not None
    assert answer.value is not None
    assert answer.value == pytest.approx(expected, rel=1e-6)
    assert answer.bound <= answer.value
    assert found.value(answer.t[None])[0] @ -row <= bound[0]
    changes = np.abs(answer.t - t0) * steps
    assert answer.value == (changes.sum() if norm == "l1" else changes.max())


def test_nearest_with_some_features_only() -> None:
    found = case("dense")
    row, t0 = np.array([1.0, -1.0]), np.array([0.1, -0.3, 0.2])
    y0 = float(found.value(t0[None])[0] @ row)
    bound = [-(y0 + 0.05)]
    answer = milp.nearest(found, t0, [-row], bound, features=[1])
    free = np.array([False, True, False])
    expected = least_distance("dense", t0, -row[None], np.array(bound), np.ones(3), "l1", free)
    assert answer.decided
    if np.isinf(expected):
        assert (answer.t, answer.bound) == (None, np.inf)
    else:
        assert answer.t is not None
        assert answer.value == pytest.approx(expected, rel=1e-6)
        assert (answer.t[~free] == t0[~free]).all()


def test_nearest_where_there_is_none() -> None:
    found = case("triangle")
    top = best("triangle", np.array([1.0, 0.0]))
    answer = milp.nearest(found, [0.0, 0.0], [[-1.0, 0.0]], [-top - 0.1])
    assert (answer.t, answer.value, answer.bound, answer.decided) == (None, None, np.inf, True)


def test_nearest_to_a_point_that_will_do() -> None:
    found = case("residual")
    answer = milp.nearest(found, [0.1, 0.2], [[1.0, 0.0]], [100.0])
    assert answer.value == pytest.approx(0.0, abs=1e-9)
    assert answer.decided


def test_answers_without_time() -> None:
    found = case("dense")
    row = [1.0, 0.0]
    most = milp.maximize(found, row, seconds=0.0)
    assert not most.decided
    assert most.bound >= best("dense", np.array(row))
    below = [best("dense", np.array(row)) - 0.01]
    assert not milp.exists(found, [-np.array(row)], [-below[0]], seconds=0.0).decided
    near = milp.nearest(found, [0.0] * 3, [-np.array(row)], [-below[0]], seconds=0.0)
    assert (near.t, near.bound, near.decided) == (None, 0.0, False)


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_agree(solver: str) -> None:
    found = case("kinks")
    states = milp.states(found, solver=solver)
    check_cover(found, states)
    row = np.array([1.0, -0.5, 0.25])
    assert milp.maximize(found, row, solver=solver).value == pytest.approx(
        best("kinks", row), abs=1e-7
    )
    y0 = float(found.value(np.zeros((1, 2)))[0] @ row)
    bound = [-(y0 + 0.5 * (best("kinks", row) - y0))]
    near = milp.nearest(found, [0.0, 0.0], [-row], bound, solver=solver)
    every = np.ones(2, bool)
    expected = least_distance(
        "kinks", np.zeros(2), -row[None], np.array(bound), np.ones(2), "l1", every
    )
    assert near.decided
    assert near.value == pytest.approx(expected, rel=1e-6)
    assert milp.exists(found, [row], [-50.0], solver=solver).bound == -np.inf


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda n: milp.maximize(n, [1.0]), "the row has 1 entries; expected 2"),
        (lambda n: milp.exists(n, [[1.0]], [0.0]), "A has the shape .1, 1.; expected 2 columns"),
        (lambda n: milp.exists(n, [[1.0, np.nan]], [0.0]), "A has an entry that is NaN"),
        (lambda n: milp.exists(n, [[1.0, 0.0]], [0.0, 1.0]), "b has 2 entries; expected 1"),
        (lambda n: milp.nearest(n, [2.0, 0.0], [[1.0, 0.0]], [0.0]), "outside the domain"),
        (
            lambda n: milp.nearest(n, [0.0, 0.0], [[1.0, 0.0]], [0.0], features=[5]),
            "feature 5 does not vary",
        ),
        (
            lambda n: milp.nearest(n, [0.0, 0.0], [[1.0, 0.0]], [0.0], scale=[1.0, 0.0]),
            "must be positive",
        ),
        (
            lambda n: milp.nearest(n, [0.0, 0.0], [[1.0, 0.0]], [0.0], norm=cast(Any, "l2")),
            "no norm 'l2': expected l1 or linf",
        ),
    ],
)
def test_questions_without_meaning(ask: Callable[[Network], object], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        ask(case("triangle"))
