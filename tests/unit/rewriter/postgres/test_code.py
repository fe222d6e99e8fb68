"""User code judged by its body: the cases of tests/cases/rewriter/code.yaml, and what comes with relations."""

from __future__ import annotations

import dataclasses

import pytest
from fixtures.rewriting import rewriter_cases

from rewriter.model import Refusal, UnknownNames
from rewriter.postgres.attachments import blind
from rewriter.postgres.catalog import Attached, Conversion, Function, Names
from rewriter.postgres.code import judge_of
from rewriter.postgres.plpgsql import pieces
from rewriter.postgres.plpgsql_words import Unreadable
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.world import world_of

_ABSENT = {(schema, "made_up_table"): None for schema in (None, "public", "pg_catalog")}


def ruled(world, sql, *, listed=frozenset(), names=None, **catalog):
    """The statement as it leaves, with a catalog that is changed in some fields; raises what rewrite raises."""
    names = names or Names(world.names.path, looked_up=_ABSENT)
    return rewrite(sql, dataclasses.replace(world.catalog, **catalog), names, world.decision, None, listed)


@pytest.mark.parametrize("case", rewriter_cases("code"), ids=str)
def test_code_is_judged_by_its_body(rewriter_world, case):
    """Creating a function passes when it is harmless, or is refused with the reason."""
    if case.get("out"):
        assert ruled(rewriter_world, case.sql).edits == ()
        return
    with pytest.raises(Refusal) as caught:
        ruled(rewriter_world, case.sql)
    assert caught.value.sqlstate == "42501"
    assert case.get("says") in caught.value.message


def test_unknown_functions_are_asked_for(rewriter_world):
    """A function that the catalog does not know is looked up, and so is what its body calls."""
    names = Names(rewriter_world.names.path, looked_up=_ABSENT)
    with pytest.raises(UnknownNames) as caught:
        ruled(rewriter_world, "SELECT fresh(1)", names=names)
    assert caught.value.functions == {(None, "fresh")}
    found = Function("public", "fresh", "f", "sql", "SELECT other.thing($1)", least=1, most=1)
    names = dataclasses.replace(names, functions={(None, "fresh"): (found,)})
    with pytest.raises(UnknownNames) as caught:
        ruled(rewriter_world, "SELECT fresh(1)", names=names)
    assert caught.value.functions == {("other", "thing")}
    found = Function("other", "thing", "f", "sql", "SELECT ssn FROM users", least=1, most=1)
    names = dataclasses.replace(names, functions={**names.functions, ("other", "thing"): (found,)})
    with pytest.raises(Refusal, match=r"it calls other.thing\(\), and it uses public.users"):
        ruled(rewriter_world, "SELECT fresh(1)", names=names)


def test_overloads_are_told_apart_by_their_arguments(rewriter_world):
    """Only the overloads that take so many arguments count, and all of them when the number is not known."""
    good = Function("public", "g", "f", "sql", "SELECT 1", least=1, most=2)
    bad = Function("public", "g", "f", "sql", "SELECT ssn FROM users", least=3, most=3)
    fields = {"functions": frozenset({("public", "g")}), "code": {("public", "g"): (good, bad)}}
    assert ruled(rewriter_world, "SELECT g(1), public.g(1, 2)", **fields).edits == ()
    for sql in ("SELECT g(1, 2, 3)", "SELECT g(VARIADIC ARRAY[1])"):
        with pytest.raises(Refusal, match=r"public.users"):
            ruled(rewriter_world, sql, **fields)
    assert ruled(rewriter_world, "SELECT g(1, 2, 3)", listed=frozenset({"public.g"}), **fields).edits == ()


def test_functions_that_call_each_other_are_judged(rewriter_world):
    """A cycle ends, and one harmful member makes all of it harmful."""
    call = [Function("public", a, "f", "sql", f"SELECT {b}()") for a, b in (("g", "h"), ("h", "i"), ("i", "g"))]
    fields = {
        "functions": frozenset({("public", f.name) for f in call}),
        "code": {("public", f.name): (f,) for f in call},
    }
    assert ruled(rewriter_world, "SELECT g(), i()", **fields).edits == ()
    fields["code"] |= {("public", "h"): (dataclasses.replace(call[1], body="SELECT ssn, i() FROM users"),)}
    for name in "ghi":
        with pytest.raises(Refusal, match=r"public.users"):
            ruled(rewriter_world, f"SELECT {name}()", **fields)


def test_a_trigger_on_a_protected_table_may_not_look_at_hidden_values():
    """New and old rows of a protected table hold real values: a trigger function may only touch what the caller sees."""
    seen = {
        "BEGIN NEW.city := upper(NEW.city); RETURN NEW; END": True,
        "BEGIN IF OLD.city = NEW.city THEN RETURN NULL; END IF; RETURN OLD; END": True,
        "BEGIN NEW.ssn := 'x'; RETURN NEW; END": True,
        "BEGIN NEW.city := NEW.ssn; RETURN NEW; END": False,
        "BEGIN RAISE NOTICE '%', OLD.ssn; RETURN NEW; END": False,
        "BEGIN RAISE NOTICE '%', NEW; RETURN NEW; END": False,
        "BEGIN INSERT INTO guess VALUES (NEW.ssn); RETURN NEW; END": False,
        "BEGIN INSERT INTO guess SELECT NEW.*; RETURN NEW; END": False,
        "BEGIN INSERT INTO guess VALUES ((NEW).ssn); RETURN NEW; END": False,
        "BEGIN IF NEW IS DISTINCT FROM OLD THEN RETURN NEW; END IF; RETURN NULL; END": False,
        "DECLARE n ALIAS FOR NEW; BEGIN RAISE NOTICE '%', n.ssn; RETURN NEW; END": False,
        "DECLARE r record := NEW; BEGIN RAISE NOTICE '%', r.ssn; RETURN NEW; END": False,
        "BEGIN EXECUTE 'SELECT $1' USING NEW; RETURN NEW; END": False,
        "BEGIN RETURN jsonb_populate_record(NEW, '{}'); END": False,
    }
    for body, fine in seen.items():
        function = Function("public", "t", "f", "plpgsql", body, types=("trigger",))
        assert blind(function, frozenset({"ssn", "salary"})) is fine, body


def test_what_reading_and_writing_run_is_judged(rewriter_world):
    """Expressions of relations are judged by what they call, and on protected relations by what they hand over."""
    orders, users = 2, 1

    def attached(oid, what, text, *, reads=False):
        return {"attached": {oid: (Attached(what, text, reads, writes=True),)}}

    harmful = attached(orders, "default", "public.leak(1)")
    with pytest.raises(Refusal, match=r"writing to public.orders runs a default.*public.leak"):
        ruled(rewriter_world, "INSERT INTO orders (id) VALUES (1)", **harmful)
    with pytest.raises(Refusal, match="default"):
        ruled(rewriter_world, "CREATE TABLE t (LIKE orders INCLUDING ALL)", **harmful)
    with pytest.raises(Refusal, match="pg_read_file"):
        ruled(rewriter_world, "UPDATE orders SET total = 1", **attached(orders, "check", "pg_read_file(memo) <> ''"))
    assert ruled(rewriter_world, "SELECT total FROM orders", **harmful).edits == ()
    policy = attached(orders, "policy", "(public.leak(id) <> '')", reads=True)
    with pytest.raises(Refusal, match=r"reading public.orders runs a policy"):
        ruled(rewriter_world, "SELECT total FROM orders", **policy)
    handed = attached(users, "policy", "(public.double_it(ascii(ssn)) > 1)", reads=True)
    with pytest.raises(Refusal, match=r"hands values which are masked for you to public.double_it"):
        ruled(rewriter_world, "SELECT id FROM users", **handed)
    assert ruled(rewriter_world, "SELECT id FROM users", listed=frozenset({"public.double_it"}), **handed).edits
    assert ruled(
        rewriter_world, "SELECT id FROM users", **attached(users, "policy", "public.double_it(id) > 1", reads=True)
    ).edits


def test_a_cast_is_refused_only_where_its_type_may_be(rewriter_world):
    """A harmful cast to text refuses what names its type or reads a column of it, not every cast to text."""
    cast = Conversion((("public", "leak"),), frozenset({"mood", "_mood"}), frozenset({4}), "text", "e")
    fields = {"conversions": (cast,)}
    for sql in ("SELECT total::text FROM orders", "SELECT v FROM guess", "SELECT $1 FROM orders"):
        assert ruled(rewriter_world, sql, **fields).edits == ()
    for sql in (
        "SELECT 'x'::mood",
        "SELECT v::text FROM guess",
        "SELECT text(v) FROM guess",
        "SELECT (v).text FROM guess",
        "SELECT $1::text",
    ):
        with pytest.raises(Refusal, match=r"public.leak"):
            ruled(rewriter_world, sql, **fields)
    for context, sql in (
        ("a", "INSERT INTO orders (memo) SELECT v FROM guess"),
        ("i", "SELECT upper(v) FROM guess"),
        ("i", "SELECT upper($1)"),
    ):
        with pytest.raises(Refusal, match=r"public.leak"):
            ruled(rewriter_world, sql, conversions=(dataclasses.replace(cast, context=context),))


def test_a_write_reaches_what_changes_with_it(rewriter_world):
    """Triggers of children and of tables that a foreign key cascades to count for the table that is written."""
    trigger = Attached(
        "trigger",
        "CREATE TRIGGER t AFTER DELETE ON public.guess FOR EACH ROW EXECUTE FUNCTION public.copy_ssn()",
        False,
        True,
    )
    with pytest.raises(Refusal, match=r"writing to public.guess runs trigger function public.copy_ssn"):
        ruled(rewriter_world, "DELETE FROM orders", attached={4: (trigger,)}, cascades={2: (4,)})
    assert ruled(rewriter_world, "DELETE FROM orders", attached={4: (trigger,)}).edits == ()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "BEGIN",
        "BEGIN RETURN 1; END; SELECT 1",
        "BEGIN IF a THEN b; END",
        "BEGIN x := (1; END",
        "SELECT 1",
        "BEGIN FETCH RELATIVE (SELECT 1) FROM c; END",
        "BEGIN " * 200,
        "DECLARE x int BEGIN END",
        "BEGIN RAISE 'x' USING; END",
        "BEGIN EXECUTE; END",
        "BEGIN FOR r IN 1 2 LOOP NULL; END LOOP; END",
        "BEGIN ' END",
    ],
)
def test_what_is_no_plpgsql_is_unreadable(body):
    """Text that the language does not allow gives no pieces, so its function is never harmless."""
    with pytest.raises(Unreadable):
        pieces(body)


def test_every_piece_is_found():
    """Each piece of SQL in a body with every statement of the language is taken down."""
    body = """<<a>> DECLARE x int := one(); c CURSOR (k int) FOR SELECT two(); r record; BEGIN
      x := three(); IF four() THEN PERFORM five(); ELSIF six() THEN NULL; ELSE RAISE NOTICE '%', seven() USING HINT = eight(); END IF;
      CASE nine() WHEN ten() THEN NULL; END CASE; CASE WHEN eleven() THEN NULL; ELSE NULL; END CASE;
      <<b>> LOOP EXIT b WHEN twelve(); END LOOP b; WHILE thirteen() LOOP CONTINUE; END LOOP;
      FOR i IN fourteen()..fifteen() BY sixteen() LOOP NULL; END LOOP; FOR r IN SELECT seventeen() LOOP NULL; END LOOP;
      FOR r IN EXECUTE 'x' USING eighteen() LOOP NULL; END LOOP; FOR r IN c(nineteen()) LOOP NULL; END LOOP;
      FOREACH x SLICE 1 IN ARRAY twenty() LOOP NULL; END LOOP; EXECUTE 'y' INTO x USING twentyone();
      OPEN c(twentytwo()); OPEN c FOR SELECT twentythree(); OPEN c FOR EXECUTE 'z' USING twentyfour(); FETCH ABSOLUTE 1 FROM c INTO x;
      RETURN NEXT twentyfive(); RETURN QUERY SELECT twentysix(); RETURN QUERY EXECUTE 'q' USING twentyseven(); MOVE c; CLOSE c;
      ASSERT twentyeight(), twentynine(); CALL thirty(); INSERT INTO t VALUES (thirtyone()) RETURNING a INTO x;
      BEGIN NULL; EXCEPTION WHEN others THEN y[thirtytwo()] := thirtythree(); END; RETURN thirtyfour(); END a"""
    found = " ".join(piece.text for piece in pieces(body))
    words = ("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
             "eighteen nineteen twenty twentyone twentytwo twentythree twentyfour twentyfive twentysix twentyseven twentyeight "
             "twentynine thirty thirtyone thirtytwo thirtythree thirtyfour")  # fmt: skip
    assert [word for word in words.split() if f"{word}()" not in found] == []


def _bodies(**bodies):
    """Fields of a catalog whose functions have these bodies, by name."""
    code = {("public", name): (Function("public", name, "f", "plpgsql", body),) for name, body in bodies.items()}
    return {"functions": frozenset(code), "code": code}


CREATE = "CREATE FUNCTION {}(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)'"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("helper", "BEGIN PERFORM helper(ssn) FROM users; END"),
        ("helper", "BEGIN PERFORM HELPER(ssn) FROM users; END"),
        ("helper", 'BEGIN PERFORM "helper"(ssn) FROM users; END'),
        ("helper", "BEGIN PERFORM ssn.helper FROM users; END"),
        ("helper", "BEGIN EXECUTE 'SELECT helper($1)' USING (SELECT ssn FROM users); END"),
        ("helper", "BEGIN PERFORM middle(ssn) FROM users; END"),
        ("helper", "BEGIN PERFORM helper(t) FROM filled_elsewhere; END"),
        ("helper", 'BEGIN PERFORM U&"h\\0065lper"(ssn) FROM users; END'),
        ("h" * 63, f"BEGIN PERFORM {'h' * 70}(ssn) FROM users; END"),
        ('"Σ€"', "BEGIN PERFORM Σ€(ssn) FROM users; END"),
        ('"a""b"', 'BEGIN PERFORM "a""b"(ssn) FROM users; END'),
    ],
)
def test_names_that_are_handed_hidden_values_are_taken(rewriter_world, name, body):
    """Whoever gave such a name to his own code would be handed the values when somebody else runs the function."""
    fields = _bodies(reads=body, middle="BEGIN RETURN helper(t); END")
    assert ruled(rewriter_world, CREATE.format("other"), **_bodies(middle="BEGIN RETURN 1; END")).edits == ()
    with pytest.raises(Refusal, match=r"is the name of a function that may be handed values"):
        ruled(rewriter_world, CREATE.format(name), **fields)


def test_only_what_mentions_a_name_is_judged_for_it(rewriter_world):
    """A thousand functions that have nothing to do with a new one cost it nothing; words that are parts of others are none."""
    many = {f"other_{n}": "BEGIN PERFORM helper_of(ssn), my_helper(ssn), total FROM users; END" for n in range(1000)}
    catalog = dataclasses.replace(rewriter_world.catalog, **_bodies(**many, last="BEGIN RETURN helper(1); END"))
    names = Names(rewriter_world.names.path, looked_up=_ABSENT)
    listed = frozenset()
    world = world_of(catalog, rewriter_world.decision)
    assert rewrite(CREATE.format("helper"), catalog, names, rewriter_world.decision, None, listed).edits == ()
    assert judge_of(catalog, names, world, None, listed).asked == 1
