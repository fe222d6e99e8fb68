"""`louver audit`: read the trail. Who asked for what, what they saw, and whether the trail itself is whole.

Owns the options; the reading is audit.reader's and audit.query's, the look louver.entries', and what proves the trail stands in
`proof`. Works beside a running proxy: it only reads.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from louver.commands import holding, proof, shipping
from louver.commands.elsewhere import (
    ClickHouseOption,
    TrailOption,
    ask_there,
    check_trail,
    not_listed,
    search_there,
    tell_count,
    tell_unlisted,
)
from louver.commands.report import report
from louver.commands.texts import TextKeyOption, opened, opened_rows, opening_with, read_key, tell_unopened
from louver.commands.trail import ConfigOption, DirectoryOption, find_trail, value_hash
from louver.console import Exit, fail
from louver.entries import (
    FileFormat,
    FileFormatOption,
    FormatOption,
    OutputOption,
    one_by_one,
    parquet_path,
    show,
    show_rows,
    written_to,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit.opening import Opener
    from audit.query import Found
    from audit.search import Entry

_POLL_SECONDS = 0.25
_OWN_EVENTS = frozenset({"segment", "closed", "text_key"})  # the trail's own book-keeping: shown when asked for

audit_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=(
        "Read the audit trail: the last records, a search, a proof that nothing was changed.\n\n"
        "[bold]Examples:[/bold]\n\n"
        "louver audit tail -f   watch statements as they come\n\n"
        "louver audit search --column phone --treatment clear --since 7d   who saw phone numbers this week?\n\n"
        "louver audit report --since 7d --output week   the week as a page, with charts and lists\n\n"
        "louver audit verify   is the trail complete and untouched?\n\n"
        "The trail is found by --directory, or by the settings file (--config, else ./louver.yaml)."
    ),
)


@audit_app.command()
def tail(  # noqa: PLR0913  the options of a command
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last records to show.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records until Ctrl-C.")] = False,
    text_key: TextKeyOption = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FormatOption = "table",
) -> None:
    """Show the last records, each statement with its outcome.

    [bold]Examples:[/bold]

    louver audit tail

    louver audit tail -n 100 --format json | jq .principal

    louver audit tail -f -n 0

    Exit codes: 0 fine (also when there is no record yet), 2 called wrongly or no trail there.
    """
    from functools import partial

    from audit import reader
    from audit.search import join, live

    where, _ = find_trail(directory, config)
    opener = opening_with(read_key(text_key), partial(reader.text_key, where))
    found: list[Entry] = []
    last = 0
    try:
        records = reader.last_records(where, 4 * lines + 100)
    except reader.NoTrail as error:
        if not follow:
            fail([error], Exit.USAGE)
    else:
        last = records[-1]["seq"] if records else 0
        found = [entry for entry in join(records) if entry.record["event"] not in _OWN_EVENTS][-lines:] if lines else []
    if not follow:
        show(opened(found, opener), form)
        tell_unopened(opener)
        return
    show_one = one_by_one(form)
    for entry in opened(found, opener):
        show_one(entry)
    tell_unopened(opener)
    try:
        for entry in opened(live(_polled(reader.follow(where, last))), opener):
            if entry.record["event"] not in _OWN_EVENTS:
                show_one(entry)
                tell_unopened(opener)
    except KeyboardInterrupt:
        return


@audit_app.command()
def search(  # noqa: PLR0913  the options of a command
    *,
    user: Annotated[str | None, typer.Option("--user", "-u", help="Who asked.")] = None,
    table: Annotated[
        str | None, typer.Option("--table", "-t", help="A relation read or written: customers, public.customers.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="A sensitive column: phone, customers.phone.")] = None,
    category: Annotated[str | None, typer.Option(help="A category of the dictionary: phone, id_card.")] = None,
    treatment: Annotated[
        Literal["clear", "mask", "deny"] | None, typer.Option(help="What the caller got of the column.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Part of the name of the rule that decided.")] = None,
    ruling: Annotated[Literal["pass", "rewrite", "deny"] | None, typer.Option(help="What became of it.")] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", "-e", help="statement, login_refused, reloaded ...; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2h, 7d, today, 2026-01-31, 2026-01-31T09:15.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then; the same forms. Times are UTC.")] = None,
    text: Annotated[str | None, typer.Option(help="Occurs in the statement, in any case.")] = None,
    regex: Annotated[str | None, typer.Option(help="A regular expression found in the statement, in any case.")] = None,
    value: Annotated[
        str | None,
        typer.Option(help="A value that the statement names, such as a customer's number; needs the proxy's secret."),
    ] = None,
    shown: Annotated[
        str | None,
        typer.Option(
            help="A value that stood in the answer, such as a customer's number or phone; needs the proxy's secret."
        ),
    ] = None,
    unlisted: Annotated[
        bool,
        typer.Option("--unlisted", help="Statements that showed something clear in rows that --shown does not know."),
    ] = False,
    fingerprint: Annotated[
        str | None, typer.Option(help="The fingerprint of a shape: all statements that differ in values alone.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="A session id, as records show it.")] = None,
    address: Annotated[str | None, typer.Option(help="What the client's address begins with.")] = None,
    database: Annotated[str | None, typer.Option(help="The database.")] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="Only what failed or was refused, cancelled, skipped or lost.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            help="Count them by user, person, table, column, category, treatment, rule, fingerprint, day, hour ..."
        ),
    ] = None,
    order: Annotated[
        Literal["entries", "people", "rows", "last"], typer.Option(help="What --by puts first: the most of these.")
    ] = "entries",
    text_key: TextKeyOption = None,
    limit: Annotated[int, typer.Option(min=0, help="Show the last that many; 0 shows all.")] = 100,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FileFormatOption = "table",
    output: OutputOption = None,
    clickhouse: ClickHouseOption = None,
    trail: TrailOption = None,
) -> None:
    """Find records; all options given must fit. Each statement comes with its outcome.

    --column, --category, --treatment and --rule must fit one and the same column use of a statement.

    [bold]Examples:[/bold]

    louver audit search --user tina --since today

    louver audit search --column customers.phone --treatment clear --since 2026-01-01 --format csv --limit 0

    louver audit search --ruling deny --since 2h

    louver audit search --event login_refused --event denial

    louver audit search --regex "union.*select" --errors

    louver audit search --treatment clear --since 30d --by person

    louver audit search --since 7d --by person --order rows

    louver audit search --since 30d --limit 0 --format parquet --output month.parquet

    louver audit search --value 4711 --since 2026-05-01 --until 2026-06-01

    louver audit search --shown 4711 --since 2026-05-01 --until 2026-06-01

    Exit codes: 0 something found, 1 nothing found, 2 called wrongly or no trail there.
    """
    from dataclasses import astuple
    from functools import partial
    from operator import attrgetter

    from audit import query, tables
    from audit.query import FACETS
    from audit.reader import NoTrail, existing
    from audit.record import EVENTS
    from audit.search import Criteria, CriterionError, moment

    for name in event or ():
        if name not in EVENTS or name == "outcome":
            known = ", ".join(known for known in EVENTS if known != "outcome")
            fail([f"no event {name!r} to search; there are {known}; outcomes come with statements"], Exit.USAGE)
    if by is not None and by not in FACETS:
        fail([f"--by takes one of {', '.join(FACETS)}, not {by}"], Exit.USAGE)
    check_trail(clickhouse, trail)
    _fit(by, form, text_key)
    key = read_key(text_key)
    now = datetime.now(UTC)
    try:
        criteria = Criteria(
            user=user,
            session=session,
            address=address,
            database=database,
            table=table,
            column=column,
            category=category,
            treatment=treatment,
            rule=rule,
            ruling=ruling,
            events=tuple(event or ()),
            since=moment(since, now) if since else None,
            until=moment(until, now) if until else None,
            hash=value_hash(config, value) if value else None,
            shown=value_hash(config, shown) if shown else None,
            unlisted=unlisted,
            text=text,
            pattern=re.compile(regex, re.IGNORECASE | re.DOTALL) if regex else None,
            errors=errors,
            fingerprint=fingerprint,
        )
    except CriterionError as error:
        fail([error], Exit.USAGE)
    except re.error as error:
        fail([f"--regex is no regular expression: {error}"], Exit.USAGE)
    if clickhouse is not None:
        search_there(clickhouse, trail, criteria, by, order, limit, form, output, key)
        return
    try:
        paths = existing(find_trail(directory, config)[0], since=criteria.since)
        file = parquet_path(form, output)
        with (
            tables.opened([path for _, path in paths], output=file) as connection,
            written_to(None if file else output),
        ):
            if by is not None:
                counts = sorted(query.counts(connection, criteria, by), key=attrgetter(order), reverse=True)
                count = len(counts)
                heading = (by, "entries", "people", "rows", "first", "last")
                show_rows(heading, [astuple(each) for each in (counts[:limit] if limit else counts)], form)
            else:
                save = partial(query.save, connection, file) if file else None
                opener = opening_with(key, query.text_keys(connection).get) if key else None
                count = _show_found(query.find(connection, criteria, limit), form, save, opener)
                if shown:
                    tell_unlisted(query.find(connection, not_listed(criteria), 1).count)
    except (NoTrail, CriterionError, tables.QueryError) as error:
        fail([error], Exit.USAGE)
    tell_count(count, limit, by, form)


@audit_app.command()
def sql(  # noqa: PLR0913  the options of a command
    query: Annotated[str, typer.Argument(help="A SELECT in the SQL of DuckDB.")],
    *,
    text_key: TextKeyOption = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FileFormatOption = "table",
    output: OutputOption = None,
    clickhouse: ClickHouseOption = None,
    trail: TrailOption = None,
) -> None:
    """Ask the trail in SQL, of the tables records, statements and uses.

    Their columns are those of the records (docs/audit.md); `DESCRIBE uses` lists them. Times are UTC. Nothing but the trail can
    be read, and nothing written. With --text-key the column `sealed` of an answer is the text as it was sent.

    [bold]Examples:[/bold]

    louver audit sql "SELECT principal, count(*) FROM uses WHERE treatment = 'clear' GROUP BY ALL ORDER BY 2 DESC"

    louver audit sql "DESCRIBE statements"

    louver audit sql "SELECT time, principal, rows FROM statements WHERE rows > 1000" --format csv > bulk.csv

    louver audit sql "SELECT session, statement, sealed FROM statements WHERE rows > 1000" --text-key auditor.pem

    Exit codes: 0 fine, 2 called wrongly, no trail there, or the query is wrong.
    """
    from audit import tables
    from audit.query import text_keys
    from audit.reader import NoTrail, existing

    if text_key is not None and form == "parquet":
        fail(["--text-key shows statements: not in a Parquet file"], Exit.USAGE)
    key = read_key(text_key)
    check_trail(clickhouse, trail)
    if clickhouse is not None:
        ask_there(clickhouse, trail, query, form, output, key)
        return
    try:
        paths = [path for _, path in existing(find_trail(directory, config)[0])]
        file = parquet_path(form, output)
        with tables.opened(paths, output=file) as connection, written_to(None if file else output):
            if file:
                tables.save(connection, query, file)
            else:
                opener = opening_with(key, text_keys(connection).get) if key else None
                heading, rows = tables.ask(connection, query)
                show_rows(heading, opened_rows(heading, rows, opener), form)
                tell_unopened(opener)
    except (NoTrail, tables.QueryError) as error:
        fail([error], Exit.USAGE)


audit_app.command()(proof.verify)
audit_app.command(name="key")(proof.make_key)
audit_app.command()(proof.compact)
audit_app.command()(shipping.ship)
audit_app.command()(holding.hold)
audit_app.command()(holding.release)
audit_app.command()(holding.holds)
audit_app.command()(report)


def _fit(by: str | None, form: FileFormat, text_key: Path | None) -> None:
    """See that what is to be shown can be; ends the command when it cannot."""
    if by is not None and form == "parquet":
        fail(["--by counts, which is no Parquet file: use --format csv"], Exit.USAGE)
    if text_key is not None and (by is not None or form == "parquet"):
        fail(["--text-key shows statements: not with --by, nor in a Parquet file"], Exit.USAGE)


def _show_found(found: Found, form: FileFormat, save: Callable[[], object] | None, opener: Opener | None) -> int:
    """Show what was found, or save it; return how many there are."""
    if save is not None:
        save()
    elif found.count:
        show(opened(found.entries, opener), form)
        tell_unopened(opener)
    return found.count


def _polled(records: Iterator[dict[str, object] | None]) -> Iterator[dict[str, object] | None]:
    """Wait at each None, which says that all is read."""
    for record in records:
        if record is None:
            time.sleep(_POLL_SECONDS)
        yield record
