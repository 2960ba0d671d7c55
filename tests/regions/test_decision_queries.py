"""Questions about decisions against dense sampling, and networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.regions.networks import grid, loaded, mlp, run
from torch import nn

from affidavit.errors import DomainError
from affidavit.regions import (
    Box,
    Limits,
    above,
    always,
    below,
    class_shares,
    ever,
    exceeds,
    partition,
    regions_where,
    where,
)

LOWER, UPPER = np.array([-2.0, -1.0]), np.array([1.0, 3.0])
BOX = Box(LOWER, UPPER)
STEPS = 400


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_classes_and_rankings(seed: int) -> None:
    model = mlp([2, 8, 6, 4], seed)
    y = run(model, grid(LOWER, UPPER, STEPS))
    order = np.argsort(-y, axis=1, kind="stable")
    graph = loaded(model, 2)
    decided = partition(graph, BOX, refine="decision")
    result = class_shares(decided)
    assert result.complete
    assert result.shares.sum() == pytest.approx(1)
    assert np.allclose(result.shares, np.bincount(order[:, 0], minlength=4) / len(y), atol=4e-3)
    assert np.allclose(result.volumes, result.shares * 12)
    ranked = partition(graph, BOX, refine="ranking")
    assert np.allclose(class_shares(ranked).shares, result.shares)
    for top in range(4):
        assert len(regions_where(decided, top=top)) == result.regions[top]
        for second in set(range(4)) - {top}:
            regions = regions_where(ranked, top=top, second=second)
            share = ((order[:, 0] == top) & (order[:, 1] == second)).mean()
            assert abs(ranked.volumes[regions].sum() / 12 - share) < 4e-3
            for x in ranked.inputs(regions):
                assert np.argsort(-run(model, x[None])[0])[:2].tolist() == [top, second]


def test_one_output_decides_between_two_classes() -> None:
    model = mlp([2, 6, 1], 5, nn.Sigmoid())
    decided = partition(model, BOX, refine="decision")
    share = (run(model, grid(LOWER, UPPER, STEPS))[:, 0] > 0.5).mean()
    assert 0 < share < 1
    assert np.allclose(class_shares(decided).shares, [1 - share, share], atol=4e-3)
    for cls in (0, 1):
        answer = ever(decided, cls)
        assert (answer.holds, answer.decision) == (True, cls)
        assert answer.witness is not None
        assert (run(model, answer.witness[None])[0, 0] > 0.5) == cls


@pytest.mark.parametrize("seed", range(2))
def test_where_conditions_hold(seed: int) -> None:
    model = mlp([2, 8, 6, 3], seed)
    graph = loaded(model, 2)
    y = run(model, grid(LOWER, UPPER, STEPS))
    middle = float(np.median(y[:, 0]))
    for conditions, truth in (
        (above(0, middle), y[:, 0] > middle),
        (below(0, middle), y[:, 0] < middle),
        (exceeds(0, 1), y[:, 0] > y[:, 1]),
        (exceeds(2, 1, by=0.3), y[:, 2] > y[:, 1] + 0.3),
        ([above(0, middle), exceeds(1, 0)], (y[:, 0] > middle) & (y[:, 1] > y[:, 0])),
    ):
        found = where(graph, conditions, BOX)
        assert found.complete
        assert found.share == pytest.approx(truth.mean(), abs=4e-3)
        assert found.volume == pytest.approx(12 * found.share)
    # The network and domain of a partition serve as well, whatever refines it.
    again = where(partition(graph, BOX, refine="decision"), conditions)
    assert len(again) == len(found)
    assert again.share == pytest.approx(found.share)


@pytest.mark.parametrize("seed", range(3))
def test_ever_and_always_against_a_grid(seed: int) -> None:
    model = mlp([2, 8, 4], seed)
    graph = loaded(model, 2)
    seen = set(run(model, grid(LOWER, UPPER, STEPS)).argmax(1).tolist())
    for cls in range(4):
        answer = ever(graph, cls, BOX)
        assert answer.method == "enumeration"
        assert answer.partition is not None
        if cls in seen:
            assert answer.holds
        if answer.holds:
            assert answer.witness is not None
            assert answer.outputs is not None
            assert answer.partition.locate(answer.witness[None])[0] == answer.region
            assert run(model, answer.witness[None])[0].argmax() == cls
            assert np.allclose(run(model, answer.witness[None])[0], answer.outputs)
        else:
            assert answer.witness is None
        throughout = always(answer.partition, cls)
        if seen != {cls}:
            assert throughout.holds is False
            assert throughout.witness is not None
            other = int(run(model, throughout.witness[None])[0].argmax())
            assert other == throughout.decision != cls


class Ties(nn.Module):
    """Class 1 equals class 0 everywhere; class 2 reaches them at x = 0 only; class 3 never."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = x[:, :1].abs()
        return torch.cat([a, a, -a, a - 1], 1)


TIES = loaded(Ties(), 2)


def test_ties_go_to_the_lowest_class_and_sets_without_volume_do_not_count() -> None:
    box = Box([-1, -1], [1, 1])
    assert [ever(TIES, cls, box).holds for cls in range(4)] == [True, False, False, False]
    assert always(TIES, 0, box).holds is True
    shares = class_shares(partition(TIES, box, refine="decision")).shares
    assert shares == pytest.approx([1, 0, 0, 0])


def test_unfinished_enumerations_prove_nothing_but_witnesses() -> None:
    model = mlp([2, 8, 4], 0)
    graph = loaded(model, 2)
    limits = Limits(seconds=1e-9)
    for cls in range(4):
        answer = ever(graph, cls, BOX, method="enumeration", limits=limits)
        assert answer.holds is None
        assert answer.partition is not None
        assert not answer.partition.complete


def test_arguments_that_do_not_fit() -> None:
    model = mlp([2, 4, 3], 0)
    plain = partition(model, BOX)
    for ask, message in (
        (lambda: ever(model, 3, BOX), "there is no class 3: the network has 0 to 2"),
        (lambda: ever(model, 0), "needs a domain"),
        (lambda: ever(plain, 0), "does not tell decisions apart"),
        (lambda: ever(plain, 0, BOX), "a partition has its domain"),
        (lambda: always(model, 0, BOX, method="guess"), "method = 'guess'"),  # type: ignore[arg-type]
        (lambda: where(model, [], BOX), "needs a condition"),
        (lambda: where(model, above(5, 0), BOX), "there is no output 5"),
        (lambda: where(model, above(0, np.nan), BOX), "NaN or infinite"),
        (lambda: exceeds(1, 1), "cannot exceed itself"),
        (lambda: class_shares(plain), "does not tell decisions apart"),
        (lambda: regions_where(plain, top=0, second=1), "does not tell rankings apart"),
        (
            lambda: regions_where(partition(model, BOX, refine="ranking"), top=1, second=1),
            "first and second at once",
        ),
    ):
        with pytest.raises(DomainError, match=message):
            ask()


@pytest.mark.parametrize("seed", range(2))
def test_the_program_agrees_with_the_regions(seed: int) -> None:
    model = mlp([2, 6, 3], seed)
    decided = partition(model, BOX, refine="decision")
    for cls in range(3):
        for ask in (ever, always):
            answer = ask(decided, cls, method="milp")
            assert answer.method == "milp"
            assert answer.holds is ask(decided, cls).holds
            if answer.witness is not None:
                assert run(model, answer.witness[None])[0].argmax() == answer.decision
                assert (answer.decision == cls) is (ask is ever)


def test_the_program_takes_ties_as_the_regions_do() -> None:
    box = Box([-1, -1], [1, 1])
    assert [ever(TIES, cls, box, method="milp").holds for cls in range(4)] == (
        [True, False, False, False]
    )
    first = always(TIES, 0, box, method="milp")
    assert first.holds is True
    assert first.bound == pytest.approx(0, abs=1e-7)
    second = always(TIES, 1, box, method="milp")
    assert (second.holds, second.decision) == (False, 0)


def test_many_features_go_to_the_program() -> None:
    model = mlp([12, 6, 2], 1)
    answer = ever(model, 0, Box(-np.ones(12), np.ones(12)))
    assert answer.method == "milp"
    assert answer.witness is not None
    assert run(model, answer.witness[None])[0].argmax() == 0
