"""Tables that list what there is: ops, claim kinds, data sets."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from affidavit.errors import ContractError, nearest


def ops_table() -> Table:
    """The supported ops."""
    from affidavit.graph.table import METHODS, supported_ops

    table = Table(title="Supported ops", title_justify="left", show_lines=True)
    for column in ("op", "PyTorch (ATen)", "ONNX", *METHODS):
        table.add_column(column, overflow="fold")
    for op in supported_ops():
        marks = ["yes" if method in op.methods else "no" for method in METHODS]
        table.add_row(f"[bold]{op.name}[/]", ", ".join(op.pytorch), ", ".join(op.onnx), *marks)
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
    """The named data sets."""
    from affidavit.data import named_sets

    table = Table(title="Named data sets", title_justify="left")
    table.add_column("name")
    table.add_column("what it is")
    for name, line in named_sets:
        table.add_row(name, escape(line))
    return table
