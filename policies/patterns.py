"""Names as policies write them: dotted, quoted like SQL names, with `*` and `?`.

Owns the matching. Unquoted parts fold to lower case as PostgreSQL folds them and may hold wildcards; a part in double
quotes is taken letter by letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_PART = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\s."\'()\[\]{},;]+)')
_ASCII_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


class PatternError(ValueError):
    """A name that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class NamePattern:
    """One part of a name. `exact` is the name itself, or None when there are wildcards in `glob`."""

    exact: str | None
    glob: str

    @property
    def written(self) -> str:
        """The pattern as text."""
        return self.glob if self.exact is None else self.exact

    def matches(self, name: str) -> bool:
        """Tell whether the pattern matches a name as the catalog spells it."""
        if self.exact is not None:
            return self.exact == name
        return self.glob == "*" or _compiled(self.glob).fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in glob), re.DOTALL)


def read_pattern(text: str) -> NamePattern:
    """Read a pattern of one part. Raises PatternError."""
    (part,) = read_patterns(text, 1, "a name")
    return part


def read_patterns(text: str, count: int, shape: str) -> tuple[NamePattern, ...]:
    """Read a dotted pattern of `count` parts; `shape` shows the form in the error. Raises PatternError."""
    parts: list[NamePattern] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise PatternError(
                f"`{text}` is not {shape}: a name is missing or cannot be read at character {position + 1}"
            )
        if match["quoted"] is not None:
            parts.append(NamePattern(match["quoted"].replace('""', '"'), ""))
        else:
            parts.append(_plain(match["plain"]))
        position = match.end()
        if position == len(text):
            break
        if text[position] != ".":
            raise PatternError(f"`{text}` is not {shape}: a `.` is expected at character {position + 1}")
        position += 1
    if len(parts) != count:
        raise PatternError(
            f"`{text}` is not {shape}: it has {len(parts)} {'part' if len(parts) == 1 else 'parts'}, not {count}"
        )
    return tuple(parts)


def _plain(text: str) -> NamePattern:
    folded = text.translate(_ASCII_UPPER)
    return NamePattern(None, folded) if "*" in folded or "?" in folded else NamePattern(folded, "")
