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
    r"EXPLAIN": "plans and estimates are made from statistics of the hidden values",
    r"COPY to or from files and programs": "leads around the proxy, by policy",
    r"(CREATE|ALTER|DROP) (DATABASE|TABLESPACE|SERVER|FOREIGN|SUBSCRIPTION|PUBLICATION|USER MAPPING)": "leads around the proxy",
    r"ALTER (SYSTEM|ROLE \.\.\. SET|DATABASE|TABLE ALL IN TABLESPACE)|IMPORT FOREIGN|SECURITY LABEL": "leads around the proxy",
    r"its body is in the language (internal|c)\b": "code that is not SQL or PL/pgSQL cannot be examined; a policy can list it",
    r"SQL text that is only known when it runs": "what EXECUTE puts together cannot be examined; a policy can list the function",
    r"CREATE (RULE|CAST|OPERATOR|EVENT TRIGGER|LANGUAGE|ACCESS METHOD|TRANSFORM|CONVERSION|TYPE is)|ALTER (OPERATOR|EVENT TRIGGER|EXTENSION)": (
        "code that the server would run out of sight"
    ),
    r"ALTER TYPE is not available|a deferrable trigger": "code that the server would run out of sight",
    r"(unique constraint|exclusion constraint|foreign key|check|partition key|index) .*success would tell": (
        "with every column hidden, whether such a write succeeds tells hidden values; UPDATE of what a row has already passes"
    ),
    r"(it uses|uses|reads|writes to) N,? columns of which are masked": "code of users is not rewritten; it may not touch what is protected",
    r"looks at values that are masked|hands values which are masked|it is handed values": "code of users is handed the real values there",
    r"writing to N is not allowed, because it is the server's own": "definitions are not changed by hand",
    r"because it is a view over columns": "write to the table",
    r"a rule of it reads or writes": "a rule runs with the stored rows",
    r"TABLESAMPLE": "the choice of rows follows the sizes of hidden values",
    r"statements and addresses of other sessions|samples and frequencies|passwords or connection|outside their tables|inside of the server": (
        "a system view with hidden values, secrets or what others do"
    ),
    r"function (pg_|lo_|query_to|cursor_to|table_to|schema_to|database_to|ts_|binary_)?N?.* is not allowed": (
        "reads relations, files, other sessions or SQL text by name"
    ),
    r"standard_conforming_strings|client_encoding|session_replication_role|debug_print": "texts would be read differently, or masks be weakened",
    r"MATERIALIZED VIEW over protected|it holds data of protected": "it stores what is masked for its maker",
    r"system column": "a subquery has none",
    r"VERBOSE": "sizes of hidden values",
    r"must keep its value": "the success of this UPDATE would tell hidden values",
    r"^25P02": "follows from a refusal in the same transaction",
    r"permission denied for": "a view over protected relations reads them with the rights of the caller",
    r"it runs [A-Z]+|which does not exist|its body cannot be read": "what code of users may do is listed; it names what exists",
    r"CREATE TRIGGER on N": "code of users is handed the real values there",
    r"CREATE POLICY on N|CREATE STATISTICS on N": "a policy decides with the real values, statistics hold them",
    r"CREATE VIEW on N": "every column of the database is labelled here, so that the view itself is protected",
    r"(user|that runs) functions of users is not available|when the transaction ends": "by then names may mean something else",
    r"CREATE TABLE AS EXECUTE": "what was prepared is not read again; write the query out",
    r"CREATE TABLE AS on N": "a relation of that name is there already, and protected",
    r"temporary view": "a temporary view is not expanded; it may not read what is protected",
    r"what you may see has changed": "a cursor ends when the decision changes, here by each new table with its labelled columns",
    r"assigning a part of|cannot be assigned in this way": "parts of a masked value are not assigned",
    r"a view over protected N may not": "a view acts for those who read it",
    r"may be handed values which are masked": "others hand real values to the functions of that name",
    r"^42883 function N does not exist": "functions of temporary schemas are not looked at",
    r"^42P01 relation N does not exist": "a part of CREATE SCHEMA names what another part of it makes, or a toast table by number",
    r"is the name of a built-in function": "others could call it in place of the server's own",
    r"subtype_opclass outside": "the functions of an order of users run whenever a value of the range is made",
    r"CREATE TEXT SEARCH": "reads files of the server",
    r"^42P10": "the server prints a definition that it does not take itself, for columns were dropped behind its back",
    r"^columns$|cannot cast type": "a whole row has the type record",
}
"""A part of a class's message, as a regular expression, and the reason for it."""

BY_TEXT: Mapping[str, str] = {
    r"relfilenode|_filenode|pg_my_temp_schema|pg_temp_\d|reltoastrelid": "numbers that each server counts for itself, and behind refusals otherwise",
    r"^\s*explain\b": "the plan is that of the rewritten statement",
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


def read(lines: Iterable[str]) -> Report:
    """The report of the lines of results, in the order in which the statements ran."""
    outcomes: Counter[str] = Counter()
    classes: dict[tuple[str, str, str | None], Class] = {}
    refused: set[str] = set()
    for line in lines:
        found = json.loads(line)
        outcome, kind = found["outcome"], found["class"]
        outcomes[outcome] += 1
        if outcome in {"same", "unstable"} or kind == "alike":
            continue
        reason = _reason(REASONS, kind) or _reason(BY_TEXT, found["text"])
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
