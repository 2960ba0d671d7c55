"""Explainers by name and options."""

from __future__ import annotations

from typing import Any

import pytest

from affidavit.attribution.explainers import EXPLAINERS, RISE, Centre, LearnedMask
from affidavit.attribution.explainers.making import make_explainer
from affidavit.errors import DomainError


@pytest.mark.parametrize("name", EXPLAINERS)
def test_defaults_are_the_class_s(name: str) -> None:
    assert make_explainer(name) == EXPLAINERS[name]()


def test_seeds_and_options() -> None:
    assert make_explainer("rise", {"masks": 10}, seed=3) == RISE(masks=10, seed=3)
    assert make_explainer("rise", {"seed": 5}, seed=3) == RISE(seed=5)
    assert make_explainer("centre", seed=3) == Centre()
    assert make_explainer("neuromask", {"preset": "paper"}) == LearnedMask(preset="paper")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("salency", {}, r"no explainer 'salency' \(did you mean 'saliency'\?\): neuromask, "),
        (
            "rise",
            {"mask": 3},
            r"rise has no option 'mask' \(did you mean 'masks'\?\); it has masks",
        ),
        ("centre", {"seed": 3}, "centre has no option 'seed'; it has none"),
        ("rise", {"masks": 0}, "masks is 0; expected a whole number"),
        ("neuromask", {"preset": "slow"}, "preset"),
    ],
)
def test_what_there_is_not(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        make_explainer(name, options)
