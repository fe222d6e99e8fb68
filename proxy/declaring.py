"""What a statement says of its session: SET of a declared attribute, or a comment behind the text (sqlcommenter).

Owns the forms in which clients say it. `louver.NAME` on PostgreSQL and `@louver_NAME` on MySQL are attributes of the session,
`user` among them is whom an application speaks for. May not do: know which attributes there are, or who may say what.
Source of the comment: sqlcommenter specification, https://google.github.io/sqlcommenter/spec/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import unquote

from rewriter.model import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

Family = Literal["postgresql", "mysql"]

USER: Final = "user"
"""The attribute that says for whom an application speaks."""

_PREFIX: Final = "louver_"  # of keys in comments
_VALUE: Final = r"(?:'(?P<text>(?:[^'\\]|'')*)'|(?P<plain>[+-]?[0-9]{1,18}|true|false|on|off)|(?P<none>DEFAULT|NULL))"
_SET: Final[Mapping[Family, re.Pattern[str]]] = {
    "postgresql": re.compile(
        rf"\s*(?:SET\s+(?:SESSION\s+)?louver\.(?P<name>[a-z_0-9]+)\s*(?:=|\bTO\b)\s*{_VALUE}|RESET\s+louver\.(?P<reset>[a-z_0-9]+))\s*;?\s*",
        re.IGNORECASE,
    ),
    "mysql": re.compile(rf"\s*SET\s+@louver_(?P<name>[a-z_0-9]+)\s*:?=\s*{_VALUE}\s*;?\s*", re.IGNORECASE),
}
_LIKE_SET: Final[Mapping[Family, re.Pattern[str]]] = {
    "postgresql": re.compile(r"\s*(?:SET|RESET)\s[^'$]*?\blouver\s*\.", re.IGNORECASE),
    "mysql": re.compile(r"\s*SET\s[^'\"]*?@\s*[`'\"]?louver_", re.IGNORECASE),
}
_HINTS: Final[Mapping[Family, str]] = {
    "postgresql": "Write SET louver.name = 'value' as a statement of its own.",
    "mysql": "Write SET @louver_name = 'value' as a statement of its own.",
}
_FORGETS: Final = re.compile(r"\b(?:RESET|DISCARD)\s+ALL\b", re.IGNORECASE)
_FORGETTING: Final = frozenset({"VariableSetStmt", "DiscardStmt"})

_PAIR: Final = rb"\s*[\w%.~-]+='(?:[\w%.~!()+:@,-]|\\')*'\s*"
_COMMENT: Final = re.compile(rb"/\*(" + _PAIR + rb"(?:," + _PAIR + rb")*)\*/\s*;?\s*$")
_KEY: Final = re.compile(rb"([\w%.~-]+)='((?:[^'\\]|\\')*)'")
_MENTION: Final = re.compile(rb"(?<!@)louver_user", re.IGNORECASE)  # SET @louver_user is no comment
_LONGEST: Final = 4096  # bytes of a comment that are looked at


class Declaration(NamedTuple):
    """A session says that `name` is `value` from now on; None takes it back. An empty name takes everything back."""

    name: str
    value: str | None


class Comment(NamedTuple):
    """A comment at the end of a text: where it begins, and what it says of one statement, by name."""

    start: int
    said: Mapping[str, str]


def declaration(text: str, family: Family) -> Declaration | None:
    """What a text declares; None when it is another statement. Raises Refusal for one that declares in a form we cannot follow."""
    if "louver" not in text.lower():
        return None
    match = _SET[family].fullmatch(text)
    if match is None:
        if _LIKE_SET[family].match(text):
            raise Refusal("42601", "this form of declaring is not understood", hint=_HINTS[family])
        return None
    fields = match.groupdict()
    name = (fields["name"] or fields["reset"] or "").lower()
    if name.startswith("key"):  # where the key of masks lies; the rewriter says so
        return None
    if fields["text"] is not None:
        return Declaration(name, fields["text"].replace("''", "'"))
    return Declaration(name, fields["plain"])


def declaring(declared: Declaration, family: Family) -> str | None:
    """What the server is told of a declaration; None when it can be told as the client has said it.

    PostgreSQL takes no reserved word for the name of a setting unless it is quoted.
    """
    if family == "mysql":
        return None
    if declared.value is None:
        return f'RESET louver."{declared.name}"'
    return f'SET louver."{declared.name}" = {_quoted(declared.value)}'


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def forgets(kinds: tuple[str, ...], text: str) -> bool:
    """Whether a text of these kinds makes a PostgreSQL session forget what was set, as pools have it done between two clients."""
    return not _FORGETTING.isdisjoint(kinds) and _FORGETS.search(text) is not None


def comment(text: bytes) -> Comment | None:
    """The sqlcommenter comment at the end of a text, None without one. Raises Refusal when a text says twice who is asking.

    What stands elsewhere in the text may be a value that somebody typed; only the last comment is the application's.
    """
    tail = text[-_LONGEST:]
    if not tail.rstrip(b"; \t\r\n").endswith(b"*/"):
        match = None
    else:
        begins = tail.rfind(b"/*")
        match = None if begins < 0 else _COMMENT.match(tail, begins)
    mentions = len(_MENTION.findall(text))
    if match is None:
        if mentions:
            raise Refusal(
                "42601",
                "louver_user is not in a comment at the end of the statement",
                hint="Write /*louver_user='name'*/ behind the statement, with the name URL-encoded.",
            )
        return None
    said = {}
    for key, value in _KEY.findall(match[1]):
        name = unquote(key.decode("ascii", "replace"))
        if name.startswith(_PREFIX):
            name = name.removeprefix(_PREFIX)
            if name in said:
                mentions = 2
            said[name] = unquote(value.decode("ascii", "replace").replace("\\'", "'"))
    if mentions > (USER in said):
        raise Refusal("42601", "the statement says more than once who is asking", hint="Say louver_user once.")
    return Comment(len(text) - len(tail) + match.start(), said)
