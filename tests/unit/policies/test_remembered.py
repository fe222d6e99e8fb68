"""What is remembered of decisions: the same as deciding anew, whoever asks and whenever, within bounds."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.conditions import VARIABLES
from policies.decide import PolicySet
from policies.loader import parse_policies
from policies.model import ColumnName, Decision, Label, Principal, Session
from policies.remembered import Remembered
from policies.rows import SESSION_FIELDS

HEAD = """
version: 1
calendar: {timezone: Asia/Shanghai, holidays: [2026-11-23], workdays: [2026-11-22]}
session:
  purpose: {values: [care, marketing]}
  amount: {type: integer}
dictionary:
  - {column: bank.public.customers.phone, category: phone, level: 3}
  - {column: bank.public.customers.name, category: name, level: 2}
"""

CONDITIONS = (
    'principal.role == "teller"',
    "principal.clearance == 1",
    "principal.clearance >= 1.0",
    '"x" in principal',
    "size(principal) > 3",
    'principal.name == "tina"',
    'in_network(session.address, "10.0.0.0/8")',
    'session.application.startsWith("psql")',
    "session.tls",
    'session.database_user != "app"',
    "session.hour >= 9 && session.hour < 18",
    "session . minute == 30",
    'session.time < "09:31"',
    "session.weekday == 1",
    "session.workday",
    'session.date == "2026-11-23"',
    'session.now.getHours("America/New_York") < 12',
    'session.now > timestamp("2026-11-23T01:30:30Z")',
    'session.purpose == "care"',
    "session.purpose == null || session.amount > 5",
    'statement.kind == "select"',
    "column.level > 2 && session.hour != 9",
    'session.database == "bank"',
)
ROWS = (
    "true",
    "region = {principal.region}",
    "id = {principal.clearance}",
    "owner = {principal.name}",
    "day = {session.date}",
    "hour = {session.hour} and minute = {session.minute}",
    "told = {session.time} or weekday = {session.weekday}",
    "purpose = {session.purpose}",
    "host = {session.address} and tls = {session.tls}",
    "program = {session.application}",
)
OF_ROWS = tuple(each for each in CONDITIONS if "column." not in each and "statement." not in each)
LABELS = {
    ColumnName("public", "customers", "phone"): Label("phone", 3),
    ColumnName("public", "customers", "name"): Label("name", 2),
}
VALUES = (1, 1.0, True, 0.0, -0.0, "1", "teller", (1,), (True,), ("teller",), None)
NOON = dt.datetime(2026, 11, 23, 1, 30, tzinfo=dt.UTC)  # half past nine in Shanghai, a Monday
SESSION = Session("bank", "10.1.2.3", "psql", "app", False, NOON)
"""Whose parts the sessions of these tests differ in."""


def quoted(text: str) -> str:
    """A scalar of YAML that means this text."""
    return "'" + text.replace("'", "''") + "'"


@st.composite
def files(draw: st.DrawFn) -> str:
    """Policy files whose rules, filters and limits look at this and that."""
    lines = [HEAD, "rules:"]
    for number in range(draw(st.integers(1, 4))):
        lines.append(f"  - name: r{number}")
        lines.append(f"    columns: {{category: {draw(st.sampled_from(['phone', 'name', '[phone, name]']))}}}")
        lines.append(f"    when: {quoted(draw(st.sampled_from(CONDITIONS)))}")
        treatment = draw(st.sampled_from(["clear", "deny", "{mask: full}"]))
        lines.append(f"    treatment: {treatment}")
        if treatment != "deny" and draw(st.booleans()):
            lines.append(f"    rows: {quoted(draw(st.sampled_from(ROWS)))}")
    for number in range(draw(st.integers(0, 2))):
        lines += ["filters:"] if not number else []
        lines.append(f"  - {{name: f{number}, tables: public.customers, rows: {quoted(draw(st.sampled_from(ROWS)))},")
        lines.append(f"     when: {quoted(draw(st.sampled_from(OF_ROWS)))}}}")
    if draw(st.booleans()):
        when = quoted(draw(st.sampled_from(OF_ROWS)))
        lines.append(f"limits: [{{name: few, statements_per_hour: 5, when: {when}}}]")
    return "\n".join(lines)


ATTRIBUTES = st.dictionaries(st.sampled_from(["role", "clearance", "region", "x"]), st.sampled_from(VALUES))
NAMES = st.lists(st.sampled_from(["tina", "teo"]), min_size=1, max_size=2)
MOMENTS = st.sampled_from(
    [0, 1, 30, 31, 59, 60, 61, 1800, 1801, 3600, 30600, -1, 54000, 86400, -86400, -172800, 604800]
).map(lambda seconds: NOON + dt.timedelta(seconds=seconds))
DECLARED = st.fixed_dictionaries(
    {}, optional={"purpose": st.sampled_from(["care", "marketing"]), "amount": st.sampled_from([1, 7, True])}
)
MADE = st.fixed_dictionaries(
    {},
    optional={
        "database": st.just("other"),
        "address": st.sampled_from(["192.168.1.1", "::1"]),
        "application": st.sampled_from(["sql", ""]),
        "database_user": st.just("tina"),
        "tls": st.just(value=True),
        "at": MOMENTS,
        "declared": DECLARED,
    },
)


@st.composite
def asking(draw: st.DrawFn) -> list[tuple[Principal, Session]]:
    """Some people, of whom much is the same, in sessions that differ in little, in any order."""
    people = [
        Principal(name, known) for known in draw(st.lists(ATTRIBUTES, min_size=1, max_size=3)) for name in draw(NAMES)
    ]
    sessions = [SESSION, *(replace(SESSION, **made) for made in draw(st.lists(MADE, min_size=1, max_size=5)))]
    return draw(st.permutations([(person, session) for person in people for session in sessions]))


def forgetful(text: str) -> PolicySet:
    """Policies that remember no decision by its key."""
    policies = parse_policies(text)
    policies._remembered = Remembered(most=0)
    return policies


@settings(max_examples=150, deadline=None)
@given(text=files(), asked=asking(), most=st.integers(1, 30))
@example(
    text=HEAD + 'rules: [{name: r, columns: {category: phone}, rows: "id = {principal.x}", treatment: clear}]',
    asked=[(Principal("u", {"x": value}), SESSION) for value in VALUES],
    most=30,
)
def test_it_is_as_if_everything_was_decided_anew(text: str, asked: list[tuple[Principal, Session]], most: int) -> None:
    """Whoever asks in whatever order: what is remembered is what would be decided, to the types of the values."""
    policies, anew = parse_policies(text), forgetful(text)
    policies._remembered = Remembered(most)
    for principal, session in [*asked, *asked[::-1]]:
        given_, meant = (each.decide(principal, session, LABELS) for each in (policies, anew))
        assert repr(given_) == repr(meant)
        assert given_ == meant
    assert len(policies._remembered) <= most
    assert len(anew._remembered) == 0


OTHER: dict[str, object] = {
    "database": "other",
    "address": "10.1.2.4",
    "application": "psq",
    "database_user": "ap",
    "tls": True,
    "date": NOON + dt.timedelta(days=7),
    "time": NOON + dt.timedelta(minutes=1),
    "hour": NOON + dt.timedelta(hours=1),
    "minute": NOON + dt.timedelta(minutes=1),
    "weekday": NOON + dt.timedelta(days=1),
    "workday": NOON + dt.timedelta(days=1),
    "now": NOON + dt.timedelta(microseconds=1),
}
"""Of each fact of a session another one."""


def otherwise(name: str) -> Session:
    """The session with one fact that is another."""
    value = OTHER[name]
    return replace(SESSION, at=value) if isinstance(value, dt.datetime) else replace(SESSION, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [each.removeprefix("session.") for each in VARIABLES if each.startswith("session.")])
def test_every_fact_that_a_condition_can_name_is_in_the_key(name: str) -> None:
    """A variable that is added one day and is not in the key would show what was decided for another session."""
    read = parse_policies(
        HEAD
        + f"rules: [{{name: r, columns: {{category: phone}}, when: session.{name} == session.{name}, treatment: clear}}]"
    )._read
    person = Principal("u", {})
    keys = read.key(person, SESSION), read.key(person, otherwise(name))
    assert keys == (None, None) if name == "now" else keys[0] != keys[1]


@pytest.mark.parametrize("name", SESSION_FIELDS)
def test_every_fact_that_a_row_condition_can_bind_is_in_the_key(name: str) -> None:
    """So is what stands in `rows`, of rules and of filters."""
    for text in (
        f"rules: [{{name: r, columns: {{category: phone}}, rows: 'a = {{session.{name}}}', treatment: clear}}]",
        f"filters: [{{name: f, tables: public.t, rows: 'a = {{session.{name}}}'}}]",
    ):
        read = parse_policies(HEAD + text)._read
        assert read.key(Principal("u", {}), SESSION) != read.key(Principal("u", {}), otherwise(name))


@pytest.mark.parametrize("where", ["rules", "filters", "limits"])
def test_what_is_declared_is_in_the_key_wherever_it_is_named(where: str) -> None:
    """A purpose that a rule, a filter or a limit asks for tells decisions apart; one that none names does not."""
    text = {
        "rules": "rules: [{name: r, columns: {category: phone}, when: WHEN, treatment: clear}]",
        "filters": "filters: [{name: f, tables: public.t, rows: 'a = 1', when: WHEN}]",
        "limits": "limits: [{name: l, rows_per_hour: 1, when: WHEN}]",
    }[where]
    person, said = Principal("u", {}), replace(SESSION, declared={"purpose": "care"})
    read = parse_policies(HEAD + text.replace("WHEN", "session.purpose == 'care'"))._read
    assert read.key(person, SESSION) != read.key(person, said)
    unasked = parse_policies(HEAD + text.replace("WHEN", "session.amount == 1"))._read
    assert unasked.key(person, SESSION) == unasked.key(person, said)


def test_the_hour_is_that_of_the_policies() -> None:
    """Two moments in one hour of the calendar's zone have one key, in whatever zone they are told."""
    text = "rules: [{name: r, columns: {category: phone}, when: session.hour < 18, treatment: clear}]"
    read = parse_policies(HEAD.replace("Asia/Shanghai", "Asia/Kathmandu") + text)._read  # 5:45 ahead
    person, at = Principal("u", {}), dt.datetime(2026, 11, 23, 1, 20, tzinfo=dt.UTC)
    first = read.key(person, replace(SESSION, at=at - dt.timedelta(minutes=5)))
    assert first == read.key(
        person, replace(SESSION, at=at.astimezone(ZoneInfo("America/New_York")) - dt.timedelta(minutes=1))
    )
    assert first != read.key(person, replace(SESSION, at=at - dt.timedelta(minutes=6)))


@pytest.mark.parametrize("value", [object(), type("Name", (str,), {})("teller"), (1, [object()])])
def test_what_cannot_be_written_exactly_is_not_remembered(value: object) -> None:
    """An attribute of another kind than those that a key can hold has its decision made each time."""
    policies = parse_policies(HEAD)
    for _ in range(2):
        policies.decide(Principal("u", {"x": value}), SESSION, LABELS)  # type: ignore[dict-item]
    assert len(policies._remembered) == 0


def test_what_is_known_is_not_decided_again() -> None:
    """The second session of a person, whose attributes are another object, gets the same decision and runs no condition."""
    policies = parse_policies(
        HEAD + "rules: [{name: r, columns: {category: phone}, when: principal.x == 1, treatment: clear}]"
    )
    first = policies.decide(Principal("u", {"x": 1}), SESSION, LABELS)
    policies._decided = None  # type: ignore[assignment,method-assign]  # nothing would be decided
    assert policies.decide(Principal("u", {"x": 1}), otherwise("now"), LABELS) is first


def test_other_labels_are_another_decision() -> None:
    """The labels of another snapshot of the catalog, be they equal, are not those that were decided for."""
    policies = parse_policies(HEAD)
    for _ in range(50):
        labels = dict(LABELS)
        assert policies.decide(Principal("u", {}), SESSION, labels).labels is labels


def decision(columns: int) -> Decision:
    """One over so many columns."""
    labels = {ColumnName("s", "t", str(number)): Label("c", 1) for number in range(columns)}
    return parse_policies(HEAD).decide(Principal("u", {}), SESSION, labels)


def test_memory_is_bounded_by_number() -> None:
    """Whoever has not asked for longest is forgotten first."""
    memory, one = Remembered(most=3), decision(1)
    for key in (b"a", b"b", b"c"):
        memory.keep(LABELS, key, one)
    memory.find(LABELS, b"a")
    memory.keep(LABELS, b"d", one)
    assert [key for key in (b"a", b"b", b"c", b"d") if memory.find(LABELS, key)] == [b"a", b"c", b"d"]


def test_memory_is_bounded_by_size() -> None:
    """A decision that many share is counted once; what all take stays below the bound, and comes to nothing at the end."""
    large, memory = decision(1000), Remembered(size=200_000)
    for number in range(100):
        memory.keep(LABELS, b"%d" % number, large)
    assert len(memory) == 100
    others = [decision(1000) for _ in range(20)]
    for number, each in enumerate(others):
        memory.keep(LABELS, b"other %d" % number, each)
        assert memory.bytes <= 200_000
    assert memory.find(LABELS, b"other 19") is others[-1]
    assert memory.find(LABELS, b"0") is None
    memory.keep(LABELS, b"k" * 200_001, large)
    assert (len(memory), memory.bytes) == (0, 0)


def test_memory_is_bounded_by_labels() -> None:
    """Those of former catalogs are let go, with what was decided for them."""
    policies = parse_policies(HEAD)
    for _ in range(200):
        policies.decide(Principal("u", {}), SESSION, dict(LABELS))
    kept = {labels for labels, _ in policies._remembered._kept}
    assert len(kept) == len(policies._worlds) == 64
