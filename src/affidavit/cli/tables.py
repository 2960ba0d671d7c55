"""Tables that list what there is: ops, claim kinds, data sets."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from affidavit.errors import ContractError, nearest


def ops_table() -> Table:
    """The supported ops."""
    from affidavit.graph import supported_ops
    from affidavit.methods import METHODS

    table = Table(title="Supported ops", title_justify="left", show_lines=True)
    table.add_column("op", no_wrap=True)
    for column in ("PyTorch (ATen)", "ONNX", "methods"):
        table.add_column(column, overflow="fold")
    for op in supported_ops(METHODS):
        methods = ", ".join(method for method in METHODS if method in op.methods)
        names = ", ".join(op.pytorch), ", ".join(op.onnx)
        table.add_row(Text(op.name, style="bold"), *names, methods)
    return table


def claim_tables(kind: str | None = None) -> Iterator[Table]:
    """The keys of a claim kind, or of all."""
    from affidavit.contract import KINDS

    if kind is not None and kind not in KINDS:
        raise ContractError(
            f"no claim kind {kind!r}{nearest(kind, KINDS)}; kinds: {', '.join(KINDS)}"
        )
    for name, claim in KINDS.items():
        if kind not in (None, name):
            continue
        table = Table(title=f'kind = "{name}": {claim.__doc__}', title_justify="left")
        for column in ("key", "default", "meaning"):
            table.add_column(column)
        for key, field in claim.model_fields.items():
            default = (
                "required"
                if field.is_required()
                else str(field.get_default(call_default_factory=True))
            )
            table.add_row(key, escape(default), escape(field.description or ""))
        yield table


def data_table() -> Table:
    """The named data sets, and where each is looked for."""
    from affidavit.data import named_sets
    from affidavit.data.named.download import cache_folder, data_folder

    folder = data_folder()
    places = [f"AFFIDAVIT_DATA ({folder or 'not set'})", f"the cache ({cache_folder()})"]
    table = Table(
        title="Named data sets",
        title_justify="left",
        caption=escape(f"Files are looked for in {', then '.join(places)}, then downloaded."),
        caption_justify="left",
    )
    for column in ("name", "what it is", "files", "download"):
        table.add_column(column, overflow="fold")
    for item in named_sets:
        files = "\n".join(item.files) or "installed"
        table.add_row(item.name, escape(item.description), escape(files), _yes(item.downloads))
    return table


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
