"""Claim kind `attainable_accuracy`: a structure, trained in a stated way, reaches an accuracy.

A search trains networks within the limits of time, trials and gain, chooses the best on one part of
the data and judges it once on another, by an exact binomial test. The grade is `statistical`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from affidavit.contract.attained import Attained, attained
from affidavit.contract.claim import Finding
from affidavit.contract.context import Context
from affidavit.contract.leakage import leakage
from affidavit.contract.proportions import percent, plain
from affidavit.contract.trained import TrainedClaim
from affidavit.contract.training import assumptions
from affidavit.errors import AffidavitError, nearest
from affidavit.evidence import Grade
from affidavit.report import wording

if TYPE_CHECKING:
    from affidavit.initialization.limits import Limits
    from affidavit.initialization.strategies import Strategy


class AttainableAccuracy(TrainedClaim):
    """Training again and again, within limits, gives a network that is accurate enough."""

    kind: ClassVar[str] = "attainable_accuracy"

    at_least: float = Field(gt=0, le=1, description="least accuracy claimed, of the chosen run")
    max_time: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="seconds to search for"
    )
    max_trial: int | None = Field(
        default=None, ge=1, description="runs after the first; this or max_time is needed"
    )
    max_gain: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="validation accuracy above that of the first run at which the search ends",
    )
    strategy: str | dict[str, Any] = Field(
        default="reseed",
        description="what is tried next: reseed (default), walk, anneal, initializers or halving;"
        ' with settings as { name = "walk", deltas = [0.0025], budget = 50 }',
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        if self.max_time is None and self.max_trial is None:
            raise ValueError(
                "the search has no end: expected max_time (seconds), max_trial (runs), or both"
            )
        self.make_strategy()

    def make_strategy(self) -> Strategy:
        """The strategy with its settings. Raises ValueError, as any faulty key."""
        # Optuna takes a while to import, which other claims do not have to wait for.
        from affidavit.initialization.strategies import STRATEGIES

        given = {"name": self.strategy} if isinstance(self.strategy, str) else dict(self.strategy)
        name = given.pop("name", None)
        if not isinstance(name, str) or name not in STRATEGIES:
            hint = nearest(name, STRATEGIES) if isinstance(name, str) else ""
            raise ValueError(
                f"strategy: there is none of the name {name!r}{hint}: {', '.join(STRATEGIES)}"
            )
        kind = STRATEGIES[name]
        known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        for key in given:
            if key not in known:
                raise ValueError(
                    f"strategy: {name} has no setting {key!r}{nearest(key, known)}:"
                    f" {', '.join(known) or 'it has none'}"
                )
        settings = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
        try:
            return kind(**settings)
        except (AffidavitError, TypeError) as error:
            raise ValueError(f"strategy: {error}") from error

    @property
    def limits(self) -> Limits:
        """The user's intent."""
        from affidavit.initialization.limits import Limits

        return Limits(self.max_time, self.max_trial, self.max_gain)

    @property
    def text(self) -> str:
        within = [] if self.max_trial is None else [wording.counted(self.max_trial, "trial")]
        within += [] if self.max_time is None else [f"{plain(self.max_time)} seconds"]
        until = "" if self.max_gain is None else f", or until the gain is {plain(self.max_gain)},"
        how = self.strategy if isinstance(self.strategy, str) else self.strategy["name"]
        return (
            f"{self.networks[0].upper()}{self.networks[1:]}, {self.training}, reach an accuracy of"
            f" at least {plain(self.at_least)} within {' and '.join(within)}{until} by the strategy"
            f" {how} ({percent(self.confidence)} confidence)"
        )

    def check(self, context: Context) -> Finding:
        found = attained(self, context)
        certified = found.decision.certified
        return Finding(
            verdict=found.decision.verdict,
            grade=Grade.STATISTICAL,
            value=certified.accuracy,
            interval=(certified.lower, certified.upper),
            quantity="accuracy of the chosen run on rows that it never saw",
            reason=" ".join([found.decision.text, found.ending, *leakage(context.dataset, "test")]),
            assumptions=tuple(self._assumptions(context, found)),
            exhibits=tuple(found.exhibits(self.at_least)),
            files=found.files(),
            evaluations=found.evaluations,
        )

    def _assumptions(self, context: Context, found: Attained) -> Iterator[str]:
        rows = found.result.rows
        yield from assumptions(self, context)
        yield (
            f"The run is chosen on the {rows['validation']:,} rows of 'validation'. The"
            f" {rows['test']:,} rows of 'test' are an independent sample of the inputs that the"
            " claim is about; they took no part in training or choosing, and judge one run."
        )
        yield (
            "Runs are independent draws: initial weights and the order of rows are made anew from"
            " the run's own seed."
            if found.result.fresh
            else f"Trials of the strategy {found.result.strategy} depend on each other: nothing is"
            " said of the share of runs that reach an accuracy, nor of the mean run."
        )
        if self.max_time is not None:
            yield "How many runs fit into the time depends on the machine, and with it the outcome."
        yield (
            f"Each bound holds with {percent(self.confidence)} confidence on its side; those of"
            " gain, optimism and spread each by itself, without part in the verdict."
        )
