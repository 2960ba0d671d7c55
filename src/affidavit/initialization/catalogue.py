"""The catalogue of initializers: every rule by which Keras and PyTorch draw a first value.

Names without an underscore at their end mean what Keras means by them; PyTorch's functions keep
their underscore (`kaiming_normal_`), which may be left out where Keras has no such name. The two
libraries differ where they sound alike: Keras's `glorot_normal` and `he_normal` are cut at two
standard deviations and widened to make up for it, PyTorch's `xavier_normal_` and `kaiming_normal_`
are not cut.

Source: section 5.1 of the paper lists those of Keras; Glorot and Bengio 2010, He et al. 2015, LeCun
et al. 1998, Saxe et al. 2014.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from affidavit.errors import DomainError, nearest
from affidavit.initialization.distributions import (
    Constant,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    two_sigma,
)
from affidavit.initialization.rules import FAMILIES, MODES, Initializer, Option, Rule, Scaled


@dataclass(frozen=True)
class Entry:
    """What the catalogue says of a name.

    Attributes:
        summary: what it draws, in a line.
        make: the rule for its options, which are the parameters of this function.
        library: whose name it is.
    """

    summary: str
    make: Callable[..., Rule]
    library: str

    @property
    def options(self) -> dict[str, Option | None]:
        """Names and defaults of the options; None where one must be given."""
        found = inspect.signature(self.make).parameters.values()
        return {one.name: None if one.default is one.empty else one.default for one in found}


def _variance_scaling(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Rule:
    family = "truncated_normal" if distribution == "normal" else distribution
    return Scaled(scale, mode, family)


def _kaiming(family: str) -> Callable[..., Rule]:
    def make(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Rule:
        return Scaled(_gain(nonlinearity, a) ** 2, mode, family)

    return make


def _xavier(family: str) -> Callable[..., Rule]:
    def make(gain: float = 1.0) -> Rule:
        return Scaled(gain**2, "fan_avg", family)

    return make


def _fixed(scale: float, mode: str, family: str) -> Callable[..., Rule]:
    return lambda: Scaled(scale, mode, family)


def _keras_uniform(minval: float = -0.05, maxval: float = 0.05) -> Rule:
    return Uniform(minval, maxval)


def _torch_uniform(a: float = 0.0, b: float = 1.0) -> Rule:
    return Uniform(a, b)


def _recurrent(hidden_size: float) -> Rule:
    _check(hidden_size > 0, "hidden_size", hidden_size, "a number above 0")
    return Uniform(-1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))


def _trunc_normal(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Rule:
    return TruncatedNormal(mean, std, a, b)


INITIALIZERS: dict[str, Entry] = {
    "zeros": Entry("0 everywhere", lambda: Constant(0.0), "Keras"),
    "ones": Entry("1 everywhere", lambda: Constant(1.0), "Keras"),
    "constant": Entry("one value everywhere", lambda value=0.0: Constant(value), "Keras"),
    "random_normal": Entry("normal", lambda mean=0.0, stddev=0.05: Normal(mean, stddev), "Keras"),
    "random_uniform": Entry("uniform", _keras_uniform, "Keras"),
    "truncated_normal": Entry(
        "normal, cut at two `stddev` of the mean",
        lambda mean=0.0, stddev=0.05: two_sigma(mean, stddev),
        "Keras",
    ),
    "variance_scaling": Entry("mean 0, variance scale / fan", _variance_scaling, "Keras"),
    "lecun_normal": Entry(
        "cut normal, variance 1 / fan-in", _fixed(1, "fan_in", "truncated_normal"), "Keras"
    ),
    "lecun_uniform": Entry("uniform, variance 1 / fan-in", _fixed(1, "fan_in", "uniform"), "Keras"),
    "glorot_normal": Entry(
        "cut normal, variance 2 / (fan-in + fan-out)",
        _fixed(1, "fan_avg", "truncated_normal"),
        "Keras",
    ),
    "glorot_uniform": Entry(
        "uniform, variance 2 / (fan-in + fan-out)", _fixed(1, "fan_avg", "uniform"), "Keras"
    ),
    "he_normal": Entry(
        "cut normal, variance 2 / fan-in", _fixed(2, "fan_in", "truncated_normal"), "Keras"
    ),
    "he_uniform": Entry("uniform, variance 2 / fan-in", _fixed(2, "fan_in", "uniform"), "Keras"),
    "orthogonal": Entry(
        "random orthonormal rows or columns, times `gain`",
        lambda gain=1.0: Orthogonal(gain),
        "Keras",
    ),
    "normal_": Entry("normal", lambda mean=0.0, std=1.0: Normal(mean, std), "PyTorch"),
    "uniform_": Entry("uniform", _torch_uniform, "PyTorch"),
    "trunc_normal_": Entry("normal, cut to [`a`, `b`]", _trunc_normal, "PyTorch"),
    "xavier_uniform_": Entry(
        "uniform, variance 2 gain² / (fan-in + fan-out)", _xavier("uniform"), "PyTorch"
    ),
    "xavier_normal_": Entry(
        "normal, variance 2 gain² / (fan-in + fan-out)", _xavier("untruncated_normal"), "PyTorch"
    ),
    "kaiming_uniform_": Entry(
        "uniform, variance gain² / fan, the gain that of `nonlinearity` and its slope `a`",
        _kaiming("uniform"),
        "PyTorch",
    ),
    "kaiming_normal_": Entry(
        "normal, variance gain² / fan, the gain that of `nonlinearity` and its slope `a`",
        _kaiming("untruncated_normal"),
        "PyTorch",
    ),
    "torch_linear": Entry(
        "uniform within ±1 / √fan-in, the weight's fan-in for a bias: linear layers, convolutions",
        _fixed(1 / 3, "fan_in", "uniform"),
        "PyTorch's layers",
    ),
    "torch_recurrent": Entry(
        "uniform within ±1 / √`hidden_size`: RNN, LSTM, GRU", _recurrent, "PyTorch's layers"
    ),
    "torch_embedding": Entry(
        "normal, mean 0, variance 1: embeddings", lambda: Normal(0.0, 1.0), "PyTorch's layers"
    ),
}

ALIASES: dict[str, str] = {
    "zero": "zeros", "one": "ones", "normal": "random_normal", "uniform": "random_uniform",
    "zeros_": "zeros", "ones_": "ones", "constant_": "constant", "orthogonal_": "orthogonal",
    "trunc_normal": "trunc_normal_", "xavier_uniform": "xavier_uniform_",
    "xavier_normal": "xavier_normal_", "kaiming_uniform": "kaiming_uniform_",
    "kaiming_normal": "kaiming_normal_",
}  # fmt: skip
"""Other names by which Keras and PyTorch know them."""


def initializer(name: str | Initializer, **options: Option) -> Initializer:
    """The initializer of a name, with the options given; one that is made already stays as it is.

    Names are those of :data:`INITIALIZERS` and :data:`ALIASES`; Keras's class names
    (`GlorotUniform`) are known too.

    Raises:
        DomainError: an unknown name or option, or a value out of range.
    """
    if isinstance(name, Initializer):
        return name
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    key = ALIASES.get(key, key)
    if key not in INITIALIZERS:
        known = [*INITIALIZERS, *ALIASES]
        raise DomainError(
            f"no initializer {name!r}{nearest(name, known)}; there are {', '.join(INITIALIZERS)}"
        )
    entry = INITIALIZERS[key]
    defaults = entry.options
    for option in options:
        if option not in defaults:
            raise DomainError(
                f"{key} has no option {option!r}{nearest(option, defaults)};"
                f" it has {', '.join(defaults) or 'none'}"
            )
    for option, default in defaults.items():
        if default is None and option not in options:
            raise DomainError(f"{key} needs the option {option!r}")
        seen: object = options.get(option, default)
        word = isinstance(default, str)
        if not isinstance(seen, str if word else int | float) or isinstance(seen, bool):
            expected = "a word" if word else "a number"
            raise DomainError(f"{key}: {option} is {seen!r}; expected {expected}")
    rule = entry.make(**options)
    if isinstance(rule, Scaled):
        _check(0 < rule.scale < math.inf, f"the scale of {key}", rule.scale, "a number above 0")
        _check(rule.mode in MODES, "mode", rule.mode, f"one of {', '.join(MODES)}")
        _check(rule.family in FAMILIES, "distribution", rule.family, f"{', '.join(FAMILIES)}")
    changed = {name: value for name, value in options.items() if value != defaults[name]}
    return Initializer(key, tuple(changed.items()), rule)


def without_options() -> Iterator[Initializer]:
    """Every entry that needs no option, with its own defaults."""
    for name, entry in INITIALIZERS.items():
        if None not in entry.options.values():
            yield initializer(name)


def _gain(nonlinearity: str, slope: float) -> float:
    from torch.nn.init import calculate_gain

    try:
        return float(calculate_gain(nonlinearity, slope))  # type: ignore[arg-type]
    except ValueError as error:
        raise DomainError(
            f"nonlinearity {nonlinearity!r} with slope {slope:g} has no known gain ({error})"
        ) from error


def _check(holds: bool, name: str, seen: object, expected: str) -> None:
    if not holds:
        raise DomainError(f"{name} is {seen!r}; expected {expected}")
