"""What a filtered relation leaves as: fenced unless nothing can fail, writes kept to the rows that are there."""

from __future__ import annotations

import pytest

from policies.model import Decision, RowCondition, RowFilter
from policies.patterns import read_pattern
from rewriter.model import Filtered, Refusal, Rewritten
from rewriter.postgres.rewrite import rewrite

NORTH = RowFilter("north", ((None, read_pattern("orders")),), RowCondition("memo = {0}", ("north",), "x"))
DECISION = Decision("p", {}, {}, (NORTH,))


@pytest.fixture
def sent(rewriter_world):
    """Give what a text leaves as under a decision."""

    def leaves(sql: str, decision: Decision = DECISION) -> Rewritten:
        return rewrite(sql, rewriter_world.catalog, rewriter_world.names, decision)

    return leaves


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders WHERE id = 5",
        "SELECT lower(memo) FROM orders c WHERE c.id IN (1, 2) AND memo IS NOT NULL",
        "SELECT count(*) FROM orders WHERE id BETWEEN $1 AND 7 OR NOT memo = 'x'",
        "SELECT id FROM orders WHERE id = '5'::int FOR UPDATE",
    ],
)
def test_comparisons_reach_the_indexes(sent, sql):
    """Where a condition cannot fail, nothing keeps it from being computed first."""
    assert "OFFSET" not in sent(sql).text
    assert "IS TRUE" in sent(sql).text


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders WHERE 1 / id = 5",
        "SELECT * FROM orders WHERE lower(memo) = 'x'",
        "SELECT * FROM orders WHERE memo LIKE 'x%'",
        "SELECT * FROM orders WHERE memo::int = 5",
        "SELECT * FROM orders WHERE id = $1::int",
        "SELECT * FROM orders WHERE id = (SELECT 1)",
        "SELECT x FROM (SELECT 1 / id AS x FROM orders) s WHERE x > 1",
        "SELECT id FROM orders c JOIN orders d USING (id) WHERE 'x'::my_domain = c.memo",
    ],
)
def test_what_can_fail_is_fenced(sent, sql):
    """Anything else is kept from rows that are not there."""
    assert "OFFSET 0" in sent(sql).text


def test_writes_are_kept_to_the_rows(sent):
    """WHERE is added, or stands behind the filter."""
    added = sent("UPDATE orders SET total = 1 RETURNING id").text
    assert added.startswith('UPDATE "public".orders SET total = 1 WHERE (')
    assert added.endswith("IS TRUE RETURNING id")
    assert " IS TRUE AND (id = 1)" in sent("DELETE FROM orders WHERE id = 1").text
    assert "CASE WHEN" in sent("DELETE FROM orders WHERE 1 / id = 1").text


def test_which_filter_has_acted_is_told(sent):
    """For the audit; a statement that reads nothing filtered leaves as it came."""
    assert sent("SELECT 1 FROM orders").filters == (Filtered("public", "orders", "north"),)
    assert sent("SELECT 1 FROM guess").text == "SELECT 1 FROM guess"


@pytest.mark.parametrize(
    "rows", [RowCondition("nowhere = 1"), RowCondition("region ="), RowCondition("pg_sleep(1) IS NULL"), None]
)
def test_a_filter_that_cannot_be_applied_closes_the_table(sent, rows):
    """Whatever is read of it, and with the filter's memo."""
    broken = RowFilter("broken", NORTH.tables, rows, "no such attribute")
    with pytest.raises(Refusal, match="broken") as refused:
        sent("SELECT 1 FROM orders", Decision("p", {}, {}, (broken,)))
    assert refused.value.rule == "broken"


def test_a_filter_of_two_holds_for_both(sent):
    """The fingerprint of one filter's world is not another's."""
    south = RowFilter("south", NORTH.tables, RowCondition("memo = {0}", ("south",), "y"))
    assert "south" in sent("SELECT 1 FROM orders", Decision("p", {}, {}, (south, NORTH))).text
    assert "north" in sent("SELECT 1 FROM orders").text
