"""What an aim refuses before any network is seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from affidavit.certify.attacks import Aim, Top
from affidavit.errors import DomainError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "tau is None; expected a number of at least 0"),
        ({"tau": -0.1}, "tau is -0.1; expected a number of at least 0"),
        ({"tau": 1.5, "metric": "cosine"}, "tau is 1.5; expected a number between -1 and 1"),
        ({"tau": 0.1, "metric": "cosin"}, r"no metric 'cosin' \(did you mean 'cosine'\?\)"),
        ({"objective": Top([0], 1), "tau": 0.1}, "goal and tau belong to the objective"),
        ({"objective": Top([0], 1), "goal": torch.zeros(3)}, "goal and tau belong"),
        ({"tau": 0.1, "loss": "margin", "attribution": lambda m, x, t: x}, "loss is 'margin'"),
    ],
)
def test_what_has_no_meaning(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        Aim(**given)
