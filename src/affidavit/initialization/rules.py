"""How an initial parameter is drawn: a distribution, or one that follows from the fans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from torch import Generator, Tensor

from affidavit.errors import DomainError
from affidavit.initialization.distributions import (
    TWO_SIGMA_STD,
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    Uniform,
    two_sigma,
)
from affidavit.initialization.fans import Fans, fans_of

Option: TypeAlias = float | str
MODES = ("fan_in", "fan_out", "fan_avg")
FAMILIES = ("uniform", "truncated_normal", "untruncated_normal")


@dataclass(frozen=True)
class Scaled:
    """Mean 0 and a variance of `scale / fan`, whatever the family.

    Attributes:
        scale: what the variance has above the fan.
        mode: the fan: `fan_in`, `fan_out`, or `fan_avg`, the mean of both.
        family: `uniform`, `untruncated_normal`, or `truncated_normal`, a normal cut at two of its
            standard deviations whose variance is the stated one after the cut.
    """

    scale: float
    mode: str = "fan_in"
    family: str = "uniform"

    def distribution(self, fans: Fans) -> Distribution:
        """The distribution of a parameter of these fans."""
        by_mode = {
            "fan_in": fans.fan_in,
            "fan_out": fans.fan_out,
            "fan_avg": (fans.fan_in + fans.fan_out) / 2,
        }
        std = math.sqrt(self.scale / max(by_mode[self.mode], 1))
        if self.family == "uniform":
            return Uniform(-math.sqrt(3) * std, math.sqrt(3) * std)
        if self.family == "untruncated_normal":
            return Normal(0.0, std)
        return two_sigma(0.0, std / TWO_SIGMA_STD)


Rule: TypeAlias = Distribution | Scaled


@dataclass(frozen=True)
class Initializer:
    """An entry of the catalogue with its options.

    Attributes:
        name: its name in the catalogue.
        options: those that differ from the entry's own, by name.
        rule: a distribution, or how one follows from the fans.
    """

    name: str
    options: tuple[tuple[str, Option], ...]
    rule: Rule

    @property
    def text(self) -> str:
        """Such as `kaiming_normal_(mode='fan_out')`."""
        if not self.options:
            return self.name
        shown = (
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in self.options
        )
        return f"{self.name}({', '.join(shown)})"

    @property
    def scaled(self) -> bool:
        """Whether its numbers follow from the fans."""
        return isinstance(self.rule, Scaled)

    @property
    def random(self) -> bool:
        """Whether it draws: constants do not."""
        return not isinstance(self.rule, Constant)

    def distribution(self, fans: Fans | None, layout: str = "torch") -> Distribution:
        """The distribution, with its numbers worked out.

        Raises:
            DomainError: it needs fans, and there are none.
        """
        if isinstance(self.rule, Scaled):
            if fans is None:
                raise DomainError(
                    f"{self.text} is scaled by fan-in and fan-out, which a tensor of less than two"
                    " axes has not: take one that is not, or give the fans of its layer"
                )
            return self.rule.distribution(fans)
        if isinstance(self.rule, Orthogonal):
            return replace(self.rule, last=layout == "keras")
        return self.rule

    def sample(
        self,
        shape: Sequence[int],
        generator: Generator,
        *,
        fans: Fans | None = None,
        layout: str = "torch",
    ) -> Tensor:
        """A float32 tensor of this shape, by the fans given or else those of the shape.

        Raises:
            DomainError: a shape that it cannot draw.
        """
        known = fans or fans_of(shape, layout)
        return self.distribution(known, layout).sample(shape, generator)
