"""The alerts as they run: the trail followed, channels opened, and what is to be done handed to the proxy.

Owns putting them together from the settings. May not do: any work of the parts.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import signal
import threading
from typing import TYPE_CHECKING, cast

from alerts.actions import mail, syslog, webhook
from alerts.actions.delivery import ChannelUnusable, DeliveryFailed, Message, Send
from alerts.following import STATE, AlertsUnavailable, Following, alone
from alerts.sending import Sending
from alerts.store import State, StateUnavailable
from proxy.measures.records import MeasuresUnavailable
from proxy.measures.store import MeasureStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alerts.rules import Channel
    from alerts.store import Waiting
    from louver.settings import Alerts, Settings
    from proxy.measures.records import Kind

log = logging.getLogger(__name__)


def open_channels(channels: tuple[Channel, ...], directory: Path) -> dict[str, Send]:
    """What sends to each channel; their files are found from the directory of the file of rules. Raises AlertsUnavailable."""
    return {channel.name: _sender(channel, directory) for channel in channels}


def _sender(channel: Channel, directory: Path) -> Send:
    options = dict(channel.options)
    try:
        match channel.kind:
            case "webhook":
                return webhook.sender(options, directory)
            case "email":
                return mail.sender(options, directory, channel.name)
            case _:
                return syslog.sender(options)
    except ChannelUnusable as error:
        raise AlertsUnavailable(f"channel {channel.name}: {error}") from None


def run(settings: Settings, alerts: Alerts) -> None:
    """Follow the trail until SIGTERM or SIGINT. Raises AlertsUnavailable, RulesError, StateUnavailable, MeasuresUnavailable."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with alone(alerts.directory):
        MeasureStore.open(alerts.directory).close()
        following = Following(alerts.rules, settings.audit.directory, alerts.directory)
        senders = open_channels(following.channels, alerts.rules.parent)
        hand = _Hand(alerts.directory, following.name)
        sending = Sending(alerts.directory / STATE, senders, hand.act, hand.undelivered)
        sending.start()
        try:
            following.run(
                stop,
                sending.wake,
                lambda seq: log.info("alerts: following %s behind record %d", settings.audit.directory, seq),
            )
        finally:
            sending.stop()


def incidents(alerts: Alerts) -> State:
    """Open what is known of incidents. Raises StateUnavailable when there is nothing yet."""
    if not (alerts.directory / STATE).exists():
        raise StateUnavailable(
            f"nothing was ever watched: {alerts.directory} has no {STATE}; start `louver alerts run`"
        )
    return State.open(alerts.directory / STATE)


class _Hand:
    """What the alerts order is handed to the proxy through the file of measures."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name

    def act(self, waiting: Waiting) -> None:
        """Order what is to be done, and have the trail told that somebody was told. Raises DeliveryFailed."""
        data = waiting.data
        origin = f"{self._name}:{waiting.id}"
        now = dt.datetime.now(dt.UTC)
        with self._store() as store:
            for number, order in enumerate(data["orders"]):
                store.begin(
                    cast("Kind", order["what"]),
                    order["principal"],
                    now,
                    session=order["session"] if order["what"] == "end_session" else "",
                    seconds=order["lasts"] / 1_000_000 if order["lasts"] else None,
                    reason=data["headline"],
                    rule=waiting.rule,
                    incident=waiting.incident,
                    origin=f"{origin}:{number}",
                )
            said = data["headline"] + "".join(f"; {each} spared" for each in data["spared"])
            told = {"what": waiting.rule, "reason": said, "incident": waiting.incident, "severity": data["severity"]}
            store.tell("alert", {**told, "channels": data["channels"]}, origin)

    def undelivered(self, waiting: Waiting, error: str) -> None:
        """Have the trail told that a message was given up."""
        reason = f"the message of {waiting.rule} to {waiting.channel} was given up: {error}"
        told = {
            "what": "not delivered",
            "reason": reason,
            "incident": waiting.incident,
            "severity": waiting.data["severity"],
        }
        with contextlib.suppress(DeliveryFailed), self._store() as store:
            store.tell("alert", {**told, "channels": [waiting.channel]}, f"{self._name}:{waiting.id}:lost")

    @contextlib.contextmanager
    def _store(self) -> Iterator[MeasureStore]:
        try:
            with contextlib.closing(MeasureStore.open(self._directory)) as store:
                yield store
        except MeasuresUnavailable as error:
            raise DeliveryFailed(str(error)) from None


def probe(alerts: Alerts, channels: tuple[Channel, ...]) -> list[tuple[str, str]]:
    """Send a message to every channel; what has come of each. Raises AlertsUnavailable."""
    said = "a trial: this channel works"
    message = Message(0, "low", f"louver alerts: {said}", f"louver alerts: {said}", {"incident": 0, "message": said})
    found = []
    for name, send in open_channels(channels, alerts.rules.parent).items():
        try:
            send(message)
        except DeliveryFailed as error:
            found.append((name, str(error)))
        else:
            found.append((name, ""))
    return found
