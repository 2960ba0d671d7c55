"""Sets that have a name: what there is, where each is found, and how each is read."""

from affidavit.data.named.forms import NamedSet, read_named
from affidavit.data.named.registry import NAMED

__all__ = ["NAMED", "NamedSet", "read_named"]
