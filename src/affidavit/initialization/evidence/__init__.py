"""What may honestly be said of the outcome of a search, or of many runs.

All of it works on what the runs got right, as arrays: `correct [run, row]` on data that had no part
in training or choosing, or accuracies `[run]`. Every bound is one-sided and holds with the stated
confidence on its side; both ends of a 95 % interval hold together at 90 %. What is said of "all
runs" is said of this training procedure with fresh seeds, never of the structure in the abstract,
and never from trials that depend on each other. Guarantee: `statistical`.
"""

from affidavit.initialization.evidence.attainable import Attainable, attainable, further_runs
from affidavit.initialization.evidence.best import BestOf, best_of, expected_best, runs_for_best
from affidavit.initialization.evidence.certified import Certified, certified
from affidavit.initialization.evidence.gain import (
    Gain,
    gain_over_all_runs,
    gain_over_mean,
    gain_over_run,
)
from affidavit.initialization.evidence.optimism import Optimism, optimism
from affidavit.initialization.evidence.spread import Spread, seed_spread, spread
from affidavit.initialization.evidence.stability import Stability, seed_stability
from affidavit.initialization.evidence.success import (
    Success,
    runs_for_bound,
    success_probability,
)
from affidavit.initialization.evidence.tolerance import (
    ToleranceInterval,
    runs_for_interval,
    tolerance_interval,
    trimming,
)

__all__ = [
    "Attainable",
    "BestOf",
    "Certified",
    "Gain",
    "Optimism",
    "Spread",
    "Stability",
    "Success",
    "ToleranceInterval",
    "attainable",
    "best_of",
    "certified",
    "expected_best",
    "further_runs",
    "gain_over_all_runs",
    "gain_over_mean",
    "gain_over_run",
    "optimism",
    "runs_for_best",
    "runs_for_bound",
    "runs_for_interval",
    "seed_spread",
    "seed_stability",
    "spread",
    "success_probability",
    "tolerance_interval",
    "trimming",
]
