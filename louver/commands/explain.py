"""`louver explain`: what a person would get of a statement, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from louver.console import ConfigOption, Exit, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from louver.explain import Explanation, Question


def explain(  # noqa: PLR0913  the options of a command
    sql: Annotated[str, typer.Argument(metavar="[SQL]", help="The statement; without one, all columns.")] = "",
    *,
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who asks.")],
    database: Annotated[str, typer.Option("--database", "-d", metavar="NAME", help="Of which database.")],
    config: ConfigOption = "louver.yaml",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When: 2026-07-01T09:30. Default: now.")] = "",
    address: Annotated[str, typer.Option("--address", metavar="IP", help="From where.")] = "127.0.0.1",
    application: Annotated[str, typer.Option("--application", help="With which program.")] = "",
    form: FormatOption = "text",
) -> None:
    """Say what USER would get of a statement, by which rules, and what the database would be sent.

    Nothing is run; the catalog of the database is read.

    [bold]Examples:[/bold]

    louver explain --as tina -d bank "SELECT name, phone FROM customers"

    louver explain --as tina -d bank --at 2026-07-05T23:00 "SELECT phone FROM customers"

    louver explain --as tina -d bank
    """
    import asyncio
    import logging

    import asyncpg
    import pymysql

    from louver.configuration import ConfigurationError, load
    from louver.explain import UnknownUserError
    from louver.explain import explain as answer
    from proxy.catalogs import CatalogUnavailable
    from proxy.postgres.ledger import LedgerUnavailable

    as_json = wants_json(form)
    logging.disable()  # what goes wrong is said below
    question = _question(user, database, sql, address, application, at)
    try:
        explanation = asyncio.run(answer(load(config), question))
    except ConfigurationError as error:
        fail(error.mistakes)
    except (UnknownUserError, LedgerUnavailable) as error:
        fail([error])
    except (
        CatalogUnavailable,
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        pymysql.MySQLError,
    ) as error:
        fail([f"cannot read the catalog of `{database}`: {error or type(error).__name__}"])
    if as_json:
        from dataclasses import asdict

        print_json(asdict(explanation))
    else:
        _show(explanation)


def _question(user: str, database: str, sql: str, address: str, application: str, at: str) -> Question:  # noqa: PLR0913, PLR0917  the command's options
    from datetime import datetime

    from louver.explain import Question

    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError:
        fail([f"--at takes a time such as 2026-07-01T09:30, not {at}"], Exit.USAGE)
    return Question(user, database, sql, address, application, moment=moment)


def _show(explanation: Explanation) -> None:
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    attributes = ", ".join(f"{key}: {value}" for key, value in explanation.attributes.items())
    verdicts = {
        "world": ("sees", "bold"),
        "unchanged": ("may run this statement as it is", "bold green"),
        "rewritten": ("gets a masked answer", "bold yellow"),
        "refused": ("is refused this statement", "bold red"),
    }
    said, style = verdicts[explanation.verdict]
    who = f"{explanation.user} ({attributes})" if attributes else explanation.user
    out.print(Text.assemble(who, " ", (said, style)))
    for sentence in explanation.sentences:
        if out.is_terminal:
            out.print(Padding.indent(Text(f"- {sentence}"), 2), soft_wrap=False)
        else:
            out.print(Text(f"  - {sentence}"))
    if explanation.refusal is not None:
        for key, value in explanation.refusal.items():
            if value:
                out.print(Text.assemble(f"  {key}: ", (value, "red" if key == "message" else "")))
    if explanation.verdict == "rewritten" and explanation.sent is not None:
        out.print(Text("\nThe database is sent:", "bold"))
        if out.is_terminal:
            shown = Syntax("", "postgresql", background_color="default").highlight(explanation.sent)
            shown.no_wrap = False
            out.print(Padding(shown, (0, 2)), soft_wrap=False)
        else:
            out.print(Text(explanation.sent))
