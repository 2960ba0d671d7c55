"""The keys by which a claim names a detector of wrong predictions."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from affidavit.contract.faults import Record
from affidavit.contract.sampling import SampledClaim
from affidavit.errors import AffidavitError, DomainError, nearest
from affidavit.misclassification.features import BLOCKS
from affidavit.misclassification.policies import POLICIES, Policy, policy_from_json
from affidavit.mutation.operators import OPERATORS, SCHEMES

if TYPE_CHECKING:
    from affidavit.misclassification.scorers import Scorer

DEFAULT_SCORER = "max_softmax"

_TAKES = {
    "conductance": ("layers", 'layers = ["..."], where it is taken'),
    "runner_up": ("layers", 'layers = ["..."], where conductance is taken'),
    "label_change_rate": ("mutants", "mutants = { rate = ..., n = ... }"),
}
"""What a signal takes: a key, and how it is written."""

_SAVED = "scorer", "options", "features", "head", "layers", "mutants", "policy", "calibrate_on"
"""Keys that a saved detector has settled."""


class MutantKeys(Record):
    """Which mutants of the model the label change rate is of."""

    operator: str = Field(
        default="NAI", description=f"what a mutant changes: {', '.join(OPERATORS)}"
    )
    rate: float = Field(gt=0, le=1, description="share of the units that a mutant changes")
    n: int = Field(default=100, ge=1, description="number of mutants")
    keep_above: float = Field(
        default=0.9, gt=0, le=1, description="least share of the model's accuracy that one keeps"
    )
    scheme: str = Field(default="wu", description=f"whose definition: {', '.join(SCHEMES)}")

    def model_post_init(self, context: object) -> None:
        for key, value, known in (
            ("operator", self.operator, OPERATORS),
            ("scheme", self.scheme, SCHEMES),
        ):
            if value not in known:
                hint = nearest(value, known)
                raise ValueError(f"there is no {key} {value!r}{hint}: {', '.join(known)}")


class DetectorClaim(SampledClaim, ABC):
    """Base of the claims about a detector: which one, and the data that it learns from."""

    scorer: str | None = Field(
        default=None,
        description=f"what scores predictions: {DEFAULT_SCORER} by default, entropy, trust_score,"
        " ..., as in the documentation of misclassification",
    )
    options: dict[str, Any] = Field(
        default={}, description="options of the scorer, such as { neighbours = 20 }"
    )
    features: list[str] = Field(
        default=[],
        description=f"in place of a scorer, what a head learns from: {', '.join(BLOCKS)}",
    )
    head: str = Field(default="mlp", description="what learns: mlp, forest, logistic, ...")
    layers: list[str] = Field(
        default=[], description="where conductance is taken: paths of modules or names of nodes"
    )
    mutants: MutantKeys | None = Field(
        default=None, description="mutants for the label change rate: { rate = 0.01, n = 100 }"
    )
    policy: str | dict[str, Any] | None = Field(
        default=None,
        description="how the threshold is chosen, by default as the claim is met with most to"
        f' spare: "equal_recall", {{ policy = "recall_target", at_least = 0.9 }}, ...:'
        f" {', '.join(POLICIES)}",
    )
    fit_on: str = Field(
        default="validation", description="part that the detector is fitted on, never `on`"
    )
    calibrate_on: str | None = Field(
        default=None,
        description="part that the threshold is chosen on; by default half of `fit_on` where the"
        " detector learns, else all of it",
    )
    detector: str | None = Field(
        default=None, description="folder of a saved detector, in place of all these keys"
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        if self.detector is not None:
            others = sorted(self.model_fields_set & {*_SAVED, "fit_on"})
            if others:
                raise ValueError(
                    f"{', '.join(others)}: a saved detector has that settled; leave it out, or name"
                    " no detector"
                )
            return
        if self.scorer is not None and self.features:
            raise ValueError("scorer and features exclude each other: choose one")
        if self.options and self.scorer is None:
            raise ValueError("options are those of a scorer: name it with scorer = ...")
        if "head" in self.model_fields_set and not self.features:
            raise ValueError("head learns from features: name them with features = [...]")
        parts = [self.on, self.fit_on, self.calibrate_on]
        twice = next((part for part in parts if part is not None and parts.count(part) > 1), None)
        if twice is not None:
            raise ValueError(
                f"the part {twice!r} is named twice among on, fit_on and calibrate_on: a detector"
                " is judged on other data than it was fitted on"
            )
        self._check_needs(self.make_scorer().needs)
        self.given_policy()

    def make_scorer(self, seed: int = 0) -> Scorer:
        """The scorer that the claim names, not fitted. Raises ValueError, as any faulty key."""
        # Scikit-learn takes a second to import, which other claims do not have to wait for.
        from affidavit.misclassification.scorers import Learned, scorer

        try:
            if self.features:
                return Learned(
                    tuple(self.features), self.head, tuple(self.layers) or None, seed % 2**32
                )
            # TOML has arrays where options have tuples.
            options: Mapping[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in self.options.items()
            }
            return scorer(self.scorer or DEFAULT_SCORER, **options)
        except DomainError as error:
            raise ValueError(str(error)) from error
        except (TypeError, ValueError) as error:
            raise ValueError(f"options of {self.scorer}: {self.options}: {error}") from error

    def given_policy(self) -> Policy | None:
        """The policy that the claim names, if it does. Raises ValueError, as any faulty key."""
        if self.policy is None:
            return None
        try:
            named = {"policy": self.policy} if isinstance(self.policy, str) else self.policy
            return policy_from_json(named)
        except AffidavitError as error:
            raise ValueError(str(error)) from error

    @property
    def fitting_parts(self) -> tuple[str, ...]:
        """The parts that the detector is fitted on here, its threshold's included."""
        if self.detector is not None:
            return ()
        return (self.fit_on,) if self.calibrate_on is None else (self.fit_on, self.calibrate_on)

    @property
    def detector_text(self) -> str:
        """The detector, in a sentence."""
        if self.detector is not None:
            return f"the detector {self.detector}"
        return f"the {'detector' if self.features else 'scorer'} {self.detector_name}"

    @property
    def detector_name(self) -> str:
        """The detector, in a legend."""
        if self.detector is not None:
            return self.detector
        if not self.features:
            options = ", ".join(f"{name} {value}" for name, value in self.options.items())
            return f"{self.scorer or DEFAULT_SCORER}{f' ({options})' if options else ''}"
        where = f" (layers {', '.join(self.layers)})" if self.layers else ""
        return f"{self.head} on {', '.join(self.features)}{where}"

    def _check_needs(self, needs: frozenset[str]) -> None:
        for need, (key, how) in _TAKES.items():
            if need in needs and not getattr(self, key):
                raise ValueError(f"{self.detector_text} needs {need}, which takes {how}")
        for key in ("layers", "mutants"):
            if getattr(self, key) and not any(_TAKES[n][0] == key for n in needs & set(_TAKES)):
                raise ValueError(f"{key}: {self.detector_text} does not look at them")
        for need, what in (("dropout", "dropout layers"), ("ensemble", "further models")):
            if need in needs:
                raise ValueError(
                    f"{self.detector_text} takes {what}, and the graph that an audit makes of a"
                    " model has none: choose another scorer"
                )
