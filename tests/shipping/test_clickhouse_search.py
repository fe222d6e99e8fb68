"""The same questions of the trail itself and of what was shipped to ClickHouse: they have the same answers."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.clickhouse import PASSWORD, USER
from fixtures.shipped import Written, bodies

from audit import query, reader, tables
from audit.search import Criteria, CriterionError
from shipping.asking import Warehouse
from shipping.clickhouse import ClickHouse, connected
from shipping.dialect import translated_query
from shipping.trail import Place, batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

ODD = [
    (
        b'"event":"statement","statement":9,"session":"s9","principal":"\xc3\x9cNAL \xe5\xae\x89","attributes":null,"text":"SELECT \'\\\\\' -- \xc3\x84rger","relations":["S.T\xc3\x84B"],'
        b'"columns":[{"column":"s.t.x","category":null,"level":null,"treatment":"clear","mask":null,"rule":"R"}],"ruling":"pass","address":"::1","kinds":[],"grants":[],"hashes":["h1","h2"]'
    ),
    b'"event":"statement","statement":10,"session":"s9","principal":null,"text":null,"relations":[],"columns":[],"ruling":"pass","kinds":[],"grants":[]',
    b'"event":"outcome","statement":10,"session":"s9","principal":null,"status":"lost","sqlstate":null,"rows":null,"bytes":null,"duration_us":1',
    b'"event":"outcome","statement":9,"session":"s9","principal":null,"status":"ok","sqlstate":null,"rows":2,"bytes":9,"duration_us":1,"shown":["h7","h8"],"shown_of":["s.t.x"],"listed":true',
]
"""Names beyond ASCII, backslashes, and what is missing."""


@pytest.fixture(scope="module")
def house(clickhouse_factory: Any, tmp_path_factory: Any) -> Iterator[Any]:
    """A server that holds a trail, and the trail's directory."""
    server = clickhouse_factory()
    written = Written(tmp_path_factory.mktemp("trail") / "audit", segment_bytes=8192)
    written.add([*bodies(), *ODD], block=2)
    there = ClickHouse(server.account, "bank-1")
    place = there.start(Place())
    for batch in itertools.takewhile(lambda each: each is not None, batches(written.directory, place, there.sizes)):
        there.send(batch)
    there.close()
    yield server, written.directory
    written.close()


@pytest.fixture(scope="module")
def warehouse(house: Any) -> Iterator[Warehouse]:
    """What asks the server."""
    client = connected(house[0].account)
    yield Warehouse(client)
    client.close()


@pytest.fixture(scope="module")
def trail(house: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """What asks the trail itself."""
    with tables.opened([path for _, path in reader.existing(house[1])], threads=1) as connection:
        yield connection


CRITERIA: list[dict[str, Any]] = [
    {}, {"user": "TINA"}, {"user": "安妮"}, {"user": "ünal 安"}, {"user": "tin"}, {"session": "s2"}, {"address": "192.168.1."}, {"address": "::"},
    {"database": "SHOP"}, {"table": "customers"}, {"table": "public.Customers"}, {"table": "ustomers"}, {"table": "staff"}, {"table": "TäB"},
    {"column": "phone"}, {"column": "customers.phone"}, {"column": "phone", "treatment": "mask"}, {"column": "phone", "treatment": "clear"},
    {"column": "name", "treatment": "clear"}, {"category": "PHONE"}, {"mask": "partial"}, {"mask": "hash"}, {"treatment": "clear"},
    {"rule": "Names are"}, {"rule": "r"}, {"ruling": "deny"}, {"events": ("login_refused", "session_opened")}, {"events": ("segment",)},
    {"events": ("statement",), "errors": True}, {"text": 'select "QUOTED'}, {"text": "ÄRGER"}, {"text": "电话"}, {"text": "\\"}, {"text": "'"},
    {"text": "%"}, {"pattern": re.compile("hr.*STAFF")}, {"pattern": re.compile("^insert.into")}, {"pattern": re.compile(r"a=b\|c\\")},
    {"pattern": re.compile("电.$|x")}, {"since": "2027-01-15T08:00:06.000000Z"}, {"until": "2027-01-15T08:00:06.000000Z"},
    {"since": "2027-01-15T08:00:03.000001Z", "until": "2027-01-15T08:00:09.000000Z"}, {"errors": True}, {"errors": True, "user": "tina"},
    {"user": "tina", "table": "staff"}, {"user": "x' OR 1=1 --"}, {"user": "x\\' OR 1=1 --"}, {"text": "{user:String}"}, {"hash": "h2"}, {"hash": "h"},
    {"shown": "h7"}, {"shown": "h"}, {"shown": "h8", "column": "x"}, {"unlisted": True}, {"unlisted": True, "user": "tina"},
]  # fmt: skip


@pytest.mark.parametrize("criteria", CRITERIA, ids=str)
def test_every_criterion_finds_the_same(trail: Any, warehouse: Warehouse, criteria: dict[str, Any]) -> None:
    """The same entries in the same order, whole and with their outcomes; and the same last ones."""
    for last in (0, 2):
        here, there = query.find(trail, Criteria(**criteria), last), warehouse.find(Criteria(**criteria), last)
        assert there.count == here.count
        expected = [({"trail": "bank-1", **each.record}, each.outcome) for each in here.entries]
        assert [(each.record, each.outcome) for each in there.entries] == expected


@pytest.mark.parametrize("by", query.FACETS)
@pytest.mark.parametrize(
    "criteria", [{}, {"treatment": "clear", "column": "name"}, {"user": "tina"}, {"errors": True}], ids=str
)
def test_every_facet_counts_the_same(trail: Any, warehouse: Warehouse, by: str, criteria: dict[str, Any]) -> None:
    """Entries, people, rows, the first and the last moment."""
    here, there = query.counts(trail, Criteria(**criteria), by), warehouse.counts(Criteria(**criteria), by)
    assert sorted(there, key=str) == sorted(here, key=str)
    assert [each.entries for each in there] == [each.entries for each in here]


QUERIES = [
    "SELECT principal, count(*) AS n FROM uses WHERE treatment = 'clear' GROUP BY ALL ORDER BY n DESC, principal",
    "SELECT principal, count(*) AS reads, sum(rows) AS rows FROM statements WHERE rows > 1 GROUP BY ALL ORDER BY rows DESC",
    "SELECT seq, outcome, status, rows, duration_us, coalesce(sqlstate, '-') AS state FROM statements ORDER BY seq",
    'SELECT * FROM uses ORDER BY seq, "column"',
    "SELECT strftime(time, '%Y-%m-%d %H:%M:%S') AS second, date_trunc('minute', time) AS minute FROM records ORDER BY seq LIMIT 3",
    "SELECT '\\' AS backslash, 'it''s' AS quote, lower('ÄÖ') AS low, len(relations) AS n FROM records WHERE event = 'statement' ORDER BY seq LIMIT 2",
    "WITH mine AS (SELECT * FROM records WHERE principal ILIKE 'T%') SELECT event, count(DISTINCT session) AS sessions FROM mine GROUP BY event ORDER BY event",
    "SELECT event, min(seq) AS first FROM records WHERE time >= TIMESTAMP '2027-01-15 08:00:05' GROUP BY event HAVING count(*) > 1 ORDER BY event",
    "SELECT unnest(relations) AS relation, count(*) AS n FROM statements GROUP BY relation ORDER BY n DESC, relation",
    "SELECT a.session, b.\"column\" FROM statements a JOIN uses b ON a.seq = b.seq WHERE contains(a.text, 'phone') ORDER BY a.seq, b.\"column\" LIMIT 4",
    "SELECT attributes->>'role' AS role, count(*) AS n FROM records WHERE event = 'statement' AND attributes->>'role' <> '' GROUP BY role ORDER BY role",
    "SELECT seq FROM records WHERE principal IS NULL ORDER BY seq DESC",
    "SELECT seq, time AS moment FROM records WHERE principal = 'nobody at all'",
]  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
def test_queries_in_the_sql_of_the_trail_have_the_same_answers(trail: Any, warehouse: Warehouse, text: str) -> None:
    """With the same names of columns."""
    heading, rows = tables.ask(trail, text)
    there_heading, there_rows = warehouse.ask(text)
    own = 1 if there_heading[0] == "trail" else 0  # `*` has it in front
    assert there_heading[own:] == heading
    assert [list(map(_plain, row[own:])) for row in there_rows] == [list(map(_plain, row)) for row in rows]


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


@pytest.mark.parametrize(
    "text",
    [
        "DROP TABLE records", "SELECT 1; SELECT 2", "", "SELECT", "INSERT INTO records (seq) VALUES (1)", "SELECT * FROM system.users",
        "SELECT * FROM url('http://127.0.0.1/', CSV)", "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT file('x')", "SELECT * FROM numbers(3)",
        "SELECT * FROM others.records", "SELECT dictGet('d', 'a', 1)", "SET readonly = 0", "DESCRIBE records", "SELECT * FROM 'x.csv'",
        "SELECT * FROM records WHERE seq IN (SELECT number FROM system.numbers LIMIT 1)", "SELECT joinGet('j', 'a', 1)", "SELECT * FROM read_csv('x')",
        "WITH x AS (SELECT * FROM remote('h', system.one)) SELECT * FROM x", "ATTACH 'x'", "COPY records TO 'x'",
    ],
)  # fmt: skip
def test_nothing_but_the_trail_is_asked(text: str) -> None:
    """Other tables, functions that read elsewhere, and whatever is no SELECT are refused before anything is sent."""
    with pytest.raises(tables.QueryError):
        translated_query(text)


def test_what_is_not_understood_is_said(warehouse: Warehouse) -> None:
    """A pattern with a look-ahead, and a column that is not there."""
    with pytest.raises(CriterionError, match="--regex"):
        warehouse.find(Criteria(pattern=re.compile("a(?=b)")))
    with pytest.raises(tables.QueryError, match="UNKNOWN_IDENTIFIER"):
        warehouse.ask("SELECT nothing FROM records")


def louver(house: Any, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `louver audit` against the server."""
    command = [sys.executable, "-m", "louver", "audit", *arguments, "--clickhouse", house[0].account.url]
    given = {"LOUVER_CLICKHOUSE_USER": USER, "LOUVER_CLICKHOUSE_PASSWORD": PASSWORD, **environment}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **given}, cwd=house[1]
    )


def test_the_commands_ask_there(house: Any, tmp_path: Path) -> None:
    """Search, counts, SQL; exit codes as for the trail itself; passwords from a file too, and none in a message."""
    found = louver(house, "search", "--user", "tina", "--event", "statement", "--format", "json")
    assert found.returncode == 0, found.stderr
    first = json.loads(found.stdout.splitlines()[0])
    assert (first["trail"], first["principal"], first["outcome"]["rows"]) == ("bank-1", "tina", 2)
    assert "column\tentries" in louver(house, "search", "--by", "column").stdout
    assert louver(house, "search", "--user", "nobody at all").returncode == 1
    assert louver(house, "sql", "SELECT max(rows) AS most FROM statements", "--format", "csv").stdout == "most\n5\n"
    refused = louver(house, "search", LOUVER_CLICKHOUSE_PASSWORD="another secret")
    assert refused.returncode == 2
    assert "Authentication failed" in refused.stderr
    assert "another secret" not in refused.stderr
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    command = [sys.executable, "-m", "louver", "audit", "sql", "SELECT count(*) AS n FROM records", "--clickhouse"]
    given = {
        **os.environ,
        "LOUVER_CLICKHOUSE_USER": USER,
        "LOUVER_CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    done = subprocess.run(
        [*command, house[0].account.url], capture_output=True, text=True, timeout=60, check=False, env=given
    )
    assert done.returncode == 0, done.stderr
    wrong = subprocess.run([*command, "http://u:secret@h/x"], capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 2
    assert "secret" not in wrong.stderr
