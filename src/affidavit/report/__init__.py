"""The affidavit as its readers see it: terminal, JSON, JUnit and HTML.

A report reads statements only. It can be drawn again from a saved affidavit, without the model,
the data or the methods that made it. Drawing HTML loads Jinja2 and Matplotlib; nothing else does.
"""

from __future__ import annotations

from affidavit.report.diff import Change, ClaimChange, Comparison, compare
from affidavit.report.folder import check_writable, load, save
from affidavit.report.junit import junit
from affidavit.report.record import read_attachments, read_record, write_record
from affidavit.report.terminal import changes, summary

__all__ = [
    "Change",
    "ClaimChange",
    "Comparison",
    "changes",
    "check_writable",
    "compare",
    "junit",
    "load",
    "read_attachments",
    "read_record",
    "save",
    "summary",
    "write_record",
]
