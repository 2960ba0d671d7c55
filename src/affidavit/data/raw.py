"""What a reader found in a source, before it is cut into parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.data.arrays import Array
from affidavit.errors import AffidavitError, DataError


@dataclass(frozen=True, eq=False)
class Raw:
    """The fields of a :class:`~affidavit.data.Dataset` that its source decides.

    Attributes:
        published: the parts of the set's own published split; empty where it has none.
    """

    inputs: NDArray[np.float32]
    labels: Array
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    columns: Mapping[str, Array] = field(default_factory=dict)
    protected: tuple[str, ...] = ()
    published: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turns whatever a damaged file makes its parser raise into one DataError naming the file."""
    try:
        yield
    except AffidavitError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except MemoryError as error:
        raise DataError(f"{path} asks for more memory than there is") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8"
        ) from error
    except Exception as error:  # parsers raise what they like on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read as {what}: {reason}") from error
