"""What a search attained, on rows that took no part in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from affidavit.contract.claim import File
from affidavit.contract.context import Context
from affidavit.contract.run_exhibits import (
    accuracies_chart,
    progress_chart,
    runs_file,
    seed_spread,
    spread_table,
    weights_file,
)
from affidavit.contract.training import require_parts, trained, training_data
from affidavit.errors import ContractError
from affidavit.evidence import Cell, Estimate, Exhibit, IntervalChart, Table
from affidavit.initialization.evidence import (
    Attainable,
    Gain,
    Optimism,
    Spread,
    Success,
    attainable,
    certified,
    gain_over_mean,
    gain_over_run,
    optimism,
    success_probability,
)
from affidavit.report import wording

if TYPE_CHECKING:
    from affidavit.contract.kinds.attainable_accuracy import AttainableAccuracy
    from affidavit.initialization.result import SearchResult

_ENDINGS = {
    "max_time": "the time was up",
    "max_trial": "all runs were made",
    "max_gain": "the gain was reached",
    "target": "the target was reached",
}


@dataclass(frozen=True, eq=False)
class Attained:
    """A search, and what may be said of its outcome.

    Attributes:
        result: of the search.
        decision: on the claim.
        first: gain of the chosen run over the first.
        mean: the same over the mean run; None where runs are no independent draws, or there is one.
        optimism: what was lost between choosing and judging; None likewise.
        spread: of the runs on the rows that judge; None likewise, or where all runs agree.
    """

    result: SearchResult
    decision: Attainable
    first: Gain
    mean: Gain | None
    optimism: Optimism | None
    spread: Spread | None

    @property
    def ending(self) -> str:
        """How the search ended, in a sentence."""
        states = [run.state for run in self.result.runs]
        missing = [f"{states.count(s)} {s}" for s in ("failed", "dropped") if s in states]
        aside = f", of which {' and '.join(missing)}" if missing else ""
        limit, seconds = self.result.limits.max_time, self._seconds
        longest = max(run.seconds for run in self.result.runs)
        over = ""
        if limit is not None and seconds > max(limit + 2 * longest, self.result.seconds):
            over = (
                f" Caution: with what was stored before it took {wording.duration(seconds)} in all,"
                " more than max_time."
            )
        return (
            f"The search ended as {_ENDINGS[self.result.stopped]}, after"
            f" {wording.counted(len(states), 'run')}{aside}.{over}"
        )

    @property
    def evaluations(self) -> int:
        """Inputs that runs were judged on, those to choose on among them."""
        rows = self.result.rows
        return len(self.result.complete) * (rows["validation"] + rows["test"])

    def exhibits(self, at_least: float) -> Iterator[Exhibit]:
        """The chosen run against the claim, what choosing was worth, the search, the spread."""
        found = self.decision.certified
        yield IntervalChart(
            "Accuracy of the chosen run against what is claimed",
            "accuracy",
            (
                Estimate(
                    f"chosen run ({found.rows:,} rows)",
                    found.accuracy,
                    found.lower,
                    found.upper,
                    at_least=at_least,
                    verdict=self.decision.verdict,
                ),
            ),
            "The bounds are Clopper-Pearson's.",
        )
        yield self._runs_table()
        yield self._worth_table()
        yield self._search_table()
        right = [int(of.sum()) for of in self.result.correct("test")]
        yield accuracies_chart(right, self.result.rows["test"], "test", at_least)
        if len(self.result.runs) > 1:
            yield progress_chart(self.result.runs, at_least)
        if self.spread is not None:
            yield spread_table(self.spread)

    def files(self) -> dict[str, File]:
        """All runs, and the weights of the chosen one."""
        return {
            "runs.csv": runs_file(self.result.runs, self.result.chosen),
            "chosen.safetensors": weights_file(self.result.model),
        }

    def _runs_table(self) -> Table:
        result = self.result
        rows: list[tuple[Cell, ...]] = []
        for name, run in (("chosen", result.chosen), ("first", result.first)):
            test = None if run.test is None else float(run.test.mean())
            rows.append((f"{name} run ({run.position})", run.accuracy, test))
        if len(result.complete) > 1:
            seen = [float(result.correct(part).mean()) for part in ("validation", "test")]
            rows.append((f"mean of {len(result.complete):,} complete runs", *seen))
        return Table(
            "Accuracies",
            ("run", "on validation, which chose", "on test, which judges"),
            tuple(rows),
        )

    def _worth_table(self) -> Table:
        found = [("gain over the first run", self.first), ("gain over the mean run", self.mean)]
        measures = [*found, ("optimism of choosing", self.optimism)]
        rows = [
            (name, measure.value, measure.lower, measure.upper)
            for name, measure in measures
            if measure is not None
        ]
        said = [measure.text for _, measure in measures if measure is not None]
        return Table(
            "What choosing was worth, on rows that it never saw",
            ("quantity", "value", "lower", "upper"),
            tuple(rows),
            " ".join(said),
        )

    def _search_table(self) -> Table:
        result, decision = self.result, self.decision
        states = [run.state for run in result.runs]
        rows: list[tuple[Cell, ...]] = [
            ("strategy", result.strategy),
            ("runs, the first among them", len(states)),
            *((f"{state} runs", states.count(state)) for state in ("failed", "dropped")),
            ("ended by", result.stopped),
            ("seconds", self._seconds),
        ]
        if decision.success is not None:
            passed, bound = decision.success.successes, decision.success.upper
            rows.append(("runs that reach it on validation", passed))
            rows.append(("probability that a fresh run does, at most", bound))
        for name, number in (("rows", decision.further_rows), ("runs", decision.further_runs)):
            if number is not None:
                rows.append((f"further {name} that would decide", number))
        return Table("Search", ("quantity", "value"), tuple(rows))

    @property
    def _seconds(self) -> float:
        """From the first run's beginning to the last one's end, of all calls."""
        return max(run.finished for run in self.result.runs)


def attained(claim: AttainableAccuracy, context: Context) -> Attained:
    """Carries out the claim's search, and judges the run that it chose.

    Raises:
        ContractError: the storage holds more runs than the claim allows.
        Others as of :func:`affidavit.contract.training.trained`.
    """
    data = training_data(context)
    require_parts(data, "train", "validation", "test")
    limits = claim.limits
    result = trained(claim, context, data, claim.make_strategy(), limits)
    made = len(result.runs) - 1
    if limits.max_trial is not None and made > limits.max_trial:
        raise ContractError(
            f"storage: {claim.storage} holds {made:,} runs after the first, and max_trial is"
            f" {limits.max_trial:,}: the best of more runs is not what the claim is about. Expected"
            f" max_trial = {made}, or another storage"
        )
    confidence = claim.confidence
    validation, test = result.correct("validation"), result.correct("test")
    chosen = test[result.place]
    several = result.fresh and len(test) > 1
    spread = seed_spread(test, confidence) if several else None
    decision = attainable(
        certified(chosen, confidence),
        claim.at_least,
        seeds=spread,
        validation_rows=validation.shape[1],
        success=_success(claim, result),
    )
    return Attained(
        result,
        decision,
        gain_over_run(chosen, test[0], confidence),
        gain_over_mean(chosen, test, confidence) if several else None,
        optimism(validation[result.place], validation, chosen, test, confidence)
        if several
        else None,
        spread,
    )


def _success(claim: AttainableAccuracy, result: SearchResult) -> Success | None:
    """How likely a fresh run is to reach the accuracy on the validation rows."""
    if not result.fresh:
        return None
    found = success_probability(
        result.accuracies,
        result.rows["validation"],
        claim.at_least,
        claim.confidence,
        on="the validation rows",
    )
    # A search that ends at a gain has as many runs as its luck allowed. Without success, the bound
    # holds for any number of runs that it ends at; with some, it does not.
    return None if found.successes and claim.max_gain is not None else found
