"""What a contract says: the model, the data, the run and the claims, as validated records."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, is_dataclass
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from affidavit.contract.claim import Claim
from affidavit.contract.faults import Record
from affidavit.contract.kinds import claim_from
from affidavit.data import Split
from affidavit.errors import DataError, nearest


class Preprocessing(Record):
    """What the model does to its input first: `(x - mean) / std`, by channel or by feature."""

    mean: list[float] = Field(description="a number, or one a channel or feature", min_length=1)
    std: list[float] = Field(description="likewise, all above 0", min_length=1)


class Model(Record):
    """Where the model comes from.

    A factory (`package.module:function`, or `file.py:function` beside the contract) is code that
    the contract names and the audit runs; everything else is read without running anything.
    """

    source: Any = Field(
        description="an .onnx file, or a factory as package.module:function or file.py:function;"
        " from Python also a module, graph or estimator"
    )
    weights: str | None = Field(
        default=None, description="safetensors or checkpoint to fill the factory's module with"
    )
    arguments: dict[str, Any] = Field(default={}, description="keyword arguments of the factory")
    output: Literal["logit", "probability"] | None = Field(
        default=None,
        description="what a single output is, where the model does not end in a sigmoid",
    )
    preprocessing: Preprocessing | None = Field(
        default=None, description="normalisation in front of the network: mean and std"
    )


def _split(value: Any) -> Any:
    if value is None or value == "published" or isinstance(value, Split):
        return value
    if not isinstance(value, dict):
        raise ValueError(
            f"expected shares such as {{ train = 0.6, validation = 0.2, test = 0.2, seed = 0 }},"
            f' or "published"; got {value!r}'
        )
    keys = [field.name for field in fields(Split)]
    for key in value:
        if key not in keys:
            raise ValueError(f"unknown key {key!r}{nearest(key, keys)}")
    try:
        return Split(**value)
    except DataError as error:
        raise ValueError(str(error).removeprefix("split: ")) from error


class Data(Record):
    """Where the data come from, and how their rows are used."""

    source: Any = Field(
        description="sklearn:NAME, a named set, or a .npz, .csv, .parquet file or image folder;"
        " from Python also a Dataset"
    )
    split: Annotated[Any, BeforeValidator(_split)] = Field(
        default=None,
        description='shares by name, or "published"; without it all rows of a file are `test`',
    )
    protected: list[str] = Field(default=[], description="names of protected columns")
    label: str | None = Field(default=None, description="name of the column that is predicted")
    features: list[str] | None = Field(
        default=None, description="input columns; default: all others"
    )
    header: bool = Field(default=True, description="whether a CSV's first line names its columns")
    task: Literal["classification", "regression"] | None = Field(
        default=None, description="what labels are, where their values do not tell"
    )
    classes: list[str | int] | None = Field(
        default=None, description="label values in the order of the model's outputs"
    )
    size: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="height and width of images"
    )
    channels_last: bool = Field(
        default=False, description="whether the model takes images as height, width, channel"
    )
    shape: list[int] | None = Field(
        default=None, description="shape of each input, where the model takes another one"
    )


class Run(Record):
    """How the audit is carried out."""

    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of everything that draws")
    batch_size: int = Field(default=256, ge=1, description="inputs run through the model at once")
    device: str = Field(default="cpu", description="torch device, such as cpu or cuda")


class Contract(Record):
    """What is claimed of a model: the Python form of a contract file.

    Equal to the file's: reading a TOML contract gives such a record.
    """

    title: str = Field(default="", description="heading of the report")
    model: Model
    data: Data
    run: Run = Run()
    claim: list[Annotated[SerializeAsAny[Claim], BeforeValidator(claim_from)]] = Field(
        min_length=1, description="the claims"
    )
    folder: Path = Field(
        default=Path(), exclude=True, description="folder that relative paths start from"
    )

    def model_post_init(self, context: Any) -> None:
        ids = [claim.id for claim in self.claim]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"two claims have the id {name!r}; ids must differ")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def sha256(self) -> str:
        """Hash of what the contract says, however it was written down.

        Live objects other than graphs and data sets have no content to hash: there the hash holds
        within this process alone.
        """
        return hashlib.sha256(self._content().encode()).hexdigest()

    def _content(self) -> str:
        content = self.model_dump(mode="python")
        for section, claim in zip(content["claim"], self.claim, strict=True):
            section["kind"] = claim.kind
        return json.dumps(content, sort_keys=True, default=_described)


def _described(value: Any) -> Any:
    """What has no JSON form, by content where it has a hash of its own, else by identity."""
    if isinstance(value, Path | date | time):
        return str(value)
    digest = getattr(value, "sha256", None)
    if isinstance(digest, str):
        return digest
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return f"<{type(value).__module__}.{type(value).__qualname__} at {id(value)}>"
