"""Deciding: the first rule that means a column and holds; an error denies; nothing gives the default mask."""

import datetime as dt
import time

import pytest

from policies.loader import parse_policies
from policies.masks import make_mask
from policies.model import ColumnName, Label, Principal, RowCondition, Treatment

DICTIONARY = """
version: 1
dictionary:
  - {column: bank.public.customers.name, category: name, level: 2}
  - {column: bank.public.customers.phone, category: phone, level: 3}
  - {column: bank.public.customers.id_card, category: id_card, level: 4}
  - {column: bank.public.employees.salary, category: salary, level: 4}
"""


@pytest.fixture
def decide(columns, session):
    """Decide by rules given as YAML; gives the treatments by `table.column`."""

    def run(rules: str, principal: Principal, session=session) -> dict[str, Treatment]:
        policies = parse_policies(DICTIONARY + rules)
        labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in columns.values()}
        decision = policies.decide(principal, session, labels)
        assert decision.policy == policies.revision
        assert decision.labels is labels
        assert set(decision.treatments) == set(labels)
        return {f"{name.relation}.{name.column}": treatment for name, treatment in decision.treatments.items()}

    return run


def test_without_a_rule_the_category_decides(decide, teller):
    """The built-in default masks, the file's own before them; the rule's name says which default it was."""
    treatments = decide("categories: {phone: 'null'}\n", teller)
    assert treatments["customers.phone"] == Treatment("mask", "default mask of category `phone`", make_mask("null"))
    assert treatments["employees.salary"] == Treatment("mask", "default mask of category `salary`", make_mask("full"))


def test_the_first_rule_that_holds_decides(decide, teller):
    """Rules are asked in order; one whose condition does not hold is passed over."""
    treatments = decide(
        """
rules:
  - {name: no, columns: {level: ">=1"}, when: session.hour > 20, treatment: deny}
  - {name: first, columns: {category: [phone, name]}, when: '"teller" in principal.roles', treatment: clear}
  - {name: second, columns: {level: ">=1"}, treatment: {mask: hash}}
""",
        teller,
    )
    assert treatments["customers.phone"] == Treatment("clear", "first")
    assert treatments["customers.id_card"] == Treatment("mask", "second", make_mask("hash"))


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        ("{category: phone}", {"customers.phone"}),
        ("{category: [phone, name]}", {"customers.phone", "customers.name"}),
        ('{category: "*"}', {"customers.name", "customers.phone", "customers.id_card", "employees.salary"}),
        ('{level: ">=3"}', {"customers.phone", "customers.id_card", "employees.salary"}),
        ("{level: 3}", {"customers.phone"}),
        ('{level: [2, ">3"]}', {"customers.name", "customers.id_card", "employees.salary"}),
        ('{level: "<3"}', {"customers.name"}),
        ('{level: "<=2"}', {"customers.name"}),
        ("{table: customers}", {"customers.name", "customers.phone", "customers.id_card"}),
        ("{table: public.employees}", {"employees.salary"}),
        ("{table: other.employees}", set()),
        ('{column: "*a*", table: "c*"}', {"customers.name", "customers.id_card"}),
        ("{schema: public, level: 4, category: salary}", {"employees.salary"}),
        ("{schema: audit}", set()),
    ],
)
def test_a_rule_means_the_columns_that_all_its_keys_match(decide, teller, selector, meant):
    """Keys narrow, values of one key widen."""
    treatments = decide(f"rules: [{{name: r, columns: {selector}, treatment: clear}}]\n", teller)
    assert {name for name, treatment in treatments.items() if treatment.rule == "r"} == meant


def test_a_rule_that_cannot_be_evaluated_denies_its_columns(decide, teller):
    """A missing attribute denies, with the reason for the audit; later rules are not asked, other columns not touched."""
    treatments = decide(
        """
rules:
  - {name: broken, columns: {category: phone}, when: principal.rank > 3, treatment: clear}
  - {name: later, columns: {level: ">=1"}, treatment: clear}
""",
        teller,
    )
    denied = treatments["customers.phone"]
    assert (denied.kind, denied.rule) == ("deny", "broken")
    assert denied.reason == "the principal has no attribute `rank`; test it with `has(principal.rank)`"
    assert treatments["customers.name"] == Treatment("clear", "later")


def test_rows_bind_the_callers_attributes(decide, manager):
    """A treatment on rows carries the condition, the values, and the default mask for all other rows."""
    treatments = decide(
        """
rules:
  - {name: own, columns: {category: name}, rows: "region = {principal.region}", treatment: clear}
  - {name: hashed, columns: {category: phone}, rows: "region = {principal.region}", treatment: {mask: hash}}
""",
        manager,
    )
    rows = RowCondition("region = {0}", ("East",), "('East',)")
    default = make_mask("partial", keep_first=1, hide_at_least=1)
    assert treatments["customers.name"] == Treatment("clear", "own", None, rows, default)
    assert treatments["customers.phone"].mask == make_mask("hash")
    assert treatments["customers.phone"].rows == rows


def test_rows_without_their_attribute_deny(decide):
    """A row condition that lacks a value must not show all rows, nor none in silence."""
    rules = 'rules: [{name: own, columns: {category: name}, rows: "region = {principal.region}", treatment: clear}]\n'
    denied = decide(rules, Principal("x", {}))["customers.name"]
    assert (denied.kind, denied.rule) == ("deny", "own")
    assert denied.reason == "the principal has no attribute `region`, which `rows` needs"


def test_rows_of_a_rule_that_does_not_hold_are_not_bound(decide, teller):
    """What the condition excludes needs no attributes."""
    rules = (
        "rules: [{name: own, columns: {category: name}, when: session.hour > 20, "
        'rows: "region = {principal.nothing}", treatment: clear}]\n'
    )
    assert decide(rules, teller)["customers.name"].rule == "default mask of category `name`"


def test_a_condition_over_the_column_is_asked_for_each_column(decide, teller):
    """`column.level` is that of the column in question."""
    treatments = decide(
        'rules: [{name: r, columns: {category: "*"}, when: principal.clearance >= column.level, treatment: clear}]\n',
        teller,
    )
    assert {name for name, treatment in treatments.items() if treatment.kind == "clear"} == {"customers.name"}


def test_a_caller_who_sees_everything_is_all_clear(teller, session):
    """Clear on every labelled column, without rows, is all clear; a default mask is not."""
    policies = parse_policies(DICTIONARY + 'rules: [{name: r, columns: {category: "*"}, treatment: clear}]\n')
    labels = {ColumnName("public", "customers", "phone"): policies.label("bank", "public", "customers", "phone")}
    assert policies.decide(teller, session, labels).all_clear
    assert not parse_policies(DICTIONARY).decide(teller, session, labels).all_clear


RULES = """
rules:
  - {name: own, columns: {category: name}, rows: "region = {principal.region}", treatment: clear}
  - {name: day, columns: {category: phone}, when: session.hour < 12, treatment: clear}
"""


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ("{name: a, columns: {table: customers}, treatment: clear}", {"one": "clear", "two": "mask"}),
        ("{name: a, columns: {schema: public, level: '>=1'}, treatment: clear}", {"one": "clear", "two": "clear"}),
        ("{name: a, columns: {table: customers}, rows: id = 1, treatment: clear}", {"one": "mask", "two": "mask"}),
        ("{name: a, columns: {table: t}, treatment: deny}", {"one": "deny", "two": "deny"}),
        (
            "{name: a, columns: {level: 3}, when: column.table != 't', treatment: clear}",
            {"one": "clear", "two": "mask"},
        ),
        ("{name: a, columns: {category: derived}, when: 'false', treatment: clear}", {"one": "mask", "two": "mask"}),
    ],
)
def test_a_copy_is_shown_to_who_sees_all_that_it_is_made_of(teller, session, rules, shown):
    """Where no rule means it: who sees phones sees a copy of them, and who sees not all sources sees nothing of a derived column."""
    policies = parse_policies(f"{DICTIONARY}rules:\n  - {rules}\n")
    phone, salary = ColumnName("public", "customers", "phone"), ColumnName("public", "employees", "salary")
    labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in (phone, salary)}
    one, two = ColumnName("public", "t", "one"), ColumnName("public", "t", "two")
    labels = {one: Label("phone", 3, (phone,)), two: Label("derived", 4, (phone, salary)), **labels}
    treatments = policies.decide(teller, session, labels).treatments
    assert {"one": treatments[one].kind, "two": treatments[two].kind} == shown


def test_equal_outcomes_give_the_same_decision(session, columns):
    """Callers and moments that differ in nothing that decides share one object; others get another."""
    policies = parse_policies(DICTIONARY + RULES)
    labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in columns.values()}

    def decision(region: object, hour: int):
        caller = Principal(f"user {region} {hour}", {"region": region, "hobby": hour})
        moment = type(session)("bank", "10.1.1.1", "psql", "app", True, dt.datetime(2026, 1, 1, hour, tzinfo=dt.UTC))
        return policies.decide(caller, moment, labels)

    assert decision("East", 9) is decision("East", 10)
    assert decision("East", 9) != decision("West", 9)
    assert decision("East", 9) != decision("East", 13)
    assert len({id(decision(value, 9)) for value in (1, 1.0, True, "1")}) == 4


def test_the_same_question_gets_an_equal_answer_from_a_fresh_set(session, columns, manager):
    """Deciding has no memory that changes an answer."""
    answers = []
    for _ in range(2):
        policies = parse_policies(DICTIONARY + RULES)
        labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in columns.values()}
        answers.append(policies.decide(manager, session, labels))
    assert answers[0] == answers[1]


def test_the_memory_of_decisions_is_bounded(session, columns):
    """A thousand kinds of caller do not fill the memory."""
    policies = parse_policies(DICTIONARY + RULES)
    labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in columns.values()}
    for region in range(1000):
        policies.decide(Principal("u", {"region": region}), session, labels)
    (world,) = policies._worlds.values()
    assert len(world.decisions) == 256


def test_databases_in_turn_keep_their_decisions(session, columns, manager):
    """Asking for two databases in turn gives each its own answer, and the same object again; old ones are forgotten."""
    policies = parse_policies(DICTIONARY + RULES)
    labels = {name: policies.label("bank", name.schema, name.relation, name.column) for name in columns.values()}
    other = {columns["customers.phone"]: labels[columns["customers.phone"]]}
    first, second = policies.decide(manager, session, labels), policies.decide(manager, session, other)
    assert (len(first.treatments), len(second.treatments)) == (4, 1)
    assert policies.decide(manager, session, labels) is first
    assert policies.decide(manager, session, other) is second
    for _ in range(200):
        policies.decide(manager, session, dict(labels))
    assert len(policies._worlds) == 64
    assert policies.decide(manager, session, labels) == first


@pytest.mark.parametrize(
    "value", [2**70, -(2**70), float("nan"), float("inf"), "\ud800", "\0", (), ((),), None, b"x", object(), {"a": 1}]
)
def test_odd_attributes_raise_nothing(decide, value):
    """Whatever an attribute holds, the answer is a decision."""
    rules = (
        'rules: [{name: r, columns: {category: phone}, when: principal.x == "a", treatment: clear},'
        ' {name: s, columns: {category: name}, rows: "a = {principal.x}", treatment: clear}]\n'
    )
    treatments = decide(rules, Principal("u", {"x": value, "y": value}))
    assert treatments["customers.phone"].kind != "clear"


def test_deciding_over_many_rules_is_quick(session, teller):
    """200 rules over 2,000 columns take a few milliseconds at most, on a busy machine too."""
    rules = "".join(
        f"  - {{name: r{i}, columns: {{level: {i % 5 + 1}}}, when: '\"role{i}\" in principal.roles', treatment: clear}}\n"
        for i in range(200)
    )
    text = 'version: 1\ndictionary: [{column: "*.*.*.*", category: phone, level: 3}]\nrules:\n' + rules
    policies = parse_policies(text)
    labels = {ColumnName("s", f"t{i}", "c"): policies.label("d", "s", f"t{i}", "c") for i in range(2000)}
    policies.decide(teller, session, labels)
    begin = time.process_time()
    for _ in range(20):
        policies.decide(teller, session, labels)
    assert (time.process_time() - begin) / 20 < 0.02
