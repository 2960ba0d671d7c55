"""The keys by which a claim says what may not happen to an explanation."""

from __future__ import annotations

import math
from typing import Annotated, Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affidavit.certify.explanation_properties import Explanation, OutsideTop, Targeted, Untargeted
from affidavit.certify.goals import corner_masks
from affidavit.contract.context import Context
from affidavit.contract.decisions import classes_of_outputs
from affidavit.contract.exploring import one_score
from affidavit.contract.faults import Record
from affidavit.contract.features import feature_group
from affidavit.contract.outputs import Name, class_index, output_count
from affidavit.errors import ContractError, DataError, DomainError

Against = Literal["untargeted", "targeted", "top_k"]
Pair = Annotated[list[str | int], Field(min_length=2, max_length=2)]


class ExplanationKeys(Record):
    """What is certified of an explanation, which is the input gradient of a score."""

    against: Against = Field(
        default="untargeted",
        description="the adversary's aim: any other explanation, a given one, or a feature among"
        " the top k",
    )
    tau: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="threshold of the metric: how far explanations may go (untargeted), how near to"
        " the goal they must not come (targeted)",
    )
    metric: Literal["mse", "cosine"] = Field(
        default="mse",
        description="mean squared difference, or cosine similarity, of two explanations",
    )
    goal: str = Field(
        default="corners",
        description='targeted: "corners" (squares in the corners of an image), or a .npy file with'
        " one or several explanations",
    )
    corner: int = Field(default=5, ge=1, description="side of the squares in the corners")
    distances: int = Field(
        default=5, ge=1, description="how many distances of the squares from the border"
    )
    features: list[str | int] = Field(
        default=[],
        description="top_k: features that must stay out; default: the protected columns",
    )
    k: int = Field(default=5, ge=1, description="top_k: how many features make up the top")
    loss: Literal["logit", "margin", "cross_entropy"] = Field(
        default="logit", description="what is explained: the gradient of this score"
    )
    output: str | int | None = Field(
        default=None, description="class, or number of an output; default: the predicted class"
    )
    margin: Pair | None = Field(
        default=None, description="two classes instead: the first's score minus the second's"
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        one_score(self.output, self.margin)
        if self.margin is not None and self.loss != "margin":
            raise ValueError('margin names two classes: say loss = "margin"')
        if self.against == "top_k":
            return
        if self.tau is None:
            raise ValueError(f"tau is missing, which against = {self.against!r} needs")
        least, most = (0.0, math.inf) if self.metric == "mse" else (-1.0, 1.0)
        if not least <= self.tau <= most:
            span = "at least 0" if self.metric == "mse" else "from -1 to 1"
            raise ValueError(f"tau is {self.tau:g}; expected a number {span} for {self.metric}")

    @property
    def stays(self) -> str:
        """What the explanation does, to follow its name."""
        if self.against == "top_k":
            names = ", ".join(map(str, self.features)) or "the protected features"
            return f"does not have {names} among its {self.k} largest features"
        how = "mean squared difference" if self.metric == "mse" else "cosine similarity"
        if self.against == "untargeted":
            side = "at most" if self.metric == "mse" else "at least"
            return f"stays within a {how} of {side} {self.tau:g}"
        goal = "a square in a corner" if self.goal == "corners" else f"the goals of {self.goal}"
        side = "above" if self.metric == "mse" else "below"
        return f"keeps from {goal} a {how} {side} {self.tau:g}"

    @property
    def of_text(self) -> str:
        """What is explained, in words."""
        if self.loss == "cross_entropy":
            whose = "the predicted class" if self.output is None else f"the class {self.output}"
            return f"the cross-entropy of {whose}"
        if self.margin is not None:
            return f"the margin of {self.margin[0]} over {self.margin[1]}"
        if self.loss == "margin":
            return "the margin over the runner-up"
        return "the predicted class" if self.output is None else f"the score of {self.output}"

    def explanation_property(self, context: Context) -> Explanation:
        """What is certified.

        Raises:
            DataError, ContractError, DomainError: a class, feature or goal that does not exist.
        """
        target = self._target(context)
        if self.against == "top_k":
            return OutsideTop(
                features=tuple(self._features(context)), k=self.k, loss=self.loss, target=target
            )
        tau = cast(float, self.tau)
        if self.against == "untargeted":
            return Untargeted(tau=tau, metric=self.metric, loss=self.loss, target=target)
        return Targeted(
            goals=self._goals(context), tau=tau, metric=self.metric, loss=self.loss, target=target
        )

    def _target(self, context: Context) -> int | tuple[int, int] | None:
        if self.margin is not None:
            first, second = (_output(context, name) for name in self.margin)
            return first, second
        if self.output is None:
            return None
        if self.loss == "margin":
            raise ContractError('loss = "margin" is of two classes: name them with margin = [..]')
        return _output(context, self.output)

    def _features(self, context: Context) -> list[int]:
        names = [str(name) for name in self.features] or list(context.dataset.protected)
        if not names:
            raise ContractError(
                "no features: name them with features = [...], or protected columns in"
                " [data] protected"
            )
        return list(
            dict.fromkeys(i for name in names for i in feature_group(context.dataset, name))
        )

    def _goals(self, context: Context) -> Tensor:
        shape = context.dataset.inputs.shape[1:]
        if self.goal == "corners":
            last = len(shape) == 3 and shape[-1] in (1, 3) and shape[0] not in (1, 3)
            try:
                return corner_masks(
                    shape, size=self.corner, distances=self.distances, channels_last=last
                )
            except DomainError as error:
                raise ContractError(f"goal: {error}") from error
        path = context.folder / self.goal
        try:
            found = np.load(path, allow_pickle=False)
        except FileNotFoundError as error:
            raise DataError(f"goal: no such file: {path}") from error
        except (OSError, ValueError) as error:
            raise DataError(f"goal: {path} cannot be read as a .npy file: {error}") from error
        found = np.asarray(found, np.float64)
        if found.shape == shape:
            found = found[None]
        if found.shape[1:] != shape or not np.isfinite(found).all():
            raise DataError(
                f"goal: {path} holds an array of shape {list(found.shape)}; expected finite"
                f" explanations of the shape {list(shape)}, one or several"
            )
        return torch.from_numpy(found)


def _output(context: Context, name: Name) -> int:
    """The number of the output that a class, or a number without classes, names."""
    count = output_count(context)
    if not context.dataset.class_names:
        if not isinstance(name, int) or not 0 <= name < count:
            raise DataError(
                f"there is no output {name!r}: the data have no classes, and the model's outputs"
                f" are numbered 0 to {count - 1}"
            )
        return name
    index = class_index(context, name)
    place = int(np.flatnonzero(classes_of_outputs(context, max(count, 2)) == index)[0])
    if count == 1 and place == 0:
        raise ContractError(
            f"the model's single output is the score of {context.dataset.class_names[1]}: explain"
            " that, or leave the class out"
        )
    return 0 if count == 1 else place
