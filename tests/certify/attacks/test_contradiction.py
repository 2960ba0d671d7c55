"""No attack finds what a certificate excludes: every op, both dtypes, inputs and weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.graph.modules import CASES, Case

from affidavit.certify import gradient_bounds
from affidavit.certify.attacks import Aim, attack_inputs, attack_weights, random_search
from affidavit.errors import UnsupportedOpsError

CHOICES: list[tuple[dict[str, Any], Any]] = [
    ({"epsilon": 0.3}, attack_inputs),
    ({"gamma": 0.1}, attack_weights),
]
FEW: dict[str, Any] = {"steps": 3, "restarts": 2}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_attack_contradicts_the_bounds(case: Case, dtype: torch.dtype) -> None:
    graph, x = case.graph, case.inputs(3, dtype)
    for boxes, attack in CHOICES:
        found = attack(graph, x, Aim(tau=0.0), **boxes, **FEW)
        assert torch.isfinite(found.explanation).all()
        assert torch.isfinite(found.value).all()
        drawn = random_search(graph, x, Aim(tau=0.0), **boxes, budget=10)
        try:
            bounds = gradient_bounds(graph, x, **boxes)
        except UnsupportedOpsError:
            continue
        assert bounds.contains(found.explanation)
        assert bounds.contains(drawn.explanation)
