"""Fitted scorers in a folder: JSON, arrays, and scikit-learn estimators; reading runs nothing."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
import skops.io
import torch

from affidavit.attribution.classifier import Classifier
from affidavit.errors import AffidavitError, OutputError, RecordError
from affidavit.graph import Graph
from affidavit.misclassification.extraction import Source
from affidavit.misclassification.heads import read, written
from affidavit.misclassification.scorers import SCORERS, Scorer
from affidavit.misclassification.scorers.base import parameters

if TYPE_CHECKING:
    from affidavit.mutation import Mutants

VERSION = 1

RECORD = "detector.json"
ARRAYS = "arrays.npz"
MUTANTS = "mutants.npz"

TRUSTED = frozenset(
    {
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss._loss.CyHalfBinomialLoss",
    }
)
"""Types of scikit-learn that our estimators hold, beyond those that skops trusts by itself."""


def write(
    folder: Path,
    scorer: Scorer,
    record: Mapping[str, Any],
    arrays: Mapping[str, Any],
    mutants: Mutants | None = None,
) -> None:
    """Writes a fitted scorer, with further entries for the record, further arrays, and mutants.

    Raises OutputError: the folder cannot be written to, or the scorer is not one of ours.
    """
    if SCORERS.get(scorer.name) is not type(scorer):
        raise OutputError(
            f"a scorer of the type {type(scorer).__name__} cannot be saved: only those of the"
            f" table of scorers can, {', '.join(SCORERS)}"
        )
    fitted = scorer.fitted or {}
    plain = {f"fitted/{k}": v for k, v in fitted.items() if isinstance(v, np.ndarray)}
    estimators = sorted(set(fitted) - {key.removeprefix("fitted/") for key in plain})
    files: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ARRAYS).open("wb") as file:
            np.savez_compressed(file, **{**plain, **arrays})
        files[ARRAYS] = _digest(folder / ARRAYS)
        if mutants is not None:
            mutants.save(folder / MUTANTS)
            files[MUTANTS] = _digest(folder / MUTANTS)
        for number, key in enumerate(estimators):
            path = folder / f"estimator{number}.skops"
            skops.io.dump(fitted[key], path, compression=zipfile.ZIP_DEFLATED)
            files[path.name] = _digest(path)
        text = {
            "format": "detector",
            "version": VERSION,
            "scikit-learn": sklearn.__version__,
            "scorer": {"name": scorer.name, "parameters": _written(scorer)},
            "estimators": estimators,
            "files": files,
            **record,
        }
        # Last: a folder without it was not finished.
        (folder / RECORD).write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the detector cannot be written to {folder}: {error}") from error


def read_folder(folder: Path) -> tuple[Scorer, dict[str, Any], dict[str, np.ndarray]]:
    """What :func:`write` wrote: the scorer, the record, and the further arrays.

    Raises RecordError: no such folder, damaged files, another format, or files that hold types
    that a detector has no use for: such a file could run code, and is not loaded.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or record.get("format") != "detector":
            raise RecordError(f"{folder / RECORD} is not the record of a detector")
        if record["version"] != VERSION:
            raise RecordError(
                f"{folder} was written by another version: format {record['version']}"
            )
        for name, digest in record["files"].items():
            if Path(name).name != name:
                raise RecordError(f"{folder / RECORD} names a file outside of the folder: {name!r}")
            if _digest(folder / name) != digest:
                raise RecordError(f"{folder / name} is not the file that was saved: it was changed")
        with (folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        scorer = SCORERS[record["scorer"]["name"]](**_read(record["scorer"]["parameters"]))
        fitted: dict[str, Any] = {
            key.removeprefix("fitted/"): arrays.pop(key)
            for key in list(arrays)
            if key.startswith("fitted/")
        }
        for number, key in enumerate(record["estimators"]):
            fitted[key] = _estimator(folder / f"estimator{number}.skops", record)
        scorer.fitted = fitted
    except RecordError:
        raise
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile,
        AffidavitError,
    ) as error:  # fmt: skip
        raise RecordError(f"{folder} holds no saved detector: {_said(error)}") from error
    return scorer, record, arrays


def fingerprint(model: Source) -> str:
    """A hash of a model's parameters, buffers and graphs, by name, or of a graph's content."""
    inner = model.model if isinstance(model, Classifier) else model
    if isinstance(inner, Graph):
        return inner.sha256
    digest = hashlib.sha256()
    for name, tensor in sorted(inner.state_dict().items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(flat.numpy().tobytes())
    # A graph that a module holds is none of its modules, and in no state_dict.
    for path, module in inner.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Graph):
                digest.update(f"{path}.{name} {value.sha256}".encode())
    return digest.hexdigest()


def _estimator(path: Path, record: Mapping[str, Any]) -> Any:
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - TRUSTED)
        if foreign:
            raise RecordError(
                f"{path} holds types that no detector has: {', '.join(foreign)}. It was not"
                " loaded, as it could run code."
            )
        found = skops.io.load(path, trusted=sorted(TRUSTED))
    except RecordError:
        raise
    except Exception as error:
        # A damaged archive fails in whatever way its parts do.
        raise RecordError(
            f"{path} cannot be read with scikit-learn {sklearn.__version__} (it was written with"
            f" {record.get('scikit-learn')}): {_said(error)}"
        ) from error
    if not hasattr(found, "predict"):
        raise RecordError(f"{path} holds a {type(found).__name__}; expected a fitted estimator")
    return found


def _written(scorer: Scorer) -> dict[str, Any]:
    """The parameters as JSON."""
    found = {}
    for name in parameters(type(scorer)):
        value = getattr(scorer, name)
        if name in ("head", "joint_head"):
            value = written(value)
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        made: Any = read(value) if key in ("head", "joint_head") else value
        found[key] = tuple(made) if isinstance(made, list) else made
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
