"""Views over protected tables on a real PostgreSQL: each answers as the caller's masked world would, or is refused."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from fixtures.rewriting import FOLDER, real_and_masked, rewriter_cases
from servers.test_rewriter import HIDDEN, answer, settings

from policies.model import ColumnName, Decision, Mask, Treatment
from proxy.postgres.introspection import read_catalog
from rewriter.model import Refusal
from rewriter.postgres.catalog import Names
from rewriter.postgres.rewrite import rewrite

_DATABASES = ("views_real", "views_masked")
_CASES = rewriter_cases("views")
_SECRET = Treatment("mask", "names", mask=Mask("constant", (("value", "nobody"),)))


@pytest.fixture(scope="module")
def databases(postgres, rewriter_schema, rewriter_world):
    """The tables and the views over them, as they are and as the caller may see them."""
    schema = rewriter_schema + (FOLDER / "views.sql").read_text()
    return real_and_masked(postgres, schema, rewriter_world, _DATABASES)


@pytest.fixture(scope="module")
def snapshot(postgres, databases):
    return asyncio.run(read_catalog(settings(postgres, _DATABASES[0]), 7))


def rewritten(case, snapshot, decision):
    path = tuple(entry.strip() for entry in case.get("path", "public").split(","))
    names = Names(path if "pg_catalog" in path else ("pg_catalog", *path))
    return rewrite(case.sql, snapshot, names, decision)


@pytest.mark.parametrize("case", [case for case in _CASES if not case.get("refused")], ids=str)
def test_view_answers_as_in_the_masked_world(case, snapshot, databases, rewriter_world):
    """Rows, names and types are those of the same view over tables that hold what the caller may see."""
    done = rewritten(case, snapshot, rewriter_world.decision)
    assert (done.text == case.sql) == case.get("same", False)
    before = f"SET search_path = {case.get('path', 'public')}; "
    rows, columns = answer(databases[0], before + done.text)
    expected_rows, expected_columns = answer(databases[1], before + case.sql)
    assert not HIDDEN.search(repr(rows))
    assert (rows == expected_rows) if case.get("order") else (Counter(rows) == Counter(expected_rows))
    if not case.get("record"):
        assert columns == expected_columns


@pytest.mark.parametrize("case", [case for case in _CASES if case.get("refused")], ids=str)
def test_view_that_cannot_be_expanded_is_refused(case, snapshot, rewriter_world):
    """What stands behind the view is looked at to any depth, and the refusal says what is in the way."""
    with pytest.raises(Refusal) as caught:
        rewritten(case, snapshot, rewriter_world.decision)
    told = f"{caught.value.message} {caught.value.hint} {caught.value.rule}"
    assert (caught.value.sqlstate, case.get("says") in told) == (case.get("refused"), True), told


def test_labels_of_a_view_apply_on_top(snapshot, databases, rewriter_world):
    """A column of a view that the dictionary names itself is masked wherever the view is read, by other views, too."""
    views = {ColumnName("public", name, "secret_name"): _SECRET for name in ("v_labelled", "v_labelled_plain")}
    decision = Decision("p", {**rewriter_world.decision.treatments, **views}, {})
    names = Names(("pg_catalog", "public"))
    for sql, value in (
        ("SELECT secret_name FROM v_labelled", b"nobody"),
        ("SELECT secret_name FROM v_labelled_plain", b"nobody"),
        ("SELECT s FROM v_labelled_over", b"nobody!"),
    ):
        rows, _ = answer(databases[0], rewrite(sql, snapshot, names, decision).text)
        assert set(rows) == {(value,)}


def test_barrier_keeps_conditions_from_rows_it_leaves_out(snapshot, databases, rewriter_world):
    """A condition that fails on a row the view leaves out does not fail, as it would not on the view itself."""
    sql = "SELECT id FROM v_barrier WHERE 1 / (id - 1) IS NOT NULL"
    done = rewrite(sql, snapshot, Names(("pg_catalog", "public")), rewriter_world.decision)
    assert "OFFSET 0" in done.text
    assert len(answer(databases[0], done.text)[0]) == 3
