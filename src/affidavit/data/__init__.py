"""Data sets: what a claim is checked on.

:func:`load` reads a named set, a file or a folder of images into a :class:`Dataset`, and cuts it
into parts as a :class:`Split` says. :data:`named_sets` lists the sets that have a name.
"""

from __future__ import annotations

from affidavit.data.dataset import Dataset
from affidavit.data.loading import NamedSource, load, named_sets
from affidavit.data.split import Split

__all__ = ["Dataset", "NamedSource", "Split", "load", "named_sets"]
