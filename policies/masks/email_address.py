"""`email`: the start and the domain of an e-mail address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.masks.schema import CHARACTER, Example, MaskSchema, Parameter, parameters

if TYPE_CHECKING:
    from policies.masks.schema import Cell, Parameters

LONGEST: Final = 320  # characters: 64 of the local part, 255 of the domain (RFC 5321, 4.5.3.1)
PAD: Final = 3
HIDDEN_AT_LEAST: Final = 2  # a local part of one character more than is shown would be nearly known
DOMAIN: Final = r"[A-Za-z0-9](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)*\.[A-Za-z]{2,}"
"""Two labels or more, letters at the end (RFC 1035, 2.3.1)."""
_ADDRESS = re.compile(rf"[^@ \t-\r]+@{DOMAIN}", re.ASCII)


def _words(given: Parameters) -> str:
    count = given["keep_first"]
    start = "nothing of the name" if not count else f"the first {f'{count} characters' if count != 1 else 'character'}"
    return f"is shown as an e-mail address with {start}{' and the domain' if given['keep_domain'] else ''}"


def _shown(cell: Cell) -> str | None:
    if not isinstance(cell.value, str):
        return None
    first, pad = cell.number("keep_first"), cell.character * PAD
    if len(cell.value) > LONGEST or not _ADDRESS.fullmatch(cell.value):
        return cell.pad
    local, domain = cell.value.split("@")
    if cell.length is not None and len(domain) > cell.length - first - PAD - 1:  # cut short it would name another one
        return cell.pad
    start = local[:first] if len(local) >= first + HIDDEN_AT_LEAST else ""
    return f"{start if first else ''}{pad}@{domain if cell.parameters['keep_domain'] else pad}"


SCHEMA: Final = MaskSchema(
    "email",
    "shows the start and the domain of an e-mail address",
    parameters(
        keep_first=Parameter("integer", 1, "characters shown of the part before the `@`", 0, 8),
        keep_domain=Parameter("boolean", True, "whether the domain is shown"),
        character=CHARACTER,
    ),
    _words,
    _shown,
    Example("alice@example.com"),
)
