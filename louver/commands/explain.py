"""`louver explain`: what a person would get of a statement, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from louver.console import ConfigOption, Exit, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from louver.configuration import Parts
    from louver.explain import Explanation, Question

_T = TypeVar("_T")


def explain(  # noqa: PLR0913  the options of a command
    sql: Annotated[str, typer.Argument(metavar="[SQL]", help="The statement; without one, all columns.")] = "",
    *,
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who asks.")],
    database: Annotated[str, typer.Option("--database", "-d", metavar="NAME", help="Of which database.")],
    config: ConfigOption = "louver.yaml",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When: 2026-07-01T09:30. Default: now.")] = "",
    address: Annotated[str, typer.Option("--address", metavar="IP", help="From where.")] = "127.0.0.1",
    application: Annotated[str, typer.Option("--application", help="With which program.")] = "",
    declare: Annotated[
        list[str] | None,
        typer.Option("--declare", metavar="NAME=VALUE", help="What the session has declared; again and again."),
    ] = None,
    language: Annotated[str, typer.Option("--language", "-l", metavar="en|zh", help="In English or Chinese.")] = "en",
    form: FormatOption = "text",
) -> None:
    """Say what USER would get of a statement, by which rules, and what the database would be sent.

    Nothing is run; the catalog of the database is read.

    [bold]Examples:[/bold]

    louver explain --as tina -d bank "SELECT name, phone FROM customers"

    louver explain --as tina -d bank --at 2026-07-05T23:00 "SELECT phone FROM customers"

    louver explain --as tina -d bank

    louver explain --as tina -d bank --language zh
    """
    from dataclasses import replace

    from louver.explain import explain as answer

    as_json = wants_json(form)
    if language not in {"en", "zh"}:
        fail([f"--language must be en or zh, not {language}"], Exit.USAGE)
    question = asked(user, database, sql, address, application, at, declare or [])
    explanation = run_asking(
        lambda parts: answer(parts, replace(question(parts), language="zh" if language == "zh" else "en")),
        config,
        database,
    )
    if as_json:
        from dataclasses import asdict

        print_json(asdict(explanation))
    else:
        _show(explanation)


def run_asking(ask: Callable[[Parts], Coroutine[Any, Any, _T]], config: str, database: str) -> _T:
    """Ask something of a configuration's database; end the command when that cannot be done, and say why."""
    import asyncio
    import logging

    import asyncpg
    import pymysql

    from louver.configuration import ConfigurationError, load
    from louver.explain import NotRunError, UnknownUserError
    from proxy.catalogs import CatalogUnavailable
    from proxy.ledger import LedgerUnavailable

    logging.disable()  # what goes wrong is said below
    try:
        return asyncio.run(ask(load(config)))
    except ConfigurationError as error:
        fail(error.mistakes)
    except (NotRunError, UnknownUserError, LedgerUnavailable) as error:
        fail([error])
    except (
        CatalogUnavailable,
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        pymysql.MySQLError,
    ) as error:
        fail([f"cannot read `{database}`: {error or type(error).__name__}"])


def asked(  # noqa: PLR0913, PLR0917  the command's options
    user: str, database: str, sql: str, address: str, application: str, at: str, declare: list[str]
) -> Callable[[Parts], Question]:
    """Give the question that options ask, once the policies are known, which say what may be declared."""
    from datetime import datetime

    from louver.explain import Question
    from policies.vocabulary import NotAllowed

    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError:
        fail([f"--at takes a time such as 2026-07-01T09:30, not {at}"], Exit.USAGE)
    if not all("=" in said for said in declare):
        fail(["--declare takes NAME=VALUE"], Exit.USAGE)

    def question(parts: Parts) -> Question:
        said = dict(each.split("=", 1) for each in declare)
        try:
            declared = {name: parts.policies.vocabulary.read(name, text) for name, text in said.items()}
        except NotAllowed as reason:
            fail([f"--declare: {reason}"], Exit.USAGE)
        return Question(user, database, sql, address, application, moment=moment, declared=declared)

    return question


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
