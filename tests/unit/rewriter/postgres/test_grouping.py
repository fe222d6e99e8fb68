"""GROUP BY of a primary key: when the columns that it settles are added, and when not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policies.model import ColumnName, Mask, Treatment
from rewriter.postgres.rewrite import rewrite

if TYPE_CHECKING:
    from fixtures.rewriting import RewriterWorld

    from rewriter.postgres.catalog import Relation

USERS = ColumnName("public", "users", "id")
ADDED = 'GROUP BY "u"."ssn", u.id'


def _rewritten(world: RewriterWorld, text: str, *, users: dict[str, object] | None = None, masked: bool = False) -> str:
    catalog, decision = world.catalog, world.decision
    if users is not None:
        oid = catalog.names["public", "users"]
        changed: Relation = replace(catalog.relations[oid], **users)
        catalog = replace(catalog, relations={**catalog.relations, oid: changed})
    if masked:
        treatments = {**decision.treatments, USERS: Treatment("mask", "r", mask=Mask("full"))}
        decision = replace(decision, treatments=treatments)
    return rewrite(text, catalog, world.names, decision).text


def test_columns_are_added_for_a_visible_key(rewriter_world: RewriterWorld) -> None:
    """What is shown besides the key is grouped with it."""
    assert ADDED in _rewritten(rewriter_world, "SELECT u.ssn FROM users u GROUP BY u.id")


def test_a_masked_key_settles_nothing(rewriter_world: RewriterWorld) -> None:
    """Rows that agree in what is shown of the key are not one row: grouping by more would make more groups than the caller's world has."""
    assert ADDED not in _rewritten(rewriter_world, "SELECT u.ssn FROM users u GROUP BY u.id", masked=True)


@pytest.mark.parametrize("users", [{"primary_key": ()}, {"primary_key": ("id", "city")}])
def test_without_the_whole_key_nothing_is_added(rewriter_world: RewriterWorld, users: dict[str, object]) -> None:
    """A table without a key, or a part of it, settles nothing."""
    assert ADDED not in _rewritten(rewriter_world, "SELECT u.ssn FROM users u GROUP BY u.id", users=users)


def test_a_table_with_children_has_no_key_of_all_rows(rewriter_world: RewriterWorld) -> None:
    """Children may repeat the keys of their parent; partitions of a partitioned table may not."""
    world = rewriter_world
    child = next(relation for relation in world.catalog.relations.values() if relation.name == "orders")
    born = replace(child, parents=(world.catalog.names["public", "users"],))
    catalog = replace(world.catalog, relations={**world.catalog.relations, born.oid: born})
    grown = replace(world, catalog=catalog)
    assert ADDED not in _rewritten(grown, "SELECT u.ssn FROM users u GROUP BY u.id")
    assert ADDED in _rewritten(grown, "SELECT u.ssn FROM users u GROUP BY u.id", users={"kind": "p"})


@pytest.mark.parametrize(
    "text",
    [
        "SELECT max(u.ssn) FROM users u GROUP BY u.id",
        "SELECT string_agg(u.ssn, ',') FILTER (WHERE u.ssn > ''), u.id FROM users u GROUP BY u.id",
        "SELECT u.id FROM users u WHERE u.ssn > '' GROUP BY u.id",
        "SELECT u.id FROM users u GROUP BY u.id + 1, u.id",
        "SELECT u.ssn FROM users u GROUP BY u.ssn, u.id",
        "SELECT u.ssn FROM users u GROUP BY GROUPING SETS ((u.id), (u.ssn))",
        "SELECT x.ssn FROM orders u, users x GROUP BY u.id, x.ssn",
        "SELECT y.s FROM (SELECT u.ssn AS s FROM users u) y GROUP BY y.s",
    ],
)
def test_what_is_grouped_already_stays(rewriter_world: RewriterWorld, text: str) -> None:
    """Nothing is added where aggregates alone look at other columns, or the client has grouped by them."""
    assert text.partition("GROUP BY")[2] in _rewritten(rewriter_world, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT sum(u.salary) OVER (ORDER BY u.ssn) FROM users u GROUP BY u.id, u.salary",
        "SELECT (SELECT max(u.ssn || o.memo) FROM orders o) FROM users u GROUP BY u.id",
        "SELECT u.id FROM users u GROUP BY u.id ORDER BY u.ssn",
        "SELECT u.id FROM users u GROUP BY u.id HAVING u.ssn IS NULL",
        "SELECT x FROM (SELECT u.ssn AS x FROM users u GROUP BY u.id) y",
        "INSERT INTO guess SELECT u.ssn FROM users u GROUP BY u.id",
        "SELECT '' UNION SELECT lower(u.ssn) FROM users u GROUP BY u.id",
    ],
)
def test_whatever_comes_after_the_groups_counts(rewriter_world: RewriterWorld, text: str) -> None:
    """Windows, subqueries, HAVING and ORDER BY look at the groups, wherever the query stands."""
    assert ADDED in _rewritten(rewriter_world, text)


def test_a_place_in_the_list_of_results_is_no_literal(rewriter_world: RewriterWorld) -> None:
    """GROUP BY 1 and GROUP BY 2 are ruled apart when one of them may be the key; else they share a ruling."""
    world = rewriter_world

    def free(text: str) -> bool:
        return rewrite(text, world.catalog, world.names, world.decision).literal_free

    assert not free("SELECT id, ssn FROM users GROUP BY 1")
    assert free("SELECT lower(ssn), count(*) FROM users GROUP BY 1")
