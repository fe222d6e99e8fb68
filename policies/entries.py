"""Entries of a dictionary as YAML writes them: the keys of one entry, and its reading.

Owns the keys, which stand alike in a policy file and in a dictionary file of its own, as `louver discover` writes it.
May not do: open files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from policies.dictionary import DictionaryEntry, State
from policies.model import Label
from policies.patterns import NamePattern, PatternError, read_patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.positions import Checker, Node

KEYS: Final = ("column", "category", "level", "state", "by", "confidence", "type", "evidence", "note")
"""The keys of an entry. All but the first three are about its review and change no label but by `state`."""

DICTIONARY_FILE: Final = ("version", "description", "dictionary")
"""The keys of a file that holds nothing but a dictionary."""

HARMLESS: Final = "none"
"""The category of a column that holds nothing sensitive."""

MAX_LEVEL: Final = 5
"""Levels of sensitivity run from 1 to 5 (JR/T 0197-2020)."""

_SHAPE: Final = "`database.schema.table.column`"
_STATES: Final = get_args(State)


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry with what is said about it, and the line it begins on. Absent texts are empty, an absent number None."""

    entry: DictionaryEntry
    line: int
    by: str = ""
    confidence: float | None = None
    type: str = ""
    evidence: str = ""
    note: str = ""

    @property
    def label(self) -> Label | None:
        """The label that the entry speaks of."""
        return self.entry.label

    @property
    def exact(self) -> tuple[str, str, str, str] | None:
        """The one column that the entry means; None when it has wildcards."""
        entry = self.entry
        names = tuple(part.exact for part in (entry.database, entry.schema, entry.relation, entry.column))
        database, schema, relation, column = names
        if database is None or schema is None or relation is None or column is None:
            return None
        return database, schema, relation, column


def read_entries(node: Node, checker: Checker) -> tuple[WrittenEntry, ...]:
    """Read a list of entries; problems go to the checker, and entries with any are left out."""
    found = (_read_entry(item, checker) for item in checker.items(node, "`dictionary`"))
    return tuple(entry for entry in found if entry is not None)


def read_dictionary_file(root: Node, checker: Checker) -> tuple[WrittenEntry, ...]:
    """Read the root of a dictionary file; problems go to the checker."""
    fields = checker.fields(root, "a dictionary file", DICTIONARY_FILE, ("version", "dictionary"))
    if "version" in fields and fields["version"].value != 1:
        checker.problem(fields["version"], "`version` must be 1", "this is the only version there is")
    if "description" in fields:
        checker.text(fields["description"], "`description`")
    return read_entries(fields["dictionary"], checker) if "dictionary" in fields else ()


def read_category(node: Node, checker: Checker) -> str | None:
    """Read the name of a category."""
    category = checker.text(node, "`category`")
    if category is None or re.fullmatch(r"[^\W\d]\w*", category):
        return category
    checker.problem(node, f"`{category}` cannot be a category", "use letters, digits and `_`")
    return None


def _read_entry(node: Node, checker: Checker) -> WrittenEntry | None:
    before = len(checker.problems)
    harmless = isinstance(node.value, dict) and (given := node.value.get("category")) and given.value.value == HARMLESS
    required = KEYS[:2] if harmless else KEYS[:3]
    fields = checker.fields(node, "a dictionary entry", KEYS, required)
    if not all(key in fields for key in required):
        return None
    names = _names(fields["column"], checker)
    category = read_category(fields["category"], checker)
    if harmless and "level" in fields:
        checker.problem(fields["level"], "`level` cannot go with `category: none`", "leave it out")
        return None
    level = 0 if harmless else checker.integer(fields["level"], "`level`", 1, MAX_LEVEL)
    state = _state(node, fields, checker)
    confidence = checker.number(fields["confidence"], "`confidence`", 0, 1) if "confidence" in fields else None
    texts = {
        key: (checker.text(fields[key], f"`{key}`") or "") if key in fields else ""
        for key in ("by", "type", "evidence", "note")
    }
    if len(checker.problems) > before or not names or category is None or level is None:
        return None
    label = None if harmless else Label(category, level)
    database, schema, relation, column = names
    entry = DictionaryEntry(database, schema, relation, column, label, state)
    return WrittenEntry(entry, node.line, confidence=confidence, **texts)


def _names(node: Node, checker: Checker) -> tuple[NamePattern, ...]:
    text = checker.text(node, "`column`")
    if text is None:
        return ()
    try:
        return read_patterns(text, 4, _SHAPE)
    except PatternError as error:
        checker.problem(node, str(error))
        return ()


def _state(node: Node, fields: Mapping[str, Node], checker: Checker) -> State:
    """What a person has said; an entry without `state` is written by one."""
    if "state" not in fields:
        return "accepted"
    chosen = checker.choice(fields["state"], "`state`", _STATES)
    if chosen in {"accepted", "rejected"} and "by" not in fields:
        checker.problem(node, f"an entry that is {chosen} needs the key `by`", "write who has looked at it")
    return next((state for state in _STATES if state == chosen), "proposed")
