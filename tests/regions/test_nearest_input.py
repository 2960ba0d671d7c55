"""The nearest change of decision against dense sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.regions.networks import grid, loaded, mlp, run
from torch import nn

from affidavit.errors import DomainError
from affidavit.regions import Box, Polytope, nearest_change, partition

LOWER, UPPER = np.array([-2.0, -1.0]), np.array([1.0, 3.0])
BOX = Box(LOWER, UPPER)
STEPS = 300
CELL = (UPPER - LOWER) / STEPS


def nearest_of_grid(model: nn.Module, x: Any, to: int | None, norm: float, units: Any) -> float:
    """The least distance of a point of a fine grid with another decision."""
    points = grid(LOWER, UPPER, STEPS)
    found = run(model, points).argmax(1)
    wanted = found == to if to is not None else found != run(model, x[None])[0].argmax()
    return float(np.linalg.norm((points[wanted] - x) / units, norm, axis=1).min(initial=np.inf))


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("seed", range(2))
def test_distance_against_a_grid(seed: int, norm: float) -> None:
    model = mlp([2, 8, 6, 4], seed)
    decided = partition(model, BOX, refine="decision")
    generator = np.random.default_rng(seed)
    units = np.array([1.0, 2.5])
    for x in generator.uniform(LOWER, UPPER, (2, 2)):
        for to in (None, 0, 1, 2, 3):
            if to == run(model, x[None])[0].argmax():
                continue
            result = nearest_change(decided, x, to=to, norm=norm, scale=units)
            sampled = nearest_of_grid(model, x, to, norm, units)
            assert result.exact
            if np.isinf(result.distance):
                assert np.isinf(sampled)
                continue
            assert result.input is not None
            assert result.beyond is not None
            # A grid point of the class may lie one cell away from its nearest one.
            assert result.distance <= sampled + 1e-9
            if np.isfinite(sampled):
                assert sampled <= result.distance + 3 * np.linalg.norm(CELL / units, norm)
            assert np.linalg.norm((result.input - x) / units, norm) == pytest.approx(
                result.distance
            )
            assert result.verified
            after = int(run(model, result.beyond[None])[0].argmax())
            assert after == result.after != result.before
            assert to in (None, after)
            assert np.abs(result.beyond - result.input).max() < 1e-5
            y = run(model, result.input[None])[0]
            assert y[after] == pytest.approx(y.max(), abs=1e-8)


def test_features_that_may_change() -> None:
    model = mlp([3, 8, 3], 2)
    graph = loaded(model, 3)
    box = Box(-2 * np.ones(3), 2 * np.ones(3))
    x = np.array([0.3, -0.4, 0.5])
    before = run(model, x[None])[0].argmax()
    line = np.linspace(-2, 2, 400_001)
    for feature in (0, 2):
        points = np.repeat(x[None], len(line), 0)
        points[:, feature] = line
        other = line[run(model, points).argmax(1) != before]
        result = nearest_change(graph, x, box, features=[feature])
        expected = np.abs(other - x[feature]).min(initial=np.inf)
        assert result.distance == pytest.approx(expected, abs=1e-5)
        if result.input is not None:
            assert np.array_equal(np.delete(result.input, feature), np.delete(x, feature))
    fewer = nearest_change(graph, x, box, features=[0, 2]).distance
    assert nearest_change(graph, x, box).distance <= fewer
    one = min(nearest_change(graph, x, box, features=[f]).distance for f in (0, 2))
    assert fewer <= one


def test_constraints_of_the_domain_are_kept() -> None:
    graph = loaded(mlp([3, 8, 3], 2), 3)
    corner = Polytope([[1.0, 1.0, 1.0]], [1.0], -np.ones(3), np.ones(3))
    x = np.array([0.3, -0.4, 0.5])
    whole = nearest_change(graph, x, corner)
    for features in ([0, 1], [2]):
        result = nearest_change(graph, x, corner, features=features)
        assert result.distance >= whole.distance - 1e-12
        if result.input is not None:
            assert result.input.sum() <= 1 + 1e-9


@pytest.mark.parametrize("norm", [1, np.inf])
def test_the_program_agrees(norm: float) -> None:
    graph = loaded(mlp([2, 6, 3], 1), 2)
    x = np.array([0.2, 0.1])
    units = [1.0, 3.0]
    by_regions = nearest_change(graph, x, BOX, norm=norm, scale=units)
    by_program = nearest_change(graph, x, BOX, norm=norm, scale=units, method="milp")
    assert by_program.method == "milp"
    assert by_program.exact
    assert by_program.verified
    assert by_program.distance == pytest.approx(by_regions.distance, rel=1e-5)
    assert by_program.bound <= by_regions.distance * (1 + 1e-6)
    other = 3 - by_regions.before - (by_regions.after or 0)
    if 0 <= other < 3:
        first = nearest_change(graph, x, BOX, to=other, norm=norm).distance
        second = nearest_change(graph, x, BOX, to=other, norm=norm, method="milp").distance
        assert second == pytest.approx(first, rel=1e-5)


def test_one_output_and_no_other_decision() -> None:
    line = nn.Linear(1, 1).double()
    nn.init.constant_(line.weight, 2.0)
    nn.init.constant_(line.bias, -1.0)
    result = nearest_change(line, [0.0], Box([-1], [2]))
    assert result.distance == pytest.approx(0.5)
    assert (result.before, result.after) == (0, 1)
    nothing = nearest_change(line, [0.0], Box([-1], [0.25]))
    assert (nothing.distance, nothing.input, nothing.verified) == (np.inf, None, False)
    assert nothing.exact


def test_arguments_that_do_not_fit() -> None:
    model = mlp([2, 4, 3], 0)
    graph = loaded(model, 2)
    x = np.array([0.2, 0.1])
    before = int(run(model, x[None])[0].argmax())
    for arguments, message in (
        ({"x": [5, 5]}, "outside the domain"),
        ({"x": [0.2]}, "has 1 features; expected 2"),
        ({"x": [0.2, np.nan]}, "NaN or infinite"),
        ({"to": before}, f"is of class {before} already"),
        ({"to": 3}, "there is no class 3"),
        ({"norm": 4}, "norm = 4"),
        ({"features": []}, "no feature may change"),
        ({"features": [2]}, "there is no feature 2"),
        ({"scale": [1.0]}, "scale has 1 entries"),
        ({"method": "milp"}, "in the norms 1 and inf only"),
        ({"method": "guess"}, "method = 'guess'"),
    ):
        with pytest.raises(DomainError, match=message):
            nearest_change(graph, **{"x": x, "domain": BOX, **arguments})  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="does not tell decisions apart"):
        nearest_change(partition(model, BOX), x)
