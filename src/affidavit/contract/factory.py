"""Model factories: code that a contract names and the audit runs."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affidavit.errors import AffidavitError, ContractError, ModelError
from affidavit.seeding import seeded


@dataclass(frozen=True)
class Factory:
    """Code that gives a network: `package.module:function`, or `file.py:function` in the folder.

    Either finds modules in the folder (the file's own, for a file) without their being installed.
    """

    source: str
    arguments: Mapping[str, Any]
    folder: Path

    def load(self) -> Callable[[], Any]:
        """The function, with its arguments; it draws from the global generators.

        Raises ContractError if there is none. What it raises itself, or an attempt to end the
        program, becomes a ModelError.
        """
        function = _factory(self.source, self.folder)

        def make() -> Any:
            try:
                return function(**self.arguments)
            except AffidavitError:
                raise
            except (Exception, SystemExit) as error:
                raise ModelError(
                    f"the factory {self.source} failed: {type(error).__name__}: {error}"
                ) from error

        return make


def make_model(factory: Factory, seed: int) -> Any:
    """What the factory returns, called with the generators of PyTorch, NumPy and Python seeded.

    Raises:
        ContractError: there is no such factory.
        ModelError: it failed, or tried to end the program.
    """
    make = factory.load()
    with seeded(seed):
        return make()


def _factory(source: str, folder: Path) -> Callable[..., Any]:
    """The function that `package.module:function` or `file.py:function` names."""
    place, _, name = source.rpartition(":")
    if not place or not name:
        raise ContractError(
            f"[model] source: expected an .onnx file, package.module:function or file.py:function,"
            f" got {source!r}"
        )
    try:
        module = (
            _module_of_file(folder / place) if place.endswith(".py") else _module(place, folder)
        )
    except AffidavitError:
        raise
    except (Exception, SystemExit) as error:
        raise ContractError(
            f"[model] source: {place} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ContractError(f"[model] source: {place} has no function {name!r}")
    return function  # type: ignore[no-any-return]


def _module(name: str, folder: Path) -> Any:
    with _importable(folder):
        return importlib.import_module(name)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules in the folder are found without being installed, as a script's neighbours are."""
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


def _module_of_file(path: Path) -> Any:
    if not path.is_file():
        raise ContractError(f"[model] source: no such file: {path}")
    # Under a name of its own, so that files of the same name in two folders do not meet.
    name = f"affidavit_factory_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ContractError(f"[model] source: {path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _importable(path.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
