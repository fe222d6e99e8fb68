"""Kafka as a destination: each record a message, in order, under the name of its trail.

Owns the producer and when a batch counts: when every message of it was acknowledged by all replicas that are in step. What was sent
before a failure may be there twice; the trail and the number of the record, which each message has in its headers, tell. May not do:
decide what a message says (events).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException, Producer

from shipping.events import fitted
from shipping.following import DestinationError
from shipping.trail import Sizes

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from shipping.events import Shape
    from shipping.trail import Batch, Place

_log = logging.getLogger("louver.shipping.kafka")
_POLL_SECONDS: Final = 0.1
_QUIET: Final = 4  # of syslog's severities: warnings, and what is worse


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where brokers are, and who comes in there; without `tls` only on this machine."""

    servers: tuple[str, ...]
    tls: bool = True
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    mechanism: str = "SCRAM-SHA-512"
    user: str | None = None
    password: str = field(default="", repr=False)
    seconds: float = 30.0


def configuration(brokers: Brokers) -> dict[str, Any]:
    """Return what librdkafka is told: nothing twice and nothing out of order within a run, certificates proved with their names."""
    protocol = ("SASL_" if brokers.user is not None else "") + ("SSL" if brokers.tls else "PLAINTEXT")
    files = {
        "ssl.ca.location": brokers.ca,
        "ssl.certificate.location": brokers.certificate,
        "ssl.key.location": brokers.key,
    }
    login = {"sasl.mechanism": brokers.mechanism, "sasl.username": brokers.user, "sasl.password": brokers.password}
    return {
        "bootstrap.servers": ",".join(brokers.servers),
        "client.id": "louver",
        "security.protocol": protocol,
        **({"ssl.endpoint.identification.algorithm": "https"} if brokers.tls else {}),
        **({name: str(path) for name, path in files.items() if path is not None} if brokers.tls else {}),
        **(login if brokers.user is not None else {}),
        "enable.idempotence": True,  # acks=all, and order kept when something is sent again
        "delivery.timeout.ms": int(brokers.seconds * 1000),
        "compression.type": "zstd",
        "linger.ms": 20,
        "message.max.bytes": 2**24,  # the broker's own limit decides; messages are cut to the settings' before
        "log_level": _QUIET,
    }


class Kafka:
    """A topic as a destination; `limit` is how long a message may be, in bytes."""

    sizes = Sizes(records=5000, octets=8 * 2**20)
    pause = 0.5
    exact = False

    def __init__(self, brokers: Brokers, *, topic: str, shape: Shape, trail: str, limit: int) -> None:
        self._brokers = brokers
        self._topic = topic
        self._shape = shape
        self._trail = trail
        self._limit = limit
        self._producer: Producer | None = None

    def start(self, noted: Place) -> Place:
        """See that the topic can be reached. Raises DestinationError."""
        reasons: list[str] = []
        try:
            told = {"error_cb": lambda error: reasons.append(str(error)), "logger": _log}
            self._producer = Producer({**configuration(self._brokers), **told})
            self._producer.list_topics(self._topic, timeout=self._brokers.seconds)
        except KafkaException as error:
            if self._producer is not None:
                self._producer.poll(0)  # it has said why
            raise DestinationError(f"Kafka cannot be reached: {'; '.join(reasons[:2]) or error}") from None
        return noted

    def send(self, batch: Batch) -> None:
        """Send a batch, and wait until all of it is acknowledged. Raises DestinationError."""
        assert self._producer is not None
        failed: list[str] = []
        arrived = 0

        def told(error: KafkaError | None, _: Message) -> None:
            nonlocal arrived
            if error is None:
                arrived += 1
            else:
                failed.append(str(error))

        for read in batch.records:
            value = fitted(self._shape, self._trail, read.fields, self._limit)
            headers: dict[str, str | bytes | None] = {"trail": self._trail, "seq": str(read.fields["seq"])}
            while True:
                try:
                    self._producer.produce(self._topic, value, self._trail.encode(), headers=headers, on_delivery=told)
                    break
                except BufferError:
                    self._producer.poll(_POLL_SECONDS)
                except KafkaException as error:
                    raise DestinationError(f"Kafka: {error}") from None
        self._producer.flush(self._brokers.seconds)
        if arrived != len(batch.records):
            why = failed[0] if failed else "no answer came in time"
            raise DestinationError(
                f"Kafka: {len(batch.records) - arrived} of {len(batch.records)} were not taken: {why}"
            )

    def close(self) -> None:
        """Leave; what was not acknowledged is not waited for."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(1)
            self._producer = None
