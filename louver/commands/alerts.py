"""`louver alerts`: be told when the audit trail shows what somebody should look at.

Owns the options; the watching is the package alerts'. Works beside a running proxy: it reads the trail, and the proxy alone acts.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.commands.trail import ConfigOption, DirectoryOption, find_trail
from louver.console import ConfigOption as SettingsOption
from louver.console import Exit, err, fail, out
from louver.entries import FormatOption, show_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.rules import Rulebook
    from alerts.watching import Told
    from louver.settings import Alerts, Settings
    from proxy.measures.records import Kind
    from proxy.measures.store import MeasureStore

alerts_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=(
        "Follow the audit trail with rules: be told of misuse, and have something done at once.\n\n"
        "[bold]Examples:[/bold]\n\n"
        "louver alerts check alerts.yaml   is this file right, and what does it watch for?\n\n"
        "louver alerts replay --rules alerts.yaml --since 30d   what would have been told?\n\n"
        "louver alerts run --config louver.yaml   tell it, from now on\n\n"
        "louver alerts list   what has happened?\n\n"
        "louver alerts lift 3 --reason ...   let somebody in again\n\n"
        "The rules are described in docs/alerts.md."
    ),
)

RulesOption = Annotated[Path | None, typer.Option("--rules", "-r", metavar="FILE", help="The file of rules.")]


def _numbers_in_force(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The measures in force, for completion."""
    try:
        with _measures(ctx.params.get("config") or "louver.yaml") as store:
            found = store.all(active=True)
    except (typer.Exit, OSError):
        return []
    return [(str(each.id), f"{each.kind} {each.principal}") for each in found if str(each.id).startswith(incomplete)]


@alerts_app.command()
def check(
    rules: Annotated[Path, typer.Argument(metavar="FILE", help="The file of rules.")],
    form: FormatOption = "table",
) -> None:
    """Say what is wrong with a file of rules, each mistake with its line and column; else list the rules.

    [bold]Example:[/bold]

    louver alerts check alerts.yaml

    Exit codes: 0 fine, 1 mistakes.
    """
    from alerts.lengths import written

    book = _book(rules)
    rows = []
    for rule in book.rules:
        counted = {
            "new": f"new {rule.measure.of}",
            "idle": "idle",
            "distinct": f"{rule.measure.limit} different {rule.measure.of}",
        }
        measured = counted.get(
            rule.measure.kind, f"{rule.measure.limit} {'rows' if rule.measure.kind == 'rows' else 'times'}"
        )
        usual = "" if rule.baseline is None else f"{rule.baseline.times:g} times a usual day"
        respond = ", ".join(f"{each.kind} {written(each.lasts)}" if each.lasts else each.kind for each in rule.respond)
        told = ", ".join(each.name for each in book.channels if rule.notify is None or each.name in rule.notify)
        rows.append((rule.name, rule.severity, measured, written(rule.within), " ".join(rule.by), usual, told, respond))
    show_rows(("rule", "severity", "from", "within", "by", "and", "told to", "respond"), rows, form)


@alerts_app.command()
def replay(  # noqa: PLR0913  the options of a command
    *,
    rules: RulesOption = None,
    since: Annotated[str, typer.Option(help="Tell from then on: 2h, 7d, today, 2026-01-31.")] = "7d",
    until: Annotated[str | None, typer.Option(help="Before then; the same forms. Times are UTC.")] = None,
    learn: Annotated[
        int, typer.Option(min=0, metavar="DAYS", help="Learn what is usual from so many days before.")
    ] = 60,
    texts: Annotated[bool, typer.Option("--texts", help="Show each message as it would be sent.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    form: FormatOption = "table",
) -> None:
    """Say what would have been told over a past stretch, without telling or doing anything: for choosing thresholds.

    [bold]Examples:[/bold]

    louver alerts replay --rules alerts.yaml --since 30d

    louver alerts replay --rules alerts.yaml --since 2026-05-01 --until 2026-06-01 --format json

    Exit codes: 0 fine, 1 mistakes in the rules, 2 called wrongly or no trail there.
    """
    from audit.reader import NoTrail
    from audit.search import CriterionError, moment

    where = find_trail(directory, config)[0]
    book = _book(rules or _rules_of(config))
    now = datetime.now(UTC)
    try:
        begins = moment(since, now)
        ends = moment(until, now) if until else None
        told = _replayed(book, where, begins, ends, learn)
    except (NoTrail, CriterionError) as error:
        fail([error], Exit.USAGE)
    if texts and form == "table":
        for each in told:
            out.print(each.text, markup=False)
        return
    rows = [
        (each.fields["at"], each.incident, each.severity, each.rule, each.headline, each.fields["measured"])
        for each in told
    ]
    show_rows(("at", "incident", "severity", "rule", "what", "measured"), rows, form)
    if form == "table":
        err.print(f"{len(told)} messages of {len({each.incident for each in told})} incidents", style="dim")


@alerts_app.command()
def run(config: SettingsOption = "louver.yaml") -> None:
    """Follow the trail, tell, and have the proxy respond, until SIGTERM or Ctrl-C.

    A restart goes on where it stopped: nothing is missed, and nothing told twice. The first time, what the trail holds already teaches
    what is usual, and is not told. The file of rules is read again when it changes.

    [bold]Example:[/bold]

    louver alerts run --config /etc/louver/louver.yaml
    """
    from alerts.following import AlertsUnavailable
    from alerts.loader import RulesError
    from alerts.store import StateUnavailable
    from louver import alerting
    from louver.logs import configure
    from proxy.measures.records import MeasuresUnavailable

    settings, alerts = _settings(config)
    configure(settings.log)
    try:
        alerting.run(settings, alerts)
    except RulesError as error:
        fail(error.problems)
    except (AlertsUnavailable, StateUnavailable, MeasuresUnavailable) as error:
        fail([error])


@alerts_app.command("list")
def list_incidents(
    *,
    since: Annotated[str, typer.Option(help="To which something has come since: 2h, 7d, today, 2026-01-31.")] = "7d",
    config: SettingsOption = "louver.yaml",
    form: FormatOption = "table",
) -> None:
    """List incidents: about whom, which rules have found how much, and whether the messages have arrived.

    [bold]Examples:[/bold]

    louver alerts list

    louver alerts list --since 30d --format json

    Exit codes: 0 some, 1 none, 2 called wrongly.
    """
    from alerts import messages
    from alerts.rules import Calendar
    from alerts.store import StateUnavailable
    from audit.search import CriterionError, moment
    from louver import alerting

    _, alerts = _settings(config)
    calendar = Calendar(_book(alerts.rules).timezone)
    rows = []
    try:
        begins = datetime.fromisoformat(moment(since, datetime.now(UTC)))
        with contextlib.closing(alerting.incidents(alerts)) as state:
            for each in state.incidents(since=round(begins.timestamp() * 1_000_000)):
                found = ", ".join(f"{signal.rule} {signal.count}" for signal in each.signals.values())
                unarrived = [
                    f"{to or 'proxy'} {how}" for to, _, how, _, _ in state.deliveries(each.number) if how != "arrived"
                ]
                when = (calendar.written(each.opened), calendar.written(each.last), "closed" if each.closed else "open")
                rows.append((each.number, *when, each.severity, messages.who(each), found, ", ".join(unarrived)))
    except (CriterionError, StateUnavailable) as error:
        fail([error], Exit.USAGE)
    show_rows(("incident", "opened", "last", "state", "severity", "about", "found", "not arrived"), rows, form)
    if not rows:
        raise typer.Exit(Exit.PROBLEMS)


@alerts_app.command("test")
def send_trial(config: SettingsOption = "louver.yaml") -> None:
    """Send a message to every channel, to see that it arrives.

    [bold]Example:[/bold]

    louver alerts test --config louver.yaml

    Exit codes: 0 all have taken it, 1 some have not.
    """
    from alerts.following import AlertsUnavailable
    from louver import alerting

    _, alerts = _settings(config)
    channels = _book(alerts.rules).channels
    try:
        found = alerting.probe(alerts, channels)
    except AlertsUnavailable as error:
        fail([error])
    for name, failure in found:
        out.print(f"{name}: {failure or 'taken'}", markup=False)
    if not found or any(failure for _, failure in found):
        raise typer.Exit(Exit.PROBLEMS)


NumberArgument = Annotated[
    int, typer.Argument(metavar="MEASURE", help="The number of the measure.", min=1, autocompletion=_numbers_in_force)
]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Who it is, as the trail names the principal.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; the trail has it.")]
ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="LENGTH", help="For how long: 30m, 2h, 1d; without it, until it is lifted."),
]


@alerts_app.command("measures")
def list_measures(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    config: SettingsOption = "louver.yaml",
    form: FormatOption = "table",
) -> None:
    """List what is in force against whom: suspensions, and masks that are tightened.

    [bold]Example:[/bold]

    louver alerts measures
    """
    with _measures(config) as store:
        now = datetime.now(UTC)
        found = [each for each in store.all(active=not every) if every or each.holds(now)]
    rows = []
    for each in found:
        state = "over" if each.state == "active" and not each.holds(now) else each.state
        ends = "" if each.ends is None else f"{each.ends:%Y-%m-%d %H:%M:%S}"
        why = f"{each.rule}, incident {each.incident}" if each.incident else each.reason
        rows.append(
            (
                each.id,
                state,
                each.kind,
                each.principal,
                f"{each.begun:%Y-%m-%d %H:%M:%S}",
                ends,
                each.by or "alerts",
                why,
            )
        )
    show_rows(("measure", "state", "what", "principal", "begun", "ends", "by", "why"), rows, form)


@alerts_app.command()
def lift(number: NumberArgument, *, reason: ReasonOption, config: SettingsOption = "louver.yaml") -> None:
    """End a measure before its time; the proxy follows within a second. The trail has who did so, by the account of the system.

    [bold]Example:[/bold]

    louver alerts lift 3 --reason "was the quarterly export, agreed with compliance"
    """
    from louver.granting import system_account
    from proxy.measures.records import NoSuchMeasure

    with _measures(config) as store:
        try:
            lifted = store.lift(number, system_account(), reason, datetime.now(UTC))
        except NoSuchMeasure as error:
            fail([error])
    out.print(f"measure {number} is lifted: {lifted.kind} of {lifted.principal}", markup=False)


@alerts_app.command()
def suspend(
    user: UserArgument, *, reason: ReasonOption, length: ForOption = None, config: SettingsOption = "louver.yaml"
) -> None:
    """End all sessions of somebody and let him in no more, nor anybody who speaks for him.

    [bold]Example:[/bold]

    louver alerts suspend tina --for 2h --reason "case 81"
    """
    _begin("suspend", user, length, reason, config)


@alerts_app.command()
def tighten(
    user: UserArgument, *, reason: ReasonOption, length: ForOption = None, config: SettingsOption = "louver.yaml"
) -> None:
    """Mask every sensitive column in full for somebody, whatever rules and grants show him; his running sessions end.

    [bold]Example:[/bold]

    louver alerts tighten tina --for 1d --reason "case 81"
    """
    _begin("tighten", user, length, reason, config)


def _begin(kind: Kind, user: str, length: str | None, reason: str, config: str) -> None:
    from alerts import lengths
    from louver.granting import system_account

    lasts = None if length is None else lengths.length(length)
    if length is not None and lasts is None:
        fail([f"--for {length} is no length of time up to a year; write 30m, 2h or 1d"], Exit.USAGE)
    seconds = None if lasts is None else lasts / 1_000_000
    with _measures(config) as store:
        number = store.begin(kind, user, datetime.now(UTC), seconds=seconds, by=system_account(), reason=reason)
    out.print(f"measure {number} is in force: {kind} of {user}", markup=False)


@contextlib.contextmanager
def _measures(config: str) -> Iterator[MeasureStore]:
    """The file of measures."""
    from proxy.measures.records import MeasuresUnavailable
    from proxy.measures.store import MeasureStore

    try:
        with contextlib.closing(MeasureStore.open(_settings(config)[1].directory)) as store:
            yield store
    except MeasuresUnavailable as error:
        fail([error])


def _settings(config: str) -> tuple[Settings, Alerts]:
    """The settings, which must have alerts."""
    from louver.settings import SettingsError, load_settings

    try:
        settings = load_settings(config)
    except SettingsError as error:
        fail(error.problems, Exit.USAGE)
    if settings.alerts is None:
        fail([f"{config} has no `alerts`; add `alerts: {{rules: alerts.yaml}}`"], Exit.USAGE)
    return settings, settings.alerts


def _replayed(book: Rulebook, where: Path, begins: str, ends: str | None, learn: int) -> list[Told]:
    """What a stretch of the trail would have told."""
    from datetime import timedelta

    from alerts.watching import Watching
    from audit import reader
    from audit.search import written

    watching = Watching(book)
    from_ = written(datetime.fromisoformat(begins) - timedelta(days=learn))
    told: list[Told] = []
    for record in reader.records(where, since=from_):
        if record["time"] < from_:
            continue
        if ends is not None and record["time"] >= ends:
            break
        told += watching.feed(record, silent=record["time"] < begins)
    return told


def _book(rules: Path) -> Rulebook:
    from alerts.loader import RulesError, load_rules

    try:
        return load_rules(rules)
    except RulesError as error:
        fail(error.problems)


def _rules_of(config: Path | None) -> Path:
    """The file of rules that the settings name."""
    if config is None and not Path("louver.yaml").is_file():
        fail(["name the file of rules by --rules FILE, or the settings by --config FILE"], Exit.USAGE)
    return _settings(str(config or "louver.yaml"))[1].rules
