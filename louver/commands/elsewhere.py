"""The trail in ClickHouse, for the commands that ask it: the option that names it, and who comes in there.

Owns these; the asking is shipping.asking's. A name and a password never stand on the command line: others can read it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.texts import opened, opened_rows, opening_with, tell_unopened
from louver.console import Exit, err, fail
from louver.entries import parquet_path, show, show_rows, written_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.opening import TextKey
    from audit.search import Criteria
    from louver.entries import FileFormat
    from shipping.asking import Warehouse

ClickHouseOption = Annotated[
    str | None,
    typer.Option(
        "--clickhouse",
        metavar="URL",
        help="Ask what was shipped there, of all trails: https://host:8443/database. "
        "Who comes in stands in LOUVER_CLICKHOUSE_USER, _PASSWORD or _PASSWORD_FILE, and _CA.",
    ),
]

TrailOption = Annotated[
    str | None,
    typer.Option(
        "--trail", metavar="NAME", help="Of the trails that --clickhouse has, this one alone. Default: all of them."
    ),
]

_PREFIX = "LOUVER_CLICKHOUSE_"


def search_there(  # noqa: PLR0913, PLR0917  what a search is told
    url: str,
    trail: str | None,
    criteria: Criteria,
    by: str | None,
    order: str,
    limit: int,
    form: FileFormat,
    output: Path | None,
    key: TextKey | None,
) -> None:
    """Find entries there, or count them, and show that as a search of the trail itself does."""
    from dataclasses import astuple
    from operator import attrgetter

    from audit.search import CriterionError
    from audit.tables import QueryError

    try:
        _check_form(form, output)
        with opened_there(url, trail) as there, written_to(output):
            if by is None:
                found = there.find(criteria, limit)
                count = found.count
                if count:
                    opener = opening_with(key, there.text_keys().get) if key else None
                    show(opened(found.entries, opener), form)
                    tell_unopened(opener)
                if criteria.shown:
                    tell_unlisted(there.find(not_listed(criteria), 1).count)
            else:
                counts = sorted(there.counts(criteria, by), key=attrgetter(order), reverse=True)
                count = len(counts)
                heading = (by, "entries", "people", "rows", "first", "last")
                show_rows(heading, [astuple(each) for each in (counts[:limit] if limit else counts)], form)
    except (CriterionError, QueryError) as error:
        fail([error], Exit.USAGE)
    tell_count(count, limit, by, form)


def ask_there(  # noqa: PLR0913, PLR0917  what a question is told
    url: str, trail: str | None, query: str, form: FileFormat, output: Path | None, key: TextKey | None
) -> None:
    """Answer one SELECT there."""
    from audit.tables import QueryError

    try:
        _check_form(form, output)
        with opened_there(url, trail) as there, written_to(output):
            heading, rows = there.ask(query)
            opener = opening_with(key, there.text_keys().get) if key else None
            show_rows(heading, opened_rows(heading, rows, opener), form)
            tell_unopened(opener)
    except QueryError as error:
        fail([error], Exit.USAGE)


def tell_count(count: int, limit: int, by: str | None, form: FileFormat) -> None:
    """Say when not all was shown; end with exit code 1 when nothing was found."""
    if limit and count > limit:
        err.print(f"the {'first' if by else 'last'} {limit} of {count}; --limit 0 shows all", style="dim")
    if count == 0:
        if form == "table":
            err.print("nothing found", style="dim")
        raise typer.Exit(Exit.PROBLEMS)


def check_trail(clickhouse: str | None, trail: str | None) -> None:
    """End the command when a trail is named and nobody has said where."""
    if trail is not None and clickhouse is None:
        fail(["--trail names one of the trails in ClickHouse: say by --clickhouse URL where that is"], Exit.USAGE)


def _check_form(form: FileFormat, output: Path | None) -> None:
    if parquet_path(form, output) is not None:
        fail(["--format parquet is for the trail itself; leave --clickhouse out, or write csv"], Exit.USAGE)


def not_listed(criteria: Criteria) -> Criteria:
    """What else may have been shown, to a search for what was."""
    return replace(criteria, shown=None, unlisted=True)


def tell_unlisted(count: int) -> None:
    """Say of how many statements it is not known whether they have shown what was searched for."""
    if count:
        err.print(
            f"{count} other statement{'s' if count > 1 else ''} showed something clear in rows that are not all listed; "
            "--unlisted in place of --shown shows which",
            style="yellow",
        )


@contextmanager
def opened_there(url: str, trail: str | None, *, one: bool = False) -> Iterator[Warehouse]:
    """Open what was shipped there, all trails or the one that is named; `one`: there must be one.

    Ends the command when it cannot be reached, or has no such trail; raises QueryError for what cannot be answered.
    """
    from louver.shipping import CannotShipError, needed, secret
    from louver.ships import mistakes_of_url

    for message, hint in mistakes_of_url(url):
        fail([f"--clickhouse: {message}" + (f": {hint}" if hint else "")], Exit.USAGE)
    try:
        with needed("clickhouse"):
            from shipping.asking import Warehouse
            from shipping.clickhouse import FAILURES, Account, connected, said
        given = os.environ.get(f"{_PREFIX}PASSWORD_FILE")
        variable = f"{_PREFIX}PASSWORD" if f"{_PREFIX}PASSWORD" in os.environ else None
        password = secret("--clickhouse", Path(given) if given else None, variable)
    except CannotShipError as error:
        fail([error], Exit.USAGE)
    authority = os.environ.get(f"{_PREFIX}CA")
    user = os.environ.get(f"{_PREFIX}USER", "default")
    try:
        client = connected(Account(url, user, password, Path(authority) if authority else None))
    except FAILURES as error:
        fail([f"ClickHouse: {said(error)}"], Exit.USAGE)
    try:
        yield Warehouse(client, _chosen(Warehouse(client).trails(), trail, one=one) if trail or one else None)
    finally:
        client.close()


def _chosen(there: list[str], trail: str | None, *, one: bool) -> str | None:
    """Return the trail that is meant; ends the command when there is none of that name, or it must be named."""
    names = ", ".join(there) or "none"
    if trail is not None and trail not in there:
        fail([f"ClickHouse has no trail {trail}; there are {names}"], Exit.USAGE)
    if trail is None and one and len(there) != 1:
        fail([f"a report is one trail's: name it by --trail; there are {names}"], Exit.USAGE)
    return trail or there[0]
