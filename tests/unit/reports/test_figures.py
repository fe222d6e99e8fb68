"""The figures of a report are those of its records: each table is compared with a count in Python over whatever trail chance makes."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from unit.reports.conftest import BEGIN, MAY, opened, write

from audit import compaction, record
from audit.reader import records
from audit.search import join
from audit.writer import Trail
from reports import figures

COLUMNS = {
    "bank.customers.phone": ("phone", 3), "bank.customers.name": ("name", 2), "bank.accounts.balance": ("balance", 3),
    "hr.staff.phone": ("phone", 3),
}  # fmt: skip
PEOPLE = ("tina", "bo", "ann", "lin")
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """One statement of a made-up trail."""

    day: int
    second: int
    person: str
    speaker: bool
    unit: str | None
    uses: tuple[tuple[str, str, str], ...]
    relations: tuple[str, ...]
    ruling: str
    status: str | None
    rows: int | None
    grants: tuple[int, ...]


statements = st.builds(
    Asked,
    day=st.integers(-30, 32),
    second=st.integers(0, 86_399),
    person=st.sampled_from(PEOPLE),
    speaker=st.booleans(),
    unit=st.sampled_from((None, "risk", "branch 1")),
    uses=st.lists(
        st.tuples(
            st.sampled_from(sorted(COLUMNS)),
            st.sampled_from(("clear", "mask", "deny")),
            st.sampled_from(("tellers", "grant 1", "grant 2")),
        ),
        max_size=4,
        unique_by=lambda use: use[0],
    ).map(tuple),
    relations=st.lists(st.sampled_from(("bank.customers", "bank.notes", "hr.staff")), max_size=2, unique=True).map(
        tuple
    ),
    ruling=st.sampled_from(("pass", "rewrite", "rewrite", "deny")),
    status=st.sampled_from((None, "ok", "ok", "ok", "error", "skipped", "cancelled", "lost")),
    rows=st.none() | st.integers(0, 5000),
    grants=st.lists(st.sampled_from((1, 2)), max_size=2, unique=True).map(tuple),
)
logins = st.tuples(
    st.integers(-2, 32),
    st.integers(0, 7200),
    st.sampled_from(PEOPLE),
    st.sampled_from(("10.0.0.7:1", "10.0.0.7:2", "[::1]:9")),
)


def bodies(asked: list[Asked], refused: list[tuple[int, int, str, str]]) -> list[tuple[dt.datetime, bytes]]:
    """Records in the order of time, the outcome of a statement behind it."""
    found = []
    for number, each in enumerate(asked):
        when = BEGIN + each.day * DAY + dt.timedelta(seconds=each.second)
        name, behalf = ("app", each.person) if each.speaker else (each.person, None)
        attributes = {} if each.unit is None else {"unit": each.unit}
        caller = record.Caller(f"s{number}", name, "10.0.0.1:5", "psql", "bank", "svc", attributes, behalf)
        uses = tuple(
            record.ColumnUse(column, *COLUMNS[column], treatment, None, rule) for column, treatment, rule in each.uses
        )
        denied = each.ruling == "deny"
        judgement = record.Judgement(
            ("SelectStmt",), "SELECT ?", None, each.relations, uses, each.ruling, "p1", 1,
            reason=f"{each.person} may not" if denied else None, sqlstate="42501" if denied else None, grants=each.grants,
        )  # fmt: skip
        found.append((when, record.statement(record.statement_prefix(caller, judgement), 1)))
        status = "denied" if denied else each.status
        if status is not None:
            rows = b"" if denied or each.rows is None else b"%d" % each.rows
            ending = record.outcome(record.outcome_prefix(caller), 1, status, rows=rows, bytes_=7, duration_us=40)
            found.append((when + dt.timedelta(milliseconds=1), ending))
    for day, second, name, address in refused:
        caller = record.Caller(f"l{day}-{second}", name, address, "psql", "bank", "svc")
        when = BEGIN + day * DAY + dt.timedelta(seconds=second)
        found.append((when, record.login_refused(caller, reason="wrong password", sqlstate="28P01")))
    return sorted(found, key=lambda each: each[0])


class Counted:
    """The same figures, counted in Python over the records as they are read and joined."""

    def __init__(self, directory: Path) -> None:
        entries = [entry for entry in join(records(directory)) if entry.record["event"] == "statement"]
        self.entries = [entry for entry in entries if "2026-05-01" <= entry.record["time"][:10] <= "2026-05-31"]
        self.before = [entry for entry in entries if "2026-04-03" <= entry.record["time"][:10] < "2026-05-01"]

    @staticmethod
    def person(entry):
        return entry.record["on_behalf_of"] or entry.record["principal"]

    @staticmethod
    def rows(entry):
        return ((entry.outcome or {}).get("rows")) or 0

    @staticmethod
    def shown(entry):
        return entry.record["ruling"] != "deny" and entry.status != "skipped"

    def uses(self, entries=None):
        for entry in self.entries if entries is None else entries:
            for use in entry.record["columns"]:
                yield entry, use

    def refused(self):
        """Refused statements, each as if it read one column."""
        return ((entry, {"treatment": "deny"}) for entry in self.entries if entry.record["ruling"] == "deny")

    def by(self, key, *more):
        """(people, statements, clear, masked, denied, clear values, masked values) by something of a use."""
        sets = defaultdict(lambda: [set() for _ in range(5)])
        sums = defaultdict(lambda: [0, 0])
        for entry, use in chain(self.uses(), *more):
            people, every, clear, masked, denied = sets[key(entry, use)]
            seq = entry.record["seq"]
            people.add(self.person(entry))
            every.add(seq)
            if entry.record["ruling"] == "deny":
                denied.add(seq)
            if self.shown(entry) and use["treatment"] in {"clear", "mask"}:
                (clear if use["treatment"] == "clear" else masked).add(seq)
                sums[key(entry, use)][use["treatment"] == "mask"] += self.rows(entry)
        return {name: (*map(len, found), *sums[name]) for name, found in sets.items()}


def by(table, name):
    """The same shape, of a table of the report."""
    measures = ("people", "statements", "clear", "masked", "denied", "clear_values", "masked_values")
    return {row[name]: tuple(int(row[measure]) for measure in measures) for row in table.dicts()}


@settings(
    max_examples=10, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # each example is a trail and a report: no shrinking
@given(st.lists(statements, max_size=30), st.lists(logins, max_size=25, unique_by=lambda each: each[:2]))
def test_every_figure_is_what_the_records_say(asked, refused):
    """Whatever stands in a trail: totals, tables by anything, days, clear views, what is new, refusals, grants."""
    with tempfile.TemporaryDirectory() as directory:
        where = write(Path(directory) / "audit", bodies(asked, refused))
        counted = Counted(where)
        with opened(where) as trail:
            found = figures.gather(trail)
            heading, *views = figures.clear_views(trail, found.authorities)
    totals_are_right(found, counted)
    uses_are_right(found, counted)
    at = [heading.index(name) for name in ("seq", "column", "person", "authority", "answered")]
    clear_views_are_right(found, counted, [tuple(view[place] for place in at) for view in views])
    refusals_are_right(found, counted, [each for each in refused if 0 <= each[0] <= 30])
    rest_is_right(found, counted)


def totals_are_right(found, counted):
    """Of all statements, and by day."""
    entries = counted.entries
    assert found.totals["statements"] == len(entries)
    assert found.totals["people"] == len(set(map(counted.person, entries)))
    assert found.totals["rows_answered"] == sum(map(counted.rows, entries))
    assert found.totals["denied"] == sum(entry.record["ruling"] == "deny" for entry in entries)
    assert found.totals["without_end"] == sum(entry.status in {"open", "lost"} for entry in entries)
    days = Counter(entry.record["time"][:10] for entry in entries)
    assert {str(row["day"]): row["statements"] for row in found.tables["days"].dicts()} == days


def uses_are_right(found, counted):
    """By everything that uses of sensitive columns are counted by."""
    said = found.tables
    assert by(said["people"], "person") == counted.by(lambda entry, _: counted.person(entry), counted.refused())
    assert by(said["units"], "unit") == counted.by(
        lambda entry, _: entry.record["attributes"].get("unit", ""), counted.refused()
    )
    assert by(said["tables"], "table") == counted.by(lambda _, use: use["column"].rpartition(".")[0])
    assert by(said["categories"], "category") == counted.by(lambda _, use: use["category"])
    assert by(said["columns"], "column") == counted.by(lambda _, use: use["column"])
    whole = counted.by(lambda *_: None).get(None, (0,) * 7)
    names = ("people", "statements", "clear_statements", "masked_statements", "clear_values", "masked_values")
    assert [int(found.protection[name]) for name in names] == [*whole[:4], *whole[5:]]
    assert sum(said["days"].column("sensitive")) == whole[1]
    effect = next(said["policies"].dicts(), {"statements": 0, "clear": 0, "masked": 0})
    assert (effect["statements"], effect["clear"], effect["masked"]) == (len(counted.entries), whole[2], whole[3])
    reads = defaultdict(int)
    for entry in counted.entries:
        if entry.record["columns"] and entry.record["ruling"] != "deny":
            reads[counted.person(entry), entry.record["time"][:10]] += counted.rows(entry)
    assert {(row[0], str(row[1])): int(row[2]) for row in said["person-days"].rows} == reads


def clear_views_are_right(found, counted, views):
    """Each of them, how many by authority, and which are new."""
    expected = sorted(
        (entry.record["seq"], use["column"], counted.person(entry), use["rule"], counted.rows(entry))
        for entry, use in counted.uses()
        if use["treatment"] == "clear" and counted.shown(entry)
    )
    assert views == expected
    assert sum(found.tables["clear-views-by-authority"].column("statements")) == len(expected)
    seen = {
        (counted.person(entry), use["column"])
        for entry, use in counted.uses(counted.before)
        if use["treatment"] == "clear" and entry.record["ruling"] != "deny"
    }
    fresh = {(row["person"], row["column"]) for row in found.tables["new-clear-views"].dicts()}
    assert fresh == ({(person, column) for _, column, person, *_ in expected} - seen if counted.before else set())


def refusals_are_right(found, counted, attempts):
    """Statements and logins, by whom and from where, and in bursts."""
    denials = Counter(("login", name) for _, _, name, _ in attempts)
    denials += Counter(
        ("statement", counted.person(entry)) for entry in counted.entries if entry.record["ruling"] == "deny"
    )
    assert {(row["kind"], row["who"]): row["times"] for row in found.tables["denials"].dicts()} == denials
    addresses = Counter(address.rpartition(":")[0] for *_, address in attempts)
    assert {row["address"]: row["times"] for row in found.tables["logins-refused"].dicts()} == addresses
    hours = Counter((address.rpartition(":")[0], day, second // 3600) for day, second, _, address in attempts)
    bursts = [row for row in found.tables["bursts"].dicts() if row["kind"] == "logins refused"]
    assert sorted(row["times"] for row in bursts) == sorted(count for count in hours.values() if count >= 10)


def rest_is_right(found, counted):
    """Grants and their statements, tables without a classified column."""
    shown = [entry for entry in counted.entries if entry.record["ruling"] != "deny"]
    granted = Counter(number for entry in shown for number in entry.record["grants"])
    assert {row["grant"]: row["statements"] for row in found.tables["grants"].dicts()} == granted
    plain = Counter(relation for entry in shown for relation in entry.record["relations"])
    classified = {use["column"].rpartition(".")[0] for _, use in counted.uses()}
    expected = {relation: count for relation, count in plain.items() if relation not in classified}
    assert {row["relation"]: row["statements"] for row in found.tables["unclassified-tables"].dicts()} == expected


def grant_event(number, what, person, at, **more):
    """One event of a grant for Tina."""
    fields = {
        "note": None, "principal": "tina", "columns": {"category": ["phone"]}, "labels": ["phone 3"], "rows": "id = 4711",
        "database": None, "purpose": None, "reason": "case 81", "ends": "2026-05-02T10:00:00+00:00",
    }  # fmt: skip
    return record.grant(grant=number, what=what, person=person, at=at, **(fields | more))


def test_a_clear_view_names_who_approved_its_grant(figures_of):
    """Also when that was before the period; two who approved are both named, and its end is told."""
    april = BEGIN - DAY
    tina = record.Caller("s1", "tina", "10.0.0.1:5", "psql", "bank", "svc")
    use = record.ColumnUse("bank.customers.phone", "phone", 3, "clear", None, "grant 7")
    judgement = record.Judgement(("SelectStmt",), "SELECT ?", None, (), (use,), "rewrite", "p1", 1, grants=(7,))
    found = figures_of(
        (april, grant_event(7, "requested", "tina", "2026-04-30T08:00:00+00:00")),
        (april, grant_event(7, "approved", "mona", "2026-04-30T08:01:00+00:00")),
        (april, grant_event(7, "approved", "lin", "2026-04-30T08:02:00+00:00")),
        (april, grant_event(7, "begun", None, "2026-04-30T08:02:00+00:00")),
        (BEGIN, record.statement(record.statement_prefix(tina, judgement), 1)),
        (BEGIN, record.outcome(record.outcome_prefix(tina), 1, "ok", rows=b"3", duration_us=9)),
        (BEGIN + DAY, grant_event(7, "revoked", "mona", "2026-05-02T00:00:00+00:00")),
    )
    (view,) = found.tables["clear-views-by-authority"].dicts()
    assert (view["authority"], view["approved_by"], view["clear_values"]) == ("grant 7", "mona, lin", 3)
    (grant,) = found.tables["grants"].dicts()
    assert grant["ended"] == "revoked by mona"
    assert grant["meant"] == "category phone, rows id = 4711"
    assert (grant["statements"], grant["answered"]) == (1, 3)


def test_changes_of_policy_and_what_each_showed(figures_of):
    """Starts and reloads with their revisions; a failed one is told; each revision has its own statements."""
    tina = record.Caller("s1", "tina", "10.0.0.1:5", "psql", "bank", "svc")
    use = record.ColumnUse("bank.customers.phone", "phone", 3, "clear", None, "tellers")
    bodies = [(BEGIN, record.started(version="1", address="x", policy="aaaa", config="c"))]
    for number, policy in enumerate(("aaaa", "aaaa", "bbbb"), 1):
        judgement = record.Judgement(("SelectStmt",), "SELECT ?", None, (), (use,), "pass", policy, 1)
        bodies.append((BEGIN + number * DAY, record.statement(record.statement_prefix(tina, judgement), number)))
    bodies.insert(3, (BEGIN + 2.5 * DAY, record.reloaded(what="policies", ok=True, revision="bbbb")))
    bodies.append((BEGIN + 5 * DAY, record.reloaded(what="policies", ok=False, reason="line 3: no such mask")))
    found = figures_of(*bodies)
    changes = [(row["event"], row["ok"], row["revision"]) for row in found.tables["policy-changes"].dicts()]
    assert changes == [("started", None, "aaaa"), ("reloaded", True, "bbbb"), ("reloaded", False, None)]
    effect = {row["policy"]: (row["statements"], row["clear"]) for row in found.tables["policies"].dicts()}
    assert effect == {"aaaa": (2, 2), "bbbb": (1, 1)}


def test_a_compacted_trail_gives_the_same(tmp_path):
    """Figures do not hang on the form in which segments lie."""
    caller = record.Caller("s1", "tina", "10.0.0.1:5", "psql", "bank", "svc", {"unit": "risk"})
    use = record.ColumnUse("bank.customers.phone", "phone", 3, "mask", "partial", "tellers")
    judgement = record.Judgement(("SelectStmt",), "SELECT ?", None, ("bank.customers",), (use,), "rewrite", "p1", 1)
    where = write(
        tmp_path / "audit",
        [
            (BEGIN, record.statement(record.statement_prefix(caller, judgement), 1)),
            (BEGIN, record.outcome(record.outcome_prefix(caller), 1, "ok", rows=b"3", duration_us=9)),
            (
                BEGIN,
                record.labelled(
                    database="bank",
                    column="a.b.c",
                    category="phone",
                    level=3,
                    why="copied",
                    sources=["x.y.z"],
                    principal="bo",
                ),
            ),
        ],
    )
    Trail.open(where, clock=lambda: round(MAY.until.replace(tzinfo=dt.UTC).timestamp()) * 1_000_000_000).close()
    with opened(where) as trail:
        before = figures.gather(trail)
    compaction.compact(where, 1)
    with opened(where) as trail:
        assert figures.gather(trail) == before
    assert before.tables["labelled"].rows[0][6:] == ("copied", "bo", '["x.y.z"]')


@pytest.mark.parametrize("unit", ["a b", "x')", "", "1a"])
def test_a_unit_is_the_name_of_an_attribute(tmp_path, unit):
    """It stands in the SQL, so nothing else is taken."""
    with (
        pytest.raises(figures.questions.UnitError, match="name of an attribute"),
        opened(write(tmp_path / "audit", []), units=(unit,)),
    ):
        pass


def test_an_empty_trail_has_empty_tables(figures_of):
    """Nothing is there, and nothing fails."""
    found = figures_of()
    assert found.totals["statements"] == 0
    assert int(found.protection["masked_values"]) == 0
    assert all(not table.rows for table in found.tables.values())
