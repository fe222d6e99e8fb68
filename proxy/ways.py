"""The ways in: by what each user has to prove who he is in the login mode `own`, and the checking of what he gives.

Owns which way is whose. A way follows from the name alone, so that nothing tells whether there is such a user. May not do: know a
protocol, or what a person sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies.patterns import NamePattern
from proxy.certificates import CertificateRefused, CertificateRules
from proxy.certificates import check as check_certificate
from proxy.keyring import KeyRing, KeysUnavailable
from proxy.ldap.people import CannotCheck, LdapPasswords
from proxy.proof import By, Proof
from proxy.tokens import TokenRefused, TokenRules, UnknownKey, check


class NotProved(Exception):  # noqa: N818  an outcome, not a fault
    """What was given proves nothing: `message` is for the client, `log` for the operator. It holds nothing of what was given."""

    def __init__(self, message: str, *, sqlstate: str = "28000", log: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.log = log or message


@dataclass(frozen=True, slots=True)
class Way:
    """By what the users whose names match prove who they are. `certificate`: their certificate has to be shown besides."""

    users: NamePattern
    by: By
    certificate: bool = False

    @property
    def shows_certificate(self) -> bool:
        """Whether a certificate has to be shown, as the proof or besides it."""
        return self.certificate or self.by == "certificate"


GIVEN: Final[Mapping[By, str]] = {"token": "token", "ldap": "password of the directory"}
"""What is asked for in clear, by the way in."""

BY_PASSWORD: Final = Way(NamePattern(None, "*"), "password")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What tokens must say, and where the keys are."""

    rules: TokenRules
    ring: KeyRing

    async def check(self, token: bytes, user: str) -> Proof:
        """What a token proves. Raises NotProved."""
        try:
            try:
                return check(token, user, self.rules, await self.ring.keys())
            except UnknownKey:
                return check(token, user, self.rules, await self.ring.keys(anew=True))
        except TokenRefused as refused:
            raise NotProved(f"louver: the token of {user} is not accepted: {refused}") from None
        except KeysUnavailable as reason:
            message = "louver: tokens cannot be checked at this time; the operator finds the reason in Louver's log"
            raise NotProved(message, sqlstate="57P03", log=f"tokens cannot be checked: {reason}") from None


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways in; of several that match a name the first is taken."""

    ways: Sequence[Way] = (BY_PASSWORD,)
    tokens: Tokens | None = None
    certificates: CertificateRules | None = None
    passwords: LdapPasswords | None = None

    def of(self, user: str) -> Way:
        """By what a user proves who he is; whose name nothing matches has no password that fits, either."""
        return next((way for way in self.ways if way.users.matches(user)), BY_PASSWORD)

    def check_certificate(self, user: str, shown: bytes | None) -> Proof:
        """What somebody proves by the certificate (DER) that TLS has verified, None if he has shown none. Raises NotProved."""
        assert self.certificates is not None
        try:
            return check_certificate(shown, user, self.certificates)
        except CertificateRefused as refused:
            raise NotProved(f"louver: {user} logs in with a certificate, and it is not accepted: {refused}") from None

    async def check(self, by: By, user: str, given: bytes) -> Proof:
        """What somebody proves by what he has given in place of a password. Raises NotProved."""
        if not given:
            raise NotProved(f"louver: {user} logs in by a {GIVEN[by]}, and has given none")
        if by == "ldap":
            return await self._by_ldap(user, given)
        assert self.tokens is not None
        return await self.tokens.check(given, user)

    async def _by_ldap(self, user: str, given: bytes) -> Proof:
        assert self.passwords is not None
        try:
            fits = await self.passwords.fits(user, given)
        except CannotCheck as reason:
            message = "louver: passwords cannot be checked at this time; the operator finds the reason in Louver's log"
            raise NotProved(message, sqlstate="57P03", log=f"the directory cannot be asked: {reason}") from None
        if not fits:
            log = "wrong password or unknown user, by the directory"
            raise NotProved(f'password authentication failed for user "{user}"', sqlstate="28P01", log=log)
        return Proof("ldap")
