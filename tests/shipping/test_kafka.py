"""The trail shipped to Kafka: librdkafka's own brokers, which speak the real protocol, and consumers that read what is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from fixtures.shipped import bodies

from audit import reader, record
from louver.demo.certificate import make_certificate
from louver.demo.host import free_port
from shipping.kafka import Brokers, configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

SECONDS = 60


@pytest.fixture(scope="module")
def brokers() -> Iterator[list[str]]:
    """Three brokers that live as long as this producer."""
    owner = Producer({"bootstrap.servers": "replaced", "test.mock.num.brokers": 3, "log_level": 0})
    found = owner.list_topics(timeout=SECONDS).brokers.values()
    yield [f"{each.host}:{each.port}" for each in found]
    owner.flush(1)


def messages(brokers: list[str], topic: str, count: int) -> list[Message]:
    """All messages of a topic, by partition, once there are so many; and whatever else comes within a moment."""
    consumer = Consumer({"bootstrap.servers": ",".join(brokers), "group.id": topic, "log_level": 0})
    try:
        parts = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in parts])
        found: list[Message] = []
        end = time.monotonic() + SECONDS
        while len(found) < count:
            assert time.monotonic() < end, f"{len(found)} of {count}"
            found += consumer.consume(500, timeout=0.5)
        return found + consumer.consume(500, timeout=0.5)
    finally:
        consumer.close()


def configured(written: Any, brokers: list[str], topic: str, **more: Any) -> Path:
    """A settings file that ships this trail there."""
    directory = written.directory.parent
    (directory / "policies.yaml").write_text("version: 1\n")
    kafka = {"servers": brokers, "topic": topic, "encryption": "none", "answer_seconds": 10, **more}
    settings = {
        "upstream": {"user": "nobody"},
        "policies": "policies.yaml",
        "login": "relay",
        "ship": {"trail": "bank-1", "destinations": [{"name": "bus", "kafka": kafka}]},
    }
    path = directory / "louver.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def command(config: Path, *options: str) -> dict[str, Any]:
    """How `louver audit ship` is started."""
    arguments = [sys.executable, "-m", "louver", "audit", "ship", "--config", str(config), *options]
    return {"args": arguments, "text": True, "env": {**os.environ, "KAFKA_SECRET": "a broker's secret"}}


def ship(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it until it ends."""
    return subprocess.run(**command(config, *options), capture_output=True, timeout=SECONDS, check=False)


def seq_of(message: Message) -> int:
    """The number in a message's headers."""
    return int(dict(message.headers() or [])["seq"] or 0)


def test_every_record_arrives_in_order_under_the_name_of_its_trail(written: Any, brokers: list[str]) -> None:
    """In one partition; a second run sends what is new alone."""
    config = configured(written, brokers, "once")
    done = ship(config, "--once")
    assert done.returncode == 0, done.stderr
    written.add([record.stopped(reason="later")])
    assert ship(config, "--once").returncode == 0
    records = list(reader.records(written.directory))
    found = messages(brokers, "once", len(records))
    assert [json.loads(each.value() or b"") for each in found] == [{"trail": "bank-1", **each} for each in records]
    assert {(each.key(), each.partition()) for each in found} == {(b"bank-1", found[0].partition())}
    assert [seq_of(each) for each in found] == [each["seq"] for each in records]


def test_killed_while_it_sends_nothing_is_lost(written: Any, brokers: list[str]) -> None:
    """Some may be there twice; in the order in which each was there first, nothing is missing."""
    config = configured(written, brokers, "killed", format="ocsf", message_bytes=2048)
    for turn in range(3):
        written.add(bodies() * 20, block=3)
        with subprocess.Popen(**command(config), stderr=subprocess.DEVNULL) as process:
            noted = written.directory.parent / "ship/bus.json"
            before = noted.read_bytes() if noted.exists() else b""
            end = time.monotonic() + SECONDS
            while (noted.read_bytes() if noted.exists() else b"") == before:
                assert time.monotonic() < end
                time.sleep(0.005)
            written.add(bodies() * 5)
            time.sleep(0.3 * turn)
            process.send_signal(signal.SIGKILL)
    assert ship(config, "--once").returncode == 0
    count = reader.last_records(written.directory, 1)[0]["seq"]
    found = messages(brokers, "killed", count)
    seqs = list(dict.fromkeys(map(seq_of, found)))
    assert seqs == list(range(1, count + 1))
    assert all(len(each.value() or b"") <= 2048 for each in found)


def test_a_broker_that_is_not_the_one_is_sent_nothing(written: Any, brokers: list[str]) -> None:
    """One that is not there, and one that speaks no TLS: exit code 1, nothing moves, no secret is told."""
    login = {"user": "louver", "password_env": "KAFKA_SECRET"}
    for servers, more in (
        ([f"127.0.0.1:{free_port()}"], {}),
        (brokers, {"encryption": "tls"}),
        (brokers, {"encryption": "tls", **login}),
    ):
        done = ship(configured(written, servers, "refused", answer_seconds=1, **more), "--once")
        assert done.returncode == 1
        assert "Kafka cannot be reached" in done.stderr
        assert "a broker's secret" not in done.stderr
    lag = ship(configured(written, brokers, "refused"), "--lag", "--format", "json")
    assert json.loads(lag.stdout)["shipped"] == 0


def test_what_librdkafka_is_told(tmp_path: Path) -> None:
    """TLS with names proved, SASL when somebody logs in, nothing twice within a run; the password is in no text of ours."""
    authority = make_certificate(tmp_path).certificate
    told = configuration(Brokers(("k:9093",), ca=authority, user="louver", password="hidden"))
    assert told["security.protocol"] == "SASL_SSL"
    assert (told["ssl.endpoint.identification.algorithm"], told["ssl.ca.location"]) == ("https", str(authority))
    assert (told["sasl.mechanism"], told["sasl.username"], told["sasl.password"]) == (
        "SCRAM-SHA-512",
        "louver",
        "hidden",
    )
    assert told["enable.idempotence"] is True
    assert configuration(Brokers(("k:9093",)))["security.protocol"] == "SSL"
    assert "hidden" not in repr(Brokers(("k:9093",), password="hidden"))
    Producer(told)  # it knows each of these
