"""What a run found, by class, and why each class is as it is.

Owns the reasons. May not do: run anything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REASONS: Mapping[str, str] = {
    r"changes what names mean": "names would be read as they are before it runs, and mean others when it has",
    r"what you may see has changed": "a cursor ends when the decision changes, here by each new table with its labelled columns",
    r"standard_conforming_strings|client_encoding": "texts would be read differently",
    r"permission denied for": "a view over protected relations reads them with the rights of the caller",
    r"^columns$|cannot cast type": "a whole row has the type record where its name may mean something else",
    r"must appear in the GROUP BY clause": "a subquery has no primary key",
    r"^42P10": "the server prints a definition that it does not take itself, for columns were dropped behind its back",
    r"fast path": "calls by the protocol's fast path are refused to everybody",
    r"COPY BINARY": "a spelling from before version 7.3, which is not read",
    r"TABLESAMPLE": "it cannot be taken of a subquery, as a view over such a table is replaced by",
    r"^25P02": "follows from another in the same transaction",
}
"""A part of a class's message, as a regular expression, and the reason for it."""

BY_TEXT: Mapping[str, str] = {
    r"reloptions FROM pg_class WHERE oid = \d+|relfilenode|_filenode|pg_my_temp_schema|pg_temp_\d|reltoastrelid|pg_toast\.|large object \d|lo_from_bytea": "numbers that each server counts for itself, and behind refusals otherwise",
    r"pg_stat_io|pg_stat_database|user_logins": "Louver's own reading of the catalog counts, too, and so do its logins",
    r"on_login_trigger": "an event trigger lets nobody log in, Louver's own look at the catalog neither",
    r"^\s*explain\b|explain_filter": "the plan is that of the rewritten statement",
    r"^execute p1": "a statement made by PREPARE keeps the tables that its names meant",
    r"pg_cursors|pg_prepared_statements": "they show the statement as it was rewritten",
}
"""A part of a statement, as a regular expression, and the reason for it."""

_EXAMPLES = 3
_MADE = re.compile(
    r"\bcreate\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:constraint\s+)?(?:function|procedure|aggregate|type|rule|trigger|cast"
    r"|operator(?:\s+(?:class|family))?|access\s+method|materialized\s+view|view|table|language|foreign\s+table)\s+(?:if\s+not\s+exists\s+)?"
    r"\(?\s*((?:\w+\.)?\w{4,})",
    re.IGNORECASE,
)
"""What a statement makes; short names say too little."""
_WORD = re.compile(r"\w{4,}")


@dataclass(slots=True)
class Class:
    """Statements that ended alike: how many, in which files, some of them. `following` of them use what a refused one made.

    `reason`: why it is so; None when nobody has said.
    """

    outcome: str
    kind: str
    reason: str | None
    count: int = 0
    following: int = 0
    files: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """`succeeding` statements succeed direct; of them `refused` and `differing` do not answer the same through Louver."""

    statements: int
    succeeding: int
    refused: int
    differing: int
    unstable: int
    classes: tuple[Class, ...]

    @property
    def share(self) -> float:
        """The share of refused and differing statements among those that succeed direct, 0 to 1."""
        return (self.refused + self.differing) / max(self.succeeding, 1)

    @property
    def unexplained(self) -> list[Class]:
        """Classes of refusals and differences without a reason."""
        return [each for each in self.classes if each.outcome in {"refused", "differs"} and each.reason is None]

    def line(self) -> str:
        """All of it in one line."""
        open_ones = sum(each.count for each in self.unexplained)
        following = sum(each.following for each in self.classes)
        return (
            f"{self.statements} statements ran, {self.succeeding} of them succeed direct; through Louver {self.differing} differ "
            f"and {self.refused} are refused ({self.share:.2%}), {following} of these for what was refused before; "
            f"{open_ones} are not explained ({open_ones / max(self.succeeding, 1):.2%}); {self.unstable} differ between two direct servers"
        )

    def table(self) -> Table:
        """The classes for a terminal, most frequent first."""
        table = Table("count", "following", "files", "outcome", "class", "reason, or an example")
        for each in self.classes:
            said = each.reason or each.examples[0]
            table.add_row(str(each.count), str(each.following), str(len(each.files)), each.outcome, each.kind, said)
        return table


def _reason(reasons: Mapping[str, str], text: str) -> str | None:
    return next((reason for part, reason in reasons.items() if re.search(part, text, re.IGNORECASE)), None)


def read(lines: Iterable[str], reasons: Mapping[str, str] = REASONS, by_text: Mapping[str, str] = BY_TEXT) -> Report:
    """The report of the lines of results, in the order in which the statements ran; `reasons` and `by_text` as above."""
    outcomes: Counter[str] = Counter()
    classes: dict[tuple[str, str, str | None], Class] = {}
    refused: set[str] = set()
    for line in lines:
        found = json.loads(line)
        outcome, kind = found["outcome"], found["class"]
        outcomes[outcome] += 1
        if outcome in {"same", "unstable"} or kind == "alike":
            continue
        reason = _reason(reasons, kind) or _reason(by_text, found["text"])
        known = classes.setdefault((outcome, kind, reason), Class(outcome, kind, reason))
        known.count += 1
        known.files.add(found["file"])
        if len(known.examples) < _EXAMPLES:
            known.examples.append(" ".join(found["text"].split())[:200])
        if outcome == "refused":
            made = _MADE.match(found["text"].lstrip())
            own = {made[1].lower().rsplit(".", 1)[-1]} if made else set()
            words = {word.lower() for word in _WORD.findall(found["text"] + found.get("louver", ""))}
            known.following += bool((refused & words) - own)
            refused |= own
    ranked = sorted(classes.values(), key=lambda each: -each.count)
    succeeding = sum(outcomes.values()) - outcomes["failed"]
    return Report(
        sum(outcomes.values()),
        succeeding,
        outcomes["refused"],
        outcomes["differs"],
        outcomes["unstable"],
        tuple(ranked),
    )
