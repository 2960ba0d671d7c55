"""What Keras layers declare: the initializer objects that they hold, and their defaults."""

from __future__ import annotations

import inspect
import re
from typing import Any

from affidavit.errors import DomainError
from affidavit.initialization.catalogue import initializer
from affidavit.initialization.fans import Fans, fans_along, fans_of
from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.rules import Initializer

# What Keras's initializers have beside the options of the catalogue.
_BESIDE = ("seed", "input_axes", "output_axes")


def declared_by(layer: Any, variable: Any) -> Declared | None:
    """What a Keras layer declares of a variable; None where it holds no initializer for it.

    Also None for an initializer that is no entry of the catalogue, such as a user's own.
    """
    attribute = _attribute(layer, variable.name)
    if attribute is None:
        return None
    held = getattr(layer, attribute)
    found = from_keras(held)
    if found is None:
        return None
    shape = tuple(variable.shape)
    default = inspect.signature(type(layer).__init__).parameters.get(attribute)
    by_hand = default is None or _named(default.default) != found
    fans = _fans(layer, held, shape)
    if variable.name == "bias" and getattr(layer, "unit_forget_bias", False):
        unit = shape[0] // 4
        exceptions = ((unit, 2 * unit, initializer("ones")),)
        return Declared(found, fans, "keras", exceptions, by_hand)
    return Declared(found, fans, "keras", (), by_hand)


def from_keras(held: Any) -> Initializer | None:
    """The catalogue's entry for one of Keras's own initializer objects, or None."""
    kind = type(held)
    if not kind.__module__.startswith("keras.") or not hasattr(held, "get_config"):
        return None
    config = {key: value for key, value in held.get_config().items() if key not in _BESIDE}
    try:
        return initializer(kind.__name__, **config)
    except DomainError:
        return None


def _attribute(layer: Any, name: str) -> str | None:
    """The layer's attribute with the initializer of a variable: `kernel_initializer`."""
    stem = re.sub(r"_kernel$", "", name)
    stems = ["depthwise", name] if name == "kernel" else [name, stem]
    for one in stems:
        if hasattr(layer, f"{one}_initializer"):
            return f"{one}_initializer"
    return None


def _named(default: Any) -> Initializer | None:
    import keras

    known = isinstance(default, str)
    return from_keras(keras.initializers.get(default)) if known else None


def _fans(layer: Any, held: Any, shape: tuple[int, ...]) -> Fans | None:
    """The fans that Keras works with: by the axes it knows, or else by the shape."""
    axes: list[list[int] | None]
    axes = [getattr(held, name, None) for name in ("input_axes", "output_axes")]
    equation = getattr(layer, "equation", None)
    # An einsum layer tells newer initializers which axes of its kernel are inputs.
    if None in axes and hasattr(held, "input_axes") and isinstance(equation, str):
        _, kernel, outputs = re.split(r",|->", equation)
        if len(kernel) == len(shape):
            axes = [
                [i for i, axis in enumerate(kernel) if axis not in outputs],
                [i for i, axis in enumerate(kernel) if axis in outputs],
            ]
    if axes[0] is not None and axes[1] is not None:
        return fans_along(shape, axes[0], axes[1])
    return fans_of(shape, "keras")
