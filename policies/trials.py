"""Tests of policies, as their authors write them in YAML: who, in which circumstances, gets what of which column or statement.

Owns the form of a test file, and the check of what is expected of columns; statements are run by whoever has a database. May not
do: I/O, deciding.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from policies.expectations import ExpectedLimit, ExpectedRows, plain, read_limit, read_tables
from policies.grants import Grant, labels_meant, overlay
from policies.masks import read_mask
from policies.model import AttributeValue, ColumnName, Mask, Principal, Session, Treatment
from policies.patterns import PatternError, read_patterns
from policies.positions import Checker, DocumentError, Node, Problem, compose
from policies.rows import RowsError, read_rows
from policies.rules import Selector
from policies.selecting import selector
from policies.vocabulary import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.decide import PolicySet

FILE: Final = ("version", "description", "policies", "people", "tests")
TRIAL: Final = ("name", "as", "session", "grants", "columns", "tables", "limit", "query", "rows", "refused")
GRANT: Final = ("columns", "rows", "purpose")
SESSION: Final = ("at", "address", "application", "database_user", "tls", "declared")
EXPECTED: Final = ("treatment", "mask", "rows", "otherwise", "rule")
"""The keys of a test file."""

_UTC: Final = ZoneInfo("UTC")
_AT: Final = "2026-01-05T12:00"  # a Monday at noon, for tests that do not care
_TREATMENTS: Final = ("clear", "mask", "deny")


class TrialError(DocumentError):
    """A test file with problems."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one column; None where nothing is. `rows` is the author's text of a row condition."""

    column: str  # as it is written
    database: str
    name: ColumnName
    treatment: str | None = None
    mask: Mask | None = None
    rows: str | None = None
    otherwise: Mask | None = None
    rule: str | None = None

    def differs(self, found: Treatment | None) -> str | None:
        """Say in what a treatment is not the one that is expected; None when it is."""
        return next(self._differences(found), None)

    def _differences(self, found: Treatment | None) -> Iterator[str]:
        if found is None:
            yield "the dictionary does not name it, so it is shown as it is"
            return
        told = f"it is {_told(found)}, by `{found.rule}`"
        rows = "" if found.rows is None else f" on rows where {found.rows.text}"
        if self.treatment is not None and found.kind != self.treatment:
            yield told
        if self.mask is not None and found.mask != self.mask:
            yield told
        if self.rows is not None and (found.rows is None or plain(found.rows.text) != plain(self.rows)):
            yield f"{told},{rows or ' on all rows'}"
        if self.rows is None and self.treatment == "clear" and rows:
            yield f"{told}, but only{rows}"
        if self.otherwise is not None and found.fallback != self.otherwise:
            yield f"on all other rows it is shown by {_mask(found.fallback)}"
        if self.rule is not None and found.rule != self.rule:
            yield told


@dataclass(frozen=True, slots=True)
class Trial:
    """One test. `query` is asked of a database; `rows` is its answer as text, None for NULL, `refused` a part of the error's words.

    `grants` are in force for the person, numbered from 1 on.
    """

    name: str
    file: str
    line: int
    principal: Principal
    session: Session
    expected: tuple[Expected, ...] = ()
    query: str | None = None
    rows: tuple[tuple[str | None, ...], ...] | None = None
    refused: str | None = None
    grants: tuple[Grant, ...] = ()
    tables: tuple[ExpectedRows, ...] = ()
    limit: ExpectedLimit | None = None

    def failures(self, policies: PolicySet) -> list[str]:
        """Say of each column, table and limit that is not what is expected what it is instead."""
        labels = {
            each.name: policies.label(each.database, each.name.schema, each.name.relation, each.name.column)
            for each in self.expected
        }
        known = {name: label for name, label in labels.items() if label is not None}
        decision = policies.decide(self.principal, self.session, known)
        at = policies.vocabulary.calendar.local(self.session)
        treatments = overlay(decision, self.grants, self.principal, at).treatments
        said = ((each.column, each.differs(treatments.get(each.name))) for each in self.expected)
        found = [f"{column}: {difference}" for column, difference in said if difference is not None]
        others = [*(each.differs(decision) for each in self.tables)]
        others += [] if self.limit is None else [self.limit.differs(decision.limit)]
        return [*found, *(difference for difference in others if difference is not None)]


@dataclass(frozen=True, slots=True)
class Trials:
    """The tests of one file; `policies` is the name of the policy file, relative to it, and None where the configuration's are meant."""

    policies: str | None
    trials: tuple[Trial, ...]


def policies_of(text: str, file: str) -> str | None:
    """The policy file that a test file names. Raises TrialError."""
    root, problems = compose(text, file)
    if root is None:
        raise TrialError(problems or (Problem(file, 1, 1, "the file is empty", "begin with `version: 1`"),))
    named = root.value.get("policies") if isinstance(root.value, Mapping) else None
    return named.value.value if named is not None and isinstance(named.value.value, str) else None


def read_trials(text: str, file: str, policies: PolicySet) -> Trials:
    """Read a test file, for these policies. Raises TrialError with every problem."""
    root, problems = compose(text, file)
    if root is None:
        raise TrialError(problems or (Problem(file, 1, 1, "the file is empty", "begin with `version: 1`"),))
    reader = _Reader(Checker(problems), file, policies)
    found = reader.file(root)
    if reader.checker.problems:
        raise TrialError(reader.checker.problems)
    return found


class _Reader:
    """Reads one test file; problems go to the checker."""

    def __init__(self, checker: Checker, name: str, policies: PolicySet) -> None:
        self.checker = checker
        self.name = name
        self.policies = policies
        self.people: dict[str, Principal] = {}

    def file(self, root: Node) -> Trials:
        fields = self.checker.fields(root, "a test file", FILE, ("version", "tests"))
        if "version" in fields and fields["version"].value != 1:
            self.checker.problem(fields["version"], "`version` must be 1", "this is the only version there is")
        policies = self.checker.text(fields["policies"], "`policies`") if "policies" in fields else None
        if "people" in fields:
            for name, entry in self.checker.mapping(fields["people"], "`people`").items():
                self.people[name] = Principal(name, self.attributes(entry.value, f"`people.{name}`"))
        items = self.checker.items(fields["tests"], "`tests`") if "tests" in fields else ()
        return Trials(policies, tuple(trial for trial in map(self.trial, items) if trial is not None))

    def attributes(self, node: Node, what: str) -> Mapping[str, AttributeValue]:
        if node.value is None:
            return {}
        return {name: self.value(entry.value) for name, entry in self.checker.mapping(node, what).items()}

    def value(self, node: Node) -> AttributeValue:
        if isinstance(node.value, tuple):
            return tuple(self.value(item) for item in node.value)
        if isinstance(node.value, Mapping):
            self.checker.problem(node, "an attribute is text, a number, true, false, or a list of these")
            return None
        return node.value

    def trial(self, node: Node) -> Trial | None:
        checker = self.checker
        fields = checker.fields(node, "a test", TRIAL, ("name", "as"))
        if not fields.keys() & {"columns", "tables", "limit", "query"}:
            checker.problem(node, "a test needs `columns`, `tables`, a `limit` or a `query`")
        if "query" in fields and ("rows" in fields) == ("refused" in fields):
            checker.problem(fields["query"], "a `query` needs either `rows` or `refused`")
        name = checker.text(fields["name"], "`name`") if "name" in fields else None
        principal = self.person(fields["as"]) if "as" in fields else None
        session = self.session(fields.get("session"))
        stated = self.checker.items(fields["grants"], "`grants`") if "grants" in fields else ()
        expected = self.columns(fields["columns"]) if "columns" in fields else ()
        tables = read_tables(fields["tables"], checker) if "tables" in fields else ()
        limit = read_limit(fields["limit"], checker) if "limit" in fields else None
        query = checker.text(fields["query"], "`query`") if "query" in fields else None
        rows = self.rows(fields["rows"]) if "rows" in fields else None
        refused = checker.text(fields["refused"], "`refused`") if "refused" in fields else None
        if name is None or principal is None:
            return None
        grants = tuple(self.grant(number, each, principal, session) for number, each in enumerate(stated, 1))
        asked = (query, rows, refused)
        return Trial(name, self.name, node.line, principal, session, expected, *asked, grants, tables, limit)

    def grant(self, number: int, node: Node, principal: Principal, session: Session) -> Grant:
        """A grant that is in force for a person at the moment of a session."""
        checker, dictionary = self.checker, self.policies.dictionary
        fields = checker.fields(node, "a grant", GRANT, ("columns",))
        before = len(checker.problems)
        columns = selector(fields["columns"], dictionary.categories, checker) if "columns" in fields else Selector()
        labels = labels_meant(columns, dictionary)
        if len(checker.problems) == before and not labels:
            checker.problem(fields["columns"], "a grant of no column of the dictionary")
        text = checker.text(fields["rows"], "`rows`") if "rows" in fields else None
        rows = None
        try:
            rows = None if text is None else read_rows(text, self.policies.vocabulary.attributes)
        except RowsError as error:
            checker.problem(fields["rows"], f"`rows`: {error.message}", error.hint)
        return Grant(
            number,
            principal.name,
            columns,
            labels,
            rows,
            None,
            checker.text(fields["purpose"], "`purpose`") if "purpose" in fields else None,
            reason="a test",
            requested_by=principal.name,
            requested_at=session.at,
            minutes=1,
            state="active",
            starts=session.at,
            ends=session.at + dt.timedelta(minutes=1),
        )

    def person(self, node: Node) -> Principal | None:
        if isinstance(node.value, Mapping):
            attributes = dict(self.attributes(node, "`as`"))
            return Principal(str(attributes.pop("name", "somebody")), attributes)
        name = self.checker.text(node, "`as`")
        if name is not None and name not in self.people:
            known = ", ".join(self.people) or "none"
            self.checker.problem(node, f"`people` has no `{name}`", f"it has {known}; or write the attributes here")
        return self.people.get(name or "")

    def session(self, node: Node | None) -> Session:
        checker = self.checker
        fields = checker.fields(node, "`session`", SESSION) if node is not None else {}
        words = {
            key: checker.text(fields[key], f"`{key}`") or ""
            for key in ("address", "application", "database_user")
            if key in fields
        }
        tls = checker.boolean(fields["tls"], "`tls`") if "tls" in fields else True
        return Session(
            "",
            words.get("address", "127.0.0.1"),
            words.get("application", ""),
            words.get("database_user", ""),
            bool(tls),
            self.moment(fields.get("at")),
            self.declared(fields["declared"]) if "declared" in fields else {},
        )

    def moment(self, node: Node | None) -> dt.datetime:
        """The moment that is written, told where the calendar is when it has no zone of its own."""
        text = _AT if node is None else self.checker.text(node, "`at`") or _AT
        try:
            at = dt.datetime.fromisoformat(text)
        except ValueError:
            if node is not None:
                self.checker.problem(node, f"`{text}` is no time", "write it as 2026-11-23T09:30")
            at = dt.datetime.fromisoformat(_AT)
        return at if at.tzinfo is not None else at.replace(tzinfo=self.policies.vocabulary.calendar.zone or _UTC)

    def declared(self, node: Node) -> Mapping[str, AttributeValue]:
        found: dict[str, AttributeValue] = {}
        for name, entry in self.checker.mapping(node, "`declared`").items():
            value = entry.value.value
            text = str(value).lower() if isinstance(value, bool) else str(value)
            try:
                found[name] = self.policies.vocabulary.read(name, text)
            except NotAllowed as reason:
                self.checker.problem(entry.key, str(reason))
        return MappingProxyType(found)

    def columns(self, node: Node) -> tuple[Expected, ...]:
        found = []
        for written, entry in self.checker.mapping(node, "`columns`").items():
            try:
                parts = read_patterns(written, 4, "`database.schema.table.column`")
            except PatternError as error:
                self.checker.problem(entry.key, str(error))
                continue
            names = [part.exact for part in parts if part.exact is not None]
            if len(names) < 4:
                self.checker.problem(entry.key, "a test names one column, without wildcards")
                continue
            database, schema, relation, column = names
            found.append(self.expected(written, database, ColumnName(schema, relation, column), entry.value))
        return tuple(found)

    def expected(self, written: str, database: str, name: ColumnName, node: Node) -> Expected:
        checker = self.checker
        if isinstance(node.value, str):
            return Expected(written, database, name, checker.choice(node, f"`{written}`", _TREATMENTS))
        if isinstance(node.value, Mapping) and "mask" in node.value and not node.value.keys() & set(EXPECTED[2:]):
            return Expected(written, database, name, "mask", read_mask(node, checker))
        fields = checker.fields(node, f"`{written}`", EXPECTED)
        mask = read_mask(fields["mask"], checker) if "mask" in fields else None
        treatment = checker.choice(fields["treatment"], "`treatment`", _TREATMENTS) if "treatment" in fields else None
        return Expected(
            written,
            database,
            name,
            treatment or ("mask" if mask else None),
            mask,
            checker.text(fields["rows"], "`rows`") if "rows" in fields else None,
            read_mask(fields["otherwise"], checker) if "otherwise" in fields else None,
            checker.text(fields["rule"], "`rule`") if "rule" in fields else None,
        )

    def rows(self, node: Node) -> tuple[tuple[str | None, ...], ...]:
        return tuple(
            tuple(_cell(cell) for cell in self.checker.items(row, "a row"))
            for row in self.checker.items(node, "`rows`")
        )


def _cell(node: Node) -> str | None:
    value = node.value
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(treatment: Treatment) -> str:
    return {"clear": "shown as it is", "deny": "denied"}.get(treatment.kind) or f"shown by {_mask(treatment.mask)}"


def _mask(mask: Mask | None) -> str:
    if mask is None:
        return "nothing"
    parameters = ", ".join(f"{name}: {value}" for name, value in mask.parameters)
    return f"{mask.name} ({parameters})" if parameters else mask.name
