"""The audit: every claim of a contract checked, and the statements collected."""

from __future__ import annotations

import hashlib
import platform
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import joblib
import numpy as np
import torch
from torch import nn

import affidavit
from affidavit.contract.affidavit import Affidavit
from affidavit.contract.claim import Claim, Finding
from affidavit.contract.context import Context
from affidavit.contract.reading import read_contract
from affidavit.contract.specification import Contract
from affidavit.contract.subject import (
    data_subject,
    factory_of,
    live_model,
    load_data,
    load_model,
    model_subject,
)
from affidavit.errors import AffidavitError, ContractError, nearest
from affidavit.evidence import Attachment, Cost, Header, Statement
from affidavit.seeding import seeded


def audit(
    contract: Contract | str | Path, *, backend: str | None = None, progress: bool = False
) -> Affidavit:
    """Checks every claim of a contract.

    Args:
        contract: a contract, or the path of a contract file.
        backend: joblib backend that carries the claims out, such as "loky" for processes here or
            "ray" or "dask" on a cluster; one after the other in this process when None.
        progress: show progress on stderr.

    Returns:
        The affidavit: a statement for each claim, in the contract's order.

    Raises:
        AffidavitError: the audit cannot be run: a bad contract, model or data.
    """
    started = time.perf_counter()
    if not isinstance(contract, Contract):
        contract = read_contract(contract)
    dataset = load_data(contract.data, contract.folder, progress=progress)
    live = live_model(contract.model, contract.folder, contract.run.seed)
    graph = load_model(
        contract.model,
        contract.folder,
        dataset,
        seed=contract.run.seed,
        channels_last=contract.data.channels_last,
        live=live,
    )
    # A module's class may live in a file beside the contract, which other processes cannot import.
    here = backend is None and isinstance(live, nn.Module)
    context = Context(
        graph=graph,
        dataset=dataset,
        seed=contract.run.seed,
        batch_size=contract.run.batch_size,
        device=_device(contract.run.device),
        output=contract.model.output,
        progress=progress and backend is None,
        folder=contract.folder,
        module=live if here else None,
        preprocessing=contract.model.preprocessing,
        factory=factory_of(contract.model, contract.folder),
    )
    if backend is None:
        checked = [_check(claim, context) for claim in contract.claim]
    else:
        with _parallel(backend):
            work = (joblib.delayed(_check)(claim, context) for claim in contract.claim)
            checked = list(joblib.Parallel()(work))
    model = model_subject(contract, graph)
    header = Header(
        title=contract.title or f"Audit of {model.name}",
        contract_sha256=contract.sha256,
        model=model,
        data=data_subject(dataset),
        created=datetime.now(UTC).replace(microsecond=0).isoformat(),
        seed=contract.run.seed,
        versions=versions(),
        seconds=time.perf_counter() - started,
    )
    statements = []
    attachments: dict[str, bytes] = {}
    for number, (claim, (finding, seconds)) in enumerate(
        zip(contract.claim, checked, strict=True), 1
    ):
        folder = f"evidence/{number:02d}-{_slug(claim.id)}"
        contents = {f"{folder}/{name}": file.content for name, file in finding.files.items()}
        attachments |= contents
        statements.append(_statement(claim, finding, seconds, header, folder))
    return Affidavit(header, tuple(statements), MappingProxyType(attachments))


def versions() -> MappingProxyType[str, str]:
    """Versions of what a result depends on."""
    return MappingProxyType(
        {
            "affidavit": affidavit.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        }
    )


def _check(claim: Claim, context: Context) -> tuple[Finding, float]:
    started = time.perf_counter()
    try:
        with seeded(context.seed):
            finding = claim.check(context)
    except AffidavitError as error:
        error.add_note(f"in claim {claim.id!r}")
        raise
    return finding, time.perf_counter() - started


def _statement(
    claim: Claim, finding: Finding, seconds: float, header: Header, folder: str
) -> Statement:
    return Statement(
        id=claim.id,
        kind=claim.kind,
        claim=claim.text,
        parameters=MappingProxyType(claim.parameters()),
        verdict=finding.verdict,
        grade=finding.grade,
        value=finding.value,
        interval=finding.interval,
        finding=finding.reason,
        assumptions=finding.assumptions,
        exhibits=finding.exhibits,
        attachments=tuple(
            Attachment(
                f"{folder}/{name}", hashlib.sha256(file.content).hexdigest(), file.description
            )
            for name, file in finding.files.items()
        ),
        cost=Cost(seconds, finding.evaluations),
        seed=header.seed,
        versions=header.versions,
        model_sha256=header.model.sha256,
        data_sha256=header.data.sha256,
        quantity=finding.quantity,
        witness=finding.witness,
    )


def _parallel(backend: str) -> joblib.parallel_config:
    try:
        if backend == "ray":
            from ray.util.joblib import register_ray  # type: ignore[import-not-found, unused-ignore]

            register_ray()
        return joblib.parallel_config(backend, n_jobs=-1)
    except (ValueError, ImportError) as error:
        known = ("loky", "threading", "multiprocessing", "ray", "dask")
        hint = "" if backend in known else nearest(backend, known)
        raise ContractError(f"joblib cannot use the backend {backend!r}{hint}: {error}") from error


def _device(name: str) -> str:
    try:
        torch.zeros(1, device=name).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0][:150]
        raise ContractError(f"[run] device: {name!r} cannot be used: {first}") from error
    return name


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:60] or "claim"
