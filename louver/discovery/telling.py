"""What discovery has found, as people and programs are told of it.

Owns the words and the order of `louver discover`, with no value of the database in them. May not do: look, compare, write files.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from louver.console import err, out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from louver.discovery.look import Look
    from policies.discovery.listing import Change


def report(found: Look, changes: Sequence[Change], *, written: bool) -> dict[str, Any]:
    """Return everything for programs."""
    return {
        "tables": [
            {
                "database": t.database,
                "schema": t.schema,
                "table": t.name,
                "rows_read": t.sampled,
                "unread": t.unread or None,
            }
            for t in found.tables
        ],
        "columns": [_fields(change) for change in changes],
        "counts": _counts(changes),
        "written": written,
    }


def _fields(change: Change) -> dict[str, Any]:
    """Return one column for programs."""
    proposal, written = change.proposal, change.written
    finding = proposal.finding if proposal else None
    grade = proposal.grade if proposal else None
    label = written.label if written else None
    return {
        "status": change.status,
        "why": change.why or None,
        "column": ".".join(change.name),
        "name": list(change.name),
        "type": proposal.column.type if proposal else None,
        "category": finding.category if finding and grade else None,
        "level": grade.level if grade else None,
        "class": str(grade) if grade else None,
        "confidence": finding.confidence if finding and grade else None,
        "evidence": list(finding.evidence) if finding and grade else [],
        "listed": {"category": label.category if label else None, "level": label.level if label else None,
                   "state": written.entry.state, "by": written.by or None} if written else None,
    }  # fmt: skip


def _counts(changes: Sequence[Change]) -> dict[str, int]:
    counts = dict.fromkeys(("new", "changed", "gone", "same", "known"), 0)
    for change in changes:
        counts[change.status] += 1
    return counts


def show(found: Look, changes: Sequence[Change], *, plain: bool) -> None:
    """Print what was found: a table on a terminal, else one line for each column."""
    rows = []
    for change in changes:
        fields = _fields(change)
        category = fields["category"] or (fields["listed"] or {}).get("category") or "none"
        state = (fields["listed"] or {}).get("state") or ("in the policies" if change.status == "known" else "")
        confidence = "" if fields["confidence"] is None else f"{fields['confidence']:.2f}"
        why = "; ".join(filter(None, (change.why, *fields["evidence"])))
        rows.append(
            (change.status, visible(fields["column"]), category, str(fields["level"] or ""), confidence, state, why)
        )
    if plain:
        for row in rows:
            sys.stdout.write("\t".join(" ".join(cell.split()) for cell in row) + "\n")
    elif rows:
        styles = {"new": "bold green", "changed": "bold yellow", "gone": "bold red"}
        table = Table("", "column", "category", "level", "conf.", "state", "why")
        for row in rows:
            table.add_row(*map(Text, row), style=styles.get(row[0], ""))
        out.print(table, soft_wrap=False)
    for each in found.tables:
        if each.unread and each.unread != "catalogs only":
            err.print(
                Text.assemble(("not sampled: ", "yellow"), f"{visible(f'{each.schema}.{each.name}')}: {each.unread}")
            )


def counted(number: int, noun: str) -> str:
    """So many of a thing, in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def visible(name: str) -> str:
    """A name as a terminal shows it: whoever makes a table does not get to steer the terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in name)


def conclude(found: Look, changes: Sequence[Change], dictionary: Path | None, *, check: bool, written: bool) -> None:
    """Say in one line what it comes to, and what to do next."""
    counts = _counts(changes)
    columns = len(found.proposals)
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "nothing sensitive"
    looked = f"{counted(len(found.tables), 'table')}, {counted(columns, 'column')}"
    err.print(Text(f"{looked}: {told}"))
    if dictionary is None:
        err.print(Text("nothing is written; --dictionary FILE keeps a file for review", "dim"))
    elif written:
        err.print(
            Text(f"{dictionary} is written: review its proposals, and name it in the policies as `dictionary_files`")
        )
    elif check and counts["new"] + counts["gone"] + counts["changed"]:
        err.print(Text(f"{dictionary} is not up to date; run the same without --check, and review it"))
    else:
        err.print(
            Text(
                f"{dictionary} is up to date"
                if not counts["gone"]
                else f"{dictionary}: remove what is gone, or keep it"
            )
        )
