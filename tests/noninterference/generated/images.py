"""Masks computed in Python, and other values with the same image: what twins and the masked world are made of.

Owns them for the types of the demo bank: texts, numerics and dates. Written after docs/masks.md; shares no code with the masks under test.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

_ADDRESS = re.compile(r"[^@\s]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz0123456789王李张刘陈"


@dataclass(frozen=True, slots=True)
class Shown:
    """How one caller sees a column. `mask` is clear, deny or the name of a mask; `clear_in`: rows of that region are not
    masked. `hide`: so many characters stay hidden at least."""

    mask: str = "clear"
    first: int = 0
    last: int = 0
    step: int = 1
    constant: str = ""
    clear_in: str | None = None
    hide: int = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """A column's type: text, numeric or date; `length` is the greatest of a text."""

    name: str
    length: int | None = None
    nullable: bool = False
    positive: bool = False
    unique: bool = False


def image(shown: Shown, kind: Kind, value: Any, secret: bytes) -> Any:  # noqa: PLR0911  one for each mask
    """The treated value that a row of the masked world holds."""
    if shown.mask == "clear" or value is None:
        return value
    match shown.mask:
        case "null" | "deny":
            return None
        case "hash":
            data = str(value).encode()
            digest = hmac.new(secret, data, hashlib.sha256).hexdigest()
            return digest[: kind.length] if kind.length else digest
        case "round":
            return (value / shown.step).quantize(Decimal(1), ROUND_HALF_UP) * shown.step
        case "year":
            return dt.date(value.year, 1, 1)
        case "partial":
            return _partial(shown, value)
        case "email":
            return _email(value)
        case "constant":
            return shown.constant if kind.name == "text" else Decimal(shown.constant)
    return {"text": "****", "numeric": Decimal(0), "date": dt.date(1970, 1, 1)}[kind.name]


def _partial(shown: Shown, value: str) -> str:
    if len(value) < shown.first + shown.last + shown.hide:
        return "****"
    return value[: shown.first] + "****" + value[len(value) - shown.last :]


def _email(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        return "****"
    local, domain = value.split("@")
    return (local[:1] if len(local) >= 3 else "") + "***@" + domain


def other(shown: Shown, kind: Kind, value: Any, chance: Random) -> Any:  # noqa: PLR0911  one for each mask
    """Another value with the same image: of another length or size where the mask hides that."""
    if shown.mask in {"null", "deny"} and kind.nullable and chance.random() < 0.3:
        return None if value is not None else _any(kind, chance)
    if shown.mask in {"clear", "hash"} or value is None:
        return value
    match shown.mask:
        case "round":
            middle = (value / shown.step).quantize(Decimal(1), ROUND_HALF_UP) * shown.step
            moved = middle + Decimal(chance.randrange(-49, 49)) * shown.step / 100
            return moved if moved > 0 or not kind.positive else value
        case "year":
            return dt.date(value.year, chance.randrange(1, 13), chance.randrange(1, 29))
        case "partial":
            return _other_partial(shown, kind, value, chance)
        case "email":
            return _other_email(value, chance)
    return _any(kind, chance)


def _any(kind: Kind, chance: Random) -> Any:
    match kind.name:
        case "numeric":
            return Decimal(chance.randrange(1, 99999999)) / 100
        case "date":
            return dt.date(1900, 1, 1) + dt.timedelta(days=chance.randrange(50000))
    least = 0 if not kind.unique else 8
    return _letters(chance, chance.randrange(least, (kind.length or 24) + 1))


def _letters(chance: Random, count: int) -> str:
    return "".join(chance.choice(_LETTERS) for _ in range(count))


def _other_partial(shown: Shown, kind: Kind, value: str, chance: Random) -> str:
    kept = shown.first + shown.last
    if len(value) < kept + shown.hide:
        return _letters(chance, chance.randrange(0, kept + shown.hide))
    most = (kind.length or 24) - kept
    middle = _letters(chance, chance.randrange(shown.hide, most + 1))
    return value[: shown.first] + middle + value[len(value) - shown.last :]


def _other_email(value: str, chance: Random) -> str:
    if not _ADDRESS.fullmatch(value):
        return _letters(chance, chance.randrange(0, 9))
    local, domain = value.split("@")
    if len(local) < 3:
        return _letters(chance, 2) + "@" + domain
    return local[:1] + _letters(chance, chance.randrange(2, 30)) + "@" + domain
