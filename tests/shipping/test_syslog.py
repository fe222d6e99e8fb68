"""The trail shipped to a real rsyslog over TLS, by `louver audit ship` as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from fixtures.shipped import bodies
from fixtures.waiting import until

from audit import reader, record
from louver.demo.certificate import make_certificate
from louver.demo.host import free_port

SECONDS = 60


def configured(written: Any, *destinations: dict[str, Any]) -> Path:
    """A settings file that ships this trail."""
    directory = written.directory.parent
    (directory / "policies.yaml").write_text("version: 1\n")
    settings = {
        "upstream": {"user": "nobody"},
        "policies": "policies.yaml",
        "login": "relay",
        "ship": {"trail": "bank-1", "destinations": list(destinations)},
    }
    path = directory / "louver.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def siem(receiver: Any, **more: Any) -> dict[str, Any]:
    """A destination that is an rsyslog."""
    place = {"host": "localhost", "port": receiver.port, "ca": str(receiver.authority), "hostname": "proxy-1"}
    return {"name": "siem", "syslog": {**place, **more}}


def ship(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `louver audit ship` until it ends."""
    command = [sys.executable, "-m", "louver", "audit", "ship", "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_every_record_arrives_once_as_it_stands(written: Any, rsyslog_factory: Any) -> None:
    """rsyslog takes each message apart as RFC 5424 says; the JSON in it is the record; a second run sends nothing."""
    receiver = rsyslog_factory()
    config = configured(written, siem(receiver))
    done = ship(config, "--once")
    assert done.returncode == 0, done.stderr
    records = list(reader.records(written.directory))
    found = receiver.wait_for(len(records))
    assert [json.loads(each["msg"]) for each in found] == [{"trail": "bank-1", **each} for each in records]
    denied, alerted = found[4], found[18]
    assert (denied["hostname"], denied["procid"], denied["msgid"]) == ("proxy-1", "bank-1", "statement")
    assert denied["timereported"].startswith("2027-01-15T08:00:04.000000")
    assert denied["pri"] == str(13 * 8 + 4)
    assert alerted["pri"] == str(13 * 8 + 1)
    assert re.fullmatch(r'\[origin software="louver" swVersion="[0-9.a-z]+"\]', denied["structured-data"])
    assert ship(config, "--once").returncode == 0
    written.add([record.stopped(reason="later")])
    assert ship(config, "--once").returncode == 0
    assert json.loads(receiver.wait_for(len(records) + 1)[-1]["msg"])["reason"] == "later"
    assert len(receiver.messages) == len(records) + 1


@pytest.mark.parametrize("form", ["ocsf", "cef"])
def test_the_formats_arrive_whole(written: Any, rsyslog_factory: Any, form: str) -> None:
    """Hard characters as well; facility and length are as the settings say."""
    receiver = rsyslog_factory()
    written.add([bodies()[2].replace(b'"rewritten":"', b'"rewritten":"' + b"x" * 20_000)])
    assert (
        ship(
            configured(written, siem(receiver, format=form, facility="local3", message_bytes=4096)), "--once"
        ).returncode
        == 0
    )
    found = receiver.wait_for(len(list(reader.records(written.directory))))
    assert {int(each["pri"]) // 8 for each in found} == {19}
    assert all(len(each["rawmsg"].encode()) <= 4096 for each in found)
    if form == "ocsf":
        events = [json.loads(each["msg"]) for each in found]
        assert [each["metadata"]["sequence"] for each in events] == list(range(1, len(events) + 1))
        assert events[-1]["metadata"]["is_truncated"] is True
    else:
        assert all(each["msg"].lstrip().startswith("CEF:0|Louver|Louver|") for each in found)
        assert "duser=安妮" in found[13]["msg"]


def test_it_goes_on_when_the_receiver_comes_back(written: Any, rsyslog_factory: Any) -> None:
    """While it is away nothing is lost; SIGTERM ends it in order, and --lag says how far it has got."""
    receiver = rsyslog_factory()
    config = configured(written, siem(receiver))
    command = [sys.executable, "-m", "louver", "audit", "ship", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            count = len(receiver.wait_for(len(bodies()) + 1))
            receiver.stop()
            written.add(record.stopped(reason=str(number)) for number in range(50))
            assert process.stderr is not None
            assert any("trying again" in line for line in process.stderr)
            receiver.start()
            seqs = lambda: {json.loads(each["msg"])["seq"] for each in receiver.messages}  # noqa: E731
            until(lambda: seqs() == set(range(1, count + 51)), "all have come", SECONDS)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, said
    lag = ship(config, "--lag", "--format", "json")
    assert json.loads(lag.stdout) == {
        "destination": "siem",
        "shipped": count + 50,
        "last": count + 50,
        "behind": 0,
        "seconds": 0.0,
    }


def test_a_receiver_that_is_not_the_one_is_sent_nothing(written: Any, rsyslog_factory: Any, tmp_path: Path) -> None:
    """One whose certificate nobody signed whom the settings trust, and one that is not there at all: exit code 1, nothing moves."""
    receiver = rsyslog_factory()
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other")
    for place in (siem(receiver, ca=str(other.certificate)), siem(receiver, port=free_port())):
        done = ship(configured(written, place), "--once")
        assert done.returncode == 1
        assert "cannot be reached" in done.stderr
    assert receiver.messages == []
    assert ship(configured(written, siem(receiver)), "--once").returncode == 0


def test_a_receiver_that_asks_for_a_certificate_gets_it(written: Any, rsyslog_factory: Any, tmp_path: Path) -> None:
    """With the client's certificate records arrive; without one they do not, and the place does not move."""
    (tmp_path / "clients").mkdir()
    own = make_certificate(tmp_path / "clients", "client")
    receiver = rsyslog_factory(own)
    refused = ship(configured(written, siem(receiver)), "--once")
    assert refused.returncode == 1, refused.stderr
    assert receiver.messages == []
    config = configured(written, siem(receiver, certificate=str(own.certificate), key=str(own.key)))
    assert ship(config, "--once").returncode == 0
    receiver.wait_for(len(bodies()) + 1)


def test_a_receiver_that_takes_nothing_is_told_and_not_believed(written: Any, tmp_path: Path) -> None:
    """One that hangs, or hangs up: what was sent does not count."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = {"host": "127.0.0.1", "port": silent.getsockname()[1], "encryption": "none", "answer_seconds": 0.5}
        written.add(bodies()[2].replace(b'"rewritten":"', b'"rewritten":"' + b"x" * 100_000) for _ in range(100))
        config = configured(written, {"name": "siem", "syslog": {**place, "message_bytes": 2**20}})
        done = ship(config, "--once")
        assert done.returncode == 1
        assert "the connection to 127.0.0.1 broke" in done.stderr
    assert json.loads(ship(config, "--lag", "--format", "json").stdout)["shipped"] == 0


def test_what_a_proxy_writes_is_shipped_while_it_runs(louver_factory: Any, stage: Any, rsyslog_factory: Any) -> None:
    """A masked read of a real server, seen by the receiver within seconds: who, what, how masked; and no value of a row or a literal."""
    receiver = rsyslog_factory()
    shipped = {"trail": "bank-1", "destinations": [siem(receiver, format="ocsf")]}
    with louver_factory(users={"tina": {"role": "teller"}}, policies=stage.policies, ship=shipped) as louver:
        command = [sys.executable, "-m", "louver", "audit", "ship", "--config", str(louver.directory / "louver.yaml")]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            try:
                with psycopg.connect(louver.dsn("tina", database=stage.database), autocommit=True) as client:
                    client.execute("SELECT phone FROM people WHERE name <> 'Zaphod'").fetchall()
                said_of = lambda: [json.loads(each["msg"]) for each in receiver.messages]  # noqa: E731
                until(
                    lambda: sum(each["class_uid"] == 3002 for each in said_of()) == 2,
                    "it has come in and gone",
                    SECONDS,
                )
            finally:
                process.terminate()
    events = said_of()
    (read,) = [each for each in events if each["activity_id"] == 1 and each["class_uid"] == 6005]
    assert read["actor"]["user"] == {"name": "tina"}
    assert read["observables"][0]["type"] == "mask"
    assert read["src_endpoint"]["ip"] == "127.0.0.1"
    said = json.dumps(events)
    assert "Zaphod" not in said
    assert not any(f"1380000{number:04}" in said for number in range(1, 10))
