"""The questions of reports, asked of what was shipped to ClickHouse: they have the answers that the trail itself gives."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.bank_week import write_week

from audit import reader, tables
from reports import questions
from shipping.asking import _SETTINGS as SETTINGS
from shipping.clickhouse import ClickHouse, connected
from shipping.dialect import translated
from shipping.trail import Place, batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

MOMENTS = {"before": "2026-04-15 00:00:00", "since": "2026-05-13 00:00:00", "until": "2026-05-21 00:00:00"}


@pytest.fixture(scope="module")
def both(clickhouse_factory: Any, tmp_path_factory: Any) -> Iterator[tuple[Any, duckdb.DuckDBPyConnection]]:
    """A client of the server that holds the week of a bank, and the trail's own tables."""
    directory = write_week(tmp_path_factory.mktemp("week") / "audit")
    server = clickhouse_factory()
    there = ClickHouse(server.account, "bank-1")
    place = there.start(Place())
    for batch in itertools.takewhile(lambda each: each is not None, batches(directory, place, there.sizes)):
        there.send(batch)
    there.close()
    client = connected(server.account)
    with tables.opened([path for _, path in reader.existing(directory)], threads=1) as connection:
        yield client, connection
    client.close()


@pytest.mark.parametrize("question", questions.QUESTIONS, ids=lambda question: question.name)
def test_a_question_has_the_same_answer_there(question: questions.Question, both: Any) -> None:
    """Row by row, in the same order."""
    client, connection = both
    sql = questions.standalone(question)
    values = {name: value for name, value in MOMENTS.items() if f"${name}" in sql}
    there = client.query(translated(sql, dict.fromkeys(values, "String")), parameters=values, settings=dict(SETTINGS))
    assert _plain(there.result_rows) == _plain(connection.execute(sql, values).fetchall())


def _plain(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows without what the two libraries call by different types."""
    return [tuple(_value(value) for value in row) for row in rows]


def _value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return round(float(value), 6)
