"""Each method's bounds lie within those of the faster ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.certify.piecewise import NETWORKS, graph, inputs

from affidavit.certify import bounds
from affidavit.graph import Interval

LOOSEST_FIRST = ("ibp", "crown", "bab", "exact")

ROUNDING = 1e-6
"""Of the programs that exact outputs come from; gradients are held to 1e-12."""


@pytest.mark.parametrize("epsilon", [0.02, 0.3])
@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize(
    ("function", "table", "options", "slack"),
    [
        (bounds.gradient_bounds, bounds.GRADIENTS, {"target": 1}, 1e-12),
        (bounds.output_bounds, bounds.OUTPUTS, {}, ROUNDING),
        (bounds.margin_bounds, bounds.MARGINS, {"labels": 1}, ROUNDING),
    ],
)
def test_the_tighter_lies_within_the_looser(
    function: Any, table: Any, options: Any, slack: float, name: str, epsilon: float
) -> None:
    methods = [method for method in LOOSEST_FIRST if method in table]
    assert len(methods) == len(table)
    found: list[Interval] = []
    for method in methods:
        budget = {"max_boxes": 20} if method == "bab" else {}
        found.append(
            function(graph(name), inputs(name), epsilon=epsilon, method=method, **budget, **options)
        )
    for loose, tight in pairwise(found):
        assert bool((loose.lower <= tight.lower + slack).all())
        assert bool((tight.upper <= loose.upper + slack).all())
