"""Reading contract files, with messages that point at the key."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from affidavit.contract.kinds import KINDS
from affidavit.contract.specification import Contract, Data, Model, Preprocessing, Run
from affidavit.errors import ContractError, nearest


def read_contract(path: str | Path) -> Contract:
    """The contract in a TOML file. Relative paths in it start from the file's folder.

    Raises:
        ContractError: the file cannot be read, is not TOML, or says something without meaning.
            All faults are reported together, each with its key and what was expected.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ContractError(f"{path}: no such contract") from error
    except OSError as error:
        raise ContractError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ContractError(f"{path}: not UTF-8 text; expected a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{path}: not valid TOML: {error}") from error
    try:
        return contract_from(content, folder=path.parent)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error


def contract_from(content: dict[str, Any], folder: str | Path = ".") -> Contract:
    """The contract that a TOML document's tables say. Raises ContractError; see read_contract."""
    faults = [
        f"[{name}]: unknown table{nearest(name, Contract.model_fields)}"
        for name in content
        if name not in Contract.model_fields or name == "folder"
    ]
    claims = content.get("claim")
    if isinstance(claims, list):
        # Claim by claim, so that one faulty claim does not hide the faults of the next.
        for number, item in enumerate(claims, 1):
            faults += _claim_faults(item, number)
    if not faults:
        try:
            return Contract.model_validate({**content, "folder": Path(folder)})
        except ValidationError as error:
            faults = [_fault(item, content) for item in error.errors()]
    raise ContractError("\n  ".join([f"{len(faults)} fault{'s'[: len(faults) != 1]}", *faults]))


def _claim_faults(item: Any, number: int) -> list[str]:
    place = f"[[claim]] {number}"
    if isinstance(item, dict) and isinstance(item.get("id"), str):
        place += f" ({item['id']})"
    if not isinstance(item, dict) or item.get("kind") not in KINDS:
        from affidavit.contract.kinds import claim_from

        try:
            claim_from(item)
        except ValueError as error:
            return [f"{place}: {error}"]
    kind = KINDS[item["kind"]]
    try:
        kind.model_validate({key: value for key, value in item.items() if key != "kind"})
    except ValidationError as error:
        return [f"{place} {_message(fault, kind)}" for fault in error.errors()]
    return []


_SECTIONS: dict[str, type[BaseModel]] = {"model": Model, "data": Data, "run": Run}
_NESTED: dict[tuple[str, str], type[BaseModel]] = {
    ("model", "preprocessing"): Preprocessing,
}


def _fault(fault: Any, content: dict[str, Any]) -> str:
    section, *rest = fault["loc"] or ("",)
    if not rest:
        if fault["type"] == "missing":
            example = '[model]\nsource = "network.onnx"' if section == "model" else f"[{section}]"
            if section == "claim":
                return "no claim: expected one or more [[claim]] tables"
            return f"[{section}] is missing: expected a table such as\n    " + example.replace(
                "\n", "\n    "
            )
        if section in _SECTIONS:
            return f"[{section}]: expected a table, got {_shown(fault['input'])}"
        return _message(fault, Contract)
    model = _SECTIONS.get(str(section), Contract)
    place = f"[{section}]"
    nested = _NESTED.get((str(section), str(rest[0])))
    if nested is not None and len(rest) > 1:
        return f"{place} {rest[0]}: {_message({**fault, 'loc': tuple(rest[1:])}, nested)}"
    return f"{place} {_message({**fault, 'loc': tuple(rest)}, model)}"


def _message(fault: Any, model: type[BaseModel]) -> str:
    """One fault in the form `key: expected …, got …`."""
    location: Sequence[Any] = fault["loc"]
    key = ".".join(str(part) for part in location)
    field = model.model_fields.get(str(location[0])) if location else None
    meaning = f" ({field.description})" if field is not None and field.description else ""
    text = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{key}: missing; expected {field.description if field else 'a value'}"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(key, model.model_fields)}"
    if not text.startswith("Input should "):
        return f"{key}: {text}" if key else text
    expected = text.removeprefix("Input should ").removeprefix("be ")
    return f"{key}: expected {expected}, got {_shown(fault['input'])}{meaning}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
