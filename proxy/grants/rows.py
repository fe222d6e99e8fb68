"""How grants stand in tables: what is asked for as values, and rows as grants and events.

Owns the names of the columns and the form of moments and lists in them. May not do: I/O, know a kind of tables.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from policies.loader import PolicyError
from policies.rows import RowsError
from proxy.grants.records import Draft, Event, GrantsUnavailable, Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def text_of(moment: dt.datetime) -> str:
    """A moment so that texts sort as moments do."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def moment_of(text: str) -> dt.datetime:
    """The moment that `text_of` has written."""
    return dt.datetime.fromisoformat(text)


def values_of(draft: Draft, by: str, at: dt.datetime, *, break_glass: bool) -> dict[str, object]:
    """The columns of a grant that is asked for."""
    return {
        "principal": draft.principal,
        "columns": json.dumps(dict(draft.columns), ensure_ascii=False),
        "labels": json.dumps(sorted(draft.labels), ensure_ascii=False),
        "rows": draft.rows,
        "declared": json.dumps(draft.declared),
        "database": draft.database,
        "purpose": draft.purpose,
        "reason": draft.reason,
        "requested_by": by,
        "requested_at": text_of(at),
        "minutes": draft.minutes,
        "statements": draft.statements,
        "row_limit": draft.row_limit,
        "break_glass": int(break_glass),
        "state": "requested",
    }


def kept_of(row: Mapping[str, Any], approvals: Sequence[str]) -> Kept:
    """The grant of a row, and who has agreed to it. Raises GrantsUnavailable for one that somebody has spoilt."""
    try:
        columns = json.loads(row["columns"])
        draft = Draft(
            principal=row["principal"],
            columns=columns,
            labels=frozenset((category, level) for category, level in json.loads(row["labels"])),
            reason=row["reason"],
            minutes=row["minutes"],
            rows=row["rows"],
            declared=tuple(json.loads(row["declared"])),
            database=row["database"],
            purpose=row["purpose"],
            statements=row["statements"],
            row_limit=row["row_limit"],
        )
        asked = draft.grant(row["requested_by"], moment_of(row["requested_at"]), break_glass=bool(row["break_glass"]))
        grant = replace(
            asked,
            id=row["id"],
            state=row["state"],
            approvals=tuple(approvals),
            starts=None if row["starts"] is None else moment_of(row["starts"]),
            ends=None if row["ends"] is None else moment_of(row["ends"]),
            reviewed=bool(row["reviewed"]),
        )
    except (ValueError, TypeError, PolicyError, RowsError) as error:
        raise GrantsUnavailable(f"grant {row['id']} cannot be read as it is kept: {error}") from error
    return Kept(grant, columns, row["statements_used"], row["rows_used"])


def event_of(row: Mapping[str, Any]) -> Event:
    """The event of a row."""
    at = moment_of(row["at"])
    return Event(row["id"], row["grant_id"], row["what"], row["person"], at, row["note"], row["needs"])
