"""The keys by which a claim names an explainer, and what such claims rest on."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from affidavit.attribution.explainers import EXPLAINERS, Explainer
from affidavit.attribution.explainers.making import make_explainer
from affidavit.attribution.fill_ins import FILL_INS
from affidavit.contract.context import Context
from affidavit.contract.explaining import Explained, Measure, explain_rows
from affidavit.contract.sampling import SampledClaim
from affidavit.errors import DomainError, nearest


class ExplainerClaim(SampledClaim, ABC):
    """Base of the claims about images, each explained by an explainer."""

    explainer: str = Field(
        default="neuromask", description=f"what explains: {', '.join(EXPLAINERS)}"
    )
    options: dict[str, Any] = Field(
        default={}, description='options of the explainer, such as { preset = "official" }'
    )
    fill_in: str = Field(
        default="black", description=f"what stands where pixels are hidden: {', '.join(FILL_INS)}"
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        if self.fill_in not in FILL_INS:
            hint = nearest(self.fill_in, FILL_INS)
            raise ValueError(f"there is no fill_in {self.fill_in!r}{hint}: {', '.join(FILL_INS)}")
        self.make_explainer()

    def make_explainer(self, seed: int = 0) -> Explainer:
        """The explainer that the claim names. Raises ValueError, as any faulty key."""
        # TOML has arrays where options have tuples.
        options: Mapping[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.options.items()
        }
        try:
            return make_explainer(self.explainer, options, seed % 2**63)
        except DomainError as error:
            raise ValueError(str(error)) from error

    def explain(self, context: Context, measure: Measure) -> Explained:
        """The claim's rows, explained and measured."""
        rows = self.chosen_rows(context)
        explainer = self.make_explainer(context.seed)
        return explain_rows(context, self.on, rows, explainer, measure, self.id)

    @property
    def explainer_text(self) -> str:
        """The explainer and its options, in words."""
        options = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return f"{self.explainer} ({options})" if options else self.explainer

    def rules(self, context: Context) -> tuple[str, ...]:
        """What a statement rests on beside its sample."""
        return (
            "Explained is the class that the model decides for (ties: the first), by"
            f" {self.explainer_text} with the seed {context.seed}. Equally relevant pixels are in"
            " random order, by the seed.",
            f"Hidden pixels are replaced ({self.fill_in}). Such inputs are unlike those that the"
            " model was trained on. Scores are the model's own, in single precision.",
        )
