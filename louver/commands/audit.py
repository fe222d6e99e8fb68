"""`louver audit`: read the trail. Who asked for what, what they saw, and whether the trail itself is whole.

Owns the options and the look; the reading is audit.reader, audit.search and audit.verify, the escaping audit.present.
Works beside a running proxy: it only reads.
"""

from __future__ import annotations

import csv
import re
import sys
import time
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from louver.console import Exit, err, fail, out, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from audit.search import Criteria, Entry
    from audit.verify import Report

Format = Literal["table", "json", "csv"]

_POLL_SECONDS = 0.25
_TABLE_WIDTH = 100  # below, the text of a statement would stand in a strip of a few letters
_OWN_EVENTS = frozenset({"segment", "closed"})  # the trail's own book-keeping: shown when asked for
_STYLES = {
    "deny": "bold red", "denied": "bold red", "error": "red", "lost": "red", "skipped": "yellow", "login_refused": "bold red",
    "denial": "bold red", "rewrite": "yellow", "cancelled": "yellow", "pass": "green", "recovered": "magenta",
}  # fmt: skip

audit_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=(
        "Read the audit trail: the last records, a search, a proof that nothing was changed.\n\n"
        "[bold]Examples:[/bold]\n\n"
        "louver audit tail -f   watch statements as they come\n\n"
        "louver audit search --column phone --treatment clear --since 7d   who saw phone numbers this week?\n\n"
        "louver audit verify   is the trail complete and untouched?\n\n"
        "The trail is found by --directory, or by the settings file (--config, else ./louver.yaml)."
    ),
)

DirectoryOption = Annotated[
    Path | None, typer.Option("--directory", "-d", metavar="DIR", help="The directory of the trail.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="LOUVER_CONFIG", metavar="FILE", help="Take the directory named there."),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="A table for people (tab-separated in a pipe), JSON lines, or CSV.")
]


@audit_app.command()
def tail(
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last records to show.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records until Ctrl-C.")] = False,
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
    from audit import reader
    from audit.search import join, live

    where = _directory(directory, config)
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
        _show(found, form)
        return
    show = _one_by_one(form)
    for entry in found:
        show(entry)
    try:
        for entry in live(_polled(reader.follow(where, last))):
            if entry.record["event"] not in _OWN_EVENTS:
                show(entry)
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
    session: Annotated[str | None, typer.Option(help="A session id, as records show it.")] = None,
    address: Annotated[str | None, typer.Option(help="What the client's address begins with.")] = None,
    database: Annotated[str | None, typer.Option(help="The database.")] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="Only what failed or was refused, cancelled, skipped or lost.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Show the last that many; 0 shows all.")] = 100,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FormatOption = "table",
) -> None:
    """Find records; all options given must fit. Each statement comes with its outcome.

    --column, --category, --treatment and --rule must fit one and the same column use of a statement.

    [bold]Examples:[/bold]

    louver audit search --user tina --since today

    louver audit search --column customers.phone --treatment clear --since 2026-01-01 --format csv --limit 0

    louver audit search --ruling deny --since 2h

    louver audit search --event login_refused --event denial

    louver audit search --regex "union.*select" --errors

    Exit codes: 0 something found, 1 nothing found, 2 called wrongly or no trail there.
    """
    from audit.reader import NoTrail, records
    from audit.record import EVENTS
    from audit.search import Criteria, CriterionError, moment

    for name in event or ():
        if name not in EVENTS or name == "outcome":
            known = ", ".join(known for known in EVENTS if known != "outcome")
            fail([f"no event {name!r} to search; there are {known}; outcomes come with statements"], Exit.USAGE)
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
            text=text,
            pattern=re.compile(regex, re.IGNORECASE | re.DOTALL) if regex else None,
            errors=errors,
        )
    except CriterionError as error:
        fail([error], Exit.USAGE)
    except re.error as error:
        fail([f"--regex is no regular expression: {error}"], Exit.USAGE)
    try:
        count = _show_matches(records(_directory(directory, config)), criteria, limit, form)
    except NoTrail as error:
        fail([error], Exit.USAGE)
    if count == 0:
        if form == "table":
            err.print("nothing found", style="dim")
        raise typer.Exit(Exit.PROBLEMS)


@audit_app.command()
def verify(  # noqa: PLR0913  the options of a command
    *,
    anchor: Annotated[
        list[str] | None,
        typer.Option("--anchor", metavar="SEQ:HASH", help="A record noted elsewhere earlier; may be repeated."),
    ] = None,
    noted: Annotated[
        Path | None,
        typer.Option("--heads", metavar="FILE", help="A copy of heads.jsonl that was taken elsewhere earlier."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key", metavar="FILE", help="A key that signed heads, its public half is enough; may be repeated."
        ),
    ] = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FormatOption = "table",
) -> None:
    """Prove that no record was changed, removed, inserted or moved, or say where.

    At the end stands the anchor of the last record. Note it where nobody who can write the trail can write, and give
    it to a later verification: then not even a trail written anew as a whole goes unnoticed. A copy of heads.jsonl is an
    anchor for each segment. With --key, or audit.signing_key in the settings, the heads' signatures are proved, too.

    [bold]Examples:[/bold]

    louver audit verify

    louver audit verify --key audit-public.pem --heads /mnt/write-once/heads.jsonl

    louver audit verify --directory /var/lib/louver/audit --anchor 4711:9f86d081884c7d65...

    Exit codes: 0 complete and untouched, 1 damage found, 2 called wrongly or no trail there.
    """
    from audit.heads import KeyFileError, Verifier, read
    from audit.reader import NoTrail, existing, verified

    where, signing = _trail(directory, config)
    anchors = dict(_anchor(text) for text in anchor or ())
    try:
        keys = [Verifier.read(path) for path in key or ([signing] if signing else ())]
        elsewhere = read(noted)[0] if noted else []
    except (KeyFileError, OSError) as error:
        fail([error], Exit.USAGE)
    if noted and not elsewhere:
        fail([f"--heads: there is no head in {noted}; give a copy of the trail's heads.jsonl"], Exit.USAGE)
    anchors.update({head.last: head.hash for head in elsewhere})
    try:
        total = sum(path.stat().st_size for _, path in existing(where))
        with _progress(total) as progress:
            report = verified(where, anchors, keys, progress)
    except NoTrail as error:
        fail([error], Exit.USAGE)
    _show_report(report, where, form)
    if not report.intact:
        raise typer.Exit(Exit.PROBLEMS)


@audit_app.command(name="key")
def make_key(
    file: Annotated[Path, typer.Argument(help="The file to be written; it must not be there yet.")],
) -> None:
    """Make a key that signs the heads of segments, and print its public half.

    Name the file by audit.signing_key in the settings, where only Louver can read it; give the public half to whoever
    verifies.

    [bold]Example:[/bold]

    louver audit key /etc/louver/audit.pem > audit-public.pem

    Exit codes: 0 made, 2 it could not be written.
    """
    from audit.heads import Signer

    try:
        signer = Signer.create(file)
    except OSError as error:
        fail([f"{file} cannot be made: {error.strerror or error}"], Exit.USAGE)
    sys.stdout.write(signer.verifier.pem)
    err.print(f"made key {signer.verifier.id} in {file}", style="dim")


def _directory(directory: Path | None, config: Path | None) -> Path:
    return _trail(directory, config)[0]


def _trail(directory: Path | None, config: Path | None) -> tuple[Path, Path | None]:
    """Find the trail's directory and its signing key from the options, or from louver.yaml in the current directory."""
    if directory is not None:
        return directory, None
    if config is None:
        config = Path("louver.yaml")
        if not config.is_file():
            fail(["name the trail by --directory DIR, or the settings by --config FILE"], Exit.USAGE)
    from louver.settings import SettingsError, load_settings

    try:
        audit = load_settings(config).audit
    except SettingsError as error:
        fail(error.problems, Exit.USAGE)
    return audit.directory, audit.signing_key


def _anchor(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
    if found is None:
        fail([f"--anchor takes SEQ:HASH as verify prints it, not {text}"], Exit.USAGE)
    return int(found[1]), found[2]


def _polled(records: Iterator[dict[str, object] | None]) -> Iterator[dict[str, object] | None]:
    """Wait at each None, which says that all is read."""
    for record in records:
        if record is None:
            time.sleep(_POLL_SECONDS)
        yield record


def _show_matches(records: Iterable[dict[str, object]], criteria: Criteria, limit: int, form: Format) -> int:
    """Show the matches, or the last `limit` of them; return how many there are."""
    from audit.search import search as matches

    found = (e for e in matches(records, criteria) if criteria.events or e.record["event"] not in _OWN_EVENTS)
    count = 0
    if limit == 0 and not (form == "table" and out.is_terminal):
        show = _one_by_one(form)
        for entry in found:
            show(entry)
            count += 1
        return count
    kept: deque[Entry] = deque(maxlen=limit or None)
    for entry in found:
        kept.append(entry)
        count += 1
    if kept:
        _show(kept, form)
    if count > len(kept):
        err.print(f"the last {len(kept)} of {count}; --limit 0 shows all", style="dim")
    return count


def _show(entries: Iterable[Entry], form: Format) -> None:
    """Show entries all at once: a table on a terminal that is wide enough, else line by line."""
    from audit import present

    if form == "table" and out.is_terminal and out.width >= _TABLE_WIDTH:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
        for name in present.TABLE_COLUMNS[:-2]:
            table.add_column(name, no_wrap=name not in {"who", "ruling", "end"}, overflow="fold")
        table.add_column("what, and the sensitive columns it reads", overflow="fold", ratio=1)
        for entry in entries:
            *cells, uses, what = present.table_row(entry)
            cells[1] = cells[1][:19]  # the second is enough for eyes
            table.add_row(*map(_styled, cells), Text(what) + Text("\n" + uses if uses else "", style="cyan"))
        out.print(table, soft_wrap=False)
        return
    show = _one_by_one(form)
    for entry in entries:
        show(entry)


def _styled(part: str) -> Text:
    return Text(part, style=_STYLES.get(part.partition(" ")[0], ""))


def _one_by_one(form: Format) -> Callable[[Entry], None]:
    """Return what shows one entry, after showing a heading where the format has one."""
    from audit import present

    if form == "json":
        return lambda entry: _line(present.json_line(entry))
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(present.CSV_COLUMNS)

        def show_csv(entry: Entry) -> None:
            writer.writerow(present.csv_row(entry))
            sys.stdout.flush()

        return show_csv
    if not out.is_terminal:
        _line("\t".join(present.TABLE_COLUMNS))
        return lambda entry: _line(present.plain_row(entry))

    def show_coloured(entry: Entry) -> None:
        parts = [_styled(" ".join(part.split())) for part in present.table_row(entry)]
        out.print(Text("  ").join(part for part in parts if part), soft_wrap=True)

    return show_coloured


def _line(text: str) -> None:
    """Print a line as it is, at once: rich would wrap it and look for markup."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on standard error when that is a terminal."""
    if not err.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("verifying", total=total)
        yield lambda done: bar.update(task, completed=done)


def _show_report(report: Report, where: Path, form: Format) -> None:
    from dataclasses import asdict

    from audit.present import cell, safe

    anchor = f"{report.head[0]}:{report.head[1]}"
    if form == "json":
        print_json({**asdict(report), "intact": report.intact, "anchor": anchor, "directory": str(where)})
        return
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("kind", "segment", "line", "first", "last", "message"))
        writer.writerows([cell(value) for value in asdict(damage).values()] for damage in report.damages)
        return
    for note in report.notes:
        out.print(Text.assemble(("note: ", "cyan"), safe(note)))
    for damage in report.damages:
        place = f"segment {damage.segment} line {damage.line}: "
        out.print(Text.assemble((f"{damage.kind}: ", "bold red"), place, safe(damage.message)))
    if report.more:
        out.print(f"and {report.more} more damages")
    size = f"{report.records} lines in {report.segments} segments"
    if report.intact:
        end = "closed" if report.closed else "open: the proxy is running, or ended without closing it"
        out.print(Text.assemble(("intact: ", "bold green"), f"{size}; {end}"))
        out.print(f"anchor: {anchor}")
    else:
        out.print(Text.assemble(("damaged: ", "bold red"), f"{len(report.damages) + report.more} damages in {size}"))
