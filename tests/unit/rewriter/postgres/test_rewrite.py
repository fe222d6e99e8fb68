"""Rewriting statements: the cases of tests/cases/rewriter, and the laws that hold for any text."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.model import Decision, Treatment
from rewriter.model import Refusal, UnknownNames
from rewriter.postgres.catalog import Names, Relation
from rewriter.postgres.masks import key_material
from rewriter.postgres.reading import parse
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.scopes import walk


def test_case(rewriter_case, rewriter_world):
    """Each case leaves as its file says, or is refused with the SQLSTATE and words it says."""
    world = rewriter_world
    absent = {(None, "nowhere"): None, ("archive", "nowhere"): None}
    nobody = {(None, "made_up"): (), ("archive", "leak"): ()}
    names = Names(world.names.path, looked_up=absent, functions=nobody)
    listed = frozenset(rewriter_case.get("listed", ()))
    key = key_material(b"sixteen bytes or more")

    def run():
        return rewrite(rewriter_case.sql, world.catalog, names, world.decision, key, listed)

    if rewriter_case.get("refused"):
        with pytest.raises(Refusal) as caught:
            run()
        assert (caught.value.sqlstate, True) == (
            rewriter_case.get("refused"),
            rewriter_case.get("says") in str(caught.value.message) + str(caught.value.hint) + str(caught.value.detail),
        )
        return
    done = run()
    expected = rewriter_case.get("out")
    assert done.text == (rewriter_case.sql if expected == "same" else world.expand(expected))
    if expected == "same":
        assert done.text is rewriter_case.sql
        assert done.edits == ()
    assert (done.changes_names, done.changes_catalog) == (
        rewriter_case.get("names", False),
        rewriter_case.get("catalog", False),
    )


TABLES = st.sampled_from(["users", "public.users", "orders", "staff", "archive.users", "guess", "ONLY users"])
COLUMNS = st.sampled_from(
    ["id", "ssn", "a.id", "b.ssn", "a.*", "*", "a", "count(*)", "upper(b.ssn)", "'users'", "$1", 'U&"ss\\006e"']
)
CONDITIONS = st.sampled_from(
    ["a.id = 1", "b.ssn LIKE 'H%'", "EXISTS (SELECT ssn FROM users)", "a.id IN (TABLE guess)", "ssn > '-- users'"]
)
JOINS = st.sampled_from([", ", " CROSS JOIN ", " NATURAL JOIN ", " /* users */, LATERAL "])


@st.composite
def selects(draw, depth=2):
    """A random SELECT over the tables of the cases; many of them a server would refuse, none may leak."""
    if depth and draw(st.booleans()):
        left, right = f"({draw(selects(depth - 1))})", f"({draw(selects(depth - 1))})"
    else:
        left, right = draw(TABLES), draw(TABLES)
    text = f"SELECT {', '.join(draw(st.lists(COLUMNS, min_size=1, max_size=3)))} FROM {left} AS a{draw(JOINS)}{right} b"
    if draw(st.booleans()):
        text += f" WHERE {draw(CONDITIONS)}"
    if draw(st.booleans()):
        name = draw(st.sampled_from(["users", "orders", "c"]))
        text = f"WITH {name} AS ({text}) SELECT * FROM {name}"
    if depth and draw(st.booleans()):
        text = f"{text} UNION ALL {draw(selects(depth - 1))}"
    return text


def _protected_outside(text: str, protected: set[tuple[str, str]], views: set[str]) -> list[str]:
    """Names of protected relations in a text once our own subqueries are cut out."""
    for view in views:
        text = text.replace(view, "(SELECT 1)")
    found = walk(parse(text.encode())[0]["stmt"])
    return [r.written[1] for r in found.references if (r.written[0] or "public", r.written[1]) in protected]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=selects())
def test_no_protected_name_is_left(rewriter_world, text):
    """Whatever the SELECT, what leaves names a protected relation only inside our own subqueries, and edits are disjoint."""
    world = rewriter_world
    done = None
    refusal = None
    try:
        done = rewrite(text, world.catalog, world.names, world.decision)
    except Refusal as raised:
        refusal = raised
    if done is None:
        assert refusal.sqlstate != "XX000"
        return
    edits = done.edits
    assert all(one.end <= other.start for one, other in pairwise(edits))
    rebuilt, end = "", 0
    for edit in edits:
        rebuilt += text[end : edit.start] + edit.replacement
        end = edit.end
    assert rebuilt + text[end:] == done.text
    views = {
        edit.replacement[edit.replacement.index("(SELECT") :].rsplit(" AS ", 1)[0]
        if edit.replacement.endswith('"')
        else edit.replacement
        for edit in edits
        if "(SELECT" in edit.replacement
    }
    protected = {("public", name) for name in ("users", "staff")}
    assert _protected_outside(done.text, protected, views) == []
    if not edits:
        assert done.text is text
        assert done.uses == ()


@given(text=st.text(alphabet="select from users u.*()'\"\\;-/$\n\0é\ud800", max_size=60))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_rewritten_or_refused(rewriter_world, text):
    """Garbage ends in a Refusal, a look-up or a statement, never in another exception or an internal fault."""
    world = rewriter_world
    outcome = None
    try:
        rewrite(text, world.catalog, world.names, world.decision)
    except (Refusal, UnknownNames) as raised:
        outcome = raised
    assert getattr(outcome, "sqlstate", "") != "XX000"


def test_every_unknown_name_is_asked_for_at_once(rewriter_world):
    """One UnknownNames holds all names of the text that the snapshot does not know."""
    world = rewriter_world
    text = "SELECT * FROM a, b.c, users, (SELECT 1 FROM d) x; INSERT INTO e SELECT 1"
    with pytest.raises(UnknownNames) as caught:
        rewrite(text, world.catalog, world.names, world.decision)
    assert caught.value.names == {(None, "a"), ("b", "c"), (None, "d"), (None, "e")}


def test_relation_found_on_the_sessions_connection_is_used(rewriter_world):
    """A relation that only the session sees passes; one that inherits a protected relation does not."""
    world = rewriter_world
    text = "SELECT * FROM fresh"
    fresh = Relation(900, "public", "fresh", "r", ())
    names = Names(world.names.path, looked_up={(None, "fresh"): fresh})
    assert rewrite(text, world.catalog, names, world.decision).text is text
    child = Names(world.names.path, looked_up={(None, "fresh"): replace(fresh, parents=(1,))})
    with pytest.raises(Refusal, match="protected"):
        rewrite(text, world.catalog, child, world.decision)
    view = Names(world.names.path, looked_up={(None, "fresh"): replace(fresh, kind="v")})
    with pytest.raises(Refusal, match="a moment ago"):
        rewrite(text, world.catalog, view, world.decision)


def test_renamed_relation_keeps_its_treatment(rewriter_world):
    """A looked-up name with the OID of a protected relation is that relation."""
    world = rewriter_world
    renamed = replace(world.catalog.relations[1], name="people")
    names = Names(world.names.path, looked_up={(None, "people"): renamed})
    done = rewrite("SELECT ssn FROM people", world.catalog, names, world.decision)
    assert "****" in done.text


def test_temporary_relation_shadows_a_protected_one(rewriter_world):
    """A temporary table of a protected table's name is read as it is, wherever the path puts it."""
    world = rewriter_world
    text = "SELECT ssn FROM users"
    for path in (("pg_temp_3", "pg_catalog", "public"), ("pg_catalog", "public")):
        shadowed = rewrite(text, world.catalog, Names(path, frozenset({"users"})), world.decision)
        assert shadowed.text == 'SELECT ssn FROM "pg_temp".users'
    later = Names(("pg_catalog", "public", "pg_temp_3"), frozenset({"users"}))
    assert "****" in rewrite(text, world.catalog, later, world.decision).text


def test_caller_who_sees_everything_gets_his_own_text(rewriter_world):
    """Without a masked column nothing is edited or refused, and the relations are still told."""
    world = rewriter_world
    clear = Decision("p", {column: Treatment("clear", "all") for column in world.decision.treatments}, {})
    text = "SELECT leak(1), query_to_xml('x', true, true, '') FROM users, nowhere; DROP TABLE orders"
    done = rewrite(text, world.catalog, world.names, clear)
    assert done.text is text
    assert done.kinds == ("SelectStmt", "DropStmt")
    assert done.relations == (("public", "users"), ("", "nowhere"))
    assert done.changes_catalog


def test_uses_name_each_labelled_column_once(rewriter_world):
    """`uses` tells the labelled columns that were read, with their treatments; clear ones too."""
    world = rewriter_world
    done = rewrite("SELECT a.ssn, b.ssn, a.city FROM users a, users b", world.catalog, world.names, world.decision)
    assert {str(use.column): use.treatment.kind for use in done.uses} == {
        "public.users.ssn": "mask",
        "public.users.city": "clear",
    }
    assert done.relations == (("public", "users"),)
    assert done.literal_free


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("SELECT ssn FROM users WHERE id = 5 AND name = 'x'", True),
        ("SELECT set_config('jit', 'off', false)", False),
        ("SELECT pg_input_is_valid('1', 'int')", False),
        ("SET jit = 'off'", False),
        ("SELECT ssn FROM U&\"user!0073\" UESCAPE '!'", False),
    ],
)
def test_literal_free_says_whether_literals_were_looked_at(rewriter_world, text, free):
    """A ruling that depends on a literal, or an edit over one, is not shared with texts of the same shape."""
    world = rewriter_world
    assert rewrite(text, world.catalog, world.names, world.decision).literal_free is free


def test_refusal_points_at_the_character(rewriter_world):
    """The position counts characters from one, not bytes."""
    world = rewriter_world
    with pytest.raises(Refusal) as caught:
        rewrite("SELECT 'äöü', amount FROM payroll", world.catalog, world.names, world.decision)
    assert caught.value.position == len("SELECT 'äöü', amount FROM ") + 1


def test_edits_count_characters(rewriter_world):
    """Edits are given in characters even when the text is not ASCII."""
    world = rewriter_world
    text = "SELECT 'äöü', ssn FROM users"
    (edit,) = rewrite(text, world.catalog, world.names, world.decision).edits
    assert text[edit.start : edit.end] == "users"


def test_unknown_setting_may_be_read_when_there_is_no_key(rewriter_world):
    """current_setting of a parameter is refused only while the session holds a key."""
    world = rewriter_world
    text = "SELECT current_setting($1)"
    assert rewrite(text, world.catalog, world.names, world.decision).text is text
    with pytest.raises(Refusal, match="plain string"):
        rewrite(text, world.catalog, world.names, world.decision, key_material(b"sixteen bytes or more"))


def test_dump_tool_may_restrict_relation_kinds(rewriter_world):
    """The one set_config of pg_dump with a computed name passes, and counts as changing names."""
    world = rewriter_world
    text = "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'"
    assert rewrite(text, world.catalog, world.names, world.decision).changes_names


def test_temporary_name_that_nobody_knows_is_absent_after_the_look_up(rewriter_world):
    """pg_temp.x is asked for once; when the server does not know it either, the answer is the server's."""
    world = rewriter_world
    with pytest.raises(UnknownNames):
        rewrite("SELECT * FROM pg_temp.x", world.catalog, world.names, world.decision)
    names = Names(world.names.path, looked_up={("pg_temp", "x"): None})
    with pytest.raises(Refusal, match="does not exist"):
        rewrite("SELECT * FROM pg_temp.x", world.catalog, names, world.decision)


def test_function_of_an_extension_inside_pg_catalog_is_no_builtin(rewriter_world):
    """A user function is refused even where it lives in pg_catalog and is called by that name."""
    world = rewriter_world
    catalog = replace(world.catalog, functions=frozenset({("pg_catalog", "sneaky")}))
    for text in ("SELECT pg_catalog.sneaky(1)", "SELECT sneaky(1)"):
        with pytest.raises(Refusal, match=r"pg_catalog\.sneaky"):
            rewrite(text, catalog, world.names, world.decision)
