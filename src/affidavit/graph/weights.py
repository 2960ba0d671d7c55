"""Weights from files, read without running anything that is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from affidavit.errors import ModelError, nearest

_CONTAINERS = ("state_dict", "model_state_dict", "model", "net")
_WRAPPERS = ("_orig_mod.", "module.", "_orig_mod.")  # compiled, data-parallel, or one in the other


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name from a safetensors file or a PyTorch checkpoint.

    A checkpoint is read with `torch.load(weights_only=True)`: a file that would run code is
    refused. State dicts inside the usual containers (`state_dict`, `model`, ...) are found, and
    the prefixes that data-parallel training and compilation leave are taken off.

    Raises:
        ModelError: missing, truncated, random or unsafe file, or no tensors in it.
    """
    path = Path(path)
    try:
        if not path.is_file() or not path.stat().st_size:
            raise ModelError(f"{path}: no such file, or an empty one; expected weights")
        content = _read_safetensors(path) if _is_safetensors(path) else _read_checkpoint(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path}: holds no tensors; expected a state dict")
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Fills a module with the weights of a file; every name and shape must match.

    Raises:
        ModelError: names what is missing, unexpected or of another shape.
    """
    weights = read_weights(path)
    expected = module.state_dict()
    faults = [f"missing {name!r}" for name in expected if name not in weights]
    for name, tensor in weights.items():
        if name not in expected:
            faults.append(f"unexpected {name!r}{nearest(name, expected)}")
        elif tensor.shape != expected[name].shape:
            faults.append(
                f"{name!r} has the shape {list(tensor.shape)},"
                f" expected {list(expected[name].shape)}"
            )
    # Counters that only training uses may be absent from older checkpoints.
    faults = [fault for fault in faults if not fault.endswith("num_batches_tracked'")]
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise ModelError(f"{path} does not fit {type(module).__name__}: {shown}")
    module.load_state_dict(weights, strict=False)


def _is_safetensors(path: Path) -> bool:
    """By content: eight bytes of header length, then a JSON object."""
    with path.open("rb") as file:
        head = file.read(9)
    return path.suffix == ".safetensors" or (len(head) == 9 and head[8:9] == b"{")


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, json.JSONDecodeError, RuntimeError) as error:
        raise ModelError(f"{path}: not a safetensors file, or a damaged one ({error})") from error


def _read_checkpoint(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise ModelError(
            f"{path}: not a checkpoint of tensors alone. Files that hold code are never opened;"
            " save the state dict, best as safetensors"
        ) from error
    except OSError:
        raise
    except Exception as error:  # torch.load raises errors of many kinds on damaged files
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: not a checkpoint, or a damaged one ({first})") from error
    while isinstance(content, Mapping):
        inner = [content[key] for key in _CONTAINERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: holds a {type(content).__name__}; expected a state dict")
    return content
