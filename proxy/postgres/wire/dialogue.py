"""What a startup or authentication dialogue may ask of the shell, and how it fails.

A dialogue is a generator: it yields one of these requests, is sent the answer, and returns its result. So the order of
messages stands in one plain function, and tests play both peers without a socket. May not do: any I/O.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from proxy.failure import LoginFailure

Result = TypeVar("Result")


class Side(Enum):
    """The peer that a request is about."""

    CLIENT = "client"
    UPSTREAM = "database"


@dataclass(frozen=True, slots=True)
class ReadFirstByte:
    """Look at the client's next byte without taking it. Answer: int."""


@dataclass(frozen=True, slots=True)
class ReadStartupPacket:
    """Take an untyped packet from the client. Answer: bytes, without the length."""


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """Take the database's one-byte answer to an SSLRequest. Answer: bytes of length 1."""


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """Take a typed message. Answer: `messages.Message`."""

    side: Side


@dataclass(frozen=True, slots=True)
class Send:
    """Write bytes to a peer. Answer: None."""

    side: Side
    data: bytes


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Do the TLS handshake; bytes already received belong to it only when `direct`.

    Answer: the name of the application protocol chosen by ALPN, or None. Without `direct`, a byte already received in
    clear makes the shell throw `DialogueError` (CVE-2021-23214, CVE-2021-23222: an attacker in between put it there).
    """

    side: Side
    direct: bool = False


Request = ReadFirstByte | ReadStartupPacket | ReadAnswer | ReadMessage | Send | StartTLS
Dialogue = Generator[Request, Any, Result]


class DialogueError(LoginFailure):
    """The end of a login that cannot go on, with the fields of an error report."""

    def __init__(  # noqa: PLR0913
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        log: str | None = None,
        told: bool = False,
    ) -> None:
        super().__init__(sqlstate, message, log=log, told=told)
        self.detail = detail
        self.hint = hint
