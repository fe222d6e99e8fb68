"""What is odd about policies that load: rules that nobody reaches, and row conditions that tell something hidden.

Owns these findings. They are advice, for what is odd may be meant; so nothing here refuses a file. May not do: I/O, deciding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.dictionary import UNREVIEWED
from policies.holding import holding, idle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.conditions import Condition
    from policies.decide import PolicySet
    from policies.filters import Filter
    from policies.model import Label
    from policies.rules import Rule, Selector
    from policies.vocabulary import Vocabulary

_WORD = re.compile(r"'(?:[^']|'')*'|\"(?P<quoted>(?:[^\"]|\"\")+)\"|\{[^}]*\}|(?P<plain>[^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about a rule, which begins at `line` of the policy file."""

    line: int
    rule: str
    message: str


def review(policies: PolicySet) -> tuple[Finding, ...]:
    """Find what is odd, in the order of the file."""
    labels = tuple(dict.fromkeys(entry.label for entry in policies.dictionary.entries if entry.label is not None))
    if policies.dictionary.masks_all:
        labels += (UNREVIEWED,)
    found: list[Finding] = []
    conditions = (
        *((rule.line, rule.name, rule.when) for rule in policies.rules),
        *((each.line, each.name, each.when) for each in policies.filters),
        *((limit.line, limit.limit.rule, limit.when) for limit in policies.limits),
    )
    for line, name, when in conditions:
        found += [Finding(line, name, message) for message in _holds(when, policies.vocabulary)]
    always = {rule.name for rule in policies.rules if _always(rule.when, policies.vocabulary)}
    for index, rule in enumerate(policies.rules):
        messages = _reached(rule, policies.rules[:index], labels, always)
        found += [Finding(rule.line, rule.name, message) for message in (*messages, *_tells(rule, policies))]
    for index, each in enumerate(policies.filters):
        messages = _filtered_before(each, policies.filters[:index], policies.vocabulary)
        found += [Finding(each.line, each.name, message) for message in (*messages, *_compares(each, policies))]
    first = next((each for each in policies.limits if _always(each.when, policies.vocabulary)), None)
    if first is not None:
        later = policies.limits[policies.limits.index(first) + 1 :]
        found += [
            Finding(each.line, each.limit.rule, f"limit `{first.limit.rule}` is everybody's before it")
            for each in later
        ]
    return tuple(sorted(found, key=lambda finding: finding.line))


def _always(when: Condition | None, vocabulary: Vocabulary) -> bool:
    return when is None or holding(when.text, vocabulary) == "always"


def _holds(when: Condition | None, vocabulary: Vocabulary) -> Iterator[str]:
    """What is odd about a condition by itself."""
    if when is None or when.text.strip() == "true":
        return
    found = holding(when.text, vocabulary)
    if found is not None:
        yield f"its condition {found} holds{', whoever asks and whenever' if found == 'always' else ''}"
        return
    for part in idle(when.text, vocabulary):
        yield f"of its condition, `{part}` never holds"


def _filtered_before(one: Filter, earlier: tuple[Filter, ...], vocabulary: Vocabulary) -> Iterator[str]:
    """The filter that decides of all its tables first, if there is one."""
    for other in earlier:
        if set(one.tables) <= set(other.tables) and _always(other.when, vocabulary):
            yield f"filter `{other.name}` decides all its tables first"
            return


def _compares(each: Filter, policies: PolicySet) -> Iterator[str]:
    """Which sensitive columns a filter compares: which rows are there tells what it says of them."""
    words = _words(each.rows.source)
    names = (entry.column.exact for entry in policies.dictionary.entries if entry.label is not None)
    for name in dict.fromkeys(name for name in names if name is not None and name in words):
        yield f"its `rows` compare `{name}`, which is sensitive: whoever sees a row learns what the condition says of `{name}`"


def _words(source: str) -> set[str]:
    """The names that a condition may have."""
    return {(match["plain"] and match["plain"].lower()) or match["quoted"] for match in _WORD.finditer(source)}


def _reached(rule: Rule, earlier: tuple[Rule, ...], labels: tuple[Label, ...], always: set[str]) -> Iterator[str]:
    """Why a rule never decides: the first reason that there is."""
    meant = tuple(label for label in labels if rule.columns.matches_label(label))
    if not meant:
        yield "no column of the dictionary is meant by it"
    else:
        for other in earlier:
            if _decides_first(other, rule, meant, always):
                yield f"rule `{other.name}` decides all its columns first"
                return


def _decides_first(other: Rule, rule: Rule, meant: tuple[Label, ...], always: set[str]) -> bool:
    """Whether an earlier rule applies whenever a later one would, to all of its columns; `always` are those that always apply.

    A row condition decides every row: those that do not meet it get the default mask.
    """
    same = other.when is not None and rule.when is not None and other.when.text.strip() == rule.when.text.strip()
    if other.name not in always and not same:
        return False
    return all(other.columns.matches_label(label) for label in meant) and _names_within(rule.columns, other.columns)


def _names_within(inner: Selector, outer: Selector) -> bool:
    """Whether every name that the inner selector means is one of the outer's, as far as their texts tell."""
    pairs = ((inner.schema, outer.schema), (inner.table, outer.table), (inner.column, outer.column))
    return all(not wide or (narrow and set(narrow) <= set(wide)) for narrow, wide in pairs)


def _tells(rule: Rule, policies: PolicySet) -> Iterator[str]:
    """Which sensitive columns a row condition compares that the rule itself does not show."""
    if rule.rows is None:
        return
    words = _words(rule.rows.source)
    told: dict[str, None] = {}
    for entry in policies.dictionary.entries:
        name, label = entry.column.exact, entry.label
        if name in words and name is not None and label is not None and not rule.columns.matches_label(label):
            told[name] = None
    for name in told:
        yield (
            f"its `rows` compare `{name}`, which is sensitive and not among its columns: who sees a row clear by it learns "
            f"what the condition says of `{name}`"
        )
