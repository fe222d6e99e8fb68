"""`louver diff`: what changes for whom when the policies change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.asking import AddressOption, ApplicationOption, AtOption, granted
from louver.console import Exit, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from louver.differences import Difference


def diff(  # noqa: PLR0913  the options of a command
    old: Annotated[Path, typer.Argument(help="The policy file that is in force.")],
    new: Annotated[Path, typer.Argument(help="The one that shall be.")],
    *,
    users: Annotated[Path, typer.Option("--users", metavar="FILE", help="The users file: for whom.")],
    at: AtOption = "",
    address: AddressOption = "127.0.0.1",
    application: ApplicationOption = "",
    grants: Annotated[
        str, typer.Option("--grants", metavar="FILE", help="With the grants in force of this louver.yaml.")
    ] = "",
    form: FormatOption = "text",
) -> None:
    """List for each user what differs between two policy files: how columns are shown, which rows of tables there are, how much may be read.

    The columns are those that the dictionaries name, the tables those of the filters; a pattern stands for all that it means. Conditions are asked at one moment, in one
    place: try the others, too. It ends with 1 when there is a difference, so that a review can be asked for.

    [bold]Examples:[/bold]

    louver diff policies.yaml policies.new.yaml --users users.yaml

    louver diff old.yaml new.yaml --users users.yaml --at 2026-07-05T23:00 --format json
    """
    import datetime as dt

    from louver.differences import differences
    from louver.logs import silence
    from policies.loader import PolicyError, load_policies
    from policies.model import Principal, Session
    from policies.positions import DocumentError
    from proxy.identity import Users

    as_json = wants_json(form)
    try:
        moment = dt.datetime.fromisoformat(at) if at else dt.datetime.now(dt.UTC)
    except ValueError:
        fail([f"--at takes a time such as 2026-07-01T09:30, not {at}"], Exit.USAGE)
    try:
        with silence():  # what goes wrong is said below
            before, after = load_policies(old), load_policies(new)
            known = Users.load(users)
    except (PolicyError, DocumentError) as error:
        fail(error.problems)
    except OSError as error:
        fail([f"cannot read {error.filename}: {error.strerror}"])
    zone = after.vocabulary.calendar.zone or dt.UTC
    session = Session("", address, application, "", True, moment if moment.tzinfo else moment.replace(tzinfo=zone))
    people = [Principal(name, known.attributes(name) or {}) for name in known.names()]
    found = list(differences(before, after, people, session, granted(grants) if grants else ()))
    if as_json:
        from dataclasses import asdict

        print_json([asdict(each) for each in found])
    else:
        _show(found)
    if found:
        raise typer.Exit(Exit.PROBLEMS)


def _show(found: Sequence[Difference]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not found:
        out.print(Text("nobody sees anything otherwise", "bold green"))
        return
    if not out.is_terminal:
        for each in found:
            kind = "MORE" if each.more else "other"
            # rich would make spaces of the tabs
            typer.echo(f"{kind}\t{each.user}\t{each.about}\t{each.before}\t{each.after}")
        return
    table = Table("user", "of", "before", "after")
    for each in found:
        style = "bold red" if each.more else ""
        table.add_row(each.user, Text(each.about), Text(each.before), Text(each.after, style))
    out.print(table)
    more = sum(each.more for each in found)
    out.print(Text(f"{len(found)} differences; in {more} of them more is shown than before", "bold"))
