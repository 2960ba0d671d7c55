"""The constants of learning masks of every area at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affidavit.attribution.fill_ins import FILL_INS
from affidavit.errors import DomainError, nearest


@dataclass(frozen=True)
class AreaPreset:
    """Learning an order of the places; see :mod:`affidavit.attribution.neuromask.ranked`.

    Attributes:
        stages: longest side of the grid of scores, and steps on it, from coarse to fine. A step
            evaluates the network on two masked copies of each input.
        temperature: of the soft threshold, in units of the scores: at the first step and at the
            last, falling by the same factor each step.
        areas: least and greatest share of places that a step's mask shows.
        sufficiency: weight of `-log p` of the class for what the mask shows.
        necessity: weight of `p` of the class for what the mask leaves.
        fill_ins: what hidden parts become, in turn; the first also decides the final mask.
        width: of the Gaussian that the gradient is smoothed by, in cells of the grid. Masks are
            then patches rather than dots: dots score higher still, and show nobody anything.
        rate, momentum, memory: of the optimiser: step size, and decay of the averages of the
            gradient and of its square.
        damping: a place moves by its gradient over its own spread and so many times the spread
            over all places. At 0, Adam, places that hardly matter move like those that do.
        keep: the final mask is the smallest that keeps this share of the class's probability...
        tried: ...of those that show these shares of the places; the largest where none does.

    Raises DomainError where a constant makes no sense.
    """

    stages: tuple[tuple[int, int], ...] = ((14, 10), (28, 14), (56, 20))
    temperature: tuple[float, float] = (1.0, 0.3)
    areas: tuple[float, float] = (0.02, 0.98)
    sufficiency: float = 1.0
    necessity: float = 1.0
    fill_ins: tuple[str, ...] = ("black", "black", "blur")
    width: float = 1.2
    rate: float = 6.0
    momentum: float = 0.8
    memory: float = 0.9
    damping: float = 10.0
    keep: float = 0.9
    tried: tuple[float, ...] = (0.02, 0.04, 0.08, 0.12, 0.18, 0.26, 0.36, 0.5, 0.7)

    def __post_init__(self) -> None:
        if not self.stages or any(side < 1 or count < 1 for side, count in self.stages):
            raise DomainError(f"stages is {self.stages}; expected (side, steps), both at least 1")
        if not self.fill_ins or not self.tried:
            raise DomainError("fill_ins and tried have to name at least one each")
        for name in self.fill_ins:
            if name not in FILL_INS:
                raise DomainError(f"there is no fill-in {name!r}{nearest(name, FILL_INS)}")
        low, high = self.areas
        shares = {"areas": (low, high), "tried": self.tried, "keep": (self.keep,)}
        for name, values in shares.items():
            if not all(0 < value < 1 for value in values):
                raise DomainError(f"{name} is {values}; expected shares between 0 and 1")
        if low >= high:
            raise DomainError(f"areas is {self.areas}; expected the smaller first")
        positive = {"temperature": min(self.temperature), "rate": self.rate}
        for name, value in positive.items():
            if not (math.isfinite(value) and value > 0):
                raise DomainError(f"{name} is {value}; expected a number above 0")
        weights = (self.sufficiency, self.necessity, self.width, self.damping)
        if not all(math.isfinite(value) and value >= 0 for value in weights):
            raise DomainError(
                f"sufficiency, necessity, width and damping are {weights}; expected at least 0"
            )
        if not (0 <= self.momentum < 1 and 0 <= self.memory < 1):
            raise DomainError(
                f"momentum is {self.momentum} and memory {self.memory}; expected [0, 1)"
            )

    @property
    def steps(self) -> int:
        """How many steps there are over all stages."""
        return sum(count for _, count in self.stages)

    def temperature_at(self, step: int) -> float:
        """The temperature of a step, counted from 0."""
        first, last = self.temperature
        share = step / max(1, self.steps - 1)
        return float(first * (last / first) ** share)

    def area_at(self, share: float) -> float:
        """The area of a share in [0, 1) of their range."""
        low, high = self.areas
        return low + (high - low) * share
