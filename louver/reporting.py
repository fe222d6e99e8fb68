"""A report of what was shipped to ClickHouse: the questions of reports, answered there, for one trail.

Owns what becomes of the types of its answers, which are those of the trail's own then. May not do: any work of the parts.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reports import questions
from reports.figures import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.figures import Period
    from reports.questions import Question
    from shipping.asking import Warehouse


class Shipped:
    """One trail there, as what reports ask."""

    def __init__(self, warehouse: Warehouse, period: Period, units: Sequence[str]) -> None:
        """`warehouse` answers for one trail: the numbers of records are those of one. Raises UnitError."""
        questions.sources(units)
        self._warehouse = warehouse
        self._units = units
        self.period = period

    def table(self, question: Question) -> Table:
        """Answer a question. Raises QueryError."""
        heading, rows = self._answer(question)
        return Table(question.name, question.title, tuple(heading), tuple(tuple(map(_plain, row)) for row in rows))

    @contextmanager
    def streamed(self, question: Question) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """Answer a question: its heading, and its rows. Raises QueryError."""
        heading, rows = self._answer(question)
        yield tuple(heading), (tuple(map(_plain, row)) for row in rows)

    def _answer(self, question: Question) -> tuple[list[str], Sequence[Sequence[Any]]]:
        sql = questions.standalone(question, self._units)
        moments = {name: moment.isoformat(sep=" ") for name, moment in self.period.values().items()}
        return self._warehouse.answer(sql, {name: value for name, value in moments.items() if f"${name}" in sql})


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a column holds
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return float(value) if isinstance(value, Decimal) else value
