"""What all scorers share: parameters, fitted state, checks."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DataError, DomainError, nearest
from affidavit.misclassification.signals import Array, Signals, wrong_rows

Fitted: TypeAlias = Mapping[str, Any]
"""What fitting found: arrays and scikit-learn estimators by name."""


@dataclass
class Scorer(ABC):
    """How likely predictions are to be wrong, from what the model says about the inputs.

    Subclasses are dataclasses of their parameters, so that they can be cloned as scikit-learn's
    estimators are; what :meth:`fit` finds is all in `fitted`.

    Attributes:
        fitted: arrays, or scikit-learn estimators, by name; None before :meth:`fit`.
    """

    name: ClassVar[str]
    """By which it is asked for."""
    summary: ClassVar[str]
    """What it is, in a line."""
    needs_fit: ClassVar[bool] = True
    """Whether it learns anything."""

    fitted: Fitted | None = field(default=None, init=False, repr=False, compare=False)

    @property
    @abstractmethod
    def needs(self) -> frozenset[str]:
        """Which signals it works on, of :data:`affidavit.misclassification.signals.NEEDS`."""

    def fit(self, signals: Signals, labels: ArrayLike) -> Self:
        """Learns from inputs whose class is known.

        Args:
            signals: of n inputs.
            labels: their classes, [n].

        Raises:
            DataError: signals that lack what is needed, labels that do not fit them, or no wrong
                (or no right) prediction to learn from.
        """
        signals.require(self.needs)
        wrong = wrong_rows(signals, labels)
        if self.needs_fit:
            check_both_kinds(wrong)
        self.fitted = self._fit(signals, wrong, np.asarray(labels, np.int64))
        return self

    def score(self, signals: Signals) -> NDArray[np.float64]:
        """A number for each input, [n], float64; larger where the prediction is more likely wrong.

        Raises DataError for signals that lack what is needed, DomainError before :meth:`fit` (of
        scorers that learn anything).
        """
        signals.require(self.needs)
        if self.fitted is None and self.needs_fit:
            raise DomainError(f"{self.name} has learned nothing yet: call fit(signals, labels)")
        if len(signals) == 0:
            return np.zeros(0)
        return np.asarray(self._score(signals, self.fitted or {}), np.float64)

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        return {}

    @abstractmethod
    def _score(self, signals: Signals, fitted: Fitted) -> Array: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in parameters(type(self))}

    def set_params(self, **given: Any) -> Self:
        """Sets parameters by name. Raises DomainError for one that it does not have."""
        known = parameters(type(self))
        for name, value in given.items():
            if name not in known:
                raise DomainError(f"{self.name} has no parameter {name!r}{nearest(name, known)}")
            setattr(self, name, value)
        self.__post_init__()
        return self

    def __post_init__(self) -> None:  # noqa: B027
        """Checks the parameters. Raises DomainError."""


def parameters(kind: type[Any]) -> tuple[str, ...]:
    """The names of what a dataclass is made with."""
    return tuple(one.name for one in dataclasses.fields(kind) if one.init)


def check_both_kinds(wrong: NDArray[np.bool_]) -> None:
    """Raises DataError unless some predictions are wrong and some are right."""
    if not len(wrong) or wrong.all() or not wrong.any():
        seen = "there are no inputs" if not len(wrong) else "every prediction is wrong"
        if len(wrong) and not wrong.any():
            seen = f"all {len(wrong)} predictions are right"
        raise DataError(
            f"{seen}: expected some wrong predictions and some right ones to learn from. Fit on"
            " data that the model was not trained on, or on more of it."
        )


def positive(name: str, **numbers: float) -> None:
    """Raises DomainError unless all numbers are above 0 and finite."""
    for key, value in numbers.items():
        if not (np.isfinite(value) and value > 0):
            raise DomainError(f"{name}: {key} is {value}; expected a number above 0")


def one_of(name: str, key: str, value: str, known: Iterable[str]) -> None:
    """Raises DomainError unless the value is one of those known."""
    if value not in known:
        raise DomainError(
            f"{name}: {key} is {value!r}{nearest(str(value), known)}; expected one of"
            f" {', '.join(known)}"
        )
