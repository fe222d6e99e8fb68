"""The policy file: YAML text to a `PolicySet`, or all that is wrong with it.

Owns the keys of the file (docs/policies.md is checked against `SCHEMA`). Every problem is reported at once, with line
and column; a file with any problem gives no policies at all.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, get_args

from policies.approvals import COLUMNS as APPROVAL_COLUMNS
from policies.approvals import KEYS as APPROVAL
from policies.approvals import read_approvals
from policies.conditions import Condition, ConditionError
from policies.decide import PolicySet
from policies.declarations import ATTRIBUTE, CALENDAR, read_attributes, read_calendar
from policies.dictionary import Dictionary, DictionaryEntry, Unreviewed
from policies.entries import KEYS, read_category, read_dictionary_file, read_entries
from policies.filters import KEYS as FILTER
from policies.filters import read_filters
from policies.limits import KEYS as LIMIT
from policies.limits import read_limits
from policies.masks import CATEGORY_DEFAULTS, read_mask
from policies.model import Allowance
from policies.positions import Checker, DocumentError, Node, Problem, compose
from policies.rows import RowsError, RowTemplate, read_rows
from policies.rules import Rule, Selector
from policies.selecting import COLUMNS, patterns, selector
from policies.vocabulary import Calendar, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from policies.model import Mask

SCHEMA: Final[Mapping[str, tuple[str, ...]]] = {
    "policies": (
        *("version", "description", "calendar", "session", "dictionary", "dictionary_files", "unreviewed"),
        *("categories", "rules", "filters", "limits", "functions", "approvals"),
    ),
    "calendar": CALENDAR,
    "session": ATTRIBUTE,
    "dictionary": KEYS,
    "rules": ("name", "description", "columns", "when", "rows", "treatment", "on_write", "search", "join", "explain"),
    "columns": COLUMNS,
    "filters": FILTER,
    "limits": LIMIT,
    "approvals": APPROVAL,
    "columns of an approval": APPROVAL_COLUMNS,
}
"""The keys of each mapping of the file."""

SEARCHES_PER_HOUR: Final = 100
"""What `search: exact` allows: enough for a counter clerk, and far from trying out a numbering plan."""

JOINS_PER_HOUR: Final = 100
"""What `join: exact` allows: the same."""

_UNREVIEWED: Final = get_args(Unreviewed)
_TREATMENTS = ("clear", "deny")
_ON_WRITE = ("preserve", "deny", "allow")
_EXPLAIN = ("allow", "deny")


class PolicyError(DocumentError):
    """A policy file with problems."""


class UnreadableError(Exception):
    """A file that is no text for us; the message says why."""


def load_policies(path: Path) -> PolicySet:
    """Read a policy file and those that it names. Raises PolicyError with every problem, also when one cannot be read."""
    try:
        text = read_text(path)
    except UnreadableError as error:
        raise PolicyError((Problem(str(path), 1, 1, str(error)),)) from error
    files = [path]

    def read(name: str) -> str:
        files.append(path.parent / name)
        return read_text(files[-1])

    policies = parse_policies(text, file=str(path), read=read)
    policies.files = tuple(files)
    return policies


def read_text(path: Path) -> str:
    """Read a file of UTF-8. Raises UnreadableError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableError(f"the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"the file is not UTF-8: byte {error.start + 1} cannot be read") from error


def _read_none(_name: str) -> str:
    raise UnreadableError("the file cannot be read: these policies come from no file")


def parse_policies(text: str, file: str = "policies", read: Callable[[str], str] = _read_none) -> PolicySet:
    """Read policies from text; `file` names it in problems. Raises PolicyError with every problem.

    `read` gives the text of a file that the policies name, or raises UnreadableError.
    """
    root, problems = compose(text, file)
    if root is None:
        raise PolicyError(problems or (Problem(file, 1, 1, "the file is empty", "begin with `version: 1`"),))
    reader = _Reader(Checker(problems), text, read)
    policies = reader.policies(root)
    if reader.checker.problems:
        raise PolicyError(reader.checker.problems)
    return policies


def read_columns(fields: Mapping[str, Sequence[str]], categories: Collection[str]) -> Selector:
    """Read columns as the rules name them, given by key. Raises PolicyError with every problem."""
    root, problems = compose(json.dumps(fields, ensure_ascii=True), "columns")
    checker = Checker(problems)
    found = Selector() if root is None else selector(root, categories, checker)
    if checker.problems:
        raise PolicyError(checker.problems)
    return found


class _Reader:
    """Reads the parts of one file in order; problems go to the checker."""

    def __init__(self, checker: Checker, text: str, read: Callable[[str], str]) -> None:
        self.checker = checker
        self.read = read
        self.texts = [text]  # of all files, which the revision is made from
        self.lines = text.splitlines()
        self.vocabulary = Vocabulary()  # of the file, once it is read

    def policies(self, root: Node) -> PolicySet:
        checker = self.checker
        fields = checker.fields(root, "a policy file", SCHEMA["policies"], ("version",))
        if "version" in fields and fields["version"].value != 1:
            checker.problem(fields["version"], "`version` must be 1", "this is the only version there is")
        description = checker.text(fields["description"], "`description`") if "description" in fields else None
        calendar = read_calendar(fields["calendar"], checker) if "calendar" in fields else Calendar()
        declared = read_attributes(fields["session"], checker) if "session" in fields else {}
        self.vocabulary = Vocabulary(calendar, declared)
        written = read_entries(fields["dictionary"], checker) if "dictionary" in fields else ()
        listed = self.dictionary_files(fields["dictionary_files"]) if "dictionary_files" in fields else ()
        unreviewed = self.unreviewed(fields["unreviewed"]) if "unreviewed" in fields else "mask"
        dictionary = Dictionary((*(each.entry for each in written), *listed), unreviewed)
        defaults = self.categories(fields["categories"]) if "categories" in fields else {}
        known = dictionary.categories | set(defaults) | set(CATEGORY_DEFAULTS)
        rules = self.rules(fields["rules"], known) if "rules" in fields else ()
        filters = (
            read_filters(fields["filters"], checker, self.condition, self.row_template) if "filters" in fields else ()
        )
        limits = read_limits(fields["limits"], checker, self.condition) if "limits" in fields else ()
        functions = self.functions(fields["functions"]) if "functions" in fields else frozenset()
        approvals = (
            read_approvals(fields["approvals"], checker, lambda node: selector(node, known, checker), self.inside)
            if "approvals" in fields
            else ()
        )
        revision = hashlib.sha256("\0".join(self.texts).encode()).hexdigest()[:16]
        return PolicySet(
            revision,
            dictionary,
            rules,
            defaults=defaults,
            functions=functions,
            filters=filters,
            limits=limits,
            vocabulary=self.vocabulary,
            approvals=approvals,
            description=description,
        )

    def dictionary_files(self, node: Node) -> tuple[DictionaryEntry, ...]:
        """The entries of all files that are named."""
        entries: list[DictionaryEntry] = []
        for item in self.checker.items(node, "`dictionary_files`"):
            name = self.checker.text(item, "`dictionary_files`")
            if name is None:
                continue
            try:
                text = self.read(name)
            except UnreadableError as error:
                self.checker.problem(item, f"`{name}`: {error}")
                continue
            self.texts.append(text)
            root, problems = compose(text, name)
            inside = Checker(problems)
            if root is None and not problems:
                self.checker.problem(item, f"`{name}` is empty", "`louver discover --dictionary FILE` writes one")
            elif root is not None:
                entries += (written.entry for written in read_dictionary_file(root, inside))
            self.checker.take(inside.problems)
        return tuple(entries)

    def unreviewed(self, node: Node) -> Unreviewed:
        chosen = self.checker.choice(node, "`unreviewed`", _UNREVIEWED)
        return next((mode for mode in _UNREVIEWED if mode == chosen), "mask")

    def categories(self, node: Node) -> dict[str, Mask]:
        masks: dict[str, Mask] = {}
        for name, entry in self.checker.mapping(node, "`categories`").items():
            read_category(entry.key, self.checker)
            mask = read_mask(entry.value, self.checker)
            if mask is not None:
                masks[name] = mask
        return masks

    def functions(self, node: Node) -> frozenset[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for item in self.checker.items(node, "`functions`"):
            names = patterns(item, "a function", 2, "`schema.function`", self.checker)
            exact = [name.exact for name in names if name.exact is not None]
            if len(exact) == 2:
                found.add((exact[0], exact[1]))
            elif names:
                self.checker.problem(
                    item, "a function cannot have wildcards", "list each one: it runs with real values"
                )
        return frozenset(found)

    def rules(self, node: Node, categories: Collection[str]) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        lines: dict[str, int] = {}
        for item in self.checker.items(node, "`rules`"):
            rule = self.rule(item, categories)
            if rule is None:
                continue
            if rule.name in lines:
                message = f"rule `{rule.name}` stands twice; the first is in line {lines[rule.name]}"
                self.checker.problem(item, message, "the audit tells rules apart by name")
            lines.setdefault(rule.name, rule.line)
            rules.append(rule)
        return tuple(rules)

    def rule(self, node: Node, categories: Collection[str]) -> Rule | None:
        checker = self.checker
        fields = checker.fields(node, "a rule", SCHEMA["rules"], ("name", "columns", "treatment"))
        if "description" in fields:
            checker.text(fields["description"], "`description`")
        name = checker.text(fields["name"], "`name`") if "name" in fields else None
        columns = selector(fields["columns"], categories, self.checker) if "columns" in fields else Selector()
        when = self.condition(fields["when"]) if "when" in fields else None
        rows = self.row_template(fields["rows"]) if "rows" in fields else None
        kind, mask = self.treatment(fields["treatment"]) if "treatment" in fields else (None, None)
        if kind == "deny" and rows is not None:
            checker.problem(
                fields["rows"], "`rows` cannot go with `deny`", "a statement is refused before rows are read"
            )
        on_write = checker.choice(fields["on_write"], "`on_write`", _ON_WRITE) if "on_write" in fields else None
        explain = checker.choice(fields["explain"], "`explain`", _EXPLAIN) if "explain" in fields else None
        for key in ("on_write", "explain"):
            if key in fields and kind == "clear" and rows is None:
                checker.problem(fields[key], f"`{key}` cannot go with `clear`", "it is about columns that are hidden")
        search, join = self.permissions(fields, columns, on_write, masked=kind in {"mask", None} and rows is None)
        if name is None or kind is None:
            return None
        allowed = (on_write or "preserve", search, join, explain == "allow")
        return Rule(name.strip(), node.line, columns, kind, mask, when, rows, *allowed)  # type: ignore[arg-type]  # checked by choice

    def permissions(
        self, fields: Mapping[str, Node], columns: Selector, on_write: str | None, *, masked: bool
    ) -> tuple[Allowance | None, Allowance | None]:
        """`search` and `join`, how often each; `masked`: the rule masks its columns on all rows."""
        found: dict[str, Allowance | None] = {"search": None, "join": None}
        for name, usual in (("search", SEARCHES_PER_HOUR), ("join", JOINS_PER_HOUR)):
            if name not in fields:
                continue
            found[name] = self.permission(name, fields[name], usual)
            if not masked:
                message = f"`{name}` goes with a mask on all rows"
                self.checker.problem(fields[name], message, "leave it out, or write a rule of its own")
        if "join" in fields:
            self.check_join(fields["join"], columns, on_write)
        return found["search"], found["join"]

    def permission(self, name: str, node: Node, usual: int) -> Allowance | None:
        """`exact`, or {exact: {per_hour: N, per_day: N}}: how often the real values may be compared."""
        if node.value == "exact":
            return Allowance(usual)
        if not isinstance(node.value, dict):
            self.checker.problem(node, f"`{name}` must be `exact` or {{exact: {{per_hour: NUMBER, per_day: NUMBER}}}}")
            return None
        fields = self.checker.fields(node, f"`{name}`", ("exact",), ("exact",))
        if "exact" not in fields:
            return None
        given = self.checker.fields(fields["exact"], "`exact`", ("per_hour", "per_day"), ())
        if not given:
            self.checker.problem(fields["exact"], "`exact` must say `per_hour` or `per_day`, or stand by itself")
        limits = {key: self.checker.integer(node, f"`{key}`", 1, 1_000_000) for key, node in given.items()}
        return Allowance(limits.get("per_hour") or usual, limits.get("per_day"))

    def check_join(self, node: Node, columns: Selector, on_write: str | None) -> None:
        """Whoever could put guesses into a column that he may join by its real values would try out a dictionary."""
        if on_write != "deny":
            message = "`join` goes with `on_write: deny`"
            self.checker.problem(node, message, "who can write guesses into a column could find the values they equal")
        named = [schema is not None and None not in {schema.exact, table.exact} for schema, table in columns.table]
        if not named or not all(named):
            message = "`join` needs `columns` with a `table` that names each table as `schema.table`, without wildcards"
            self.checker.problem(node, message, "a table that somebody makes under a fitting name could hold guesses")

    def treatment(self, node: Node) -> tuple[str | None, Mask | None]:
        if isinstance(node.value, str):
            kind = self.checker.choice(node, "`treatment`", _TREATMENTS)
            return kind, None
        if isinstance(node.value, dict):
            mask = read_mask(node, self.checker)
            return ("mask" if mask else None), mask
        message = f"`treatment` must be `clear`, `deny` or {{mask: NAME}}, not {node.kind}"
        self.checker.problem(node, message)
        return None, None

    def condition(self, node: Node) -> Condition | None:
        if isinstance(node.value, bool):
            return Condition("true" if node.value else "false")
        text = self.checker.text(node, "`when`")
        if text is None:
            return None
        try:
            return Condition(text, self.vocabulary)
        except ConditionError as error:
            for problem in error.problems:
                at = self.inside(node, problem.line, problem.column)
                self.checker.problem(at, f"`when`: {problem.message}", problem.hint)
            return None

    def row_template(self, node: Node) -> RowTemplate | None:
        text = self.checker.text(node, "`rows`")
        if text is None:
            return None
        try:
            return read_rows(text, self.vocabulary.attributes)
        except RowsError as error:
            line = text.count("\n", 0, error.offset) + 1
            column = error.offset - (text.rfind("\n", 0, error.offset) + 1) + 1
            self.checker.problem(self.inside(node, line, column), f"`rows`: {error.message}", error.hint)
            return None

    def inside(self, node: Node, line: int, column: int) -> Node:
        """Give the place of a line and column of a scalar's text, as near as its YAML style allows."""
        if node.style == "|":
            row = node.line + line
            source = self.lines[row - 1] if row <= len(self.lines) else ""
            first = self.lines[node.line] if node.line < len(self.lines) else source
            return Node(node.file, row, len(first) - len(first.lstrip()) + column, None)
        if node.style == ">" or "\n" in str(node.value):
            return node
        return Node(node.file, node.line, node.column + column - 1 + (1 if node.style else 0), None)
