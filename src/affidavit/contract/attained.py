"""What a search attained, on rows that took no part in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from affidavit.contract.claim import File
from affidavit.contract.context import Context
from affidavit.contract.run_exhibits import (
    accuracies_chart,
    picture_file,
    progress_chart,
    runs_file,
    spread_table,
    weights_file,
)
from affidavit.contract.training import require_parts, trained, training_data
from affidavit.errors import ContractError
from affidavit.evidence import Cell, Estimate, Exhibit, IntervalChart, Table
from affidavit.initialization.evidence import Attainable
from affidavit.report import wording

if TYPE_CHECKING:
    from affidavit.contract.kinds.attainable_accuracy import AttainableAccuracy
    from affidavit.initialization.judging import Judgement
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
        judgement: on rows that took no part in it.
        decision: on the claim.
    """

    result: SearchResult
    judgement: Judgement
    decision: Attainable

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
        rows = self.result.rows["test"]
        yield accuracies_chart(right, rows, "test", at_least, self._said_of_all)
        if len(self.result.runs) > 1:
            yield progress_chart(self.result.runs, at_least)
        if self.judgement.spread is not None:
            yield spread_table(self.judgement.spread)

    def files(self) -> dict[str, File]:
        """All runs, the weights of the chosen one, and a picture of what became of it."""
        return {
            "accuracies.png": self._picture(),
            "runs.csv": runs_file(self.result.runs, self.result.chosen),
            "chosen.safetensors": weights_file(self.result.model),
        }

    @property
    def _said_of_all(self) -> str:
        """What fresh runs say of all that could be made; of those that did not fail, nothing."""
        judged = self.judgement
        if len(self.result.complete) < len(self.result.runs):
            return "Runs that failed are left out."
        return " ".join(part.text for part in (judged.interval, judged.best) if part is not None)

    def _picture(self) -> File:
        """The runs where one was chosen, and the chosen one where it is judged."""
        # Matplotlib takes a while to import, which other claims do not have to wait for.
        from affidavit.initialization.pictures import accuracy_distribution

        result, found = self.result, self.decision.certified
        figure = accuracy_distribution(
            result.accuracies,
            chosen=result.chosen.accuracy,
            certified=found.accuracy,
            interval=(found.lower, found.upper),
            confidence=found.confidence,
            mean_certified=float(result.correct("test").mean()) if result.fresh else None,
        )
        return picture_file(figure, "the runs where one was chosen, and that one where judged")

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
        judged = self.judgement
        gains = [("first", judged.over_first), ("mean", judged.over_mean)]
        measures = [
            *((f"gain over the {name} run", gain) for name, gain in gains),
            ("optimism of choosing", judged.optimism),
        ]
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
    # Optuna takes a while to import, which other claims do not have to wait for.
    from affidavit.initialization.judging import judge

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
    judgement = judge(result, claim.confidence, claim.at_least)
    # There is a decision wherever an accuracy is asked for.
    return Attained(result, judgement, cast(Attainable, judgement.decision))
