"""The type a masked value must have: families of types, their bounds, and the constant that hides any value.

Owns what the masks know of the types of MySQL and MariaDB. May not do: look anything up; all is read off the `Column`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rewriter.keys import KeyMaterial
from rewriter.mysql.masks.literals import binary, literal

if TYPE_CHECKING:
    from rewriter.mysql.catalog import Column

TEXTS: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
INTEGERS: Final[Mapping[str, int]] = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
"""Bits."""
FLOATS: Final = frozenset({"float", "double"})
DATES: Final = frozenset({"date", "datetime", "timestamp"})
BINARIES: Final = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})

_MERGING: Final = BINARIES | INTEGERS.keys() | {"uuid", "inet4", "inet6"}
"""Types without a collation that a constant becomes of when it meets the column."""

_TINYTEXT = 63  # characters of four bytes that its 255 bytes hold
_PADDING = 4  # characters that stand for hidden text, whatever its length
_MODIFIERS = re.compile(r"\w+\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_MEMBER = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True)
class Target:
    """The type of a masked column.

    `base` is the first word of the type; "json" for text that MariaDB checks to be JSON as well, which has a
    `character_set`. `modifiers` are the numbers behind it, `members` the words of an enum or set.
    """

    base: str
    modifiers: tuple[int, ...] = ()
    unsigned: bool = False
    zerofill: bool = False
    members: tuple[str, ...] = ()
    character_set: str | None = None

    @property
    def length(self) -> int | None:
        """Characters a text, or bytes a binary string may have; None for any number."""
        if self.base == "tinytext":
            return _TINYTEXT
        return self.modifiers[0] if self.base in ("char", "varchar", "binary", "varbinary") and self.modifiers else None

    @property
    def is_text(self) -> bool:
        """True for character strings of any content."""
        return self.base in TEXTS

    @property
    def merges(self) -> bool:
        """True when an expression gets nearer to the column's type by having the column itself as a branch."""
        return self.character_set is not None or self.base in _MERGING

    @property
    def size(self) -> tuple[int, int]:
        """Precision and scale of a decimal."""
        precision, scale = (*self.modifiers, 10, 0)[:2] if len(self.modifiers) != 1 else (self.modifiers[0], 0)
        return precision, scale

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest number of an integer type."""
        bits = INTEGERS[self.base]
        return (0, 2**bits - 1) if self.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def number(self, expression: str) -> str:
        """Give an expression of whole numbers the signedness of the type."""
        return f"CAST({expression} AS {'UNSIGNED' if self.unsigned else 'SIGNED'})"


@dataclass(frozen=True, slots=True)
class Request:
    """What a mask is asked for: the type to keep, the SQL that reads the value, the parameters, the key if there is one.

    `padded`: a char comes with its padding, which the session's sql_mode may ask for.
    """

    target: Target
    reference: str
    parameters: Mapping[str, str | int | bool]
    key: KeyMaterial | None = None
    padded: bool = True

    @property
    def text(self) -> str:
        """SQL for a value of a character type, without padding."""
        return f"RTRIM({self.reference})" if self.padded and self.target.base == "char" else self.reference

    @property
    def typed(self) -> str:
        """SQL of the column's type: text for enums and sets, which are announced as such only where a column is read."""
        return f"CONCAT({self.reference})" if self.target.base in ("enum", "set") else self.reference


@dataclass(frozen=True, slots=True)
class Cases:
    """What is shown by what a value is: what stands beside the first condition that is true, else `otherwise`.

    `cases` are conditions, none of which is true of NULL, each with what is shown then.
    """

    cases: tuple[tuple[str, str], ...]
    otherwise: str


Shown = str | Cases
"""SQL of what stands for a value that is not NULL."""


def target_of(column: Column) -> Target:
    """Read a column's type off its description."""
    base = column.base_type
    words = column.type_name.lower()
    match = _MODIFIERS.match(words)
    modifiers = tuple(int(number) for number in match.groups() if number is not None) if match else ()
    members: tuple[str, ...] = ()
    if base in ("enum", "set"):
        members = tuple(member.replace("''", "'") for member in _MEMBER.findall(column.type_name))
        modifiers, words = (), ""
    return Target(base, modifiers, "unsigned" in words, "zerofill" in words, members, column.character_set)


def hidden(target: Target, character: str = "*") -> str | None:
    """Give the constant that `full` shows: the same whatever the value is. None for a type that has none."""
    if target.is_text:
        return literal(padding(target, character))
    make = _HIDDEN.get(target.base)
    return make(target) if make else None


def decimal(target: Target, expression: str) -> str:
    """Give an expression the size of a decimal type."""
    precision, scale = target.size
    return f"CAST({expression} AS DECIMAL({precision},{scale}))"


def moment(target: Target, text: str) -> str:
    """Write a datetime or time with as many digits behind the second as the type has."""
    digits = target.modifiers[0] if target.modifiers else 0
    word = "TIMESTAMP" if target.base == "datetime" else "TIME"
    return f"{word}'{text}{'.' + '0' * digits if digits else ''}'"


def stamp(target: Target, seconds: str) -> str:
    """Show a second since 1970 began in UTC as the session's time zone has it, which is how a timestamp is shown."""
    digits = target.modifiers[0] if target.modifiers else 0
    return f"CAST(FROM_UNIXTIME({seconds}) AS DATETIME({digits}))"


def padding(target: Target, character: str, taken: int = 0) -> str:
    """Give the pad that stands for hidden characters: four, or as many as the column's type leaves."""
    room = _PADDING if target.length is None else target.length - taken
    return character * max(1, min(_PADDING, room))


_HIDDEN: Final[Mapping[str, Callable[[Target], str]]] = {
    **dict.fromkeys(INTEGERS, lambda target: target.number("0") if target.unsigned else "0"),
    **dict.fromkeys(BINARIES, lambda _: binary(b"")),
    "binary": lambda target: binary(bytes(target.modifiers[0] if target.modifiers else 1)),
    "bit": lambda _: "CAST(0 AS UNSIGNED)",  # no expression is of type BIT; a number compares as its bits do
    "decimal": lambda target: decimal(target, "0"),
    "double": lambda _: "0e0",
    "float": lambda _: "CAST(0 AS FLOAT)",
    "date": lambda _: "DATE'1970-01-01'",
    "datetime": lambda target: moment(target, "1970-01-01 00:00:00"),
    "timestamp": lambda target: stamp(target, "0"),
    "time": lambda target: moment(target, "00:00:00"),
    "year": lambda _: "1970",
    "json": lambda target: literal("{}") if target.character_set is not None else "CAST(_utf8mb4'{}' AS JSON)",
    "set": lambda _: literal(""),
    "uuid": lambda _: literal("00000000-0000-0000-0000-000000000000"),
    "inet6": lambda _: literal("::"),
    "inet4": lambda _: literal("0.0.0.0"),  # noqa: S104  a constant that is shown, nothing listens on it
}
"""What `full` shows of each type that is not text."""
