"""`louver grant`: ask that somebody may see more for a time, and decide on what others ask."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from louver.console import ConfigOption, Exit, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.granting import Office
    from proxy.grants.records import Event, Kept

grant_app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Let somebody see more than the rules show, for a time, with the consent of others.\n\n"
        "Who asks or decides gives the password of a user of the users file (grants.login: password), or is the account of "
        "the operating system (grants.login: system)."
    ),
)

AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Who you are; the password is asked for, or read from standard input."),
]
NumberArgument = Annotated[int, typer.Argument(metavar="GRANT", help="The number of the grant.", min=1)]


def _open_numbers(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The grants that are not over, for completion."""
    try:
        with _office(ctx.params.get("config") or "louver.yaml") as office:
            found = [kept.grant for kept in office.store.all() if kept.grant.state in {"requested", "active"}]
    except (typer.Exit, OSError):
        return []
    return [(str(g.id), f"{g.principal}: {g.reason}") for g in found if str(g.id).startswith(incomplete)]


OpenArgument = Annotated[
    int, typer.Argument(metavar="GRANT", help="The number of the grant.", min=1, autocompletion=_open_numbers)
]


@grant_app.command()
def request(  # noqa: PLR0913  the options of a command
    *,
    person: Annotated[str, typer.Option("--for", metavar="USER", help="Who is to see more.")],
    columns: Annotated[
        list[str],
        typer.Option(
            "--columns",
            metavar="KEY=VALUE",
            help="Which columns, by category, level, schema, table or column, as in rules; may be repeated.",
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; those who decide and the audit read it.")],
    minutes: Annotated[int, typer.Option("--minutes", help="For how long, from the approval on.", min=1)],
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="SQL", help="On these rows only; needs table=...")
    ] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Only while the session declares this.")] = None,
    database: Annotated[str | None, typer.Option("--database", "-d", help="In this database only.")] = None,
    statements: Annotated[int | None, typer.Option("--statements", help="For so many statements.", min=1)] = None,
    rows_limit: Annotated[int | None, typer.Option("--rows-limit", help="For so many rows.", min=1)] = None,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="At once, for yourself, with an alert and a later review.")
    ] = False,
    user: AsOption = None,
    config: ConfigOption = "louver.yaml",
    form: FormatOption = "text",
) -> None:
    """Ask for a grant.

    [bold]Examples:[/bold]

    louver grant request --as tina --for tina --columns category=phone --columns table=public.customers --rows "id = 4711" --reason "case 81" --minutes 30

    louver grant request --as tina --for tina --columns category=phone --purpose care --statements 5 --reason "call back" --minutes 15

    louver grant request --as tina --for tina --columns category=phone --reason "fraud alarm" --minutes 10 --break-glass
    """
    from louver.granting import Wish

    as_json = wants_json(form)
    wish = Wish(person, _columns(columns), reason, minutes, rows, database, purpose, statements, rows_limit)
    with _office(config) as office:
        by = _who(office, user)
        number = office.request(wish, by, _now(), break_glass=break_glass)
        _said(office, number, "has begun; it is to be reviewed" if break_glass else "asked for", as_json=as_json)


@grant_app.command()
def approve(
    number: OpenArgument, user: AsOption = None, config: ConfigOption = "louver.yaml", form: FormatOption = "text"
) -> None:
    """Agree to a grant. It begins when enough persons have; see `approvals` in the policy file.

    [bold]Example:[/bold]

    louver grant approve 17 --as mona
    """
    as_json = wants_json(form)
    with _office(config) as office:
        begun = office.approve(number, _who(office, user), _now())
        _said(office, number, "has begun" if begun else "approved; it takes another person", as_json=as_json)


@grant_app.command()
def deny(
    number: OpenArgument,
    note: Annotated[str | None, typer.Option("--note", help="Why; the audit has it.")] = None,
    user: AsOption = None,
    config: ConfigOption = "louver.yaml",
    form: FormatOption = "text",
) -> None:
    """Refuse what was asked for.

    [bold]Example:[/bold]

    louver grant deny 17 --as mona --note "no such case"
    """
    as_json = wants_json(form)
    with _office(config) as office:
        office.deny(number, _who(office, user), note, _now())
        _said(office, number, "denied", as_json=as_json)


@grant_app.command()
def revoke(
    number: OpenArgument,
    note: Annotated[str | None, typer.Option("--note", help="Why; the audit has it.")] = None,
    user: AsOption = None,
    config: ConfigOption = "louver.yaml",
    form: FormatOption = "text",
) -> None:
    """End a grant before its time; running sessions follow within a second. Who has it may give it back.

    [bold]Example:[/bold]

    louver grant revoke 17 --as mona --note "case closed"
    """
    as_json = wants_json(form)
    with _office(config) as office:
        office.revoke(number, _who(office, user), note, _now())
        _said(office, number, "revoked", as_json=as_json)


@grant_app.command()
def review(
    number: NumberArgument,
    note: Annotated[str, typer.Option("--note", help="What you have found.")],
    user: AsOption = None,
    config: ConfigOption = "louver.yaml",
    form: FormatOption = "text",
) -> None:
    """Say that you have looked at a grant that began by breaking the glass.

    [bold]Example:[/bold]

    louver grant review 17 --as mona --note "the alarm was real; three statements, one customer"
    """
    as_json = wants_json(form)
    with _office(config) as office:
        office.review(number, _who(office, user), note, _now())
        _said(office, number, "reviewed", as_json=as_json)


@grant_app.command("list")
def list_grants(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Those that are over, too.")] = False,
    config: ConfigOption = "louver.yaml",
    form: FormatOption = "text",
) -> None:
    """List what is asked for, what is in force, and what is still to be reviewed.

    [bold]Examples:[/bold]

    louver grant list

    louver grant list --all --format json
    """
    from rich.table import Table
    from rich.text import Text

    as_json = wants_json(form)
    with _office(config) as office:
        now = _now()
        found = [kept for kept in office.store.all() if everything or _is_open(kept, now)]
    if as_json:
        print_json([_fields(kept, now) for kept in found])
        return
    rows = [_cells(kept, now) for kept in found]
    if not out.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(row) + "\n")
        return
    table = Table("grant", "state", "for", "columns", "rows", "until", "used", "reason")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table, soft_wrap=False)


@grant_app.command()
def show(number: NumberArgument, config: ConfigOption = "louver.yaml", form: FormatOption = "text") -> None:
    """Show one grant and all that has happened to it.

    [bold]Example:[/bold]

    louver grant show 17
    """
    as_json = wants_json(form)
    with _office(config) as office:
        kept, history, now = office.store.find(number), office.store.history(number), _now()
    if as_json:
        print_json({**_fields(kept, now), "history": [_happened(event) for event in history]})
        return
    for name, value in _fields(kept, now).items():
        if value not in (None, [], False):
            _line(f"{name}: {_plain(value)}")
    for event in history:
        said = [f"{event.at:%Y-%m-%d %H:%M:%S}Z", event.what, f"by {event.person}" if event.person else ""]
        _line("  " + " ".join(filter(None, [*said, f"({event.note})" if event.note else ""])))


# -- inside ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _office(config: str) -> Iterator[Office]:
    """Open what decisions rest on; what goes wrong ends the command with its reason."""
    from louver.granted import open_store
    from louver.granting import NotPossible, Office
    from louver.settings import SettingsError, load_settings
    from louver.sources import sources
    from policies.loader import PolicyError, load_policies
    from policies.positions import DocumentError
    from proxy.grants.records import GrantsUnavailable, WrongState
    from proxy.identity import Users
    from proxy.people import People
    from proxy.tls import TLSError

    try:
        settings = load_settings(config)
        if settings.grants is None:
            fail([f"{config} has no `grants`"])
        users = Users.none() if settings.users is None else Users.load(settings.users)
        policies = load_policies(settings.policies)
        with contextlib.closing(open_store(settings)) as store:
            people = People(users, sources(settings), own=settings.login == "own")
            yield Office(settings, policies, people, store)
    except (SettingsError, PolicyError, DocumentError) as error:
        fail(error.problems)
    except NotPossible as error:
        fail([f"{error}; {error.hint}" if error.hint else error])
    except (WrongState, GrantsUnavailable, TLSError, OSError) as error:
        fail([error])


def _who(office: Office, user: str | None) -> str:
    """Who runs the command."""
    from louver.granting import system_account

    assert office.settings.grants is not None
    if office.settings.grants.login == "system":
        account = system_account()
        if user not in {None, account}:
            fail([f"you are {account}, not {user} (grants.login: system)"])
        return account
    if user is None:
        fail(["say who you are by --as USER"], Exit.USAGE)
    if sys.stdin.isatty():
        password: str = typer.prompt(f"Password of {user}", hide_input=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not office.has_password(user, password):
        fail([f"the password of {user} is not right"])
    return user


def _columns(pairs: list[str]) -> dict[str, list[str]]:
    """Options of the form KEY=VALUE, each of which may hold several, as columns by key."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip() or not value.strip():
            fail([f"--columns takes KEY=VALUE, not {pair}"], Exit.USAGE)
        found.setdefault(key.strip(), []).append(value.strip())
    return found


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _said(office: Office, number: int, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_fields(office.store.find(number), _now()))
    else:
        out.print(f"grant {number} {what}", markup=False)


def _state(kept: Kept, now: dt.datetime) -> str:
    """Where a grant stands; one whose time is over is expired, also when no proxy has written that down."""
    grant = kept.grant
    return "expired" if grant.state == "active" and grant.ends is not None and grant.ends <= now else grant.state


def _is_open(kept: Kept, now: dt.datetime) -> bool:
    return _state(kept, now) in {"requested", "active"} or (kept.grant.break_glass and not kept.grant.reviewed)


def _fields(kept: Kept, now: dt.datetime) -> dict[str, Any]:
    grant = kept.grant
    return {
        "grant": grant.id,
        "state": _state(kept, now),
        "for": grant.principal,
        "columns": [f"{key}={value}" for key, values in kept.columns.items() for value in values],
        "labels": [f"{category} {level}" for category, level in sorted(grant.labels)],
        "rows": None if grant.rows is None else grant.rows.source,
        "database": grant.database,
        "purpose": grant.purpose,
        "reason": grant.reason,
        "requested_by": grant.requested_by,
        "requested_at": grant.requested_at.isoformat(timespec="seconds"),
        "minutes": grant.minutes,
        "starts": None if grant.starts is None else grant.starts.isoformat(timespec="seconds"),
        "ends": None if grant.ends is None else grant.ends.isoformat(timespec="seconds"),
        "approvals": list(grant.approvals),
        "statements": grant.statements,
        "statements_used": kept.statements_used,
        "rows_limit": grant.row_limit,
        "rows_used": kept.rows_used,
        "break_glass": grant.break_glass,
        "to_be_reviewed": grant.break_glass and not grant.reviewed,
    }


def _happened(event: Event) -> dict[str, Any]:
    return {"at": event.at.isoformat(), "what": event.what, "person": event.person, "note": event.note}


def _cells(kept: Kept, now: dt.datetime) -> list[str]:
    fields = _fields(kept, now)
    grant = kept.grant
    state = f"{fields['state']}, to be reviewed" if fields["to_be_reviewed"] else fields["state"]
    until = f"{grant.ends:%m-%d %H:%M}Z" if grant.ends is not None else f"{grant.minutes} min"
    used = f"{kept.statements_used}/{grant.statements or '-'}"
    cells = (
        grant.id,
        state,
        grant.principal,
        " ".join(fields["columns"]),
        fields["rows"] or "",
        until,
        used,
        grant.reason,
    )
    return [_safe(str(cell)) for cell in cells]


def _line(text: str) -> None:
    sys.stdout.write(_safe(text, indent=True) + "\n")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _safe(text: str, *, indent: bool = False) -> str:
    """Text of others, so that nothing in it acts on a terminal."""
    from audit.present import safe

    return "  " + safe(text) if indent and text.startswith("  ") else safe(text)
