"""What ships the trail, put together from the settings.

Owns the building of destinations, and the running of one thread for each. May not do: read the trail, send anything itself.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from proxy.upstream import is_loopback
from shipping import events
from shipping.cef import as_cef
from shipping.following import Follower
from shipping.ocsf import as_ocsf
from shipping.place import PlaceError, Places, noted_trail
from shipping.syslog import FACILITIES, Receiver, Syslog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from louver.settings import Settings
    from louver.ships import ClickHouseShip, KafkaShip, Ship, ShipDestination, SyslogShip
    from shipping.events import Shape
    from shipping.following import Destination

_log = logging.getLogger("louver.shipping")
_WAIT_SECONDS = 1.0


class CannotShipError(Exception):
    """The trail cannot be shipped as the settings say; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Shipping:
    """What is shipped from where: the trail's directory, its name, and where it is remembered how far it has got."""

    directory: Path
    state: Path
    trail: str
    destinations: tuple[ShipDestination, ...]


def state_directory(settings: Settings, ship: Ship) -> Path:
    """Return where it is remembered how far each destination has got."""
    return ship.directory or settings.audit.directory.parent / "ship"


def chosen(ship: Ship, names: Sequence[str]) -> tuple[ShipDestination, ...]:
    """Return the destinations of these names, all when none is given. Raises CannotShipError."""
    known = {each.name: each for each in ship.destinations}
    for name in names:
        if name not in known:
            raise CannotShipError(f"`ship` has no destination `{name}`; there are {', '.join(known)}")
    return tuple(known[name] for name in names) if names else ship.destinations


def prepared(settings: Settings, names: Sequence[str], stop: threading.Event, *, wait: bool) -> Shipping | None:
    """Settle what is shipped where; with `wait`, wait for the first record of a trail that has none yet, until `stop`.

    None: there is no record yet. Raises CannotShipError.
    """
    ship = settings.ship
    if ship is None:
        raise CannotShipError("the settings have no `ship`: nowhere to ship the trail to (docs/shipping.md)")
    destinations = chosen(ship, names)
    state = state_directory(settings, ship)
    trail = ship.trail
    while trail is None:
        try:
            trail = noted_trail(state, settings.audit.directory)
        except PlaceError as error:
            raise CannotShipError(str(error)) from None
        if trail is None and (not wait or stop.wait(_WAIT_SECONDS)):
            return None
    return Shipping(settings.audit.directory, state, trail, destinations)


def followers(shipping: Shipping, stop: threading.Event, *, once: bool) -> list[Follower]:
    """Build what ships to each destination, and take its place. Raises CannotShipError."""
    made: list[Follower] = []
    try:
        for each in shipping.destinations:
            destination = _destination(each, shipping.trail)
            places = Places.open(shipping.state, each.name, shipping.trail)
            made.append(Follower(each.name, shipping.directory, destination, places, stop, once))
    except (PlaceError, CannotShipError) as error:
        for each_made in made:
            each_made.places.close()
        raise CannotShipError(str(error)) from None
    return made


def run(found: Sequence[Follower], stop: threading.Event) -> None:
    """Ship to all at once until `stop`, or until each has ended."""
    threads = [threading.Thread(target=_guarded, args=(each,), name=each.name, daemon=True) for each in found]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and not stop.is_set():
        stop.wait(_WAIT_SECONDS / 5)
    for thread, follower in zip(threads, found, strict=True):
        thread.join()
        follower.places.close()


def _guarded(follower: Follower) -> None:
    """Run one; a fault of the program ends it alone, and is told."""
    try:
        follower.run()
    except Exception as fault:  # noqa: BLE001  the others go on
        follower.failure = f"a fault of the program: {fault!r}"
        _log.exception("%s: nothing more is shipped", follower.name)


def _destination(destination: ShipDestination, trail: str) -> Destination:
    if destination.syslog is not None:
        return _syslog(destination.syslog, destination.name, trail)
    if destination.clickhouse is not None:
        return _clickhouse(destination.clickhouse, destination.name, trail)
    if destination.kafka is not None:
        return _kafka(destination.kafka, destination.name, trail)
    raise CannotShipError(f"the destination `{destination.name}` says nowhere to go")


def _clickhouse(clickhouse: ClickHouseShip, name: str, trail: str) -> Destination:
    with needed("clickhouse"):
        from shipping.clickhouse import Account, ClickHouse
    password = secret(name, clickhouse.password_file, clickhouse.password_env)
    files = {"ca": clickhouse.ca, "certificate": clickhouse.certificate, "key": clickhouse.key}
    account = Account(clickhouse.url, clickhouse.user, password, **files, seconds=clickhouse.answer_seconds)
    return ClickHouse(account, trail)


def _kafka(kafka: KafkaShip, name: str, trail: str) -> Destination:
    with needed("kafka"):
        from shipping.kafka import Brokers, Kafka
    brokers = Brokers(
        kafka.servers,
        kafka.encryption == "tls",
        kafka.ca,
        kafka.certificate,
        kafka.key,
        kafka.mechanism,
        kafka.user,
        secret(name, kafka.password_file, kafka.password_env),
        kafka.answer_seconds,
    )
    return Kafka(brokers, topic=kafka.topic, shape=shape(kafka.format), trail=trail, limit=kafka.message_bytes)


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Import what an extra of the package brings. Raises CannotShipError when it was not installed."""
    try:
        yield
    except ImportError as error:
        raise CannotShipError(f"{error.name} is not installed; install it by: pip install 'louver[{extra}]'") from None


def secret(name: str, file: Path | None, variable: str | None) -> str:
    """Read a password from where it lies; none is an empty one. Raises CannotShipError."""
    try:
        if file is not None:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        return os.environ[variable] if variable is not None else ""
    except (OSError, UnicodeDecodeError):
        raise CannotShipError(f"the password file for `{name}` cannot be read as text: {file}") from None
    except KeyError:
        raise CannotShipError(f"the environment has no variable `{variable}`, the password for `{name}`") from None


def _syslog(syslog: SyslogShip, name: str, trail: str) -> Destination:
    context = None
    if syslog.encryption == "tls" or not is_loopback(syslog.host):
        context = client_tls(name, syslog.ca, syslog.certificate, syslog.key)
    return Syslog(
        Receiver(syslog.host, syslog.port, context, syslog.answer_seconds),
        shape=shape(syslog.format),
        trail=trail,
        facility=FACILITIES[syslog.facility],
        hostname=syslog.hostname or socket.gethostname(),
        version=version("louver"),
        limit=syslog.message_bytes,
    )


def shape(form: str) -> Shape:
    """Return what turns records into messages of a format."""
    shapes: dict[str, Shape] = {
        "json": events.as_json,
        "ocsf": partial(as_ocsf, version("louver")),
        "cef": partial(as_cef, version("louver")),
    }
    return shapes[form]


def client_tls(name: str, ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Build what a destination is asked for over TLS: a certificate for its name, by an authority that is trusted. Raises CannotShipError."""
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise CannotShipError(f"the certificates for `{name}` cannot be used: {error}") from None
    return context
