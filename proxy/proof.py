"""How somebody has proved who he is, and what that proof says of him besides.

Owns the words for it, which the audit has, too. May not do: prove anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from policies.model import AttributeValue

By = Literal["password", "token", "certificate", "ldap", "database"]
"""password: the verifier in the users file. token: one that somebody else has signed (JWT). certificate: of the client, by TLS. ldap: a password that a
directory has checked. database: the database itself has let him in (login `relay`)."""

BY_PASSWORD: Final = "password"  # noqa: S105  the name of a way
NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one login: what it brought, and the moment (seconds since 1970) from which on it proves nothing.

    `hint` is what to do about a session that ends then, `expires` what it is that ends. `origins` has of attributes that another proof brought which it was.
    """

    by: By
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING)
    ends: float | None = None
    hint: str = ""
    expires: str = ""
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def besides(self, other: Proof) -> Proof:
        """Give this proof with what another one brought that had to be given, too; it holds for as long as both do."""
        soonest = min(
            (each for each in (self, other) if each.ends is not None), key=lambda each: each.ends or 0, default=self
        )
        added = {name: value for name, value in other.attributes.items() if name not in self.attributes}
        return replace(
            self,
            attributes=MappingProxyType({**self.attributes, **added}),
            ends=soonest.ends,
            hint=soonest.hint,
            expires=soonest.expires,
            origins=MappingProxyType(dict.fromkeys(added, other.by)),
        )


PASSWORD: Final = Proof("password")
DATABASE: Final = Proof("database")
