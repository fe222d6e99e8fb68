"""What is kept of grants: what was asked for, what has happened, and how a grant stands.

Owns these values, and what goes wrong with keeping them. May not do: I/O, decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from policies.grants import Grant
from policies.loader import read_columns
from policies.rows import read_rows

What = Literal[
    "requested", "approved", "denied", "revoked", "broken glass", "begun", "expired", "used up", "reviewed"
]  # fmt: skip
"""What happens to a grant. `begun`: enough have approved. `broken glass`: begun without approval."""


class GrantsUnavailable(Exception):  # noqa: N818  a state of a disk or a network, not a fault of ours
    """What is kept of grants cannot be read or written; the text says why."""


class WrongState(Exception):  # noqa: N818  told to the person as it is
    """What is asked for does not go with where the grant stands; the text says so."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is asked for, as it was written: `columns` by key, `rows` the text of a condition. The rest as in `Grant`.

    `declared` are the attributes that sessions may declare, which `rows` may name.
    """

    principal: str
    columns: Mapping[str, list[str]]
    labels: frozenset[tuple[str, int]]
    reason: str
    minutes: int
    rows: str | None = None
    declared: tuple[str, ...] = ()
    database: str | None = None
    purpose: str | None = None
    statements: int | None = None
    row_limit: int | None = None

    def grant(self, requested_by: str, at: dt.datetime, *, break_glass: bool = False) -> Grant:
        """The grant that this would be. Raises PolicyError and RowsError for what cannot be read."""
        return Grant(
            id=0,
            principal=self.principal,
            columns=read_columns(self.columns, {category for category, _ in self.labels}),
            labels=self.labels,
            rows=None if self.rows is None else read_rows(self.rows, self.declared),
            database=self.database,
            purpose=self.purpose,
            reason=self.reason,
            requested_by=requested_by,
            requested_at=at,
            minutes=self.minutes,
            state="requested",
            statements=self.statements,
            row_limit=self.row_limit,
            break_glass=break_glass,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a grant. `person` None: by itself, as time does. `needs`: how many have to agree, by an approver."""

    id: int
    grant: int
    what: What
    person: str | None
    at: dt.datetime
    note: str | None
    needs: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A grant as it is kept: `columns` as they were written, and what was used of it."""

    grant: Grant
    columns: Mapping[str, list[str]]
    statements_used: int
    rows_used: int
