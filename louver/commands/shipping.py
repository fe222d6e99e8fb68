"""`louver audit ship`: ship the trail to ClickHouse, a SIEM, Kafka; a process beside the proxy.

Owns its options, its signals, and what is said of how far each destination has got. The work is louver.shipping's.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from louver.console import ConfigOption, Exit, err, fail
from louver.entries import FormatOption, show_rows

if TYPE_CHECKING:
    from louver.settings import Settings


def ship(
    *,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="NAME", help="This destination alone; may be repeated.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Ship what is there, and end: for cron.")] = False,
    lag: Annotated[bool, typer.Option("--lag", help="Only say how far each destination has got.")] = False,
    config: ConfigOption = "louver.yaml",
    form: FormatOption = "table",
) -> None:
    """Ship the trail where `ship` of the settings says, from where each destination has got to.

    Runs until SIGTERM or Ctrl-C, beside the proxy. A destination that cannot be reached is tried again; nothing is passed over.

    [bold]Examples:[/bold]

    louver audit ship --config /etc/louver/louver.yaml

    louver audit ship --once --to siem

    louver audit ship --lag

    Exit codes: 0 fine, 1 something could not be shipped, 2 called wrongly.
    """
    from louver import shipping
    from louver.logs import configure
    from louver.settings import SettingsError, load_settings

    try:
        settings = load_settings(config)
    except SettingsError as error:
        fail(error.problems, Exit.USAGE)
    configure(settings.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        if lag:
            _show_lag(settings, to or [], form)
            return
        prepared = shipping.prepared(settings, to or [], stop, wait=not once)
        if prepared is None:
            return
        followers = shipping.followers(prepared, stop, once=once)
    except shipping.CannotShipError as error:
        fail([error], Exit.USAGE)
    shipping.run(followers, stop)
    for each in followers:
        err.print(f"{each.name}: {each.sent} records shipped, up to record {each.places.place.seq}", style="dim")
    failures = [f"{each.name}: {each.failure}" for each in followers if each.failure is not None]
    failures += [
        f"{each.name}: {each.gone} records were gone before they were shipped" for each in followers if each.gone
    ]
    if failures:
        fail(failures, Exit.PROBLEMS)


def _show_lag(settings: Settings, names: list[str], form: Any) -> None:  # noqa: ANN401  as typer gives it
    """Show how far each destination is behind the trail."""
    from audit import reader
    from louver import shipping
    from shipping.lag import lags

    if settings.ship is None:
        raise shipping.CannotShipError("the settings have no `ship`: nowhere to ship the trail to (docs/shipping.md)")
    chosen = [each.name for each in shipping.chosen(settings.ship, names)]
    try:
        found = lags(settings.audit.directory, shipping.state_directory(settings, settings.ship), chosen)
    except reader.NoTrail as error:
        raise shipping.CannotShipError(str(error)) from None
    heading = ("destination", "shipped", "last", "behind", "seconds")
    show_rows(heading, [(each.name, each.shipped, each.last, each.behind, each.seconds) for each in found], form)
