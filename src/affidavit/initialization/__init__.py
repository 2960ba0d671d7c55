"""Attainable accuracy: what a structure, trained in a stated way, can reach, and how much is luck.

`find_random_parameters` says which parameters begin at random and how they are drawn; `search`
trains again and again within the user's limits of time, trials and gain, and chooses on validation
rows; `judge` says what may be said of the outcome on rows that chose nothing. Guarantee:
`statistical`.

Source: Pan, Nguyen and Ahmed, "Towards Building Accountable Deep Neural Model by Interpreting
Classification Accuracy" (ADNN).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affidavit.initialization.catalogue import INITIALIZERS, initializer
    from affidavit.initialization.finding import RandomParameter, find_random_parameters
    from affidavit.initialization.judging import Judgement, judge
    from affidavit.initialization.limits import Limits
    from affidavit.initialization.redrawing import initialize
    from affidavit.initialization.result import SearchResult
    from affidavit.initialization.runs import Run
    from affidavit.initialization.scales import training_curves_by_scale
    from affidavit.initialization.searching import search
    from affidavit.initialization.standing import Standing
    from affidavit.initialization.strategies import (
        STRATEGIES,
        Annealing,
        Halving,
        Initializers,
        Reseeding,
        Walk,
    )
    from affidavit.initialization.training import Dense, SmallCNN, Trainer

_HOMES = {
    "catalogue": ("INITIALIZERS", "initializer"),
    "finding": ("RandomParameter", "find_random_parameters"),
    "judging": ("Judgement", "judge"),
    "limits": ("Limits",),
    "redrawing": ("initialize",),
    "result": ("SearchResult",),
    "runs": ("Run",),
    "scales": ("training_curves_by_scale",),
    "searching": ("search",),
    "standing": ("Standing",),
    "strategies": ("STRATEGIES", "Annealing", "Halving", "Initializers", "Reseeding", "Walk"),
    "training": ("Dense", "SmallCNN", "Trainer"),
}

__all__ = [
    "INITIALIZERS",
    "STRATEGIES",
    "Annealing",
    "Dense",
    "Halving",
    "Initializers",
    "Judgement",
    "Limits",
    "RandomParameter",
    "Reseeding",
    "Run",
    "SearchResult",
    "SmallCNN",
    "Standing",
    "Trainer",
    "Walk",
    "find_random_parameters",
    "initialize",
    "initializer",
    "judge",
    "search",
    "training_curves_by_scale",
]


def __getattr__(name: str) -> Any:
    # Names load on first use: a claim's keys need the trainer, and must not wait for Optuna.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"affidavit.initialization.{home}"), name)
    raise AttributeError(f"module 'affidavit.initialization' has no attribute {name!r}")
