"""What a mask is: its parameters, what a caller sees of it in words, and what it makes of a value in Python.

Owns the shapes that every mask fills in, one file each beside this one. May not do: SQL; the rewriter renders what is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from uuid import UUID

ParameterValue: TypeAlias = str | int | bool
Parameters: TypeAlias = Mapping[str, ParameterValue]
Value: TypeAlias = str | int | float | Decimal | date | bytes | UUID
"""A value that is not NULL. Dates with a time of day are `datetime`; a whole number is that of a bigint."""

PAD_CHARACTERS: Final = "*#?_.-+=~^%@!$&/|<>()[]{}:;,xX"
"""What stands for hidden characters: one byte in every encoding, so that a masked value is never longer in bytes."""
PAD: Final = 4
"""Characters that stand for hidden text, whatever its length."""
MAX_KEPT: Final = 64
"""Characters that may be kept at one end: an IBAN has 34; more is hardly a mask."""

Kind: TypeAlias = Literal["integer", "boolean", "character", "value", "choice", "text", "numbers", "texts"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a mask. `minimum` and `maximum` bound whole numbers, and the length of text and of lists.

    `choices` are what a choice may be, text or whole numbers. A list is kept as text: numbers with commas between them, texts
    with line ends.
    """

    kind: Kind
    default: ParameterValue | None  # None: it must be given
    meaning: str
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """What a mask is asked for: a value, the parameters, the characters that its column holds, the secret of keyed masks."""

    value: Value
    parameters: Parameters
    length: int | None = None
    secret: bytes | None = field(default=None, repr=False)

    @property
    def character(self) -> str:
        """The pad character."""
        return str(self.parameters.get("character", "*"))

    @property
    def pad(self) -> str:
        """What is shown of a text of which nothing is."""
        return padding(self.character, self.length)

    def number(self, name: str) -> int:
        """A parameter that is a whole number."""
        return int(self.parameters[name])


@dataclass(frozen=True, slots=True)
class Example:
    """A value that shows what a mask does, and the parameters that must be given for it."""

    value: Value
    given: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MaskSchema:
    """A mask: its parameters, what a caller sees in words, and what it needs of its parameters together.

    `shown` is what becomes of a value; None where the mask does not fit a value of its type.
    """

    name: str
    summary: str
    parameters: Mapping[str, Parameter]
    words: Callable[[Parameters], str]
    shown: Callable[[Cell], Value | None]
    example: Example
    fits: str = "text"
    keyed: bool = False
    problem: Callable[[Parameters], str | None] = lambda _: None

    def written(self, given: Mapping[str, ParameterValue]) -> str:
        """Write a treatment by this mask as a policy does."""
        entries = "".join(f", {name}: {_written(self.parameters[name], value)}" for name, value in given.items())
        name = f'"{self.name}"' if self.name == "null" else self.name
        return f"{{mask: {name}{entries}}}"


def _written(parameter: Parameter, value: ParameterValue) -> str:
    match parameter.kind, value:
        case "numbers" | "texts", str():
            return f"[{', '.join(value.replace(chr(10), ',').split(','))}]"
        case _, bool():
            return str(value).lower()
        case _, str():
            return value if value.isidentifier() else f"'{value.replace(chr(39), chr(39) * 2)}'"
    return str(value)


CHARACTER: Final = Parameter("character", "*", f"what stands for hidden characters: one of `{PAD_CHARACTERS}`")
SCOPE: Final = Parameter("text", "", "what the result is for: other scopes give other results of the same value", 0, 32)


def padding(character: str, length: int | None, taken: int = 0) -> str:
    """Give the pad that stands for hidden characters: four, or as many as a column of `length` leaves."""
    room = PAD if length is None else length - taken
    return character * max(1, min(PAD, room))


def parameters(**named: Parameter) -> Mapping[str, Parameter]:
    """Give the parameters of a mask by name, in their order."""
    return MappingProxyType(named)


def counted(number: int, what: str) -> str:
    """Say how many: "4 digits", "1 digit"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def ends(first: int, last: int, what: str) -> str:
    """Say which ends are seen: "the first 3 and last 4 characters"."""
    seen = [f"{end} {number}" for end, number in (("first", first), ("last", last)) if number]
    if not seen:
        return "nothing"
    if len(seen) == 1 and seen[0].endswith(" 1"):
        return f"the {seen[0].removesuffix(' 1')} {what}"
    return f"the {' and '.join(seen)} {what}s"
