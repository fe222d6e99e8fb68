"""How somebody has proved who he is, and what that proof says of him besides.

Owns the words for it, which the audit has, too. May not do: prove anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from policies.model import AttributeValue

By = Literal["password", "token", "database"]
"""password: the verifier in the users file. token: one that somebody else has signed (JWT). database: the database itself has let him in (login `relay`)."""

BY_PASSWORD: Final = "password"  # noqa: S105  the name of a way
NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one login: what it brought, and the moment (seconds since 1970) from which on it proves nothing.

    `hint` is what to do about a session that ends then.
    """

    by: By
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING)
    ends: float | None = None
    hint: str = ""


PASSWORD: Final = Proof("password")
DATABASE: Final = Proof("database")
