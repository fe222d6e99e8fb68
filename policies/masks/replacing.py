"""`replace`: the parts of a text that match a pattern, replaced.

Owns the little language of patterns: characters, classes and counts, in which a text matches in one way only. So Python, PostgreSQL, MySQL
and MariaDB give the same result, and none of them ever goes back to try another way, which could take it hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from policies.masks.schema import Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell, Parameters

LONGEST: Final = 500
"""Characters of a text in which parts are replaced: MySQL gives up after some time (regexp_time_limit)."""
_MOST = 64  # of a count
_OTHER = 128  # stands for all characters beyond ASCII
_ALL: Final = frozenset(range(_OTHER + 1))
_DIGITS: Final = frozenset(map(ord, "0123456789"))
_LETTERS: Final = frozenset(map(ord, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_NAMED: Final = {
    "d": _DIGITS,
    "w": _DIGITS | _LETTERS | {ord("_")},
    "s": frozenset(map(ord, " \t\n\v\f\r")),
    "D": _ALL - _DIGITS,
    "W": _ALL - _DIGITS - _LETTERS - {ord("_")},
    "S": _ALL - frozenset(map(ord, " \t\n\v\f\r")),
}
_TOKEN = re.compile(
    r"""(?P<class>\[\^?(?:\\[ -~]|[^\]\\])+\]) | \\(?P<escaped>[ -~]) | (?P<refused>[.()|^$\[\]*+?{}]) | (?P<plain>[ -~])""",
    re.VERBOSE,
)
_COUNT = re.compile(r"(?P<sign>[*+?])|\{(?P<least>\d{1,3})(?P<comma>,(?P<most>\d{1,3})?)?\}")
_INSIDE = re.compile(r"\\(?P<escaped>[ -~])|(?P<first>[ -~])(?:-(?P<last>[^\]\\]))?")
_BY = re.compile(
    r"[ !-#%'-\[\]-~]*"
)  # printable ASCII without $, & and the backslash, which mean something to one or another


class PatternError(ValueError):
    """A pattern that is not of this language; the message says why."""


@dataclass(frozen=True, slots=True)
class Atom:
    """Characters, and how many of them: `most` is None for any number."""

    characters: frozenset[int]
    least: int = 1
    most: int | None = 1

    def written(self, escape: str, *, possessive: bool) -> str:
        """Write it as a regular expression; `escape` formats a character's code, `possessive` forbids going back."""
        negated = _OTHER in self.characters
        codes = sorted(_ALL - self.characters if negated else self.characters)
        runs = [list(run) for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0])]
        spans = "".join(_span(run[0][1], run[-1][1], escape) for run in runs)
        count = {(1, 1): "", (0, 1): "?", (0, None): "*", (1, None): "+"}.get((self.least, self.most))
        if count is None:
            most = "" if self.most is None else self.most
            count = f"{{{self.least}}}" if self.least == self.most else f"{{{self.least},{most}}}"
        return f"[{'^' if negated else ''}{spans}]{count}{'+' if possessive and self.least != self.most else ''}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Atoms one behind the other, at the start or the end of the text when `begins` or `ends`."""

    atoms: tuple[Atom, ...]
    begins: bool
    ends: bool

    def written(self, escape: str, start: str, end: str, *, possessive: bool) -> str:
        """Write the whole; `start` and `end` are what an engine calls the ends of the text."""
        middle = "".join(atom.written(escape, possessive=possessive) for atom in self.atoms)
        return f"{start if self.begins else ''}{middle}{end if self.ends else ''}"


def _span(first: int, last: int, escape: str) -> str:
    ends = [chr(code) if code in _LETTERS | _DIGITS else escape.format(code) for code in (first, last)]
    return ends[0] if first == last else "-".join(ends)


@lru_cache(maxsize=256)
def read_pattern(text: str) -> Pattern:
    """Read a pattern. Raises PatternError."""
    begins, ends = text.startswith("^"), text.endswith("$") and not text.endswith("\\$")
    rest = text[1 if begins else 0 : len(text) - 1 if ends else None]
    atoms: list[Atom] = []
    place = 0
    while place < len(rest):
        token = _TOKEN.match(rest, place)
        if token is None or token["refused"] is not None:
            raise PatternError(_refusal(rest[place]))
        place = token.end()
        count = _COUNT.match(rest, place)
        place = count.end() if count else place
        atoms.append(Atom(_characters(token), *_counts(count)))
    _check(atoms)
    return Pattern(tuple(atoms), begins, ends)


def _refusal(character: str) -> str:
    if character == ".":
        return "`.` would take any character: say which ones, such as `[^@]`; the dot itself is `\\.`"
    if character in "(|)":
        return f"`{character}` is not available: groups and alternatives are read differently by the databases"
    if character in "*+?{":
        return f"`{character}` stands behind nothing that it could count; the character itself is `\\{character}`"
    return (
        f"`{character}` cannot stand here; the character itself is `\\{character}`"
        if character.isascii()
        else (f"`{character}` is not available: a pattern has ASCII characters, and classes such as `[^ -~]`")
    )


def _characters(token: re.Match[str]) -> frozenset[int]:
    if token["escaped"] is not None:
        return _escaped(token["escaped"])
    if token["plain"] is not None:
        return frozenset({ord(token["plain"])})
    body = token["class"][1:-1]
    negated = body.startswith("^")
    found: frozenset[int] = frozenset()
    place = 1 if negated else 0
    while place < len(body):
        item = _INSIDE.match(body, place)
        if item is None:
            raise PatternError(_refusal(body[place]))
        place = item.end()
        if item["escaped"] is not None:
            found |= _escaped(item["escaped"])
            continue
        first, last = ord(item["first"]), ord(item["last"] or item["first"])
        if last >= _OTHER or last < first:
            raise PatternError(f"`{item[0]}` is no range")
        found |= frozenset(range(first, last + 1))
    found = _ALL - found if negated else found
    if not found:
        raise PatternError(f"`{token['class']}` takes no character")
    return found


def _escaped(character: str) -> frozenset[int]:
    if character in _NAMED:
        return _NAMED[character]
    if character.isalnum():
        raise PatternError(f"`\\{character}` is not available; there are `\\d`, `\\w`, `\\s`, `\\D`, `\\W` and `\\S`")
    return frozenset({ord(character)})


def _counts(count: re.Match[str] | None) -> tuple[int, int | None]:
    if count is None:
        return 1, 1
    if count["sign"] is not None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[count["sign"]]
    least = int(count["least"])
    most = least if count["comma"] is None else int(count["most"]) if count["most"] else None
    if max(least, most or 0) > _MOST or (most is not None and (most < least or most == 0)):
        raise PatternError(f"`{count[0]}` must count from 0 to {_MOST}, and rise")
    return least, most


def _check(atoms: list[Atom]) -> None:
    """Hold a pattern to matching in one way: what has no fixed count may not run into what can follow it."""
    if not any(atom.least for atom in atoms):
        raise PatternError("the pattern matches nothing at all as well: something in it must occur")
    for number, atom in enumerate(atoms):
        for after in atoms[number + 1 :] if atom.least != atom.most else ():
            if atom.characters & after.characters:
                raise PatternError("a part without a fixed count is followed by one that takes the same characters")
            if after.least:
                break


def _problem(given: Parameters) -> str | None:
    if not _BY.fullmatch(str(given["by"])):
        return "`by` may have printable ASCII characters only, and no `$`, `&` or backslash"
    try:
        read_pattern(str(given["pattern"]))
    except PatternError as error:
        return f"`pattern`: {error}"
    return None


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    if len(cell.value) > LONGEST:
        return cell.pad
    pattern = read_pattern(str(cell.parameters["pattern"])).written(r"\x{:02x}", r"\A", r"\Z", possessive=True)
    shown, found = re.subn(pattern, str(cell.parameters["by"]), cell.value)
    if not found:
        return cell.value if cell.parameters["otherwise"] == "keep" else cell.pad
    return shown[: cell.length]


SCHEMA: Final = MaskSchema(
    "replace",
    "replaces the parts of a text that match a pattern",
    parameters(
        pattern=Parameter(
            "text", None, "what is replaced: characters, classes such as `[0-9]` or `\\d`, counts, `^` and `$`", 1, 200
        ),
        by=Parameter("text", "****", "what stands in its place", 0, 32),
        otherwise=Parameter(
            "choice",
            "full",
            "what becomes of a text in which nothing matches: `full` or `keep`",
            choices=("full", "keep"),
        ),
    ),
    lambda given: f"is shown with `{given['by']}` in place of what matches `{given['pattern']}`",
    _shown,
    example=Example("order 4711 of 2026", {"pattern": "[0-9]{4}"}),
    problem=_problem,
)
