"""What was lost between choosing and certifying."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from affidavit.errors import DataError
from affidavit.initialization.evidence.gain import gain_over_mean
from affidavit.initialization.evidence.inputs import check_same_rows, checked_run, checked_runs
from affidavit.initialization.evidence.words import down, percent, signed, up


@dataclass(frozen=True)
class Optimism:
    """How much better the chosen run looked where it was chosen than it is.

    Attributes:
        chosen_drop: its validation accuracy less its held-out accuracy.
        mean_drop: the same of the mean run, which choosing did not touch: the validation rows may
            be easier or harder than the others.
        validation_gain: gain over the mean run on the rows that chose it.
        value: the chosen run's drop less the mean run's, in [-2, 2].
        lower, upper: bounds of the validation gain less the true gain, each with the confidence.
        confidence: of each bound.
    """

    chosen_drop: float
    mean_drop: float
    validation_gain: float
    value: float
    lower: float
    upper: float
    confidence: float

    @property
    def text(self) -> str:
        """In two sentences."""
        return (
            f"On the rows that chose it, the chosen run was {signed(self.validation_gain)} against"
            f" the mean run; of that, {signed(self.value)} was gone on rows that it never saw. The"
            f" optimism of choosing is at least {down(self.lower)}, and at most {up(self.upper)},"
            f" each with {percent(self.confidence)} confidence."
        )


def optimism(
    chosen_validation: ArrayLike,
    runs_validation: ArrayLike,
    chosen: ArrayLike,
    runs: ArrayLike,
    confidence: float = 0.95,
) -> Optimism:
    """Selection optimism: the gain over the mean run where it was chosen, less the true gain.

    The interval is for the choice that was made: what the validation rows said is a fact, with no
    error of its own, and all of the uncertainty is that of the true gain, known from the held-out
    rows. To resample the validation rows without choosing anew would widen it for nothing.

    Args:
        chosen_validation, chosen: whether the chosen run is right on each validation row, and on
            each untouched row, bool, [row].
        runs_validation, runs: the same of the runs that stand for what training gives,
            [run, row], the same runs in both.
        confidence: of each bound, at least 1/2 and below 1.

    Raises:
        DataError: no runs or rows, other shapes or values, or different numbers of rows or runs.
        DomainError: a confidence out of range.

    Guarantee: `statistical`, as that of :func:`gain_over_mean`.
    """
    seen = checked_run(chosen_validation, "chosen_validation")
    seen_runs = checked_runs(runs_validation, what="runs_validation")
    check_same_rows(seen, seen_runs, "validation")
    all_runs = checked_runs(runs, what="runs")
    if len(seen_runs) != len(all_runs):
        raise DataError(
            f"there are {len(seen_runs)} runs on validation rows and {len(all_runs)} on held-out"
            " rows; expected the same runs on both"
        )
    gain = gain_over_mean(chosen, all_runs, confidence)
    validation_gain = float(seen.mean() - seen_runs.mean())
    return Optimism(
        chosen_drop=float(seen.mean() - checked_run(chosen, "chosen").mean()),
        mean_drop=float(seen_runs.mean() - all_runs.mean()),
        validation_gain=validation_gain,
        value=validation_gain - gain.value,
        lower=validation_gain - gain.upper,
        upper=validation_gain - gain.lower,
        confidence=confidence,
    )
