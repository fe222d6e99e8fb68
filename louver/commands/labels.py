"""`louver labels`: the columns that are sensitive by what has become of them, not by their names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from louver.console import ConfigOption, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from pathlib import Path

    from policies.decide import PolicySet
    from proxy.book import Kept
    from proxy.ledger import Ledger

labels_app = typer.Typer(
    no_args_is_help=True,
    help="See which columns have inherited a label, by being copied, renamed or detached; drop one that is settled.",
)
DatabaseOption = Annotated[str | None, typer.Option("--database", "-d", help="Only this database.")]


@labels_app.command("list")
def list_labels(
    config: ConfigOption = "louver.yaml", database: DatabaseOption = None, form: FormatOption = "text"
) -> None:
    """List every column with a label that it would not have by its name alone, and where the label is from.

    [bold]Examples:[/bold]

    louver labels list --config louver.yaml

    louver labels list --database bank --format json
    """
    from rich.table import Table
    from rich.text import Text

    as_json = wants_json(form)
    ledger, policies = _read(config)
    found = _inherited(ledger, database)
    if as_json:
        print_json([_fields(book, kept, policies) for book, kept in found])
        return
    rows = []
    for book, kept in found:
        fields = _fields(book, kept, policies)
        why = f"{fields['why']} from {', '.join(fields['sources'])}" if fields["sources"] else fields["why"]
        label = f"{fields['category']} {fields['level']}"
        rows.append((fields["database"], fields["column"], label, why, fields["by"], fields["since"], fields["state"]))
    if not out.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(row) + "\n")
        return
    table = Table("database", "column", "label", "why", "by", "since", "state")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table, soft_wrap=False)


@labels_app.command()
def drop(
    column: Annotated[
        str,
        typer.Argument(
            metavar="SCHEMA.TABLE[.COLUMN]", help="As `louver labels list` writes it; a table, of what filters follow."
        ),
    ],
    config: ConfigOption = "louver.yaml",
    database: DatabaseOption = None,
) -> None:
    """Let a column lose the label that it has inherited. Whoever may read its table reads it clear, once this is in force.

    A column that the dictionary names stays sensitive. Of a table that filters of rows follow, name the table. A running Louver takes it over with SIGHUP.

    [bold]Example:[/bold]

    louver labels drop public.report.line --database bank
    """
    from proxy.ledger import Ledger, LedgerUnavailable

    ledger, _ = _read(config)
    found = [(book, kept) for book, kept in _inherited(ledger, database) if column in _names(book, kept)]
    if not found:
        fail([f"no column {column} has inherited a label"])
    try:
        for book, kept in found:
            Ledger.forget(_path(config), book, kept, "by `louver labels drop`")
    except LedgerUnavailable as error:
        fail([str(error)])
    out.print(f"dropped the label of {column}; a running Louver takes it over with SIGHUP", markup=False)


def _path(config: str) -> Path:
    from louver.settings import SettingsError, load_settings

    try:
        return load_settings(config).labels_file
    except SettingsError as error:
        fail(error.problems)


def _read(config: str) -> tuple[Ledger, PolicySet]:
    from louver.settings import SettingsError, load_settings
    from policies.loader import PolicyError, load_policies
    from proxy.ledger import Ledger, LedgerUnavailable

    try:
        settings = load_settings(config)
        return Ledger.read(settings.labels_file), load_policies(settings.policies)
    except (SettingsError, PolicyError) as error:
        fail(error.problems)
    except LedgerUnavailable as error:
        fail([str(error)])


def _inherited(ledger: Ledger, database: str | None) -> list[tuple[str, Kept]]:
    """(book of the ledger, label) of the columns whose names do not give them their labels, sorted."""
    found = [
        (book, kept)
        for book in ledger.databases
        for kept in ledger.book(book).kept.values()
        if database in {None, _database(book, kept)} and kept.why not in {"named", "shared"}
    ]
    return sorted(found, key=lambda each: (_database(*each), str(each[1].column), each[0]))


def _database(book: str, kept: Kept) -> str:
    """The database of a column: what PostgreSQL calls database and schema is one thing on MySQL."""
    from proxy.book import database_of

    return database_of(book) or kept.column.schema


def _names(book: str, kept: Kept) -> set[str]:
    """By what a label is dropped: its column, and of what filters follow the table, for they hold for all of it."""
    from proxy.book import database_of

    followed = {f"{kept.column.schema}.{kept.column.relation}"} if database_of(book) != book else set()
    return {str(kept.column), *followed}


def _fields(book: str, kept: Kept, policies: PolicySet) -> dict[str, Any]:
    """What is known of a label; `state` dictionary: the dictionary names the column itself by now."""
    name, database = kept.column, _database(book, kept)
    named = policies.label(database, name.schema, name.relation, name.column) is not None
    return {
        "database": database,
        "column": str(name),
        "category": kept.label.category,
        "level": kept.label.level,
        "why": kept.why,
        "sources": [str(source) for source in kept.label.sources],
        "by": kept.by,
        "since": kept.since,
        "state": "dictionary" if named else kept.state,
    }
