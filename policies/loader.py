"""The policy file: YAML text to a `PolicySet`, or all that is wrong with it.

Owns the keys of the file (docs/policies.md is checked against `SCHEMA`). Every problem is reported at once, with line
and column; a file with any problem gives no policies at all.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from policies.conditions import Condition, ConditionError
from policies.decide import PolicySet
from policies.dictionary import Dictionary, DictionaryEntry
from policies.masks import CATEGORY_DEFAULTS, read_mask
from policies.model import Label
from policies.patterns import NamePattern, PatternError, read_pattern, read_patterns
from policies.positions import Checker, DocumentError, Node, Problem, compose, suggestion
from policies.rows import RowsError, RowTemplate, read_rows
from policies.rules import COMPARISONS, LevelTest, Rule, Selector

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from policies.model import Mask

SCHEMA: Final[Mapping[str, tuple[str, ...]]] = {
    "policies": ("version", "description", "dictionary", "categories", "rules", "functions"),
    "dictionary": ("column", "category", "level"),
    "rules": ("name", "description", "columns", "when", "rows", "treatment", "on_write", "search", "join", "explain"),
    "columns": ("category", "level", "schema", "table", "column"),
}
"""The keys of each mapping of the file."""

MAX_LEVEL: Final = 5
"""Levels of sensitivity run from 1 to 5 (JR/T 0197-2020)."""

_LATER: Final = ("filter", "limits")
SEARCHES_PER_HOUR: Final = 100
"""What `search: exact` allows: enough for a counter clerk, and far from trying out a numbering plan."""

JOINS_PER_HOUR: Final = 100
"""What `join: exact` allows: the same."""

_TREATMENTS = ("clear", "deny")
_ON_WRITE = ("preserve", "deny", "allow")
_EXPLAIN = ("allow", "deny")


class PolicyError(DocumentError):
    """A policy file with problems."""


def load_policies(path: Path) -> PolicySet:
    """Read a policy file. Raises PolicyError with every problem, also when the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError((Problem(str(path), 1, 1, f"the file cannot be read: {error.strerror}"),)) from error
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: byte {error.start + 1} cannot be read"
        raise PolicyError((Problem(str(path), 1, 1, message),)) from error
    return parse_policies(text, file=str(path))


def parse_policies(text: str, file: str = "policies") -> PolicySet:
    """Read policies from text; `file` names it in problems. Raises PolicyError with every problem."""
    root, problems = compose(text, file)
    if root is None:
        raise PolicyError(problems or (Problem(file, 1, 1, "the file is empty", "begin with `version: 1`"),))
    reader = _Reader(Checker(problems), text)
    policies = reader.policies(root)
    if reader.checker.problems:
        raise PolicyError(reader.checker.problems)
    return policies


class _Reader:
    """Reads the parts of one file in order; problems go to the checker."""

    def __init__(self, checker: Checker, text: str) -> None:
        self.checker = checker
        self.text = text
        self.lines = text.splitlines()

    def policies(self, root: Node) -> PolicySet:
        checker = self.checker
        fields = checker.fields(root, "a policy file", SCHEMA["policies"], ("version",))
        if "version" in fields and fields["version"].value != 1:
            checker.problem(fields["version"], "`version` must be 1", "this is the only version there is")
        description = checker.text(fields["description"], "`description`") if "description" in fields else None
        entries = self.dictionary(fields["dictionary"]) if "dictionary" in fields else ()
        dictionary = Dictionary(entries)
        defaults = self.categories(fields["categories"]) if "categories" in fields else {}
        known = dictionary.categories | set(defaults) | set(CATEGORY_DEFAULTS)
        rules = self.rules(fields["rules"], known) if "rules" in fields else ()
        functions = self.functions(fields["functions"]) if "functions" in fields else frozenset()
        revision = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        return PolicySet(revision, dictionary, rules, defaults=defaults, functions=functions, description=description)

    def dictionary(self, node: Node) -> tuple[DictionaryEntry, ...]:
        entries: list[DictionaryEntry] = []
        for item in self.checker.items(node, "`dictionary`"):
            keys = SCHEMA["dictionary"]
            fields = self.checker.fields(item, "a dictionary entry", keys, keys)
            if len(fields) < len(keys):
                continue
            names = self.patterns(fields["column"], "`column`", 4, "`database.schema.table.column`")
            category = self.category_name(fields["category"])
            level = self.checker.integer(fields["level"], "`level`", 1, MAX_LEVEL)
            if names and category and level:
                database, schema, relation, column = names
                entries.append(DictionaryEntry(database, schema, relation, column, Label(category, level)))
        return tuple(entries)

    def category_name(self, node: Node) -> str | None:
        category = self.checker.text(node, "`category`")
        if category is None or re.fullmatch(r"[^\W\d]\w*", category):
            return category
        self.checker.problem(node, f"`{category}` cannot be a category", "use letters, digits and `_`")
        return None

    def categories(self, node: Node) -> dict[str, Mask]:
        masks: dict[str, Mask] = {}
        for name, entry in self.checker.mapping(node, "`categories`").items():
            self.category_name(entry.key)
            mask = read_mask(entry.value, self.checker)
            if mask is not None:
                masks[name] = mask
        return masks

    def functions(self, node: Node) -> frozenset[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for item in self.checker.items(node, "`functions`"):
            names = self.patterns(item, "a function", 2, "`schema.function`")
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
        if isinstance(node.value, dict):
            for later in _LATER:
                if later in node.value:
                    checker.problem(node.value[later].key, f"`{later}` is not available in this version")
        keys = SCHEMA["rules"]
        fields = checker.fields(node, "a rule", (*keys, *_LATER), ("name", "columns", "treatment"))
        if "description" in fields:
            checker.text(fields["description"], "`description`")
        name = checker.text(fields["name"], "`name`") if "name" in fields else None
        columns = self.selector(fields["columns"], categories) if "columns" in fields else Selector()
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
    ) -> tuple[int | None, int | None]:
        """`search` and `join`, how often an hour each; `masked`: the rule masks its columns on all rows."""
        found: dict[str, int | None] = {"search": None, "join": None}
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

    def permission(self, name: str, node: Node, usual: int) -> int | None:
        """`exact`, or {exact: {per_hour: N}}: how often an hour the real values may be compared."""
        if node.value == "exact":
            return usual
        if not isinstance(node.value, dict):
            self.checker.problem(node, f"`{name}` must be `exact` or {{exact: {{per_hour: NUMBER}}}}")
            return None
        fields = self.checker.fields(node, f"`{name}`", ("exact",), ("exact",))
        if "exact" not in fields:
            return None
        limits = self.checker.fields(fields["exact"], "`exact`", ("per_hour",), ("per_hour",))
        return self.checker.integer(limits["per_hour"], "`per_hour`", 1, 1_000_000) if "per_hour" in limits else None

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

    def selector(self, node: Node, categories: Collection[str]) -> Selector:
        fields = self.checker.fields(node, "`columns`", SCHEMA["columns"])
        if isinstance(node.value, dict) and not node.value:
            self.checker.problem(node, "`columns` is empty", 'to mean every labelled column, write {category: "*"}')
        return Selector(
            category=self.category_patterns(fields["category"], categories) if "category" in fields else (),
            level=self.levels(fields["level"]) if "level" in fields else (),
            schema=self.names(fields["schema"], "`schema`") if "schema" in fields else (),
            table=self.tables(fields["table"]) if "table" in fields else (),
            column=self.names(fields["column"], "`column`") if "column" in fields else (),
        )

    def category_patterns(self, node: Node, categories: Collection[str]) -> tuple[NamePattern, ...]:
        patterns: list[NamePattern] = []
        for item in self.some(node, "`category`"):
            text = self.checker.text(item, "`category`")
            if text is None:
                continue
            glob = "*" in text or "?" in text
            pattern = NamePattern(None, text) if glob else NamePattern(text, "")
            if not any(pattern.matches(category) for category in categories):
                self.checker.problem(item, f"no column has the category `{text}`", suggestion(text, categories))
            patterns.append(pattern)
        return tuple(patterns)

    def levels(self, node: Node) -> tuple[LevelTest, ...]:
        tests: list[LevelTest] = []
        for item in self.some(node, "`level`"):
            text = str(item.value) if isinstance(item.value, str | int) else ""
            match = re.fullmatch(rf"\s*({'|'.join(COMPARISONS)})?\s*([1-{MAX_LEVEL}])\s*", text)
            if match and not isinstance(item.value, bool):
                tests.append(LevelTest(match[1] or "=", int(match[2])))
            else:
                self.checker.problem(
                    item, f"`level` must be a level from 1 to {MAX_LEVEL}, or a comparison", 'such as ">=3"'
                )
        return tuple(tests)

    def names(self, node: Node, what: str) -> tuple[NamePattern, ...]:
        return tuple(p for item in self.some(node, what) for p in self.patterns(item, what, 1, "a name"))

    def tables(self, node: Node) -> tuple[tuple[NamePattern | None, NamePattern], ...]:
        found: list[tuple[NamePattern | None, NamePattern]] = []
        for item in self.some(node, "`table`"):
            text = self.checker.text(item, "`table`")
            if text is None:
                continue
            try:
                found.append((None, read_pattern(text)))
            except PatternError:
                names = self.patterns(item, "`table`", 2, "`table` or `schema.table`")
                if names:
                    found.append((names[0], names[1]))
        return tuple(found)

    def some(self, node: Node, what: str) -> tuple[Node, ...]:
        items = self.checker.one_or_more(node)
        if not items:
            self.checker.problem(node, f"{what} is an empty list, which matches nothing")
        return items

    def patterns(self, node: Node, what: str, count: int, shape: str) -> tuple[NamePattern, ...]:
        text = self.checker.text(node, what)
        if text is None:
            return ()
        try:
            return read_patterns(text, count, shape)
        except PatternError as error:
            self.checker.problem(node, str(error))
            return ()

    def condition(self, node: Node) -> Condition | None:
        if isinstance(node.value, bool):
            return Condition("true" if node.value else "false")
        text = self.checker.text(node, "`when`")
        if text is None:
            return None
        try:
            return Condition(text)
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
            return read_rows(text)
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
