"""Reading contract files, with messages that point at the key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from affidavit.contract.faults import COLLECT, message, shown
from affidavit.contract.kinds import KINDS, claim_from
from affidavit.contract.specification import Contract, Data, Model, Preprocessing, Run
from affidavit.errors import ContractError, nearest

_SECTIONS: dict[str, type[BaseModel]] = {"model": Model, "data": Data, "run": Run}
_NESTED: dict[tuple[str, str], type[BaseModel]] = {("model", "preprocessing"): Preprocessing}


def read_contract(path: str | Path) -> Contract:
    """The contract in a TOML file. Relative paths in it start from the file's folder.

    Raises:
        ContractError: the file cannot be read, is not TOML, or says something without meaning.
            All faults are reported together, each with its key and what was expected.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
    # Table by table, so that one faulty table does not hide the faults of the next.
    faults = list(_faults(content))
    if not faults:
        try:
            whole = {**content, "folder": Path(folder)}
            return Contract.model_validate(whole, context=COLLECT)
        except ValidationError as error:
            faults = [message(fault, Contract) for fault in error.errors()]
    raise ContractError("\n  ".join([f"{len(faults)} fault{'s'[: len(faults) != 1]}", *faults]))


def _faults(content: dict[str, Any]) -> Iterator[str]:
    for name in content:
        if name not in Contract.model_fields or name == "folder":
            yield f"[{name}]: unknown table{nearest(name, Contract.model_fields)}"
    for name, section in _SECTIONS.items():
        if name in content:
            yield from _section_faults(name, section, content[name])
        elif Contract.model_fields[name].is_required():
            yield f"[{name}] is missing: expected a table with a `source`"
    claims = content.get("claim")
    if not isinstance(claims, list) or not claims:
        yield "no claim: expected one or more [[claim]] tables"
    else:
        for number, item in enumerate(claims, 1):
            yield from _claim_faults(item, number)


def _section_faults(name: str, section: type[BaseModel], item: Any) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"[{name}]: expected a table, got {shown(item)}"
        return
    try:
        section.model_validate(item, context=COLLECT)
    except ValidationError as error:
        for fault in error.errors():
            key, *rest = fault["loc"]
            nested = _NESTED.get((name, str(key))) if rest else None
            if nested is None:
                yield f"[{name}] {message(fault, section)}"
            else:
                yield f"[{name}] {key}: {message({**fault, 'loc': tuple(rest)}, nested)}"


def _claim_faults(item: Any, number: int) -> Iterator[str]:
    place = f"[[claim]] {number}"
    if isinstance(item, dict) and isinstance(item.get("id"), str):
        place += f" ({item['id']})"
    try:
        claim_from(item, COLLECT)
    except ValidationError as error:
        for fault in error.errors():
            yield f"{place} {message(fault, KINDS[item['kind']])}"
    except ValueError as error:
        yield f"{place}: {error}"
