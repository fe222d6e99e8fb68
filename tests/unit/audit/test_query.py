"""Criteria and counts, asked of a trail as it was written, of a compacted one, and of both forms side by side."""

import dataclasses
import re

import duckdb
import pytest

from audit import compaction, query, reader, record, segments, tables
from audit.search import Criteria, CriterionError
from audit.writer import Trail

LATE = "9999-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def bodies():
    """Two sessions: a masked read twice, a denied one, a failing one, a still running one, and a refused login."""
    tina = record.Caller("s1", "tina", "10.0.0.7:40112", "psql", "bank", "svc", {"role": "teller"})
    other = dataclasses.replace(tina, session="s2", principal="Bo", address="192.168.1.9:1", database="shop")
    app = dataclasses.replace(tina, session="s3", principal="branch-app", on_behalf_of="Ann", address="10.0.0.99:5")
    phone = record.ColumnUse("public.customers.phone", "phone", 3, "mask", "partial", "tellers", None)
    name = record.ColumnUse("public.customers.name", "name", 2, "clear", None, "names are open", "region = {0}")
    masked = record.Judgement(
        ("SelectStmt",),
        "SELECT phone FROM customers WHERE id = ?",
        "SELECT phone FROM (SELECT ...) AS customers",
        ("public.customers",),
        (phone, name),
        "rewrite",
        "p1",
        7,
        fingerprint="ba79a336f93d6419",
    )
    denied = dataclasses.replace(
        masked,
        text="SELECT * FROM hr.staff",
        rewritten=None,
        columns=(),
        relations=("hr.staff",),
        fingerprint=None,
        ruling="deny",
        sqlstate="42501",
    )
    plain = dataclasses.replace(
        masked, text="SELECT 1", rewritten=None, columns=(), relations=(), ruling="pass", fingerprint="00000000000000aa"
    )
    ends = {session: record.outcome_prefix(caller) for session, caller in ((1, tina), (2, other), (3, app))}
    return [
        record.session_opened(tina, tls=True, login="own", proof="password", origins={}),
        record.statement(record.statement_prefix(tina, masked), 1),
        record.statement(record.statement_prefix(other, denied), 1),
        record.outcome(ends[2], 1, "denied", sqlstate="42501", duration_us=4),
        record.outcome(ends[1], 1, "ok", rows=b"2", duration_us=9),
        record.statement(record.statement_prefix(tina, plain), 2),
        record.outcome(ends[1], 2, "error", sqlstate="22012", duration_us=9),
        record.login_refused(other, reason="wrong password", sqlstate="28P01"),
        record.statement(record.statement_prefix(other, plain), 2),
        record.statement(record.statement_like(tina, 3), 3),
        record.outcome(ends[1], 3, "ok", rows=b"5", duration_us=9),
        record.statement(record.statement_prefix(app, masked), 1),
    ]


def write(directory, bodies):
    """Write the records, one a second, and more in a second segment; they have the numbers 2 to 13."""
    now = [1_800_000_000_000_000_000]
    trail = Trail.open(directory, clock=lambda: now[0])
    for body in bodies:
        now[0] += 1_000_000_000
        trail.append(body)
        trail.flush()
    trail.close()
    trail = Trail.open(directory, clock=lambda: now[0])
    trail.close()


@pytest.fixture(scope="module", params=["written", "compacted"])
def asked(request, bodies, tmp_path_factory):
    """The trail's tables."""
    directory = tmp_path_factory.mktemp("audit")
    write(directory, bodies)
    if request.param == "compacted":
        compaction.compact(directory, 1)
    with tables.opened([path for _, path in reader.existing(directory)], threads=1) as connection:
        yield connection


def seqs(asked, last=0, **criteria):
    """The numbers of the entries that meet the criteria."""
    found = query.find(asked, Criteria(**criteria), last)
    entries = [entry.record["seq"] for entry in found.entries]
    assert last or found.count == len(entries)
    return entries


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [2, 3, 4, 7, 9, 10, 11, 13]),
        ({"user": "TINA"}, [2, 3, 7, 11]),
        ({"user": "ann"}, [13]),
        ({"user": "tin"}, []),
        ({"session": "s2"}, [4, 9, 10]),
        ({"address": "192.168.1."}, [4, 9, 10]),
        ({"database": "shop"}, [4, 9, 10]),
        ({"table": "customers"}, [3, 11, 13]),
        ({"table": "public.Customers"}, [3, 11, 13]),
        ({"table": "ustomers"}, []),
        ({"table": "staff"}, [4]),
        ({"column": "phone"}, [3, 11, 13]),
        ({"column": "customers.phone"}, [3, 11, 13]),
        ({"column": "phone", "treatment": "mask"}, [3, 11, 13]),
        ({"column": "phone", "treatment": "clear"}, []),
        ({"column": "name", "treatment": "clear"}, [3, 11, 13]),
        ({"column": "name", "treatment": "mask"}, []),
        ({"category": "PHONE"}, [3, 11, 13]),
        ({"mask": "partial"}, [3, 11, 13]),
        ({"mask": "hash"}, []),
        ({"rule": "names are"}, [3, 11, 13]),
        ({"ruling": "deny"}, [4]),
        ({"fingerprint": "BA79A336F93D6419"}, [3, 11, 13]),
        ({"fingerprint": "ba79"}, []),
        ({"events": ("login_refused", "session_opened")}, [2, 9]),
        ({"events": ("segment",)}, [1, 15]),
        ({"text": "select 1"}, [7, 10]),
        ({"text": "AS CUSTOMERS"}, [3, 11, 13]),
        ({"pattern": re.compile("hr.*STAFF")}, [4]),
        ({"since": "2027-01-15T08:00:06.000000Z"}, [7, 9, 10, 11, 13]),
        ({"until": "2027-01-15T08:00:06.000000Z"}, [2, 3, 4]),
        ({"errors": True}, [4, 7, 9]),
        ({"errors": True, "user": "tina"}, [7]),
        ({"user": "tina", "table": "staff"}, []),
    ],
)
def test_every_criterion_chooses(asked, criteria, expected):
    """Each criterion alone and together with others chooses exactly the entries that meet it."""
    assert seqs(asked, **criteria) == expected


def test_the_last_come_in_order(asked):
    """A limit takes the last entries, and gives them in the order of the trail."""
    assert seqs(asked, last=2, user="tina") == [7, 11]


def test_statements_come_whole_and_with_their_outcomes(asked):
    """A statement that refers to an earlier one says all that one says, but its own number; each has its own outcome."""
    found = {entry.record["seq"]: entry for entry in query.find(asked, Criteria(table="customers")).entries}
    assert found[11].record["text"] == found[3].record["text"]
    assert found[11].record["statement"] == 3
    assert "like" not in found[11].record
    assert [found[seq].status for seq in (3, 11, 13)] == ["ok", "ok", "open"]
    assert [found[seq].outcome["rows"] for seq in (3, 11)] == [2, 5]


def test_a_regular_expression_that_is_none_is_an_error(asked):
    """What Python understands and the database does not is said, and harms nothing."""
    with pytest.raises(CriterionError, match="--regex"):
        query.find(asked, Criteria(pattern=re.compile("a(?=b)")))
    assert query.find(asked, Criteria(session="s1"), 1).count == 4


@pytest.mark.parametrize(
    ("by", "criteria", "expected"),
    [
        ("user", {}, {"tina": (4, 1, 7), "Bo": (3, 1, 0), "branch-app": (1, 1, 0)}),
        ("person", {"table": "customers"}, {"tina": (2, 1, 7), "Ann": (1, 1, 0)}),
        ("treatment", {}, {"clear": (3, 2, 7), "mask": (3, 2, 7)}),
        ("treatment", {"column": "phone"}, {"mask": (3, 2, 7)}),
        ("column", {"treatment": "clear"}, {"public.customers.name": (3, 2, 7)}),
        ("table", {}, {"public.customers": (3, 2, 7), "hr.staff": (1, 1, 0)}),
        ("status", {"events": ("statement",)}, {"ok": (2, 1, 7), "open": (2, 2, 0), "denied": (1, 1, 0), "error": (1, 1, 0)}),
        ("address", {"session": "s2"}, {"192.168.1.9": (3, 1, 0)}),
        ("day", {"ruling": "deny"}, {"2027-01-15": (1, 1, 0)}),
    ],
)  # fmt: skip
def test_entries_are_counted_by_what_they_are(asked, by, criteria, expected):
    """For each kind: entries, people and rows; of columns only the uses that meet the criteria."""
    found = query.counts(asked, Criteria(**criteria), by)
    assert {each.value: (each.entries, each.people, each.rows) for each in found} == expected


@pytest.mark.parametrize("by", query.FACETS)
def test_every_facet_can_be_asked(asked, by):
    """Each gives something of this trail, the most frequent first."""
    found = query.counts(asked, Criteria(), by)
    assert found
    assert [each.entries for each in found] == sorted((each.entries for each in found), reverse=True)


def test_the_tables_answer_and_do_nothing_else(asked, tmp_path):
    """SELECT works on all three; files elsewhere are neither read nor written, and no setting is changed."""
    heading, rows = tables.ask(asked, "SELECT principal, status FROM statements WHERE rows > 4")
    assert (heading, list(rows)) == (["principal", "status"], [("tina", "ok")])
    assert list(tables.ask(asked, "SELECT count(*) FROM uses WHERE treatment = 'clear'")[1]) == [(3,)]
    (tmp_path / "x").write_text("secret")
    for text in (
        f"SELECT * FROM read_csv('{tmp_path}/x')",
        f"COPY records TO '{tmp_path}/y'",
        "DROP VIEW records",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "SELEC 1",
        "",
    ):
        with pytest.raises(tables.QueryError):
            list(tables.ask(asked, text)[1])
    assert not (tmp_path / "y").exists()
    assert seqs(asked, user="ann") == [13]


def test_a_damaged_trail_is_searched_as_far_as_it_can_be(bodies, tmp_path):
    """Lines that are no records, bytes that are no text and a torn end hide nothing else."""
    write(tmp_path, bodies)
    path = segments.segment_path(tmp_path, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    odd = [
        b"no record\n",
        b"\xff\xfe\n",
        b'{"seq":"x","event":5}\n',
        b'{"seq":77,"event":"\\ud800"}\n',
        b"[1]\n",
        b"\n",
    ]
    path.write_bytes(b"".join([*lines[:4], *odd, *lines[4:], b'{"seq":99,"ev']))
    with tables.opened([path for _, path in reader.existing(tmp_path)]) as connection:
        assert seqs(connection, table="customers") == [3, 11, 13]


def test_segments_before_the_time_asked_for_are_not_read(bodies, tmp_path):
    """By their heads; the last segment is always read."""
    write(tmp_path, bodies)
    assert [number for number, _ in reader.existing(tmp_path, "2027-01-15T07:00:00.000000Z")] == [1, 2]
    assert [number for number, _ in reader.existing(tmp_path, LATE)] == [2]


def test_a_connection_leaves_nothing_behind(bodies, tmp_path, monkeypatch):
    """What spills to the disk lies in a private directory that goes with the connection."""
    write(tmp_path / "audit", bodies)
    monkeypatch.setattr(tables.tempfile, "tempdir", str(tmp_path))
    with tables.opened([path for _, path in reader.existing(tmp_path / "audit")]) as connection:
        (aside,) = tmp_path.glob("louver-audit-*")
        assert aside.stat().st_mode & 0o777 == 0o700
        assert connection.execute("SELECT current_setting('temp_directory')").fetchone() == (str(aside),)
    assert not list(tmp_path.glob("louver-audit-*"))
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")
