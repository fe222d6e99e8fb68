"""Tokens: what they prove when all is right, and each way in which one is not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fixtures.tokens import AUDIENCE, ISSUER, Signer, key_set, of_curve, of_edwards, unsigned

from proxy.keyring import KeyAddress, KeyFile, KeysUnavailable
from proxy.tokens import ALGORITHMS, TokenRefused, TokenRules, UnknownKey, UnusableKeys, check, read_keys

RULES = TokenRules(ALGORITHMS, ISSUER, AUDIENCE, claims={"roles": ("realm", "roles"), "region": ("region",)}, leeway=5)
ONE, OTHER = Signer(), Signer("other")


def proved(token: str, *, keys: bytes | None = None, rules: TokenRules = RULES, user: str = "tina") -> Any:
    """What a token proves."""
    return check(token.encode(), user, rules, read_keys(keys or key_set(ONE)))


@pytest.mark.parametrize(
    "signer",
    [
        ONE,
        Signer("two", "PS384", ONE.key),
        of_curve(ec.SECP256R1(), "ES256"),
        of_curve(ec.SECP521R1(), "ES512"),
        of_edwards(),
    ],
    ids=lambda signer: signer.algorithm,
)
def test_a_good_token_proves_the_user_and_brings_attributes(signer: Signer) -> None:
    """From a key set, and from PEM; it ends when the token does, but for the leeway."""
    exp = int(time.time()) + 100
    said: dict[str, Any] = {"exp": exp, "realm": {"roles": ["teller", "clerk"]}, "region": None}
    nameless = Signer(None, signer.algorithm, signer.key)
    for token, keys in [
        (signer.token(**said, aud=["x", AUDIENCE]), key_set(OTHER, signer)),
        (nameless.token(**said), signer.pem),
    ]:
        proof = proved(token, keys=keys)
        assert (proof.by, proof.attributes, proof.ends) == ("token", {"roles": ("teller", "clerk")}, exp + 5)


NOW = int(time.time())  # when the cases are made, long before the last of them runs


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (ONE.token(exp=NOW - 10), "it has expired"),
        (ONE.token(exp=None), "it has no claim `exp`"),
        (ONE.token(exp="never"), "it cannot be used"),
        (ONE.token(exp=float("inf")), "it cannot be used"),
        (ONE.token(exp=True), "it has expired|no number"),
        (ONE.token(nbf=NOW + 80_000), "it does not hold yet"),
        (ONE.token(aud="another"), "it is not meant for `louver`"),
        (ONE.token(aud=None), "it has no claim `aud`"),
        (ONE.token(aud=["louver2", "xlouver"]), "it is not meant for `louver`"),
        (ONE.token(iss="https://login.example.evil"), "it was not issued by `https://login.example`"),
        (ONE.token(iss=None), "it has no claim `iss`"),
        (ONE.token("anna"), "its claim `sub` is not the name of the user"),
        (ONE.token("TINA"), "its claim `sub` is not the name of the user"),
        (ONE.token(sub=None), "it has no claim `sub`"),
        (ONE.token(sub=["tina"]), "its claim `sub` is not the name of the user"),
        (ONE.token(region={"a": 1}), "its claim for the attribute `region` is neither"),
        (OTHER.token(), "it is signed by a key that is not known"),
        (Signer("one").token(), "its signature is wrong"),
        (ONE.token()[:-6] + "AAAAAA", "its signature is wrong"),
        ("", "it is not a signed token"),
        ("a.b.c", "it is not a signed token"),
        ("tina-secret", "it is not a signed token"),
        ("ä.ö.ü", "it is not a signed token"),
        (unsigned({"alg": "none"}, {"sub": "tina"}), "it is signed by an algorithm that is not allowed"),
        (unsigned({"alg": "None", "kid": "one"}, {"sub": "tina"}), "it is signed by an algorithm that is not allowed"),
        (unsigned({"typ": "JWT"}, {"sub": "tina"}), "not a signed token|not allowed"),
        (ONE.token(header={"crit": ["b64"], "b64": False}), "it is not a signed token|it cannot be used|signature"),
        (unsigned({"alg": "RS256", "kid": 1}, {"sub": "tina"}), "not a signed token|not known"),
        (ONE.token(header={"jwk": OTHER.jwk, "kid": "other"}), "it is signed by a key that is not known"),
    ],
)
def test_a_token_that_is_not_right_proves_nothing(token: str, message: str) -> None:
    """Each fault is named, and nothing of the token is quoted but what was asked for."""
    with pytest.raises(TokenRefused, match=message) as refused:
        proved(token)
    assert "evil" not in str(refused.value)
    assert "anna" not in str(refused.value)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(algorithm: str) -> None:
    """The classic confusion: a token signed by HMAC with what everybody knows, the public key."""
    head = {"alg": algorithm, "kid": "one", "typ": "JWT"}
    claims = {"sub": "tina", "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 86_400}
    signed = unsigned(head, claims).rpartition(".")[0].encode()
    for secret in (ONE.pem, ONE.pem.strip(), json.dumps(ONE.jwk).encode()):
        token = unsigned(head, claims, hmac.digest(secret, signed, getattr(hashlib, f"sha{algorithm[2:]}")))
        for keys in (ONE.pem, key_set(ONE)):
            with pytest.raises(TokenRefused, match="an algorithm that is not allowed"):
                proved(token, keys=keys)


def test_an_algorithm_that_is_not_listed_is_not_allowed() -> None:
    """Though the key is good for it."""
    rules = TokenRules(("RS512",), ISSUER, AUDIENCE)
    with pytest.raises(TokenRefused, match="an algorithm that is not allowed"):
        proved(ONE.token(), rules=rules)
    named = json.dumps({"keys": [ONE.jwk | {"alg": "RS512"}]}).encode()
    with pytest.raises(UnknownKey):
        proved(ONE.token(), keys=named)


def test_a_token_without_the_name_of_a_key_is_tried_with_those_that_fit() -> None:
    """Of several the right one is found; PEM has no names, so a token for it has none, either."""
    nameless = Signer(None, "RS256", ONE.key)
    assert proved(nameless.token(), keys=key_set(OTHER, of_edwards(), ONE)).by == "token"
    assert proved(nameless.token(), keys=OTHER.pem + ONE.pem).by == "token"
    with pytest.raises(TokenRefused, match="its signature is wrong"):
        proved(nameless.token(), keys=key_set(OTHER))


def private_pem(signer: Signer) -> bytes:
    """What must never be given."""
    found: bytes = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "no public key"),
        (b"\xff", "neither PEM nor JSON"),
        (b"{}", "no key set"),
        (b"{", "no key set"),
        (b'{"keys": 1}', "no key set"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"}]}', "no public key"),
        (json.dumps({"keys": [ONE.jwk | {"use": "enc"}]}).encode(), "no public key"),
        (json.dumps({"keys": [ONE.jwk | {"alg": "none"}]}).encode(), "no public key"),
        (private_pem(ONE), "private key"),
        (Signer(key=rsa.generate_private_key(65537, 1024)).pem, "1024 bits"),
        (key_set(Signer(key=rsa.generate_private_key(65537, 1024))), "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"),
    ],
)
def test_keys_that_cannot_be_used_are_named(document: bytes, message: str) -> None:
    """None of them is left out without a word, but for kinds that a set may well hold besides."""
    with pytest.raises(UnusableKeys, match=message):
        read_keys(document)


async def test_a_file_of_keys_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """One that cannot be read changes nothing."""
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(ONE))
    ring = KeyFile(path)
    path.write_bytes(key_set(ONE, OTHER))
    assert [key.name for key in await ring.keys()] == ["one", "other"]
    path.write_bytes(b"half a fi")
    assert [key.name for key in await ring.keys()] == ["one", "other"]
    path.unlink()
    assert len(await ring.keys()) == 2


class Web:
    """A web server on this machine that says one thing."""

    def __init__(self) -> None:
        self.said = b"HTTP/1.0 200 OK\r\n\r\n" + key_set(ONE)
        self.asked = 0
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question."""
        self.asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.said)
        await writer.drain()
        writer.close()


async def test_keys_from_an_address_hold_for_their_time() -> None:
    """They are fetched once, again when they are old or a token names a new one, and believed a while longer when nobody answers."""
    now = [0.0]
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ring = KeyAddress(f"http://127.0.0.1:{port}/keys", 60, 100, clock=lambda: now[0])
        found = await asyncio.gather(*(ring.keys() for _ in range(10)))
        assert {len(keys) for keys in found} == {1}
        assert web.asked == 1
        web.said = b"HTTP/1.0 200 OK\r\n\r\n" + key_set(ONE, OTHER)
        for _ in range(5):  # a nuisance that names keys nobody has
            await ring.keys(anew=True)
        assert web.asked == 1
        now[0] = 20
        for _ in range(5):
            assert len(await ring.keys(anew=True)) == 2
        assert web.asked == 2
        now[0] = 79
        await ring.keys()
        assert web.asked == 2
        web.said = b"HTTP/1.0 500 No\r\n\r\n"
        now[0] = 80
        assert len(await ring.keys()) == 2
        assert web.asked == 3
    now[0] = 20 + 160
    with pytest.raises(KeysUnavailable):
        await ring.keys()


@pytest.mark.parametrize(
    "answer",
    [
        "HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:{port}/elsewhere\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n" + "x" * (2 << 20),
    ],
)
async def test_an_address_that_leads_elsewhere_or_says_too_much_gives_no_keys(answer: str) -> None:
    """A redirection is not followed, and no more is read than a key set can have."""
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        web.said = answer.replace("{port}", str(port)).encode()
        with pytest.raises(KeysUnavailable):
            await KeyAddress(f"http://localhost:{port}/keys", 60, 100).keys()
    assert web.asked == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example/keys",
        "http://10.0.0.1/",
        "file:///etc/keys",
        "ftp://127.0.0.1/",
        "https://",
        "keys",
        "http://127.0.0.1.evil/",
    ],
)
def test_an_address_that_is_not_safe_is_not_asked(address: str) -> None:
    """What comes in clear over a network anybody could have put there."""
    with pytest.raises(ValueError, match="https"):
        KeyAddress(address, 60, 100)
