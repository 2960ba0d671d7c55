"""Blocks of features against what they are said to be, one input at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.misclassification.made_up import signals
from tests.reference import misclassification_scores as reference

from affidavit.errors import DataError, DomainError
from affidavit.misclassification.features import BLOCKS, matrix, needs_of
from affidavit.misclassification.signals import Signals


def expected(given: Signals, name: str, row: int) -> list[float]:
    z = given.logits[row].astype(float).tolist()
    order = sorted(range(len(z)), key=lambda k: -z[k])
    layers = [list(given.conductance[layer][row]) for layer in given.conductance]
    others = [list(given.runner_up[layer][row]) for layer in given.runner_up]
    flat = [value for layer in layers for value in layer]
    p = reference.softmax(z)
    assert given.penultimate is not None
    assert given.label_change_rate is not None
    spread = []
    for layer in layers:
        sizes = [abs(value) for value in layer]
        spread += [
            sum(value for value in layer if value > 0),
            sum(value for value in layer if value < 0),
            max(sizes),
            reference.entropy([size / sum(sizes) for size in sizes]),
        ]
    blocks: dict[str, list[float]] = {
        "conductance": flat,
        "conductance_parts": [max(v, 0) for v in flat] + [min(v, 0) for v in flat],
        "conductance_share": [v / sum(map(abs, layer)) for layer in layers for v in layer],
        "conductance_spread": spread,
        "contrast": [
            a - b for ours, theirs in zip(layers, others, strict=True)
            for a, b in zip(ours, theirs, strict=True)
        ],
        "label_change_rate": [given.label_change_rate[row]],
        "softmax": [
            math.log(1 - max(p)), p[order[0]] - p[order[1]], reference.entropy(p),
            reference.energy(z, 1.0),
        ],
        "logits": z,
        "sorted_logits": [z[k] - z[order[0]] for k in order[1:]],
        "penultimate": list(given.penultimate[row]),
        "class": [float(k == order[0]) for k in range(len(z))],
        "runner_up_class": [float(k == order[1]) for k in range(len(z))],
    }  # fmt: skip
    return blocks[name]


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block(name: str) -> None:
    given, _ = signals(10)
    found = matrix(given, [name])
    assert found.dtype == np.float64
    for row in range(10):
        np.testing.assert_allclose(found[row], expected(given, name, row), rtol=1e-6, atol=1e-9)
    assert BLOCKS[name].needs <= needs_of([name])


def test_blocks_stand_side_by_side() -> None:
    given, _ = signals(10)
    both = matrix(given, ["logits", "class"])
    np.testing.assert_array_equal(both[:, :4], given.logits)
    assert both.shape == (10, 8)
    assert matrix(given[:0], ["logits", "contrast"]).shape == (0, 13)


@pytest.mark.parametrize("name", ["conductance", "conductance_parts", "conductance_share",
                                  "conductance_spread", "contrast"])  # fmt: skip
def test_layers_can_be_chosen(name: str) -> None:
    given, _ = signals(10)
    late = replace(
        given,
        conductance={"late": given.conductance["late"]},
        runner_up={"late": given.runner_up["late"]},
    )
    np.testing.assert_array_equal(matrix(given, [name], ["late"]), matrix(late, [name]))
    with pytest.raises(DataError, match=r"layer 'latr' \(did you mean 'late'\?\)"):
        matrix(given, [name], ["latr"])


def test_conductances_that_are_all_zero() -> None:
    given, _ = signals(5)
    zero = replace(given, conductance={"late": np.zeros((5, 6))})
    for name in ("conductance_share", "conductance_spread"):
        assert (matrix(zero, [name]) == 0).all()


def test_what_it_refuses() -> None:
    given, _ = signals(5)
    with pytest.raises(DomainError, match="no features were named"):
        matrix(given, [])
    with pytest.raises(DomainError, match=r"no features 'contrst' \(did you mean 'contrast'\?\)"):
        matrix(given, ["contrst"])
    with pytest.raises(DataError, match="the signals have no runner_up"):
        matrix(replace(given, runner_up={}), ["contrast"])
