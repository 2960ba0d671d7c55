"""The keys by which a claim says what is trained, and how."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, TypeAlias

from pydantic import Field

from affidavit.contract.claim import Claim
from affidavit.contract.proportions import plain
from affidavit.errors import DomainError
from affidavit.initialization.training.structures import Dense, SmallCNN
from affidavit.initialization.training.trainer import Trainer
from affidavit.report import wording

Structure: TypeAlias = Dense | SmallCNN
Size = Annotated[int, Field(ge=1)]

_TRAINER = Trainer()


class TrainedClaim(Claim, ABC):
    """Base of the claims about networks that are trained for the claim's sake, again and again."""

    hidden: list[Size] | None = Field(
        default=None,
        description="neurons of each hidden layer, such as [256, 256]; with `channels` those of"
        " the dense layers after the blocks. With neither, the model's factory gives networks",
    )
    channels: list[Size] | None = Field(
        default=None,
        min_length=1,
        description="feature maps of each block of a small convolutional network, such as [16, 32]",
    )
    activation: str = Field(
        default="relu", description="of dense layers without `channels`: relu, tanh or sigmoid"
    )
    epochs: int = Field(default=_TRAINER.epochs, ge=1, description="passes over the training rows")
    batch_size: int = Field(default=_TRAINER.batch_size, ge=1, description="rows a step")
    learning_rate: float = Field(
        default=_TRAINER.learning_rate, gt=0, allow_inf_nan=False, description="step size"
    )
    optimizer: str = Field(default=_TRAINER.optimizer, description="sgd or adam")
    momentum: float = Field(default=_TRAINER.momentum, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(
        default=_TRAINER.weight_decay,
        ge=0,
        allow_inf_nan=False,
        description="added to gradients, times the weights",
    )
    confidence: float = Field(
        default=0.95, ge=0.5, lt=1, description="confidence of the verdict, one-sided"
    )
    storage: str | None = Field(
        default=None,
        min_length=1,
        description="file that keeps the runs, so that an audit that was cut off goes on with them",
    )

    def model_post_init(self, context: object) -> None:
        if self.structure is None and "activation" in self.model_fields_set:
            raise ValueError("activation is that of dense layers: name them with hidden = [...]")
        if self.channels is not None and "activation" in self.model_fields_set:
            raise ValueError("activation: layers behind `channels` are always relu; leave it out")
        self.trainer  # noqa: B018 - raises for keys that do not go together

    @property
    def structure(self) -> Structure | None:
        """The structure that the claim names. None: what the factory of [model] gives."""
        try:
            if self.channels is not None:
                hidden = SmallCNN().hidden if self.hidden is None else tuple(self.hidden)
                return SmallCNN(tuple(self.channels), hidden)
            return None if self.hidden is None else Dense(tuple(self.hidden), self.activation)
        except DomainError as error:
            raise ValueError(str(error)) from error

    @property
    def trainer(self) -> Trainer:
        """How networks are trained. Raises ValueError, as any faulty key."""
        try:
            return Trainer(
                self.epochs,
                self.batch_size,
                self.learning_rate,
                self.optimizer,
                self.momentum,
                self.weight_decay,
            )
        except DomainError as error:
            raise ValueError(str(error)) from error

    @property
    def networks(self) -> str:
        """What is trained, in a sentence."""
        structure = self.structure
        if structure is None:
            return "networks of the structure of [model]"
        hidden = ", ".join(map(str, structure.hidden))
        if isinstance(structure, Dense):
            of = f"dense networks of {hidden} hidden neurons ({structure.activation})"
            return of if hidden else "networks without hidden layers"
        behind = f" and {hidden} dense neurons" if hidden else ""
        maps = ", ".join(map(str, structure.channels))
        return f"convolutional networks of {maps} feature maps{behind}"

    @property
    def training(self) -> str:
        """How it is trained, in a sentence."""
        trainer = self.trainer
        further = "".join(
            f", {name} {plain(value)}"
            for name, value in (
                ("momentum", trainer.momentum),
                ("weight decay", trainer.weight_decay),
            )
            if value
        )
        return (
            f"trained for {wording.counted(trainer.epochs, 'epoch')} ({trainer.optimizer}, learning"
            f" rate {plain(trainer.learning_rate)}{further}, batches of {trainer.batch_size:,})"
        )
