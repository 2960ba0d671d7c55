"""What a named set consists of, and how its files are found and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from affidavit.data.named.download import SetFile, by_hand, fetch, find
from affidavit.data.raw import Raw
from affidavit.errors import DataError

Reader = Callable[[Sequence[Path], tuple[int, int] | None], Raw]


@dataclass(frozen=True)
class Form:
    """One of the forms in which a set is around.

    Attributes:
        why_not: where the files have no public home: why.
    """

    files: tuple[SetFile, ...]
    read: Reader
    notes: tuple[str, ...] = ()
    why_not: str = ""


@dataclass(frozen=True)
class NamedSet:
    """A set with a name.

    Attributes:
        description: a line for lists.
        source: where it is from, and on what terms.
        forms: in order of preference.
        sized: whether the images have sizes of their own, so that `size` must be given.
    """

    name: str
    description: str
    source: str
    forms: tuple[Form, ...]
    sized: bool = False


def read_named(entry: NamedSet, size: tuple[int, int] | None, *, progress: bool) -> Raw:
    """Reads the first form whose files are there, or else downloads the first that has a home.

    Raises DataError saying where the files can be put, when there is neither.
    """
    for form in entry.forms:
        found = [find(file) for file in form.files]
        there = [item for item in found if item is not None]
        if len(there) == len(found):
            notes = tuple(note for _, note in there if note)
            return _with_notes(form, form.read([path for path, _ in there], size), notes)
    for form in entry.forms:
        if not form.why_not:
            # A set of several files may be in the cache in part.
            paths = [
                known[0] if (known := find(file)) is not None else fetch(file, progress=progress)
                for file in form.files
            ]
            return _with_notes(form, form.read(paths, size), ())
    form = entry.forms[0]
    raise DataError(f"{entry.name} cannot be downloaded: {form.why_not}. {by_hand(form.files[0])}")


def _with_notes(form: Form, raw: Raw, notes: tuple[str, ...]) -> Raw:
    return replace(raw, notes=(*form.notes, *raw.notes, *notes))
