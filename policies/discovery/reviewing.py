"""Reviewing proposals from the command line: which ones are meant, and the file's text with their state and who has reviewed them.

Owns the choice and the editing of single lines, so that comments, order and everything else stay; the result is read again and held
against what was to change. May not do: open files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from policies.discovery.listing import Listing, ListingError, read_listing, scalar
from policies.patterns import NamePattern, read_patterns
from policies.positions import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policies.entries import WrittenEntry

_STATE: Final = re.compile(r"(?P<head>\s+(?:- )?)state:\s*([\"']?)proposed\2(?P<tail>\s*(?:#.*)?)")
_BY: Final = re.compile(r"\s+by:.*")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which proposals are meant: those that meet every part that is given; of several columns or categories, one is enough.

    `columns` are patterns of `database.schema.table.column`; `confidence` is the least.
    """

    columns: tuple[tuple[NamePattern, ...], ...] = ()
    categories: tuple[str, ...] = ()
    confidence: float | None = None

    def means(self, written: WrittenEntry) -> bool:
        """Whether an entry is meant; what is reviewed already never is."""
        entry = written.entry
        if entry.state != "proposed":
            return False
        names = (entry.database, entry.schema, entry.relation, entry.column)
        category = "none" if written.label is None else written.label.category
        return (
            (not self.columns or any(_matches(pattern, names) for pattern in self.columns))
            and (not self.categories or category in self.categories)
            and (self.confidence is None or (written.confidence or 0.0) >= self.confidence)
        )


def choice(columns: Iterable[str], categories: Iterable[str], confidence: float | None) -> Choice:
    """Give the choice that options ask for. Raises PatternError."""
    patterns = tuple(read_patterns(each, 4, "`database.schema.table.column`") for each in columns)
    return Choice(patterns, tuple(categories), confidence)


def reviewed(
    listing: Listing, chosen: Sequence[WrittenEntry], state: Literal["accepted", "rejected"], by: str, file: str
) -> str:
    """Give the file's text with the state of these entries, and who has reviewed them. Raises ListingError.

    It is refused where an entry is not written line by line, or where the text would not read back as the same with just that.
    """
    lines = listing.text.splitlines(keepends=True)
    starts = sorted(each.line for each in listing.entries)
    ends = dict(zip(starts, [*starts[1:], len(lines) + 1], strict=True))
    for each in sorted(chosen, key=lambda one: one.line, reverse=True):  # from the end, so that numbers of lines stay
        begin, end = each.line - 1, ends[each.line] - 1
        lines[begin:end] = _edited(lines[begin:end], state, by, Problem(file, each.line, 1, _UNEDITABLE, _HINT))
    text = "".join(lines)
    wanted = {each.line for each in chosen}
    after = [
        replace(each, entry=replace(each.entry, state=state), by=by) if each.line in wanted else each
        for each in listing.entries
    ]
    found = read_listing(text, file).entries
    if [replace(each, line=0) for each in found] != [replace(each, line=0) for each in after]:
        raise ListingError((Problem(file, 1, 1, _UNEDITABLE, _HINT),))
    return text


_UNEDITABLE: Final = "the entry cannot be edited from the command line"
_HINT: Final = "write each key of it on a line of its own, or review it by hand"


def _edited(lines: list[str], state: str, by: str, problem: Problem) -> list[str]:
    """The lines of one entry with its state and reviewer."""
    out: list[str] = []
    done = 0
    for line in lines:
        body = line.rstrip("\r\n")
        match = _STATE.fullmatch(body)
        if match is not None:
            ending = line[len(body) :] or "\n"
            head = match["head"]
            out += [f"{head}state: {state}{match['tail']}{ending}", f"{head.replace('-', ' ')}by: {scalar(by)}{ending}"]
            done += 1
        elif not _BY.fullmatch(body):
            out.append(line)
    if done != 1:
        raise ListingError((problem,))
    return out


def _matches(pattern: tuple[NamePattern, ...], names: tuple[NamePattern, ...]) -> bool:
    """Whether a pattern means an entry; of one with wildcards, it has to be the same or mean everything."""
    return all(
        part.matches(name.exact) if name.exact is not None else part.glob in {"*", name.glob}
        for part, name in zip(pattern, names, strict=True)
    )
