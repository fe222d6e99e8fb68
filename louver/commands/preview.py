"""`louver preview`: some rows as a person would see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.explain import asked, run_asking
from louver.console import ConfigOption, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from louver.explain import Preview

_MOST = 1000


def preview(  # noqa: PLR0913  the options of a command
    what: Annotated[str, typer.Argument(metavar="TABLE|SQL", help="A table, or a SELECT in quotes.")],
    *,
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who looks.")],
    database: Annotated[str, typer.Option("--database", "-d", metavar="NAME", help="Of which database.")],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=_MOST, help="How many rows at most.")] = 10,
    config: ConfigOption = "louver.yaml",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When: 2026-07-01T09:30. Default: now.")] = "",
    address: Annotated[str, typer.Option("--address", metavar="IP", help="From where.")] = "127.0.0.1",
    application: Annotated[str, typer.Option("--application", help="With which program.")] = "",
    declare: Annotated[
        list[str] | None,
        typer.Option("--declare", metavar="NAME=VALUE", help="What the session has declared; again and again."),
    ] = None,
    form: FormatOption = "text",
) -> None:
    """Show some rows of a table, or of a SELECT, as USER would see them.

    The statement is run by the service account, in a transaction that only reads and is rolled back. It is not in the audit trail:
    keep `louver.yaml` and the rights to this machine to those who may look.

    [bold]Examples:[/bold]

    louver preview --as tina -d bank customers

    louver preview --as tina -d bank --declare purpose=care -n 3 "SELECT name, phone FROM customers"
    """
    from louver.explain import preview as look

    as_json = wants_json(form)
    sql = what if any(character.isspace() for character in what.strip()) else f"SELECT * FROM {what}"  # noqa: S608  the operator's own
    question = asked(user, database, sql, address, application, at, declare or [])
    seen = run_asking(lambda parts: look(parts, question(parts), rows), config, database)
    if seen.explanation.refusal is not None:
        refusal = seen.explanation.refusal
        fail([f"{user} is refused: {refusal['message']} ({refusal['sqlstate']})"])
    if as_json:
        print_json({"columns": seen.columns, "rows": seen.rows, "sentences": seen.explanation.sentences})
    else:
        _show(seen)


def _show(seen: Preview) -> None:
    from rich.table import Table
    from rich.text import Text

    if out.is_terminal:
        table = Table()
        for name in seen.columns:
            table.add_column(Text(name))
        for row in seen.rows:
            table.add_row(*(Text("NULL", "dim") if value is None else Text(value) for value in row))
        out.print(table)
    else:
        typer.echo("\t".join(seen.columns))  # rich would make spaces of the tabs
        for row in seen.rows:
            typer.echo("\t".join("" if value is None else value for value in row))
    for sentence in seen.explanation.sentences:
        out.print(Text(f"- {sentence}", "dim"))
