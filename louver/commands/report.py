"""`louver audit report`: what the trail says of a period, as a page, as CSV and as JSON.

Owns the options; figures and look are those of reports.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.elsewhere import ClickHouseOption, TrailOption, check_trail, opened_there
from louver.commands.proof import progress_bar
from louver.commands.trail import ConfigOption, DirectoryOption, find_trail
from louver.console import Exit, fail, out
from louver.entries import Format, FormatOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from louver.configuration import Parts
    from louver.coverage import Counted
    from policies.decide import PolicySet
    from reports.figures import Asked, Coverage, Period, Table


def report(  # noqa: PLR0913  the options of a command
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where the files go; made when not there.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="TABLE", help="Write no files, show this table: grants, unusual-days, policies ..."
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="From then on: 7d, yesterday, 2026-05-01, 2026-05-01T09:15.")] = "30d",
    until: Annotated[str, typer.Option(help="Before then; the same forms. Times are UTC.")] = "now",
    unit: Annotated[
        list[str] | None,
        typer.Option(
            "--unit",
            metavar="ATTRIBUTE",
            help="The attribute that says somebody's part of the house; may be repeated, the first that is known counts. "
            "Default: unit, department, branch, region.",
        ),
    ] = None,
    database: Annotated[
        list[str] | None,
        typer.Option(
            "--database", metavar="NAME", help="Count the classified columns of this database, too; may be repeated."
        ),
    ] = None,
    policies: Annotated[
        Path | None,
        typer.Option("--policies", metavar="FILE", help="Whose dictionary is counted; default: that of the settings."),
    ] = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FormatOption = "table",
    clickhouse: ClickHouseOption = None,
    trail: TrailOption = None,
) -> None:
    """Write a report: what needs an eye, trends by area, what was protected; and the lists behind.

    One page that stands by itself (index.html, to be read, printed or mailed), each of its tables as CSV, and all of it as report.json.
    Every clear view with its authority stands in clear-views.csv. The files are readable for their owner alone.

    [bold]Examples:[/bold]

    louver audit report --output report

    louver audit report --since 2026-05-01 --until 2026-06-01 --unit department --output may

    louver audit report --config louver.yaml --database bank --since 7d --output week

    louver audit report --only grants --since 7d

    louver audit report --clickhouse https://clickhouse.bank.example:8443/louver --trail bank-1 --since 30d --output month

    Exit codes: 0 written or shown, 1 there is no record of the period or nothing in the table, 2 called wrongly, no trail there, or it could not be written.
    """
    from audit.reader import NoTrail
    from audit.search import CriterionError
    from audit.tables import QueryError
    from reports import figures
    from reports.questions import UNITS, UnitError

    if (output is None) == (only is None):
        fail(["give --output DIR for a report, or --only TABLE for one of its tables"], Exit.USAGE)
    if only is not None and only not in figures.NAMES:
        fail([f"--only takes one of {', '.join(sorted(figures.NAMES))}, not {only}"], Exit.USAGE)
    check_trail(clickhouse, trail)
    where = None if clickhouse is not None else find_trail(directory, config)[0]
    if config is None and directory is None and (clickhouse is None or Path("louver.yaml").exists()):
        config = Path("louver.yaml")
    if database and config is None:
        fail(["--database needs the settings: name them by --config FILE"], Exit.USAGE)
    try:
        period = _period(since, until, _now())
        coverage = _coverage(policies, config, database or []) if output else None
        with _opened(where, clickhouse or "", trail, period, tuple(unit or UNITS)) as asked:
            some = _show(figures.table(asked, only or ""), form) if output is None else _write(asked, coverage, output)
    except (NoTrail, CriterionError, UnitError, QueryError) as error:
        fail([error], Exit.USAGE)
    except OSError as error:
        fail([f"{output} cannot be written: {error.strerror or error}"], Exit.USAGE)
    if not some:
        fail([f"there is nothing of that in the trail from {since} until {until}"])


@contextmanager
def _opened(
    directory: Path | None, url: str, trail: str | None, period: Period, units: Sequence[str]
) -> Iterator[Asked]:
    """Open the trail in a directory, else the one in ClickHouse. Raises NoTrail, UnitError, QueryError."""
    from audit.reader import existing
    from audit.search import written
    from louver.reporting import Shipped
    from reports import figures

    if directory is None:
        with opened_there(url, trail, one=True) as there:
            yield Shipped(there, period, units)
        return
    paths = existing(directory, since=written((period.since - figures.BEFORE).replace(tzinfo=UTC)))
    with figures.opened([path for _, path in paths], period, units) as found:
        yield found


def _now() -> datetime:
    return datetime.now(UTC)


def _show(table: Table, form: Format) -> bool:
    """Show one table, without what stands in the files alone when it is for eyes; tell whether it has rows."""
    from louver.entries import show_rows
    from reports.page import LEFT_OUT, heading

    seen = table.without(LEFT_OUT.get(table.name, ())) if form == "table" else table
    show_rows(heading(seen) if form == "table" else seen.heading, seen.rows, form)
    return bool(table.rows)


def _write(trail: Asked, coverage: Coverage | None, output: Path) -> bool:
    """Write a report; tell whether the trail has anything of its period."""
    from reports import figures, page

    with progress_bar(figures.steps(), "counting") as progress:
        found = figures.gather(trail, coverage, progress)
        files = page.write(output, found, figures.clear_views(trail, found.authorities), _now())
    out.print(f"{output / page.PAGE} and {len(files) - 1} files of figures", markup=False)
    return bool(found.trail[1])


def _period(since: str, until: str, now: datetime) -> Period:
    from audit.search import CriterionError, moment
    from reports.figures import Period

    begin, end = (datetime.fromisoformat(moment(text, now)).replace(tzinfo=None) for text in (since, until))
    if begin >= end:
        raise CriterionError(f"--since {since} is not before --until {until}")
    return Period(begin, end)


def _coverage(policies: Path | None, config: Path | None, databases: list[str]) -> Coverage | None:
    """Count what the dictionary says, when one is known, and look at databases when they are named."""
    from louver.coverage import entries
    from reports.figures import coverage_of

    if policies is None and config is None:
        return None
    counted: list[Counted] = _counted(config, databases) if databases and config else []
    read = _read(policies, config)
    return coverage_of(read.revision, entries(read), counted)


def _counted(config: Path, databases: list[str]) -> list[Counted]:
    from louver.commands.asking import run_asking
    from louver.coverage import columns

    async def ask(parts: Parts) -> list[Counted]:
        return await columns(parts, databases)

    return run_asking(ask, str(config), ", ".join(databases))


def _read(policies: Path | None, config: Path | None) -> PolicySet:
    from louver.settings import SettingsError, load_settings
    from policies.loader import PolicyError, load_policies

    try:
        return load_policies(policies or load_settings(config or "louver.yaml").policies)
    except (PolicyError, SettingsError) as error:
        fail(error.problems, Exit.USAGE)
