"""Reading ONNX files that are not to be trusted.

Nothing is executed, external data cannot leave the model's folder, and every size that the file
claims is checked against the bytes that are there before memory is asked for.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from affidavit.errors import ModelError

PROTOBUF_LIMIT = 2**31 - 1


def read_onnx(path: Path) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The model of an ONNX file and its initializers by name.

    Raises:
        ModelError: missing, empty, truncated or random file; a tensor whose claimed shape does not
            match its bytes; external data outside the model's folder; sparse initializers.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{path}: expected an ONNX file, found a folder or device")
        if size > PROTOBUF_LIMIT:
            raise ModelError(
                f"{path}: {size:,} bytes are more than an ONNX file can have (2 GiB);"
                " larger models keep their weights as external data"
            )
        model = onnx.ModelProto()
        model.ParseFromString(path.read_bytes())
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: cannot be read: {reason}") from error
    except DecodeError as error:
        raise ModelError(f"{path}: not an ONNX file, or a truncated one ({error})") from error
    if not model.graph.node or not model.opset_import:
        raise ModelError(f"{path}: not an ONNX file, or one without a network in it")
    if model.graph.sparse_initializer:
        raise ModelError(f"{path}: sparse initializers are not supported")
    try:
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        arrays = {
            tensor.name: read_tensor(tensor, path.parent) for tensor in model.graph.initializer
        }
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except Exception as error:  # onnx raises errors of many kinds on malformed content
        raise ModelError(f"{path}: malformed: {str(error).splitlines()[0]}") from error
    return model, arrays


def read_tensor(tensor: TensorProto, folder: Path | None) -> np.ndarray:
    """The array of a tensor, from the file itself or from external data in `folder`."""
    name = tensor.name or "a constant"
    if any(extent < 0 for extent in tensor.dims):
        raise ModelError(f"tensor {name!r} has the shape {list(tensor.dims)}")
    count = math.prod(tensor.dims)
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError as error:
        raise ModelError(f"tensor {name!r} has the unknown data type {tensor.data_type}") from error
    if tensor.data_location == TensorProto.EXTERNAL:
        if folder is None:
            raise ModelError(f"tensor {name!r} keeps its data outside the file, where it may not")
        return _external(tensor, folder, np.dtype(dtype), count)
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
    if tensor.raw_data:
        present = len(tensor.raw_data) / np.dtype(dtype).itemsize
    else:
        present = max(len(getattr(tensor, field)) for field in fields)
    # Narrow types are packed several to an entry; to_array checks those itself.
    if present < count and np.dtype(dtype).itemsize > 1:
        raise ModelError(
            f"tensor {name!r} claims the shape {list(tensor.dims)} ({count:,} entries)"
            f" but holds {present:,.0f}"
        )
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def _external(tensor: TensorProto, folder: Path, dtype: np.dtype, count: int) -> np.ndarray:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    target = (folder / location).resolve()
    if not location or not target.is_relative_to(folder.resolve()):
        raise ModelError(
            f"tensor {tensor.name!r} keeps its data at {location!r}, outside the model's folder"
        )
    try:
        offset = int(entries.get("offset", 0))
        available = target.stat().st_size - offset
        if not target.is_file() or offset < 0 or available < count * dtype.itemsize:
            raise ModelError(
                f"tensor {tensor.name!r} claims {count * dtype.itemsize:,} bytes at {offset:,} of"
                f" {location!r}, which has {max(available, 0):,} from there"
            )
        array = np.fromfile(target, dtype.newbyteorder("<"), count, offset=offset)
    except (OSError, ValueError) as error:
        raise ModelError(f"tensor {tensor.name!r}: its data at {location!r}: {error}") from error
    return array.astype(dtype, copy=False).reshape(tuple(tensor.dims))
