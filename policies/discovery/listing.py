"""The dictionary file of a database: what is new, gone or changed in it, and its text, in which a person's words stay.

Owns the comparison of findings with what a person has reviewed, and the writing. A reviewed entry is never changed; text is added and
replaced entry by entry, so that comments and order stay. May not do: open files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from policies.dictionary import EntryIndex
from policies.discovery.model import Finding, FullName, ScannedColumn
from policies.discovery.standards import Grade
from policies.entries import HARMLESS, WrittenEntry, read_dictionary_file
from policies.positions import Checker, DocumentError, Node, Problem, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

Status = Literal["new", "changed", "gone", "same", "known"]
"""Of a column against the file: new is proposed for the first time; changed: its type, or what is proposed; gone: it is in the file alone;
same: as the file has it; known: a pattern of the file or the policies means it."""

HEADER: Final = """\
# What `louver discover` found, for a person to review. For each entry: set `state` to accepted or rejected and write your name as `by`;
# correct `category` and `level` where they are wrong. Discovery never changes a reviewed entry, and keeps comments.
version: 1
dictionary:
"""

_NONE_YET: Final = "dictionary: []\n"
"""The end of a file without entries."""

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_$]*")
_LOWER: Final = re.compile(r"[^\sA-Z.\"'()\[\]{},;*?]+")


class ListingError(DocumentError):
    """A dictionary file that cannot be used or cannot be added to."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a scan says of one column: its category and grade, or neither where nothing was found."""

    column: ScannedColumn
    finding: Finding | None = None
    grade: Grade | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One column against the file. `why` says what has changed; `written` is what the file has of it."""

    status: Status
    name: FullName
    proposal: Proposal | None = None
    written: WrittenEntry | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A dictionary file that was read: its text, its entries, and the lines on which each begins."""

    text: str
    entries: tuple[WrittenEntry, ...]
    block: bool  # its entries stand one below the other, and nothing comes after them: it can be added to


def read_listing(text: str, file: str) -> Listing:
    """Read a dictionary file. Raises ListingError with every problem."""
    root, problems = compose(text, file)
    if root is None:
        raise ListingError(problems or (Problem(file, 1, 1, "the file is empty", "remove it, and it is written anew"),))
    checker = Checker(problems)
    entries = read_dictionary_file(root, checker)
    if checker.problems:
        raise ListingError(checker.problems)
    return Listing(text, entries, _is_block(root, text))


def compare(
    proposals: Sequence[Proposal],
    listed: Iterable[WrittenEntry],
    known: Collection[FullName] = (),
    *,
    scope: Callable[[FullName], bool],
) -> tuple[Change, ...]:
    """Hold what a scan found against a dictionary file.

    `known` are columns that the policies label without this file, `scope` tells what was scanned: what the
    file has elsewhere is left alone. In the order of the proposals, what is gone at the end.
    """
    entries = tuple(listed)
    exact: dict[FullName, WrittenEntry] = {}
    for each in entries:
        if each.exact is not None:
            exact.setdefault(each.exact, each)
    patterns = EntryIndex(each.entry for each in entries if each.exact is None and each.entry.state != "proposed")
    changes = []
    for proposal in proposals:
        name = proposal.column.name
        if name in exact:
            changes.append(_against(proposal, name, exact[name]))
        elif patterns.first(*name) is not None or name in known:
            changes.append(Change("known", name, proposal))
        else:
            changes.append(Change("new", name, proposal))
    there = {proposal.column.name for proposal in proposals}
    gone = [name for name in exact if name not in there and scope(name)]
    changes += (Change("gone", name, written=exact[name], why="the column is no longer there") for name in gone)
    return tuple(changes)


def _against(proposal: Proposal, name: FullName, written: WrittenEntry) -> Change:
    """A column that the file has an entry of."""
    why = []
    if written.type and written.type != proposal.column.type:
        why.append(f"its type was {written.type}")
    category = proposal.finding.category if proposal.finding and proposal.grade else HARMLESS
    before = written.label.category if written.label else HARMLESS
    state = written.entry.state
    # a proposal stays when its evidence has gone, for example with the rows: only a person takes protection away
    if state == "proposed" and category not in {before, HARMLESS}:
        why.append(f"it looks like {category}, not {before}")
    elif state == "rejected" and category not in {before, HARMLESS}:
        why.append(f"{before} was rejected, but it looks like {category}")
    elif state == "proposed" and written.label and proposal.grade and written.label.level != proposal.grade.level:
        why.append(f"its level was {written.label.level}")
    return Change("changed" if why else "same", name, proposal, written, "; ".join(why))


def update(listing: Listing, changes: Iterable[Change], file: str) -> str:
    """Give the file's text with new entries at its end and proposals that have changed replaced; reviewed ones stay.

    Raises ListingError when the file is written so that nothing can be added to it.
    """
    changes = tuple(changes)
    text = listing.text
    if not listing.entries:
        text = text.removesuffix(_NONE_YET) + "dictionary:\n"
    lines = text.splitlines(keepends=True)
    starts = sorted(each.line for each in listing.entries)
    replaced = {
        change.written.line: change
        for change in changes
        if change.status == "changed" and change.written is not None and change.written.entry.state == "proposed"
    }
    added = [change for change in changes if change.status == "new" and change.proposal is not None]
    if not replaced and not added:
        return listing.text
    if not listing.block:
        message = "the file cannot be added to: its entries do not stand one below the other at its end"
        raise ListingError(
            (Problem(file, 1, 1, message, "write each as `- column: ...`, with `dictionary` as the last key"),)
        )
    out: list[str] = lines[: starts[0] - 1] if starts else lines
    for start, end in zip(starts, [*starts[1:], len(lines) + 1], strict=bool(starts)):
        old = lines[start - 1 : end - 1]
        change = replaced.get(start)
        if change is not None and change.proposal is not None:
            kept = [line for line in old if line.lstrip().startswith("#") or not line.strip()]
            out += [entry_text(change.name, change.proposal, note=change.written.note if change.written else ""), *kept]
        else:
            out += old
    if out and not out[-1].endswith("\n"):
        out[-1] += "\n"
    return "".join([*out, *(entry_text(each.name, each.proposal) for each in added if each.proposal is not None)])


def new_text(changes: Iterable[Change]) -> str:
    """Give the text of a file that is not there yet."""
    entries = [
        entry_text(each.name, each.proposal) for each in changes if each.status == "new" and each.proposal is not None
    ]
    return HEADER + "".join(entries) if entries else HEADER.removesuffix("dictionary:\n") + _NONE_YET


def entry_text(name: FullName, proposal: Proposal, note: str = "") -> str:
    """Write one proposed entry."""
    finding, grade = proposal.finding, proposal.grade
    fields: dict[str, str] = {"column": scalar(".".join(map(_part, name)))}
    if finding is not None and grade is not None:
        fields |= {"category": finding.category, "level": str(grade.level)}
    else:
        fields["category"] = HARMLESS
    fields["state"] = "proposed"
    if finding is not None and grade is not None:
        fields["confidence"] = f"{finding.confidence:.2f}"
    fields["type"] = scalar(proposal.column.type)
    if finding is not None and grade is not None:
        fields["evidence"] = scalar("; ".join((*finding.evidence, str(grade))))
    if note:
        fields["note"] = scalar(note)
    return "".join(
        f"  {'- ' if number == 0 else '  '}{key}: {value}\n" for number, (key, value) in enumerate(fields.items())
    )


def _part(name: str) -> str:
    """A name so that the pattern reads it letter by letter."""
    if _PLAIN.fullmatch(name) or (_LOWER.fullmatch(name) and not name.isascii()):
        return name
    return '"' + name.replace('"', '""') + '"'


def scalar(text: str) -> str:
    """A text as YAML reads it back: plain where nothing could be read otherwise, else in double quotes."""
    if re.fullmatch(r"[A-Za-z_][\w .()/%;`-]*[\w)]", text, re.ASCII) and text.lower() not in {
        "null",
        "true",
        "false",
        "none",
    }:
        return text
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    """One character within double quotes (YAML 1.2.2, section 5.7)."""
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def _is_block(root: Node, text: str) -> bool:
    """Whether `dictionary` is the last key, and its entries begin with `  - ` on lines of their own, or there are none yet."""
    assert isinstance(root.value, dict)
    items = root.value["dictionary"].value.value
    if list(root.value)[-1] != "dictionary" or not isinstance(items, tuple):
        return False
    if not items:
        return text.endswith(_NONE_YET)
    lines = text.splitlines()
    return all(item.column == 5 and lines[item.line - 1].startswith("  - ") for item in items)
