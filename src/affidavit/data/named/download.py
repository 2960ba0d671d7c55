"""Finding a file of a named set: the user's folder, the cache, then its public home."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from affidavit.data.raw import reading
from affidavit.errors import DataError

_CHUNK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class SetFile:
    """A file, or a folder, of a named set.

    Attributes:
        path: its place below the data folder, with forward slashes.
        url: its public home, or empty where it has none in this form.
        digests: checksums of the copies known, as "sha256:…" or "md5:…".
        unpacked: whether the checksums are of the gunzipped content (mirrors compress differently).
    """

    path: str
    url: str = ""
    digests: tuple[str, ...] = ()
    unpacked: bool = False


def cache_folder() -> Path:
    """Where downloads are kept: `AFFIDAVIT_CACHE`, or the platform's folder for caches."""
    own = os.environ.get("AFFIDAVIT_CACHE")
    if own:
        return Path(own).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "affidavit"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "affidavit"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "affidavit"


def data_folder() -> Path | None:
    """The user's own folder of data sets, `AFFIDAVIT_DATA`. Raises DataError when it is none."""
    own = os.environ.get("AFFIDAVIT_DATA")
    if not own:
        return None
    folder = Path(own).expanduser()
    if not folder.is_dir():
        raise DataError(f"AFFIDAVIT_DATA is {own!r}, which is no folder")
    return folder


def find(file: SetFile) -> tuple[Path, str] | None:
    """The file in the user's folder or in the cache, with a note where its content is unknown.

    A file in the user's folder may be a copy not known here, which the note says. A file in the
    cache was checked when it came, so one that differs now is damaged: DataError.
    """
    own = data_folder()
    if own is not None and (own / file.path).exists():
        path = own / file.path
        if not file.digests or not path.is_file() or matches(path, file):
            return path, ""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return path, f"{file.path} is no copy known here (its sha256 is {digest})"
    path = cache_folder() / file.path
    if not path.is_file():
        return None
    if not matches(path, file):
        raise DataError(f"{path} is damaged: its checksum differs. Remove it, to load it again.")
    return path, ""


def matches(path: Path, file: SetFile) -> bool:
    """Whether the content has one of the checksums. Raises DataError when it cannot be read."""
    for algorithm in sorted({digest.split(":")[0] for digest in file.digests}):
        # MD5 guards against damage, where a set's home publishes nothing better.
        sha = hashlib.new(algorithm, usedforsecurity=False)
        with (
            reading(path, "a gzip file" if file.unpacked else "a file"),
            gzip.open(path) if file.unpacked else path.open("rb") as stream,
        ):
            while chunk := stream.read(_CHUNK):
                sha.update(chunk)
        if f"{algorithm}:{sha.hexdigest()}" in file.digests:
            return True
    return False


def fetch(file: SetFile, *, progress: bool = True) -> Path:
    """Downloads the file into the cache and checks it; the cache never holds half a file.

    Raises DataError with the URL, and with the place where the file can be put by hand.
    """
    target = cache_folder() / file.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".part")
        os.close(handle)
    except OSError as error:
        raise DataError(
            f"the cache {target.parent} cannot be written: {error.strerror}. Set AFFIDAVIT_CACHE "
            "to a folder that can."
        ) from error
    try:
        _download(file, Path(temporary), progress)
        with _getting(file):
            if not matches(Path(temporary), file):
                raise DataError("its checksum is not the one expected")
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return target


def by_hand(file: SetFile) -> str:
    """Where a user can put the file."""
    return (
        f"Put it by hand at {cache_folder() / file.path}, or set AFFIDAVIT_DATA to a folder that "
        f"holds {file.path}."
    )


@contextmanager
def _getting(file: SetFile) -> Iterator[None]:
    """Turns what goes wrong on the way into one DataError."""
    try:
        yield
    except (OSError, HTTPException, DataError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        raise DataError(f"{file.url} could not be downloaded: {reason}. {by_hand(file)}") from error


def _download(file: SetFile, target: Path, progress: bool) -> None:
    if not file.url.startswith(("https://", "http://")):
        raise DataError(f"{file.url!r} is no web address")
    with (
        _getting(file),
        urllib.request.urlopen(file.url, timeout=_TIMEOUT) as answer,  # noqa: S310 - see above
        target.open("wb") as out,
        _Bar(file.path, _length(answer), progress) as advance,
    ):
        done = 0
        while chunk := answer.read(_CHUNK):
            out.write(chunk)
            done += len(chunk)
            advance(len(chunk))
        length = _length(answer)
        if length is not None and done != length:
            raise DataError(f"it ended after {done} of {length} bytes")


def _length(answer: Any) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


class _Bar:
    """A progress bar on standard error, or nothing."""

    def __init__(self, title: str, total: int | None, shown: bool) -> None:
        self.title, self.total, self.shown = title, total, shown

    def __enter__(self) -> Callable[[int], None]:
        if not self.shown:
            return lambda _: None
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            console=Console(stderr=True),
        )
        self._progress.start()
        task = self._progress.add_task(self.title, total=self.total)
        return lambda count: self._progress.advance(task, count)

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self._progress.stop()
