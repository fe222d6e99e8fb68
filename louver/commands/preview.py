"""`louver preview`: some rows as a person would see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.asking import (
    AddressOption,
    ApplicationOption,
    AtOption,
    DatabaseOption,
    DeclareOption,
    GrantsOption,
    asked,
    run_asking,
)
from louver.console import ConfigOption, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from louver.explain import Preview

_MOST = 1000


def preview(  # noqa: PLR0913  the options of a command
    what: Annotated[str, typer.Argument(metavar="TABLE|SQL", help="A table, or a SELECT in quotes.")],
    *,
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who looks.")],
    database: DatabaseOption,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=_MOST, help="How many rows at most.")] = 10,
    config: ConfigOption = "louver.yaml",
    at: AtOption = "",
    address: AddressOption = "127.0.0.1",
    application: ApplicationOption = "",
    declare: DeclareOption = None,
    grants: GrantsOption = True,
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
    question = asked(
        user,
        database,
        sql,
        address=address,
        application=application,
        at=at,
        declare=declare,
        grants=grants,
        config=config,
    )
    seen = run_asking(lambda parts: look(parts, question(parts), rows), config, database)
    if seen.explanation.refusal is not None:
        refusal = seen.explanation.refusal
        fail([f"{user} is refused: {refusal['message']} ({refusal['sqlstate']})"])
    if as_json:
        print_json(
            {
                "columns": seen.columns,
                "rows": seen.rows,
                "sentences": seen.explanation.sentences,
                "grants": seen.explanation.grants,
            }
        )
    else:
        _show(seen)


def _show(seen: Preview) -> None:
    from rich.table import Table
    from rich.text import Text

    from audit.present import safe

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
    for sentence in (*seen.explanation.sentences, *map(safe, seen.explanation.grants)):
        out.print(Text(f"- {sentence}", "dim"))
