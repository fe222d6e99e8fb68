"""Texts that are recognised by their shape and shown by their ends: `phone`, `id_card`, `passport` and `bank_card`.

Owns what a text must look like once its separators are gone. What looks otherwise is hidden entirely: nothing is shown of a value
that stands in the wrong column. Patterns are written in what Python, PostgreSQL, MySQL and MariaDB read alike: classes, counts,
groups and alternatives, without a backslash, for the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policies.masks.schema import CHARACTER, PAD, Example, MaskSchema, Parameter, Parameters, Value, ends, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell

LONGEST: Final = 40
"""Characters of a text that is looked at, separators included."""
_HIDDEN = PAD  # characters that stay hidden at least, so that what is shown is never longer than the value


@dataclass(frozen=True, slots=True)
class Shape:
    """A pattern for the whole text, and the characters shown of its ends; four at least are hidden."""

    pattern: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Shaped:
    """Which shapes a mask knows under its parameters, the first that matches counts; `separators` are taken out before."""

    separators: str
    shapes: Callable[[Parameters], tuple[Shape, ...]]

    def cases(self, given: Parameters) -> tuple[Shape, ...]:
        """Give the shapes under parameters, those that show the same ends as one."""
        alike: dict[tuple[int, int], list[str]] = {}
        for shape in self.shapes(given):
            alike.setdefault((shape.first, shape.last), []).append(shape.pattern)
        return tuple(Shape("|".join(patterns), first, last) for (first, last), patterns in alike.items())


_ONE = "[+](1|7)"
_TWO = "[+](2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[124]|9[0-58])"
_THREE = "[+](2[1-689][0-9]|3[578][0-9]|42[0-9]|5[09][0-9]|6[7-9][0-9]|8[03578-9][0-9]|9[679][0-9])"


def _phones(given: Parameters) -> tuple[Shape, ...]:
    """Mobile numbers of China, its landlines, and E.164: country codes as the ITU lists them (E.164, annex of 2016)."""
    last = int(given["keep_last"])
    few = min(last, 2)
    return (
        Shape("1[3-9][0-9]{9}", 3, last),
        Shape("861[3-9][0-9]{9}", 5, last),
        Shape("[+]861[3-9][0-9]{9}", 6, last),
        Shape("00861[3-9][0-9]{9}", 7, last),
        Shape("[+]86(10|[2-9][0-9])[0-9]{6,9}", 3, few),
        Shape("0(10|2[0-9])[2-9][0-9]{6,7}", 3, few),
        Shape("0[3-9][0-9]{2}[2-9][0-9]{6,7}", 4, few),
        Shape("[2-9][0-9]{6,7}", 0, few),
        Shape(f"{_ONE}[0-9]{{10}}", 2, last),
        Shape(f"{_TWO}[0-9]{{6,7}}", 3, few),
        Shape(f"{_TWO}[0-9]{{8,12}}", 3, last),
        Shape(f"{_THREE}[0-9]{{6,7}}", 4, few),
        Shape(f"{_THREE}[0-9]{{8,11}}", 4, last),
    )


def _id_cards(given: Parameters) -> tuple[Shape, ...]:
    """Citizen identification numbers of 18 characters (GB 11643-1999) and their forerunner of 15 digits."""
    first, last = int(given["keep_first"]), int(given["keep_last"])
    return Shape("[1-9][0-9]{16}[0-9Xx]", first, last), Shape("[1-9][0-9]{14}", first, min(last, 3))


def _passports(given: Parameters) -> tuple[Shape, ...]:
    return (Shape("[A-Za-z0-9]{8,9}", int(given["keep_first"]), int(given["keep_last"])),)


def _bank_cards(given: Parameters) -> tuple[Shape, ...]:
    """Primary account numbers of 12 to 19 digits (ISO/IEC 7812-1); of 16 and more the first six may be shown."""
    first, last = 6 if given["keep_bin"] else 0, int(given["keep_last"])
    return Shape("[0-9]{16,19}", first, last), Shape("[0-9]{12,15}", 0, last)


SHAPED: Final[Mapping[str, Shaped]] = MappingProxyType(
    {
        "phone": Shaped(" -().", _phones),
        "id_card": Shaped(" ", _id_cards),
        "passport": Shaped(" ", _passports),
        "bank_card": Shaped(" -", _bank_cards),
    }
)
"""The masks of this kind by name."""


def _shown(name: str) -> Callable[[Cell], Value | None]:
    shaped = SHAPED[name]
    gone = str.maketrans("", "", shaped.separators)

    def shown(cell: Cell) -> str | None:
        if not isinstance(cell.value, str):
            return None
        text = cell.value.translate(gone)
        if len(cell.value) <= LONGEST:
            for shape in shaped.cases(cell.parameters):
                if re.fullmatch(shape.pattern, text):
                    return text[: shape.first] + cell.character * PAD + text[len(text) - shape.last :]
        return cell.pad

    return shown


def _last(most: int, default: int) -> Parameter:
    return Parameter("integer", default, "characters shown at the end", 0, most)


SCHEMAS: Final = (
    MaskSchema(
        "phone",
        "shows the network or area and the end of a phone number",
        parameters(keep_last=_last(4, 4), character=CHARACTER),
        lambda given: (
            "is shown as a phone number with its network, area or country"
            + (f" and {ends(0, int(given['keep_last']), 'digit')}" if given["keep_last"] else "")
        ),
        _shown("phone"),
        Example("138-1234-5678"),
    ),
    MaskSchema(
        "id_card",
        "shows the ends of an identity number of China",
        parameters(
            keep_first=Parameter("integer", 0, "characters shown at the start: six are the region", 0, 6),
            keep_last=_last(4, 4),
            character=CHARACTER,
        ),
        lambda given: (
            "is shown as an identity number with "
            + ends(int(given["keep_first"]), int(given["keep_last"]), "character")
        ),
        _shown("id_card"),
        Example("11010519491231002X", {"keep_first": 6}),
    ),
    MaskSchema(
        "passport",
        "shows the ends of a passport number",
        parameters(
            keep_first=Parameter("integer", 1, "characters shown at the start", 0, 2),
            keep_last=_last(2, 2),
            character=CHARACTER,
        ),
        lambda given: (
            f"is shown as a passport number with {ends(int(given['keep_first']), int(given['keep_last']), 'character')}"
        ),
        _shown("passport"),
        Example("E12345678"),
    ),
    MaskSchema(
        "bank_card",
        "shows the end of a card number, and its bank if wanted",
        parameters(
            keep_bin=Parameter(
                "boolean", False, "whether the six digits that name the bank are shown, of 16 digits and more"
            ),
            keep_last=_last(4, 4),
            character=CHARACTER,
        ),
        lambda given: (
            "is shown as a card number with " + ends(6 if given["keep_bin"] else 0, int(given["keep_last"]), "digit")
        ),
        _shown("bank_card"),
        Example("6222 0212 3456 7890", {"keep_bin": True}),
    ),
)
