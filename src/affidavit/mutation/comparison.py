"""Which operator and rate tell wrong predictions from right ones best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from affidavit.errors import DataError, DomainError
from affidavit.mutation.edits import Model
from affidavit.mutation.evaluation import BATCH_SIZE
from affidavit.mutation.mutant_set import Mutants
from affidavit.mutation.rates import predictions


@dataclass(frozen=True)
class Separation:
    """How label change rates of right and of wrong predictions differ.

    Attributes:
        right_mean, right_std, wrong_mean, wrong_std: of the rates of each, the standard deviation
            over the inputs (divided by their number).
        difference: `(wrong_mean - wrong_std) - (right_mean + right_std)`, as Table 3 has it.
        auroc: probability that a wrong prediction has a higher rate than a right one, ties being
            half; 0.5 says nothing.
        right, wrong: how many inputs there are of each.
    """

    right_mean: float
    right_std: float
    wrong_mean: float
    wrong_std: float
    difference: float
    auroc: float
    right: int
    wrong: int


@dataclass(frozen=True, eq=False)
class OperatorComparison:
    """Sets of mutants side by side on the same inputs.

    Attributes:
        separations: of each set, by name.
        votes: whether each mutant changes the label, [mutant, batch], bool, by name.
        wrong: whether the model's prediction is wrong, [batch], bool.
        mutants: the sets.
    """

    separations: Mapping[str, Separation]
    votes: Mapping[str, NDArray[np.bool_]]
    wrong: NDArray[np.bool_]
    mutants: Mapping[str, Mutants]

    @property
    def best(self) -> str:
        """The name of the largest AUROC, of equal ones the first."""
        return max(self.separations, key=lambda name: self.separations[name].auroc)

    def table(self) -> pd.DataFrame:
        """A row a set: how it was drawn, what it cost, and what it separates (Table 3)."""
        rows: list[dict[str, Any]] = []
        for name, found in self.separations.items():
            made = self.mutants[name]
            rows.append(
                {
                    "name": name,
                    "operator": made.operator,
                    "scheme": made.scheme,
                    "rate": made.rate,
                    "units": made.units,
                    "mutants": len(made),
                    "rejected": made.rejected,
                    **asdict(found),
                }
            )
        return pd.DataFrame(rows).set_index("name")


def compare_operators(
    model: Model,
    mutants: Mapping[str, Mutants],
    inputs: Tensor,
    labels: ArrayLike | Tensor,
    *,
    batch_size: int = BATCH_SIZE,
    engine: str = "auto",
    progress: bool = False,
) -> OperatorComparison:
    """Sets of mutants, as of several operators and rates, on the same inputs (Table 3).

    Args:
        model, inputs, batch_size, engine, progress: as in
            :func:`affidavit.mutation.label_change_rate`. The inputs should be others than those
            that mutants were kept by, and than those that the choice is reported on.
        mutants: sets by name, as of `f"{operator} {rate:.2%}"`.
        labels: right classes, [batch].

    Raises:
        DomainError: no sets. DataError: labels that do not fit, or all predictions right, or all
            wrong. Others as :func:`affidavit.mutation.label_change_rate`.

    Guarantee: `empirical`. Source: Wu, Michel and Briot, Table 3.
    """
    if not mutants:
        raise DomainError("no sets of mutants to compare")
    truth = np.asarray(labels)
    if truth.shape != (len(inputs),):
        raise DataError(f"{len(inputs)} inputs, but labels of the shape {list(truth.shape)}")
    every = [mutant for made in mutants.values() for mutant in made]
    # All at once: they share the model's own values.
    found = predictions(
        model, every, inputs, batch_size=batch_size, engine=engine, progress=progress
    ).numpy()
    wrong = found[0] != truth
    changed = found[1:] != found[0]
    starts = np.cumsum([len(made) for made in mutants.values()])[:-1]
    votes = dict(zip(mutants, np.split(changed, starts), strict=True))
    separations = {name: separation(part.mean(0), wrong) for name, part in votes.items()}
    return OperatorComparison(separations, votes, wrong, dict(mutants))


def separation(rates: ArrayLike, wrong: ArrayLike) -> Separation:
    """How well rates [batch] separate wrong predictions (bool, [batch]) from right ones.

    Raises:
        DataError: different numbers of them, or all predictions right, or all wrong.
    """
    # Slow to load, and few who mutate a model compare operators.
    from sklearn.metrics import roc_auc_score

    values, errs = np.asarray(rates, np.float64), np.asarray(wrong, bool)
    if values.shape != errs.shape or values.ndim != 1:
        raise DataError(f"rates of the shape {list(values.shape)}, wrong {list(errs.shape)}")
    if errs.all() or not errs.any():
        which = "wrong" if errs.any() else "right"
        raise DataError(
            f"all {len(errs)} predictions are {which}: nothing can be told apart. Give more inputs."
        )
    right, bad = values[~errs], values[errs]
    return Separation(
        right_mean=float(right.mean()),
        right_std=float(right.std()),
        wrong_mean=float(bad.mean()),
        wrong_std=float(bad.std()),
        difference=float((bad.mean() - bad.std()) - (right.mean() + right.std())),
        auroc=float(roc_auc_score(errs, values)),
        right=len(right),
        wrong=len(bad),
    )


@dataclass(frozen=True, eq=False)
class ByCount:
    """AUROC of the rate over fewer mutants than there are (Figure 4).

    Attributes:
        counts: numbers of mutants, [count].
        auroc: of random choices of so many, [count, draw].
    """

    counts: NDArray[np.int64]
    auroc: NDArray[np.float64]


def auroc_by_count(
    votes: ArrayLike,
    wrong: ArrayLike,
    counts: Sequence[int] | None = None,
    *,
    draws: int = 20,
    seed: int = 0,
) -> ByCount:
    """How the AUROC grows with the number of mutants.

    Args:
        votes: whether each mutant changes the label, [mutant, batch].
        wrong: whether the model's prediction is wrong, [batch].
        counts: numbers of mutants; left out, about ten, evenly spaced by ratio, up to all.
        draws: random choices of mutants a number.
        seed: of them.

    Raises:
        DomainError: a count that is no number of mutants, or no draws.
        DataError: all predictions right, or all wrong.

    Guarantee: `empirical`. Source: Wu, Michel and Briot, Figure 4.
    """
    changed, errs = np.asarray(votes, bool), np.asarray(wrong, bool)
    if changed.ndim != 2 or changed.shape[1:] != errs.shape or not len(changed):
        raise DataError(f"votes of the shape {list(changed.shape)}, wrong {list(errs.shape)}")
    if counts is None:
        steps = np.geomspace(1, len(changed), min(10, len(changed)))
        counts = sorted({round(step) for step in steps})
    if draws < 1 or any(not 1 <= count <= len(changed) for count in counts):
        raise DomainError(
            f"counts are {list(counts)} with {draws} draws; expected numbers from 1 to"
            f" {len(changed)}, and a draw or more"
        )
    random = np.random.default_rng(seed)
    found = np.empty((len(counts), draws))
    for row, count in enumerate(counts):
        for draw in range(draws):
            chosen = random.choice(len(changed), count, replace=False)
            found[row, draw] = separation(changed[chosen].mean(0), errs).auroc
    return ByCount(np.asarray(counts, np.int64), found)
