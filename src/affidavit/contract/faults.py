"""What is said of a faulty key: what was expected, and what stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic.fields import FieldInfo

from affidavit.errors import ContractError, nearest

COLLECT = {"collect": True}
"""Validation context of a reader that gathers the faults of many tables itself."""


class Record(BaseModel):
    """Base of what a contract is made of: frozen, strict, and clear about its faults.

    Strict: `true` is no number, and `"0.9"` none either. Made in Python, a faulty record is a
    ContractError.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _told(cls, value: Any, handler: Callable[[Any], Self], info: ValidationInfo) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            if info.context == COLLECT:
                raise
            faults = [message(fault, cls) for fault in error.errors()]
            raise ContractError(f"{cls.__name__}: " + "; ".join(faults)) from error


def message(fault: Any, model: type[BaseModel]) -> str:
    """One fault in the form `key: expected …, got …`."""
    location = fault["loc"]
    key = ".".join(str(part) for part in location)
    field, owner = _field(model, location)
    text = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{key}: missing; expected {field.description if field else 'a value'}"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(str(location[-1]), owner.model_fields)}"
    if not re.match(r"\w+ should ", text):
        return f"{key}: {text}" if key else text
    expected = re.sub(r"^\w+ should (be |have )?", "", text)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    return f"{key}: expected {expected}, got {shown(fault['input'])}{meaning}"


def _field(
    model: type[BaseModel], location: tuple[Any, ...]
) -> tuple[FieldInfo | None, type[BaseModel]]:
    """The innermost field that a fault is in, and the record that it is a key of."""
    field = None
    for step in location:
        found = model.model_fields.get(str(step))
        if found is None:
            break
        field = found
        inner = [
            kind
            for kind in (found.annotation, *get_args(found.annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if not inner:
            break
        model = inner[0]
    return field, model


def shown(value: Any) -> str:
    """A value as a message shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
