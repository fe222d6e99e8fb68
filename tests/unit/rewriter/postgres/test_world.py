"""The caller's world: how treatments spread over families, which views are barred, what is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.model import Allowance, ColumnName, Decision, Label, Mask, RowCondition, Treatment
from rewriter.kept import Kept
from rewriter.postgres.catalog import Catalog, Column, Relation
from rewriter.postgres.world import hidden_columns, strictest, world_of

CLEAR = Treatment("clear", "r")
FULL = Treatment("mask", "r", mask=Mask("full"))
PARTIAL = Treatment("mask", "s", mask=Mask("partial"))
DENY = Treatment("deny", "r")
OSLO = Treatment("clear", "r", rows=RowCondition("city = 'Oslo'"), fallback=Mask("full"))
EVERY = Treatment("clear", "r", rows=RowCondition("true"), fallback=Mask("full"))
BERGEN = Treatment("clear", "s", rows=RowCondition("city = 'Bergen'"), fallback=Mask("null"))


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (CLEAR, [CLEAR, FULL], FULL),
        (FULL, [DENY], DENY),
        (PARTIAL, [FULL], PARTIAL),
        (None, [CLEAR, OSLO], OSLO),
        (OSLO, [FULL], FULL),
        (OSLO, [OSLO], OSLO),
        (OSLO, [BERGEN], Treatment("mask", "r", mask=Mask("full"))),
        (CLEAR, [CLEAR], CLEAR),
        (CLEAR, [EVERY], EVERY),
        (EVERY, [replace(EVERY, rule="s")], EVERY),
        (EVERY, [OSLO], OSLO),
    ],
)
def test_strictest_treatment_of_a_family_wins(own, others, expected):
    """A column read together with parents and children is treated as the strictest of them says."""
    assert strictest(own, others) == expected


def _catalog(*relations: Relation) -> Catalog:
    return Catalog("app", 1, {r.oid: r for r in relations}, {(r.schema, r.name): r.oid for r in relations})


def _table(oid: int, name: str, *parents: int, columns: str = "id ssn") -> Relation:
    made = tuple(Column(c, n, "pg_catalog.text", "text") for n, c in enumerate(columns.split(), 1))
    return Relation(oid, "public", name, "r", made, parents)


def _decision(**treatments: Treatment) -> Decision:
    columns = {ColumnName("public", name, "ssn"): treatment for name, treatment in treatments.items()}
    return Decision("p", columns, dict.fromkeys(columns, Label("secret", 3)))


def test_labels_spread_over_the_whole_family():
    """Parents, children and siblings with a column of the name share its treatment; strangers do not."""
    catalog = _catalog(
        _table(1, "top"),
        _table(2, "left", 1),
        _table(3, "right", 1),
        _table(4, "leaf", 3, columns="id other"),
        _table(5, "alone"),
    )
    world = world_of(catalog, _decision(left=FULL))
    assert {oid: dict(columns) for oid, columns in world.treatments.items()} == {
        oid: {"ssn": FULL} for oid in (1, 2, 3)
    }


def test_clear_columns_protect_nothing():
    """A relation whose columns are all clear for the caller is not protected."""
    world = world_of(_catalog(_table(1, "a")), _decision(a=CLEAR))
    assert (world.treatments, world.names) == ({}, frozenset())


def test_views_are_expanded_or_barred_through_any_depth():
    """A view over a view over a protected table is expanded, by its text; what cannot be read as text bars all above it."""
    table = _table(1, "a")
    by_text = Relation(2, "public", "v1", "v", (), (), (), (), "SELECT * FROM public.a")
    deeper = Relation(3, "public", "v2", "v", (), (), (2,), (), "SELECT * FROM public.v1")
    broken = Relation(4, "public", "v3", "v", (), (), (), (), "SELECT FROM FROM")
    stranger = Relation(5, "public", "v4", "v", (), (), (), (), "SELECT * FROM public.unknown")
    fine = Relation(6, "public", "v5", "v", (), (), (), (), "SELECT 1 AS one")
    kept = Relation(7, "public", "m", "m", (), (), (), (), "SELECT * FROM public.v1")
    above = Relation(8, "public", "v6", "v", (), (), (), (), "SELECT * FROM public.m, public.a")
    unread = Relation(9, "public", "v7", "v", (), (), (1,))
    everything = (table, by_text, deeper, broken, stranger, fine, kept, above, unread)
    world = world_of(_catalog(*everything), _decision(a=FULL))
    assert world.views == {2, 3}
    assert set(world.barred) == {4, 5, 7, 8, 9}
    assert "public.m" in world.barred[8]
    assert world.names == {"a", "v1", "v2", "v3", "v4", "v6", "v7", "m"}
    assert world.guarded == world.names - {"v1", "v2"}


def test_row_security_of_the_owner_bars_a_view():
    """A view reads as its owner unless it is an invoker's; where that could make a difference it is not expanded."""
    table, secured = _table(1, "a"), replace(_table(2, "b"), row_security=True)
    view = Relation(3, "public", "v1", "v", (), (), (), (), "SELECT * FROM public.a, public.b")
    invoker = replace(view, oid=4, name="v2", invoker=True)
    above = Relation(5, "public", "v3", "v", (), (), (), (), "SELECT * FROM public.v1")
    world = world_of(_catalog(table, secured, view, invoker, above), _decision(a=FULL))
    assert (world.views, set(world.barred)) == ({4}, {3, 5})


def test_worlds_follow_the_objects_they_are_made_of():
    """The same catalog and decision give the same world; another catalog gives another."""
    catalog, decision = _catalog(_table(1, "a")), _decision(a=FULL)
    world = world_of(catalog, decision)
    assert world_of(catalog, decision) is world
    assert world_of(replace(catalog, revision=2), decision) is not world


def test_kept_forgets_the_least_recently_used():
    """The cache holds its arguments, so that an identity is never met again by another object, and no more than its size."""
    made = []

    def make(thing):
        made.append(thing)
        return [thing]

    kept = Kept(make, 2)
    one, two, three = object(), object(), object()
    first = kept(one)
    kept(two)
    assert kept(one) is first
    kept(three)
    assert kept(one) is first
    kept(two)
    assert made == [one, two, three, two]


def test_hidden_columns_are_named_by_their_places():
    """A masked, denied or row-conditioned column may be no result's origin, in no member of its family; a clear one may."""
    catalog = _catalog(_table(1, "top"), _table(2, "leaf", 1, columns="ssn id"), _table(3, "clear"), _table(4, "rows"))
    decision = _decision(top=FULL, clear=CLEAR, rows=OSLO)
    assert hidden_columns(catalog, decision) == {
        (1, 2): "public.top.ssn",
        (2, 1): "public.leaf.ssn",
        (4, 2): "public.rows.ssn",
    }


def test_a_family_is_searched_as_the_least_of_it_allows():
    """Who hides a column must allow the search; a member that shows it does not matter; the lowest number counts."""
    many, few = replace(FULL, search=Allowance(50, 60)), replace(FULL, search=Allowance(5))
    assert strictest(many, [few]).search == Allowance(5, 60)
    assert strictest(many, [CLEAR]).search == Allowance(50, 60)
    assert strictest(many, [FULL]).search is None
    assert strictest(many, [OSLO]).search is None
    assert strictest(FULL, [many]).search is None


def test_a_family_shows_plans_when_all_of_it_does():
    """Who hides a column must allow its plans; a member that shows it does not matter."""
    shown = replace(FULL, explain=True)
    assert strictest(shown, [CLEAR]).explain
    assert not strictest(shown, [FULL]).explain
    assert not strictest(FULL, [shown]).explain
    assert not strictest(shown, [OSLO]).explain
    assert strictest(replace(OSLO, explain=True), [replace(OSLO, explain=True, rule="another")]).explain


def test_what_stands_for_itself_on_every_row_hides_nothing():
    """Under the condition TRUE a table and the views over it are replaced, and nothing of them is guarded."""
    shown = replace(OSLO, rows=RowCondition(" True "))
    table, secured = _table(1, "a"), replace(_table(2, "b"), row_security=True)
    view = Relation(3, "public", "v1", "v", (), (), (), (), "SELECT * FROM public.a")
    kept = Relation(4, "public", "m", "m", (), (), (), (), "SELECT * FROM public.v1")
    owners = Relation(5, "public", "v2", "v", (), (), (), (), "SELECT * FROM public.a, public.b")
    both = Relation(6, "public", "v3", "v", (), (), (), (), "SELECT * FROM public.v1, public.c")
    catalog = _catalog(table, secured, _table(7, "c"), view, kept, owners, both)
    world = world_of(catalog, _decision(a=shown))
    assert world.protects(1)
    assert (world.views, world.hiding, world.barred, world.guarded) == ({3, 6}, frozenset(), {}, frozenset())
    assert hidden_columns(catalog, _decision(a=shown)) == {}
    world = world_of(catalog, _decision(a=shown, c=FULL))
    assert (world.views, world.hiding) == ({3, 6}, {6, 7})
    assert world.guarded == {"c"}
    assert strictest(replace(shown, explain=True), []) == replace(shown, explain=True)
    for other in ("truer", "TRUE OR false", "{0}"):
        assert replace(shown, rows=RowCondition(other, (True,) if "{" in other else ())).hides
