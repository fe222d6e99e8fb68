"""Tokens in place of passwords: JSON Web Tokens (RFC 7519), signed by somebody whose public keys are known.

Owns what a token must say and by what it must be signed, and which of its claims become attributes. A shared secret (HS256 and
its like) is no way to sign here: whoever can check such a token can make one. May not do: fetch keys, know a protocol.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from proxy.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policies.model import AttributeValue

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # RFC 7518, RFC 8037
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

RSA_BITS: Final = 2048  # RFC 7518, section 3.3: a shorter key must not be used
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_TRIED: Final = 16  # keys that are tried for a token that names none
_RENEW: Final = "Get a new token and connect again."


class TokenRefused(Exception):  # noqa: N818  an outcome, not a fault
    """A token proves nothing; the text says why, and is for the client as well. It quotes nothing of the token."""


class UnknownKey(TokenRefused):
    """A token names a key that is not known: it may be a new one."""


class UnusableKeys(Exception):  # noqa: N818  told to the operator as it is
    """A document of keys cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key: its name (`kid`), the algorithms it is good for, and the key as `cryptography` has it."""

    name: str | None
    algorithms: frozenset[str]
    public: Any


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say. `claims` maps attributes to where a claim stands; `leeway` are the seconds that clocks may differ."""

    algorithms: tuple[Algorithm, ...]
    issuer: str
    audience: str
    user_claim: str = "sub"
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leeway: float = 30.0


def check(token: bytes, user: str, rules: TokenRules, keys: Sequence[Key]) -> Proof:
    """What a token proves of the user who logs in. Raises TokenRefused, and UnknownKey when it may be signed by a newer key."""
    try:
        text = token.decode("ascii")
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefused("it is not a signed token (JWT)") from None
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in rules.algorithms:
        raise TokenRefused("it is signed by an algorithm that is not allowed")
    fitting = [key for key in keys if algorithm in key.algorithms and (name is None or key.name == name)]
    if not fitting:
        raise UnknownKey("it is signed by a key that is not known")
    claims = _claims(text, algorithm, rules, fitting[:_TRIED])
    if claims.get(rules.user_claim) != user:
        raise TokenRefused(f"its claim `{rules.user_claim}` is not the name of the user")
    return Proof("token", _attributes(claims, rules.claims), claims["exp"] + rules.leeway, _RENEW, "token")


def _claims(text: str, algorithm: str, rules: TokenRules, keys: Iterable[Key]) -> dict[str, Any]:
    refused = TokenRefused("its signature is wrong")
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key.public,
                algorithms=[algorithm],
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=rules.leeway,
                options={"require": ["exp", "aud", "iss", rules.user_claim], "verify_sub": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenRefused(_why(error, rules)) from None
        if isinstance(claims["exp"], bool) or not isinstance(claims["exp"], int | float):
            raise TokenRefused("its time of expiry is no number")
        return claims
    raise refused


def _why(error: Exception, rules: TokenRules) -> str:
    """What was wrong with a token whose signature is right, in words that quote nothing of it."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "it has expired"
    if isinstance(error, jwt.ImmatureSignatureError):
        return "it does not hold yet"
    if isinstance(error, jwt.InvalidAudienceError):
        return f"it is not meant for `{rules.audience}`"
    if isinstance(error, jwt.InvalidIssuerError):
        return f"it was not issued by `{rules.issuer}`"
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"it has no claim `{error.claim}`"
    return f"it cannot be used ({type(error).__name__})"


def _attributes(claims: Mapping[str, Any], wanted: Mapping[str, tuple[str, ...]]) -> Mapping[str, AttributeValue]:
    """The claims that become attributes; what is not there, or null, says nothing. Raises TokenRefused."""
    found: dict[str, AttributeValue] = {}
    for attribute, path in wanted.items():
        value: Any = claims
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            found[attribute] = _value(attribute, value)
    return MappingProxyType(found)


def _value(attribute: str, value: object) -> AttributeValue:
    if isinstance(value, list):
        return tuple(_value(attribute, each) for each in value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TokenRefused(
        f"its claim for the attribute `{attribute}` is neither text, number, true, false nor a list of these"
    )


# ---- keys -----------------------------------------------------------------------------------------------------------


def read_keys(data: bytes) -> tuple[Key, ...]:
    """The keys of a document: PEM (public keys or certificates), or a JSON Web Key Set (RFC 7517). Raises UnusableKeys."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UnusableKeys("they are neither PEM nor JSON") from None
    keys = _of_jwks(text) if text.lstrip().startswith("{") else _of_pem(text)
    if not keys:
        raise UnusableKeys("there is no public key among them by which a signature could be checked")
    return keys


def _of_pem(text: str) -> tuple[Key, ...]:
    found = []
    for block in text.split("-----BEGIN ")[1:]:
        kind = block.partition("-----")[0]
        pem = f"-----BEGIN {block}".encode()
        if "PRIVATE" in kind:
            raise UnusableKeys("there is a private key among them; give the public one, and keep that where it belongs")
        try:
            public: Any = (
                x509.load_pem_x509_certificate(pem).public_key() if kind == "CERTIFICATE" else load_pem_public_key(pem)
            )
        except ValueError:
            raise UnusableKeys(f"a block of PEM ({kind[:40]}) cannot be read") from None
        found.append(Key(None, _good_for(public), public))
    return tuple(found)


def _of_jwks(text: str) -> tuple[Key, ...]:
    try:
        document = json.loads(text)
        entries = document["keys"]
    except (ValueError, KeyError, RecursionError):
        raise UnusableKeys("the JSON is no key set (RFC 7517)") from None
    if not isinstance(entries, list):
        raise UnusableKeys("the JSON is no key set (RFC 7517)")
    found = []
    for entry in entries:
        if (
            not isinstance(entry, dict)
            or entry.get("use", "sig") != "sig"
            or entry.get("kty") not in {"RSA", "EC", "OKP"}
        ):
            continue  # of other uses and kinds, such as shared secrets
        try:
            public: Any = jwt.PyJWK({key: entry[key] for key in entry if key in _OF_PUBLIC}).key
            algorithms = _good_for(public)
        except (jwt.PyJWTError, ValueError, TypeError, UnusableKeys):
            continue  # one that cannot be used must not keep out the others
        named = entry.get("alg")
        algorithms &= {named} if named is not None else algorithms
        if algorithms:
            name = entry.get("kid")
            found.append(Key(name if isinstance(name, str) else None, algorithms, public))
    return tuple(found)


_OF_PUBLIC: Final = frozenset(("kty", "crv", "n", "e", "x", "y"))
"""The members of a key that its public half consists of."""


def _good_for(public: object) -> frozenset[str]:
    """The algorithms of a key. Raises UnusableKeys."""
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < RSA_BITS:
            raise UnusableKeys(f"an RSA key has {public.key_size} bits; {RSA_BITS} are the least that is safe")
        return frozenset(each for each in ALGORITHMS if each[:2] in {"RS", "PS"})
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return frozenset((_CURVES[public.curve.name],))
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return frozenset(("EdDSA",))
    raise UnusableKeys("a key is of a kind that signs no tokens")
