"""Statements of MySQL that differ only in constants share a ruling, and each gets the text that it would get by itself."""

from __future__ import annotations

import pytest
from fixtures.mysql_rewriting import catalog, decision
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.loader import parse_policies
from proxy.mysql.gate import MySQLGate, MySQLWorld
from rewriter.mysql.catalog import Facts
from rewriter.mysql.constants import constants
from rewriter.mysql.lexer import lex

POLICIES = parse_policies("version: 1\n", file="p")
SHARED = (
    "SELECT phone FROM customers WHERE id = {}",
    "SELECT c.phone, o.x FROM customers c JOIN orders o ON o.cid = c.id AND o.x > {} WHERE c.city = {} LIMIT 10",
    "select `phone` from `customers` where `id` in ({}, {},{}) or name like {} order by id limit {}",
    "SELECT count(*) FROM customers WHERE phone BETWEEN {} AND {} AND city <> {}",
    "SELECT id FROM customers WHERE (id = {} OR id <=> {}) UNION SELECT oid FROM orders WHERE x >= {}",
    "SELECT x FROM orders WHERE note = {} LIMIT {}, {}",
)
"""Templates of which each place takes any constant."""

OWN = (
    "SELECT {} FROM customers",
    "SELECT phone, {} AS l FROM customers WHERE id = 1",
    "SELECT phone l FROM customers ORDER BY {}",
    "SELECT name FROM customers WHERE id = 1 GROUP BY {}",
    "SELECT CAST(phone AS CHAR({})) FROM customers",
    "SELECT phone FROM customers WHERE born > date_sub(now(), INTERVAL {} DAY)",
    "SELECT phone FROM customers WHERE id = {} + 1",
    "SELECT phone FROM customers WHERE name = {} 'x'",
    "SELECT phone FROM customers WHERE name = _latin1 {}",
    "SELECT left(phone, {}) FROM customers",
    "SELECT phone FROM customers # {}",
    "SELECT phone /* {} */ FROM customers WHERE id = 1",
    "UPDATE customers SET phone = {} WHERE id = 1",
    "INSERT INTO customers (id, phone) VALUES ({}, 'x')",
)
"""Templates whose literal is part of what is ruled, or might be: they share nothing."""

numbers = st.one_of(
    st.integers(0, 10**12).map(str), st.tuples(st.integers(0, 999), st.integers(0, 99)).map("{0[0]}.{0[1]}".format)
)
strings = st.text(
    st.characters(blacklist_characters="'\\", max_codepoint=0x2FFF, blacklist_categories=["Cs", "Cc"])
).map("'{}'".format)
literals = st.one_of(numbers, strings)


def world() -> tuple[MySQLGate, MySQLWorld]:
    """A gate and the world of a masked caller."""
    gate = MySQLGate(POLICIES, None)
    return gate, gate.world(decision(), catalog(), Facts("bank"), None)


@settings(max_examples=60)
@given(data=st.data(), template=st.sampled_from(SHARED))
def test_a_shape_gives_what_ruling_gives(data: st.DataObject, template: str) -> None:
    """A text that is found by the shape of another leaves as it would have been rewritten itself."""
    places = template.count("{}")
    kinds = data.draw(st.lists(st.sampled_from([numbers, strings]), min_size=places, max_size=places))
    plain = [data.draw(kind.filter(str.isascii)) for kind in kinds]
    gate, known = world()
    assert gate.rule(known, template.format(*plain).encode()).plan.verdict != "deny"
    for _ in range(3):
        text = template.format(*[data.draw(kind) for kind in kinds]).encode()
        found = known.plans.find(text)
        assert found is not None
        assert found.text == MySQLGate(POLICIES, None).rule(world()[1], text).text


@settings(max_examples=60)
@given(data=st.data(), first=st.sampled_from(SHARED), second=st.sampled_from((*SHARED, *OWN)))
def test_no_other_statement_shares_it(data: st.DataObject, first: str, second: str) -> None:
    """Whatever is found for a text is what the text is ruled by itself."""
    gate, known = world()
    for template in (first, second):
        text = template.format(*[data.draw(literals) for _ in range(template.count("{}"))]).encode()
        alone = gate.rule(world()[1], text)
        found = known.plans.find(text)
        assert found is None or (found.text, found.plan.verdict) == (alone.text, alone.plan.verdict)
        gate.rule(known, text)


@pytest.mark.parametrize("template", OWN)
@pytest.mark.parametrize("literal", ["1", "'a'"])
def test_what_may_be_part_of_the_ruling_is_no_constant(template: str, literal: str) -> None:
    """Such a text is kept for itself alone."""
    text = template.format(literal)
    gate, known = world()
    gate.rule(known, text.encode())
    assert known.plans.find(template.format("2" if literal == "1" else "'b'").encode()) is None


def test_constants_are_where_they_stand() -> None:
    """Of a text with nothing else, each literal is one."""
    text = "SELECT a FROM t WHERE a = 1 AND b IN (2, 'x') AND c BETWEEN 3 AND 4 LIMIT 5 OFFSET 6"
    found = constants(lex(text, frozenset()), text)
    assert found == {text.index(each) for each in ("1", "2", "'x'", "3", "4", "5", "6")}
