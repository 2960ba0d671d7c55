"""No sampled gradient leaves its bounds: networks of images and sequences."""

from __future__ import annotations

import pytest
from tests.certify.networks import NETWORKS, Network
from tests.certify.soundness import SPATIAL, check, trials

IMAGES = [network for network in NETWORKS if len(network.shape) > 1]


def test_the_table_covers_every_rule() -> None:
    assert {type(node.op) for network in IMAGES for node in network.graph.nodes} >= set(SPATIAL)


@pytest.mark.parametrize("network", IMAGES, ids=[network.name for network in IMAGES])
def test_interval_bound_propagation(network: Network) -> None:
    bounded = [check(trial, 400) for trial in trials(network, "ibp", 1)]
    assert all(bounded)


@pytest.mark.parametrize("network", IMAGES, ids=[network.name for network in IMAGES])
def test_linear_relaxation(network: Network) -> None:
    bounded = [check(trial, 400) for trial in trials(network, "crown", 4)]
    assert all(bounded)
