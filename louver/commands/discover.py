"""`louver discover`: which columns of a database look sensitive, and a dictionary file in which a person reviews them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.console import Exit, err, fail, out, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from louver.discovery.bounds import Bounds
    from louver.discovery.look import Look
    from louver.discovery.target import Target
    from policies.decide import PolicySet
    from policies.discovery.listing import Change, Listing
    from policies.discovery.model import FullName
    from policies.discovery.standards import Pack
    from policies.entries import WrittenEntry

_FORMATS = ("text", "plain", "json")

discover_app = typer.Typer(invoke_without_command=True)


@discover_app.callback()
def discover(  # noqa: PLR0913  the options of a command
    ctx: typer.Context,
    *,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            envvar="LOUVER_DISCOVER_URL",
            show_envvar=True,
            metavar="URL",
            help="Look at postgresql://user:password@host/database, or mysql:// or mariadb:// with a schema or none; the variable keeps a "
            "password out of the process list. Without one: the database of --config, by its service account.",
        ),
    ] = "",
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", envvar="LOUVER_CONFIG", metavar="FILE", help="The settings file (louver.yaml)."),
    ] = None,
    database: Annotated[
        str, typer.Option("--database", "-d", metavar="NAME", help="With --config: which database.")
    ] = "",
    schema: Annotated[
        list[str] | None, typer.Option("--schema", "-s", metavar="NAME", help="Only this schema; may be repeated.")
    ] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option(
            "--dictionary", "-D", metavar="FILE", help="Compare with this dictionary file, and bring it up to date."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 3 when the file is not up to date.")
    ] = False,
    pack: Annotated[
        list[str] | None,
        typer.Option(
            "--pack",
            "-p",
            metavar="NAME|FILE",
            help="The standard that gives levels: jrt-0197 (the default), jrt-0171, gdpr, pci-dss, or a file of your own; "
            "of several, the highest level counts.",
        ),
    ] = None,
    list_all: Annotated[
        bool, typer.Option("--all", help="Also list the columns that look harmless, for `unreviewed: mask_all`.")
    ] = False,
    catalogs_only: Annotated[
        bool, typer.Option("--catalogs-only", help="Read names, types and comments; no row.")
    ] = False,
    rows: Annotated[
        int, typer.Option("--rows", min=1, max=100_000, help="Read at most so many rows of a table.")
    ] = 500,
    table_bytes: Annotated[
        int, typer.Option("--bytes", min=1024, max=2**30, help="Read at most so many bytes of a table.")
    ] = 4 * 2**20,
    seconds: Annotated[
        float, typer.Option("--timeout", min=0.1, max=3600, help="Let the server end what takes more seconds.")
    ] = 5.0,
    pause: Annotated[
        float, typer.Option("--pause", min=0, max=60, help="Wait so many seconds after each table.")
    ] = 0.0,
    form: Annotated[
        str,
        typer.Option("--format", "-f", metavar="text|plain|json", help="For people, for line tools, or for programs."),
    ] = "text",
) -> None:
    """Find the columns of a database that look sensitive, and keep a dictionary file of them for review.

    Names, types and comments are read, and a few hundred rows of each table, by one connection, one statement at a time, reading only.
    What is proposed comes with its confidence and the evidence; no value of the database is printed or written.

    Look at the file that it writes, set `state: accepted` or `state: rejected` with your name as `by` for each entry (or have that done by
    `louver discover accept`), and name the file in the policies as `dictionary_files: [FILE]`. Later runs add what is new and never touch what you have reviewed.

    [bold]Examples:[/bold]

    louver discover --url postgresql://louver_service@db.internal/bank

    louver discover --config louver.yaml --database bank --dictionary columns.yaml

    louver discover --config louver.yaml -d bank -D columns.yaml --check   (in CI: ends with 3 when something is new, gone or changed)

    louver discover --url mysql://me@127.0.0.1/shop --pack gdpr --pack pci-dss --format json
    """
    from louver.discovery.bounds import Bounds
    from louver.discovery.telling import conclude, report, show
    from policies.discovery.listing import compare

    if ctx.invoked_subcommand is not None:
        return
    if form not in _FORMATS:
        fail([f"--format must be one of {', '.join(_FORMATS)}, not {form}"], Exit.USAGE)
    if check and dictionary is None:
        fail(["--check needs --dictionary: it compares with the file"], Exit.USAGE)
    target, policies = _target(url, config, database)
    schemas = tuple(schema or ())
    packs, listing = _read(pack or ["jrt-0197"], dictionary)
    found = _look(target, Bounds(rows, table_bytes, seconds, pause, catalogs_only), packs, schemas, views=list_all)
    entries = listing.entries if listing is not None else ()
    listed = {each.exact for each in entries}
    wanted = [each for each in found.proposals if list_all or each.grade is not None or each.column.name in listed]
    changes = compare(wanted, entries, _known(policies, found), scope=lambda name: _in_scope(name, target, schemas))
    written = dictionary is not None and not check and _keep(dictionary, listing, changes)
    if form == "json":
        print_json(report(found, changes, written=written))
    else:
        show(found, changes, plain=form == "plain" or not out.is_terminal)
        conclude(found, changes, dictionary, check=check, written=written)
    if check and any(change.status in {"new", "gone", "changed"} for change in changes):
        raise typer.Exit(Exit.CHANGED)


@discover_app.command()
def accept(  # noqa: PLR0913  the options of a command
    dictionary: Annotated[Path, typer.Argument(metavar="FILE", help="The dictionary file.")],
    *,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who has reviewed them.")],
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="PATTERN", help="Those of `database.schema.table.column`; may be repeated."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", metavar="NAME", help="Those of this category; may be repeated.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option("--confidence", min=0, max=1, help="Those that are at least so sure.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are proposed.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject them instead.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say which ones.")] = False,
) -> None:
    """Mark proposals of a dictionary file as reviewed, once you have looked at them.

    Those that meet every option are meant. Comments, order and everything else in the file stay; what is reviewed already is not touched.

    [bold]Examples:[/bold]

    louver discover accept columns.yaml --by mona --column "bank.public.customers.*" --confidence 0.9

    louver discover accept columns.yaml --by mona --category email --dry-run

    louver discover accept columns.yaml --by mona --column "bank.public.log.*" --reject
    """
    from louver.discovery.telling import counted, visible
    from policies.discovery.listing import ListingError
    from policies.discovery.reviewing import choice, reviewed
    from policies.patterns import PatternError

    if everything == bool(column or category or confidence is not None):
        fail(["say which by --column, --category or --confidence, or --all"], Exit.USAGE)
    if not by.strip() or not by.isprintable():
        fail(["--by takes a name"], Exit.USAGE)
    _, listing = _read([], dictionary)
    if listing is None:
        fail([f"{dictionary} is not there; `louver discover --dictionary {dictionary}` writes it"])
    try:
        meant = choice(column or (), category or (), confidence)
        chosen = [each for each in listing.entries if meant.means(each)]
        text = reviewed(listing, chosen, "rejected" if reject else "accepted", by.strip(), str(dictionary))
        if chosen and not dry:
            _write(dictionary, text)
    except PatternError as error:
        fail([f"--column: {error}"], Exit.USAGE)
    except ListingError as error:
        fail(error.problems)
    except OSError as error:
        fail([f"cannot write {dictionary}: {error.strerror}"])
    for each in chosen:
        typer.echo(visible(_named(each)))
    done = "would be" if dry else "are"
    err.print(f"{counted(len(chosen), 'proposal')} {done} {'rejected' if reject else 'accepted'}", markup=False)


def _named(written: WrittenEntry) -> str:
    """An entry in one line: its columns, category and confidence."""
    entry = written.entry
    parts = (part.exact or part.glob for part in (entry.database, entry.schema, entry.relation, entry.column))
    category = "none" if written.label is None else f"{written.label.category} {written.label.level}"
    sure = "" if written.confidence is None else f"{written.confidence:.2f}"
    return "  ".join(filter(None, (".".join(parts), category, sure)))


def _read(names: list[str], dictionary: Path | None) -> tuple[tuple[Pack, ...], Listing | None]:
    """The packs, and the dictionary file if there is one yet."""
    from policies.discovery.listing import ListingError, read_listing
    from policies.discovery.standards import PackError, load_pack

    try:
        packs = tuple(load_pack(name) for name in names)
        if dictionary is None or not dictionary.exists():
            return packs, None
        return packs, read_listing(dictionary.read_text(encoding="utf-8"), str(dictionary))
    except (PackError, ListingError) as error:
        fail(error.problems)
    except (OSError, UnicodeDecodeError) as error:
        fail([f"cannot read {dictionary}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"])


def _keep(dictionary: Path, listing: Listing | None, changes: Sequence[Change]) -> bool:
    """Bring the dictionary file up to date; False when it is."""
    from policies.discovery.listing import ListingError, new_text, update

    try:
        after = new_text(changes) if listing is None else update(listing, changes, str(dictionary))
        if listing is not None and listing.text == after:
            return False
        _write(dictionary, after)
    except ListingError as error:
        fail(error.problems)
    except OSError as error:
        fail([f"cannot write {dictionary}: {error.strerror}"])
    return True


def _target(url: str, config: str | None, database: str) -> tuple[Target, PolicySet | None]:
    """The database to look at, and the policies in force there if they are known."""
    from louver.discovery.target import TargetError, from_parts, from_url

    if url and config is None:
        if database:
            fail(["--database goes with --config; a URL names its own"], Exit.USAGE)
        try:
            return from_url(url), None
        except TargetError as error:
            fail([error], Exit.USAGE)
    from louver.configuration import ConfigurationError, load

    try:
        parts = load(config or "louver.yaml")
    except ConfigurationError as error:
        fail(error.mistakes)
    if url:
        try:
            return from_url(url), parts.policies
        except TargetError as error:
            fail([error], Exit.USAGE)
    if parts.settings.protocol == "postgresql" and not database:
        fail(["--database must say which database of the server to look at"], Exit.USAGE)
    return from_parts(parts, database), parts.policies


def _look(target: Target, bounds: Bounds, packs: tuple[Pack, ...], schemas: tuple[str, ...], *, views: bool) -> Look:
    """Look at the database, with a progress bar where somebody watches."""
    import asyncio

    import asyncpg
    import pymysql
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from louver.discovery.look import look
    from louver.discovery.telling import visible

    bar = Progress(
        TextColumn("looking at"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[table]}"),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    task = bar.add_task("look", total=None, table="the catalog")

    def watch(done: int, tables: int, table: str) -> None:
        bar.update(task, completed=done, total=tables, table=visible(table).replace("[", r"\["))

    try:
        with bar:
            return asyncio.run(look(target, bounds, packs, schemas=schemas, views=views, watch=watch))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, pymysql.MySQLError) as error:
        fail([f"cannot look at {target}: {_told(error)}"])


def _told(error: Exception) -> str:
    """What a server or the way to it says of a login or a catalog that fails; it has no value of a row yet."""
    import ssl

    import pymysql

    if isinstance(error, ssl.SSLError):
        return f"{error.reason or error}; a URL takes ?sslmode=require or ?sslrootcert=FILE"
    if isinstance(error, pymysql.MySQLError) and len(error.args) > 1:
        return str(error.args[1])
    return str(error) or type(error).__name__


def _known(policies: PolicySet | None, found: Look) -> frozenset[FullName]:
    """The columns that the policies label already."""
    if policies is None:
        return frozenset()
    names = (proposal.column.name for proposal in found.proposals)
    return frozenset(name for name in names if policies.dictionary.entry(*name) is not None)


def _in_scope(name: FullName, target: Target, schemas: tuple[str, ...]) -> bool:
    if target.protocol == "postgresql":
        return name[0] == target.database and (not schemas or name[1] in schemas)
    only = schemas or ((target.database,) if target.database else ())
    return not only or name[1] in only


def _write(path: Path, text: str) -> None:
    """Put the text in place of the file in one step, so that a proxy that reads it never sees half of it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    if path.exists():
        beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)
