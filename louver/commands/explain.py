"""`louver explain`: what a person would get of a statement, and why."""

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
from louver.console import ConfigOption, Exit, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from louver.explain import Explanation


def explain(  # noqa: PLR0913  the options of a command
    sql: Annotated[str, typer.Argument(metavar="[SQL]", help="The statement; without one, all columns.")] = "",
    *,
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who asks.")],
    database: DatabaseOption,
    config: ConfigOption = "louver.yaml",
    at: AtOption = "",
    address: AddressOption = "127.0.0.1",
    application: ApplicationOption = "",
    declare: DeclareOption = None,
    grants: GrantsOption = True,
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


def _show(explanation: Explanation) -> None:
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    from audit.present import safe

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
    for sentence in (*explanation.sentences, *map(safe, explanation.grants)):
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
