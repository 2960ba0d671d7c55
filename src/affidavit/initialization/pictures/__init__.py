"""Pictures of searches: gains by step size, trial and time, spread over seeds, training curves."""

from __future__ import annotations

from affidavit.initialization.pictures.curves import training_curves
from affidavit.initialization.pictures.distributions import accuracy_distribution
from affidavit.initialization.pictures.searches import gain_by_delta, gain_by_time, gain_by_trial
from affidavit.initialization.pictures.series import (
    curves_by_scale,
    gains,
    gains_by_delta,
    gains_by_time,
)
from affidavit.initialization.pictures.strategies import strategies_compared

__all__ = [
    "accuracy_distribution",
    "curves_by_scale",
    "gain_by_delta",
    "gain_by_time",
    "gain_by_trial",
    "gains",
    "gains_by_delta",
    "gains_by_time",
    "strategies_compared",
    "training_curves",
]
