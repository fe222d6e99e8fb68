"""The questions of a report stay within the SQL that other engines take."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel
from unit.reports.conftest import BEGIN, MAY, opened, write

from reports import questions


@pytest.mark.parametrize("question", questions.QUESTIONS, ids=lambda question: question.name)
def test_questions_can_be_asked_of_clickhouse(question):
    """Each is rendered whole, rests on the trail's tables alone, and uses no function whose meaning differs."""
    tree = sqlglot.parse_one(questions.standalone(question), read="duckdb")
    assert tree.sql(dialect="clickhouse", unsupported_level=ErrorLevel.RAISE)
    named = {table.name for table in tree.find_all(exp.Table)}
    assert named <= {"records", "statements", "uses", *questions.sources()}
    assert not list(tree.find_all(exp.Window, exp.Quantile, exp.PercentileCont, exp.List))


@pytest.mark.parametrize("question", questions.QUESTIONS, ids=lambda question: question.name)
def test_a_question_with_its_sources_gives_the_same(question, tmp_path):
    """What an engine is asked that has but the trail's tables is what the report asks."""
    with opened(write(tmp_path / "audit", [(BEGIN, b'"event":"stopped","reason":"x"')])) as trail:
        asked = questions.standalone(question, ("unit",))
        values = {name: value for name, value in MAY.values().items() if f"${name}" in asked}
        found = trail._connection.execute(asked, values)
        assert trail.table(question).heading == tuple(name for name, *_ in found.description)
        assert isinstance(found, duckdb.DuckDBPyConnection)


def test_questions_have_names_of_their_own():
    """For they name files."""
    names = [question.name for question in questions.QUESTIONS]
    assert len(set(names)) == len(names)
