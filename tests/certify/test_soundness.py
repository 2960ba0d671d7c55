"""No sampled gradient leaves its bounds: every flat network of the table, by every method.

`experiments/certify/soundness.py` does the same with more samples and all combinations.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.certify.networks import NETWORKS, Network, named
from tests.certify.soundness import BOXES, SPATIAL, Trial, attempt, check, trials

from affidavit.certify.backward import RULES
from affidavit.certify.bounds import GRADIENTS
from affidavit.errors import UnsupportedOpsError
from affidavit.graph import Interval

COMPLETE = ("ibp", "crown")
"""Methods with a rule for every op, which are cheap enough for every network."""

FLAT = [network for network in NETWORKS if len(network.shape) == 1]


def test_the_table_covers_every_rule() -> None:
    found = {type(node.op) for network in FLAT for node in network.graph.nodes}
    assert found >= set(RULES) - set(SPATIAL)


@pytest.mark.parametrize("network", FLAT, ids=[network.name for network in FLAT])
def test_interval_bound_propagation(network: Network) -> None:
    bounded = [check(trial, 400) for trial in trials(network, "ibp", 1)]
    assert all(bounded)


@pytest.mark.parametrize("network", FLAT, ids=[network.name for network in FLAT])
def test_linear_relaxation(network: Network) -> None:
    bounded = [check(trial, 400) for trial in trials(network, "crown", 4)]
    assert all(bounded)


OTHERS = sorted(set(GRADIENTS) - set(COMPLETE))


def test_methods_for_some_networks() -> None:
    for method in OTHERS:
        bounded = 0
        for name in ("dense", "without biases", "one layer", "residual"):
            for trial in trials(named(name), method, 3):
                try:
                    bounded += check(trial, 200)
                except UnsupportedOpsError:
                    continue
        assert bounded > 0, method


def test_the_check_sees_what_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are a little too small are told."""
    method = GRADIENTS["ibp"]

    def narrow(problem: Any, chosen: Any) -> Interval:
        bounds = method(problem, chosen)
        return Interval(bounds.lower + 0.02 * bounds.width, bounds.upper)

    monkeypatch.setitem(GRADIENTS, "ibp", narrow)
    box = next(box for box in BOXES if box.name == "around a kink")
    trial = Trial(named("one layer"), box, torch.float64, "logit", "ibp")
    assert attempt(trial, 2000).escapes > 0
