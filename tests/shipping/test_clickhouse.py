"""The trail shipped to ClickHouse's own engine: each record exactly once, whatever is killed and whenever."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from fixtures.clickhouse import PASSWORD, USER
from fixtures.shipped import Written, bodies

from audit import reader, record
from shipping import clickhouse
from shipping.trail import Place, Sizes, batches

SECONDS = 90


@pytest.fixture(scope="module")
def server(clickhouse_factory: Any) -> Any:
    """One for all tests here, over TLS."""
    return clickhouse_factory(tls=True)


@pytest.fixture(autouse=True)
def _empty(server: Any) -> Any:
    """An empty database for each."""
    yield
    server.release()
    for name in ("pause", "inserts"):
        (server.directory / name).unlink(missing_ok=True)
    for kind, name in (("VIEW", "uses"), ("VIEW", "statements"), ("TABLE", "records")):
        server.ask(f"DROP {kind} IF EXISTS {name}")


def configured(written: Any, server: Any, **more: Any) -> Path:
    """A settings file that ships this trail there."""
    directory = written.directory.parent
    (directory / "policies.yaml").write_text("version: 1\n")
    place = {
        "url": server.account.url,
        "user": USER,
        "password_env": "CLICKHOUSE_SECRET",
        "ca": str(server.account.ca),
        **more,
    }
    settings = {
        "upstream": {"user": "nobody"},
        "policies": "policies.yaml",
        "login": "relay",
        "ship": {"trail": "bank-1", "destinations": [{"name": "warehouse", "clickhouse": place}]},
    }
    path = directory / "louver.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def command(config: Path, *options: str) -> dict[str, Any]:
    """How `louver audit ship` is started."""
    arguments = [sys.executable, "-m", "louver", "audit", "ship", "--config", str(config), *options]
    return {"args": arguments, "env": {**os.environ, "CLICKHOUSE_SECRET": PASSWORD}, "text": True}


def ship(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it until it ends."""
    return subprocess.run(**command(config, *options), capture_output=True, timeout=SECONDS, check=False)


def test_every_record_is_there_once_with_its_line_and_its_columns(written: Any, server: Any) -> None:
    """Byte for byte; statements are whole; a second run adds nothing but what is new."""
    config = configured(written, server)
    done = ship(config, "--once")
    assert done.returncode == 0, done.stderr
    assert ship(config, "--once").returncode == 0
    written.add([record.stopped(reason="later")])
    assert ship(config, "--once").returncode == 0
    lines = [line.data.decode() for line in reader.lines(written.directory)]
    assert [line for (line,) in server.ask("SELECT line FROM records ORDER BY seq")] == lines
    assert server.ask("SELECT DISTINCT trail, segment FROM records") == [("bank-1", 1)]
    (said,) = server.ask("SELECT text, relations, `like`, time FROM records WHERE seq = 12")
    assert said[1:3] == (["public.customers"], 4)
    assert '电话\x1b[31m \U0001f600 "quoted"' in said[0]
    assert server.ask("SELECT status, rows FROM statements WHERE seq = 12") == [("ok", 5)]
    assert server.ask("SELECT `column`, level FROM uses WHERE seq = 12 ORDER BY level DESC")[0] == (
        "public.customers.phone",
        3,
    )
    assert (
        server.ask("SELECT trail FROM statements LIMIT 1")
        == server.ask("SELECT trail FROM uses LIMIT 1")
        == [("bank-1",)]
    )
    assert PASSWORD not in done.stderr


def test_killed_at_any_moment_nothing_is_lost_and_nothing_twice(tmp_path: Path, server: Any) -> None:
    """The shipping process is killed again and again while the trail grows and inserts are slow, and its notes are lost once."""
    written = Written(tmp_path / "audit", segment_bytes=64 * 1024)
    written.add(bodies() * 5, block=4)
    config = configured(written, server)
    assert ship(config, "--once").returncode == 0
    for turn in range(5):
        server.slow((0.1, 2.5)[turn % 2])  # the next process finds the insert of the last one done, or not yet
        written.add(bodies() * 3, block=4)
        with subprocess.Popen(**command(config), stderr=subprocess.DEVNULL) as process:
            noted = tmp_path / "ship/warehouse.json"
            before = noted.read_bytes()
            end = time.monotonic() + SECONDS
            while noted.read_bytes() == before:  # a batch was begun
                assert time.monotonic() < end
                time.sleep(0.005)
            time.sleep(0.05 * turn)
            written.add(bodies(), block=4)
            process.send_signal(signal.SIGKILL)
    time.sleep(0.5)  # what the last one had sent has come
    server.settle()
    for part in (tmp_path / "ship").iterdir():
        part.unlink()
    assert ship(config, "--once").returncode == 0
    count = reader.last_records(written.directory, 1)[0]["seq"]
    assert server.ask("SELECT count(), uniqExact(seq), min(seq), max(seq) FROM records") == [(count, count, 1, count)]
    lines = [line.data.decode() for line in reader.lines(written.directory)]
    assert [line for (line,) in server.ask("SELECT line FROM records ORDER BY seq")] == lines
    written.close()


def test_an_insert_that_is_done_after_its_sender_was_killed_is_not_done_twice(written: Any, server: Any) -> None:
    """The next run does not see it yet, and sends the same batch again, though the trail has grown."""
    config = configured(written, server)
    assert ship(config, "--once", "--to", "warehouse").returncode == 0
    written.add(bodies())
    server.hold()
    with subprocess.Popen(**command(config), stderr=subprocess.DEVNULL) as process:
        server.wait_held(1)
        process.send_signal(signal.SIGKILL)
    written.add(bodies())
    with subprocess.Popen(**command(config, "--once"), stderr=subprocess.DEVNULL) as process:
        server.wait_held(2)
        server.release()
        assert process.wait(SECONDS) == 0
    count = reader.last_records(written.directory, 1)[0]["seq"]
    assert server.ask("SELECT count(), uniqExact(seq) FROM records") == [(count, count)]
    assert max(map(server.inserts.count, set(server.inserts))) == 2


def test_what_is_in_the_table_decides(written: Any, server: Any) -> None:
    """When the table was put back to an older state, what it has not is sent again."""
    config = configured(written, server)
    found = batches(written.directory, Place(), Sizes(records=5))
    there = clickhouse.ClickHouse(server.account, "bank-1")
    there.start(Place())
    for _ in range(2):
        there.send(next(found))
    there.close()
    assert ship(config, "--once").returncode == 0
    count = reader.last_records(written.directory, 1)[0]["seq"]
    assert server.ask("SELECT count(), uniqExact(seq) FROM records") == [(count, count)]


def test_two_trails_are_kept_apart_and_one_name_is_not_shared(written: Any, server: Any, tmp_path: Path) -> None:
    """Another trail of the same name does not follow from what is there, and is refused."""
    assert ship(configured(written, server), "--once").returncode == 0
    (tmp_path / "b").mkdir()
    other = Written(tmp_path / "b/audit", begun=1_900_000_000_000_000_000)
    other.add(bodies() * 2)
    config = configured(other, server)
    refused = ship(config, "--once")
    assert refused.returncode == 1
    assert "do not follow" in refused.stderr
    config.write_text(config.read_text().replace("bank-1", "bank-2"))
    for file in (tmp_path / "b/ship").iterdir():
        file.unlink()
    assert ship(config, "--once").returncode == 0
    counted = dict(server.ask("SELECT trail, count() FROM records GROUP BY trail"))
    assert counted == {"bank-1": len(bodies()) + 1, "bank-2": 2 * len(bodies()) + 1}
    other.close()


def test_a_batch_that_is_not_taken_is_told_without_what_is_in_it(written: Any, server: Any) -> None:
    """By the failure's name: a server's message may quote what it could not take."""
    config = configured(written, server)
    assert ship(config, "--once").returncode == 0
    written.add(bodies())
    server.ask("ALTER TABLE records MODIFY COLUMN text Nullable(Int64)")
    refused = ship(config, "--once")
    assert refused.returncode == 1
    assert re.search(r"has not taken records 24 to [0-9]+: code [0-9]+ \([A-Z_]+\)", refused.stderr)
    assert "hr.staff" not in refused.stderr


def test_a_table_of_an_older_louver_gets_the_columns_that_it_has_not(written: Any, server: Any) -> None:
    """And the views that name them."""
    config = configured(written, server)
    assert ship(config, "--once").returncode == 0
    server.ask("DROP VIEW statements")
    server.ask("ALTER TABLE records DROP COLUMN person")
    written.add(bodies())
    assert ship(config, "--once").returncode == 0
    assert server.ask("SELECT person FROM records WHERE event = 'grant' ORDER BY seq DESC LIMIT 1") == [("erin",)]
    assert server.ask("SELECT count() FROM statements WHERE person IS NOT NULL") == [(0,)]


def test_whoever_is_not_let_in_is_told_without_the_password(written: Any, server: Any) -> None:
    """A wrong password, and a variable that is not there."""
    refused = ship(configured(written, server, user="nobody"), "--once")
    assert refused.returncode == 1
    assert "Authentication failed" in refused.stderr
    assert PASSWORD not in refused.stderr
    refused = ship(configured(written, server, password_env="NOT_THERE"), "--once")
    assert refused.returncode == 2
    assert "NOT_THERE" in refused.stderr
