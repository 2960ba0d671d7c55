"""How a mask is learned: every constant of the method, and the named choices of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from affidavit.attribution.fill_ins import FILL_INS
from affidavit.attribution.neuromask.area_preset import AreaPreset
from affidavit.errors import DomainError, nearest

Kernel = Literal["five_point", "box3", "box5"]
Reduction = Literal["sum", "mean"]
Roughness = Literal["absolute", "squared"]

# Side of the images for which the authors give one set of constants, and the other.
_SMALL = 64


@dataclass(frozen=True)
class RMSProp:
    """`v ← decay·v + (1 - decay)·g²`, `W ← W - rate·g / sqrt(v + epsilon)`.

    Attributes:
        rate, decay, epsilon: α, β and ε.
        start: what v is at first: 0 in the paper; 1 in TensorFlow's optimiser, whose first steps
            are small until it has decayed.
    """

    rate: float = 0.03
    decay: float = 0.9
    epsilon: float = 1e-10
    start: float = 0.0


@dataclass(frozen=True)
class Preset:
    """Learning by the penalties of the paper: the mask of weights W is `m = σ(W / temperature)`.

    The weights minimise `λ_p·CE + λ_sp·|W + τ| + λ_sm·|L∗W|^q`: CE is the cross-entropy of the
    masked input `fill + m·(x - fill)` for the class; L a Laplacian, without padding; the penalties
    are sums or means over the entries.

    Attributes:
        tau: τ; W is pulled towards -τ, and drawn from Uniform(-τ, τ) at first.
        temperature: T.
        prediction, sparsity, smoothness: λ_p, λ_sp and λ_sm.
        reduction: whether a penalty is the sum or the mean of its entries.
        kernel: L: `five_point` (4 in the centre, -1 beside), or `box3` and `box5` (8 and 24 in the
            centre, -1 all around). On signals the same of one axis (2, 2 and 4 in the centre).
        roughness: q is 1 (`absolute`) or 2 (`squared`).
        optimiser: RMSProp's constants.
        steps: how many.
        fill_in: what hidden parts become, of :data:`~affidavit.attribution.fill_ins.FILL_INS`.
        patience: an image whose loss has not fallen for so many steps is finished; `None`: never.

    Raises DomainError where a constant makes no sense.
    """

    tau: float = 20.0
    temperature: float = 1.0
    prediction: float = 50.0
    sparsity: float = 16.0
    smoothness: float = 3.0
    reduction: Reduction = "mean"
    kernel: Kernel = "five_point"
    roughness: Roughness = "absolute"
    optimiser: RMSProp = RMSProp()
    steps: int = 1000
    fill_in: str = "black"
    patience: int | None = None

    def __post_init__(self) -> None:
        positive = {
            "tau": self.tau,
            "temperature": self.temperature,
            "optimiser.rate": self.optimiser.rate,
            "optimiser.epsilon": self.optimiser.epsilon,
        }
        weights = {
            "prediction": self.prediction,
            "sparsity": self.sparsity,
            "smoothness": self.smoothness,
            "optimiser.start": self.optimiser.start,
        }
        for name, value in positive.items():
            if not (math.isfinite(value) and value > 0):
                raise DomainError(f"{name} is {value}; expected a number above 0")
        for name, value in weights.items():
            if not (math.isfinite(value) and value >= 0):
                raise DomainError(f"{name} is {value}; expected a number of at least 0")
        if not 0 <= self.optimiser.decay < 1:
            raise DomainError(f"optimiser.decay is {self.optimiser.decay}; expected [0, 1)")
        if self.steps < 1 or (self.patience is not None and self.patience < 1):
            raise DomainError(
                f"steps is {self.steps} and patience {self.patience}; expected at least 1"
            )
        choices = {
            "reduction": (self.reduction, ("sum", "mean")),
            "kernel": (self.kernel, ("five_point", "box3", "box5")),
            "roughness": (self.roughness, ("absolute", "squared")),
            "fill_in": (self.fill_in, tuple(FILL_INS)),
        }
        for name, (chosen, known) in choices.items():
            if chosen not in known:
                hint = nearest(chosen, known)
                raise DomainError(f"{name} is {chosen!r}{hint}; known: {', '.join(known)}")


def _paper(shape: tuple[int, ...]) -> Preset:
    """τ = 20, no temperature, sums of absolute values, the Laplacian ∂²/∂x² + ∂²/∂y².

    The paper gives neither λ nor the optimiser's constants: they are the authors' published ones,
    λ_sp and λ_sm divided by the number of entries, since the penalties here are sums.
    """
    official = _official(shape)
    inner = math.prod(max(1, size - 2) for size in shape)
    return Preset(
        tau=20.0,
        temperature=1.0,
        prediction=official.prediction,
        sparsity=official.sparsity / math.prod(shape),
        smoothness=official.smoothness / inner,
        reduction="sum",
        kernel="five_point",
        roughness="absolute",
        optimiser=RMSProp(),
        steps=official.steps,
    )


def _official(shape: tuple[int, ...]) -> Preset:
    """The authors' published constants, by the size of the image."""
    return (_official_cifar if min(shape) < _SMALL else _official_imagenet)(shape)


def _official_imagenet(shape: tuple[int, ...]) -> Preset:
    return Preset(
        tau=10.0,
        temperature=0.3,
        prediction=50.0,
        sparsity=16.0,
        smoothness=3.0,
        kernel="box5",
        roughness="squared",
        optimiser=RMSProp(start=1.0),
        steps=1000,
    )


def _official_cifar(shape: tuple[int, ...]) -> Preset:
    return Preset(
        tau=10.0,
        temperature=1.0,
        prediction=0.4,
        sparsity=0.35,
        smoothness=0.15,
        kernel="box3",
        roughness="squared",
        optimiser=RMSProp(start=1.0),
        steps=2000,
    )


def _fast(shape: tuple[int, ...]) -> AreaPreset:
    """Our own: every area at once, from coarse to fine, against black and blur in turn."""
    return AreaPreset()


def _fast_signals(shape: tuple[int, ...]) -> AreaPreset:
    """For signals, where black means little and places are few: against the line between a
    signal's ends and its local mean in turn, on grids of half and all of the places."""
    places = max(shape)
    stages = ((max(1, places // 2), 14), (places, 30))
    return AreaPreset(stages=stages, fill_ins=("line", "blur"))


AnyPreset: TypeAlias = Preset | AreaPreset

PRESETS: Mapping[str, Callable[[tuple[int, ...]], AnyPreset]] = MappingProxyType(
    {
        "fast": _fast,
        "fast-signals": _fast_signals,
        "paper": _paper,
        "official": _official,
        "official-imagenet": _official_imagenet,
        "official-cifar": _official_cifar,
    }
)
"""The named presets, each a function of the mask's shape."""


def preset_for(preset: str | AnyPreset, shape: tuple[int, ...]) -> AnyPreset:
    """The preset of that name for masks of that shape; constants are themselves.

    Raises DomainError for an unknown name.
    """
    if isinstance(preset, AnyPreset):
        return preset
    if preset not in PRESETS:
        known = ", ".join(PRESETS)
        hint = nearest(str(preset), PRESETS)
        raise DomainError(f"there is no preset {preset!r}{hint}; known: {known}")
    return PRESETS[preset](shape)


def filled_with(preset: AnyPreset, fill_in: str | None) -> AnyPreset:
    """The preset with another fill-in for hidden parts; with none given, as it is.

    Raises DomainError for an unknown name.
    """
    if fill_in is None:
        return preset
    if isinstance(preset, Preset):
        return replace(preset, fill_in=fill_in)
    return replace(preset, fill_ins=(fill_in,))
