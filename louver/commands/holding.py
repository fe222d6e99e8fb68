"""`louver audit hold`, `release`, `holds`: what of a trail may not be removed however old it is.

Owns their options and reports; the work is audit.retention's.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.trail import ConfigOption, DirectoryOption, find_trail
from louver.console import Exit, fail, out
from louver.entries import FormatOption, show_rows

if TYPE_CHECKING:
    from pathlib import Path

    from audit.signing import Signer

_Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in holds.jsonl.")]


def hold(
    *,
    reason: _Reason,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From when on; else from the beginning.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Until when; else for ever.")] = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep all records of a time, however old they become: a legal hold.

    The proxy looks at the holds before it removes anything (audit.retention_days). A segment with one record of that time
    stays whole. Who placed it, is the account of the operating system.

    [bold]Examples:[/bold]

    louver audit hold --reason "case 81/2026" --since 2026-01-01 --until 2026-04-01

    louver audit hold --reason "inspection by the authority"

    Exit codes: 0 placed, 2 called wrongly or no trail there.
    """
    from audit import retention
    from audit.search import CriterionError, moment, written

    where, signer = _open(directory, config)
    now = datetime.now(UTC)
    try:
        wanted = retention.Hold(
            0,
            getpass.getuser(),
            reason,
            written(now),
            moment(since, now) if since else None,
            moment(until, now) if until else None,
        )
        placed = retention.place(where, wanted, signer)
    except CriterionError as error:
        fail([error], Exit.USAGE)
    except OSError as error:
        fail([f"the hold cannot be noted: {error}"], Exit.USAGE)
    out.print(f"hold {placed.hold} is in force; `louver audit release {placed.hold}` ends it", highlight=False)


def release(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The hold, as `louver audit holds` numbers it.")],
    *,
    reason: _Reason,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """End a hold. What is old enough goes within an hour, unless another one keeps it.

    [bold]Example:[/bold]

    louver audit release 2 --reason "case 81/2026 is closed"

    Exit codes: 0 ended, 2 there is no such hold, or called wrongly.
    """
    from audit import retention
    from audit.search import written

    where, signer = _open(directory, config)
    try:
        retention.release(where, retention.Hold(number, getpass.getuser(), reason, written(datetime.now(UTC))), signer)
    except (OSError, ValueError) as error:
        fail([error], Exit.USAGE)
    out.print(f"hold {number} is over", highlight=False)


def holds(*, directory: DirectoryOption = None, config: ConfigOption = None, form: FormatOption = "table") -> None:
    """List the holds that are in force.

    [bold]Example:[/bold]

    louver audit holds

    Exit codes: 0 there are some, 1 there is none, 2 called wrongly or no trail there.
    """
    from audit import retention

    where, _ = _open(directory, config)
    try:
        found = retention.holds(where)
    except (OSError, ValueError) as error:
        fail([error], Exit.USAGE)
    heading = ("hold", "since", "until", "person", "placed", "reason")
    show_rows(
        heading, [(each.hold, each.since, each.until, each.person, each.time, each.reason) for each in found], form
    )
    if not found:
        raise typer.Exit(Exit.PROBLEMS)


def _open(directory: Path | None, config: Path | None) -> tuple[Path, Signer | None]:
    """Find a trail that is there, and its key."""
    from audit.reader import NoTrail, existing
    from audit.signing import KeyFileError, Signer

    where, key = find_trail(directory, config)
    try:
        existing(where)
        return where, Signer.read(key) if key else None
    except (NoTrail, KeyFileError) as error:
        fail([error], Exit.USAGE)
