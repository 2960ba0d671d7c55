"""Thresholds as policies: what is asked of a detector, turned into the score at which it refuses.

A prediction is refused where its score is at least the threshold; infinity refuses nothing. Choose
on data that neither the detector was fitted on nor the result is reported on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from affidavit import evidence
from affidavit.errors import DataError, DomainError, RecordError, nearest
from affidavit.misclassification.guarantees import largest_proved, least_accepted
from affidavit.misclassification.metrics import Kind, undefined
from affidavit.misclassification.ranking import Ranking, Steps


@runtime_checkable
class Policy(Protocol):
    """Chooses a threshold from scores and what was wrong."""

    name: ClassVar[str]

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """The threshold: refuse where a score is at least as large.

        Args:
            scores: larger = more likely wrong, [n].
            wrong: whether each prediction is wrong, [n].

        Raises DataError for arrays that cannot be used, or where no threshold meets the target.
        """
        ...


@dataclass(frozen=True)
class EqualRecall:
    """The recall of wrong predictions as close as can be to that of right ones.

    Of thresholds that are equally close, the one whose smaller recall is larger, then the larger.

    Source: Wu et al., section 4.1. Guarantee: `empirical`.
    """

    name: ClassVar[str] = "equal_recall"

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """See :class:`Policy`; DataError without a right and a wrong prediction too."""
        steps = Ranking.of(scores, wrong).steps()
        if not steps.rights or not steps.wrongs:
            raise undefined(int(steps.rights), int(steps.wrongs))
        # Both recalls times the product of both counts: whole numbers, compared exactly.
        wrong_recall = (steps.wrongs - np.append(0.0, steps.wrong_until)) * steps.rights
        right_recall = np.append(0.0, steps.right_until) * steps.wrongs
        apart = np.abs(wrong_recall - right_recall)
        smaller = np.minimum(wrong_recall, right_recall)
        best = np.lexsort((np.arange(len(apart)), smaller, -apart))[-1]
        return float(np.append(steps.scores, np.inf)[best])


@dataclass(frozen=True)
class RecallTarget:
    """At least a share of the wrong predictions refused, or of the right ones accepted.

    Of all thresholds that meet it, the one that costs the other class least.

    Attributes:
        of: `wrong` or `right`.
        at_least: the share, in (0, 1].
        confidence: None for the share on the calibration data (`empirical`). A level: the share
            of all predictions like them, with at least this probability (`statistical`, exact: one
            order statistic of one class, chosen by its rank alone).
    """

    of: Kind = "wrong"
    at_least: float = 0.95
    confidence: float | None = None
    name: ClassVar[str] = "recall_target"

    def __post_init__(self) -> None:
        if self.of not in ("wrong", "right"):
            raise DomainError(f"of is {self.of!r}; expected 'wrong' or 'right'")
        if not 0 < self.at_least <= 1:
            raise DomainError(f"at_least is {self.at_least}; expected a share above 0, at most 1")
        if self.confidence is not None:
            _level(self.confidence)
            if self.at_least == 1:
                raise DomainError(
                    "a recall of 1 cannot be had with a confidence; ask for a little less"
                )

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """See :class:`Policy`; DataError for no, or with a confidence too few, of the class too."""
        steps = Ranking.of(scores, wrong).steps()
        count = int(steps.wrongs if self.of == "wrong" else steps.rights)
        if not count:
            raise DataError(
                f"none of {int(steps.rights + steps.wrongs)} predictions is {self.of}; a recall of"
                f" {self.of} predictions needs at least one"
            )
        needed = self._needed(count)
        if self.of == "wrong":
            # So many of the wrong ones, the riskiest, are refused: from the least of them on.
            first = np.flatnonzero(steps.wrong_until > count - needed)[0]
            return float(steps.scores[first])
        last = np.flatnonzero(steps.right_until >= needed)[0]
        return float(steps.thresholds[last])

    def _needed(self, count: int) -> int:
        """How many of the class at hand must be on its side of the threshold."""
        if self.confidence is None:
            return math.ceil(self.at_least * count - 1e-9)
        least = least_accepted(1 - self.at_least, 1 - self.confidence)
        if count < least:
            raise DataError(
                f"{count} {self.of} predictions cannot prove a recall of {self.at_least} at a"
                f" confidence of {self.confidence}; expected at least {least}"
            )
        # Counted from their own side, the j-th of the class is beyond a share t of all like them
        # unless j or more of these fell within that share: their number is binomial.
        ranks = np.arange(1, count + 1)
        proved = stats.binom.cdf(ranks - 1, count, self.at_least) >= self.confidence - 1e-12
        return int(ranks[proved][0])


@dataclass(frozen=True)
class MaximumRisk:
    """The largest coverage at which the risk of what is accepted is proved to be low.

    With probability at least `confidence` over the calibration data, independent predictions, at
    most a share `risk` of the accepted predictions on new data like them is wrong; for scores with
    ties, where the risk does not fall as the threshold rises. See
    :func:`affidavit.misclassification.guarantees.largest_proved` for the tests and their source.

    Attributes:
        risk: in (0, 1).
        confidence: in (0, 1).

    Guarantee: `statistical`.
    """

    risk: float
    confidence: float = 0.95
    name: ClassVar[str] = "maximum_risk"

    def __post_init__(self) -> None:
        if not 0 < self.risk < 1:
            raise DomainError(f"risk is {self.risk}; expected a share between 0 and 1")
        _level(self.confidence)

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """See :class:`Policy`; DataError where the risk is proved at no threshold."""
        steps = Ranking.of(scores, wrong).steps()
        accepted = steps.right_until + steps.wrong_until
        found = largest_proved(accepted, steps.wrong_until, self.risk, self.confidence)
        if found is None:
            raise self._unproved(steps)
        return float(steps.thresholds[found])

    def _unproved(self, steps: Steps) -> DataError:
        count = int(steps.rights + steps.wrongs)
        least = least_accepted(self.risk, 1 - self.confidence)
        wish = f"a risk of at most {self.risk} at a confidence of {self.confidence}"
        if count < least:
            return DataError(
                f"{count} predictions cannot prove {wish}, even if all are right; expected at least"
                f" {least}"
            )
        accepted = steps.right_until + steps.wrong_until
        some_right = steps.right_until > 0  # else the Clopper-Pearson bound is 1
        bounds = np.ones(len(accepted))
        bounds[some_right] = stats.beta.ppf(
            self.confidence, steps.wrong_until[some_right] + 1, steps.right_until[some_right]
        )
        lowest = int(bounds.argmin())
        bound, many = bounds[lowest], int(accepted[lowest])
        return DataError(
            f"no threshold has {wish}: the lowest bound on these {count} predictions, with {many}"
            f" of them accepted, is {bound:.4g}, before the search over thresholds is paid for."
            " Expected a higher risk, more predictions or a better score"
        )


@dataclass(frozen=True)
class AcceptShare:
    """The smallest share of the predictions that is at least `coverage` is accepted.

    It does not look at what is wrong. Guarantee: `empirical`.

    Attributes:
        coverage: in (0, 1].
    """

    coverage: float
    name: ClassVar[str] = "accept_share"

    def __post_init__(self) -> None:
        if not 0 < self.coverage <= 1:
            raise DomainError(f"coverage is {self.coverage}; expected a share above 0, at most 1")

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """See :class:`Policy`."""
        steps = Ranking.of(scores, wrong).steps()
        accepted = steps.right_until + steps.wrong_until
        needed = math.ceil(self.coverage * accepted[-1] - 1e-9)
        return float(steps.thresholds[np.flatnonzero(accepted >= needed)[0]])


@dataclass(frozen=True)
class Fixed:
    """A threshold that is given; infinity refuses nothing, its negative everything."""

    at: float
    name: ClassVar[str] = "fixed"

    def __post_init__(self) -> None:
        if math.isnan(self.at):
            raise DomainError("the threshold is NaN; expected a number or an infinity")

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """The given one, whatever the data."""
        return float(self.at)


AnyPolicy = EqualRecall | RecallTarget | MaximumRisk | AcceptShare | Fixed

POLICIES: dict[str, type[AnyPolicy]] = {
    policy.name: policy for policy in (EqualRecall, RecallTarget, MaximumRisk, AcceptShare, Fixed)
}
"""Policies by name."""


def policy_to_json(policy: Policy) -> dict[str, Any]:
    """Plain JSON data: the policy's name and its settings.

    Raises DomainError for a policy of one's own: what it is cannot be read back.
    """
    if type(policy) not in POLICIES.values():
        raise DomainError(
            f"{type(policy).__name__} is none of the policies that can be kept:"
            f" {', '.join(POLICIES)}. Keep the threshold that it chose, as Fixed(threshold)"
        )
    return {"policy": policy.name, **evidence.to_json(policy)}


def policy_from_json(data: Any) -> AnyPolicy:
    """The policy whose :func:`policy_to_json` is `data`.

    Raises:
        RecordError: no such policy, or settings that it does not have or lacks.
        DomainError: settings without a meaning.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("policy"), str):
        raise RecordError(f"a policy is an object with a name under 'policy'; found {data!r}")
    settings = dict(data)
    name = settings.pop("policy")
    if name not in POLICIES:
        raise RecordError(
            f"there is no policy {name!r}{nearest(name, POLICIES)}; there are {', '.join(POLICIES)}"
        )
    kind = POLICIES[name]
    known = [field.name for field in dataclasses.fields(kind)]
    for key, value in settings.items():
        if key not in known:
            raise RecordError(
                f"the policy {name!r} has no {key!r}{nearest(key, known)}; it has"
                f" {', '.join(known) or 'no settings'}"
            )
        settings[key] = _setting(name, key, value)
    try:
        return kind(**settings)
    except TypeError as error:
        raise RecordError(f"the policy {name!r} cannot be made: {error}") from None


def _setting(name: str, key: str, value: Any) -> Any:
    """A setting as JSON holds it: a number, the class of a recall, or no confidence."""
    if value is None and key == "confidence":
        return None
    if isinstance(value, str) and key == "of":
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and value.get("$float") in ("inf", "-inf"):
        return float(value["$float"])
    raise RecordError(f"{key} of the policy {name!r} is {value!r}; expected a number")


def _level(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise DomainError(f"confidence is {confidence}; expected a number between 0 and 1")
