"""A server for psql that asks three servers: two direct, one through Louver. psql gets the first one's answers.

Owns the conversation, in step: one statement at a time, everywhere. What Louver refuses is run behind its back.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import psycopg

from conformance.regress.answers import Answer, judge
from conformance.regress.frames import Frame, Peer, startup_parameters
from conformance.regress.oids import Oids

if TYPE_CHECKING:
    from conformance.regress.backdoor import Backdoor, Session

_NUDGE = Frame(b"Q", b"ALTER TABLE IF EXISTS louver_was_told_nothing RENAME TO louver_was_told\0")
"""Makes Louver look at names and catalog again."""

_KNOWN_AFTERWARDS = (
    "insert",
    "update",
    "delete",
    "merge",
    "select",
    "explain",
    "copy",
    "vacuum",
    "analyze",
    "truncate",
)
"""Statements after which names mean what they meant."""

_PARAMETERS = (b"server_version", b"server_encoding", b"client_encoding", b"is_superuser", b"session_authorization")
_PARAMETERS += (b"DateStyle", b"IntervalStyle", b"TimeZone", b"integer_datetimes", b"standard_conforming_strings")


@dataclass(frozen=True, slots=True)
class Found:
    """One statement and what came of it."""

    text: str
    outcome: str
    kind: str
    direct: Answer
    louver: Answer


class Sink(Protocol):
    """Takes each statement with its answers."""

    def __call__(self, found: Found) -> None:
        """Take one."""


class Tee:
    """Listens for psql. `account`: name and password on all servers. `ports`: direct, direct again, Louver."""

    def __init__(
        self, account: tuple[str, str], ports: tuple[int, int, int], backdoor: Backdoor | None, sink: Sink
    ) -> None:
        self._account = account
        self._ports = ports
        self._backdoor = backdoor
        self._sink = sink
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        client = Peer(connection)
        legs: list[Leg] = []
        with contextlib.suppress(EOFError, OSError):
            asked = startup_parameters(client.read_startup())
            try:
                legs += [Leg(self._account, port, asked) for port in self._ports]
            except psycopg.OperationalError as error:
                client.send(Frame(b"E", b"SFATAL\0VFATAL\0C08006\0M" + str(error).encode() + b"\0\0"))
            else:
                client.send(*legs[0].greeting())
                back = self._backdoor.latest if self._backdoor else None
                conversation = _Conversation(client, legs, back, self._sink)
                conversation.become(asked["user"])
                conversation.run()
        client.close()
        for leg in legs:
            leg.close()


class Leg(Peer):
    """A session on one of the servers, logged in by libpq as the superuser, with what the client has asked for."""

    def __init__(self, account: tuple[str, str], port: int, asked: dict[str, str]) -> None:
        plain = {"user", "database", "application_name", "client_encoding", "options"}
        options = [asked.get("options", "")]
        options += [
            f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in asked.items() if name not in plain
        ]
        self._connection = psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=account[0],
            password=account[1],
            dbname=asked.get("database", account[0]),
            application_name=asked.get("application_name", ""),
            client_encoding="UTF8",
            options=" ".join(options),
            sslmode="disable",
        )
        self.oids = Oids()
        super().__init__(socket.socket(fileno=os.dup(self._connection.pgconn.socket)))

    def greeting(self) -> list[Frame]:
        """What the server said at the end of the login."""
        values = ((name, self._connection.pgconn.parameter_status(name)) for name in _PARAMETERS)
        known = [Frame(b"S", name + b"\0" + value + b"\0") for name, value in values if value is not None]
        return [Frame(b"R", bytes(4)), *known, Frame(b"K", bytes(8)), Frame(b"Z", b"I")]

    def close(self) -> None:
        """End the session."""
        super().close()
        self._connection.close()


class _Conversation:
    def __init__(self, client: Peer, legs: list[Leg], back: Session | None, sink: Sink) -> None:
        self._client = client
        self._legs = legs
        self._back = back
        self._sink = sink
        self._reported = False

    def become(self, user: str) -> None:
        """Log in as somebody else than the superuser: the suite's roles have no passwords."""
        for leg in self._legs:
            leg.send(Frame(b"Q", f'SET SESSION AUTHORIZATION "{user}"'.encode() + b"\0"))
            _until(leg, b"Z")

    def run(self) -> None:
        """Serve until the client leaves."""
        pending: list[Frame] = []
        while True:
            frame = self._client.read()
            if frame.kind == b"X":
                return
            pending.append(frame)
            if frame.kind in {b"Q", b"S", b"F"}:
                self._statement(pending)
                pending = []

    def _statement(self, frames: list[Frame]) -> None:
        """Ask all servers the same, pass on the first one's answer, and bring the last one into step."""
        if self._back is not None:
            self._back.refused = False
        for leg in self._legs:
            leg.send(*(leg.oids.outgoing(frame) for frame in frames))
        answers = [_until(leg, b"Z", b"G") for leg in self._legs]
        data: list[Frame] = []
        shown = 0  # frames of the first answer that the client has
        while answers[0][-1].kind == b"G":  # COPY FROM STDIN
            self._client.send(*answers[0][shown:])
            shown = len(answers[0])
            more = self._copied()
            data += more
            for leg, answer in zip(self._legs, answers, strict=True):
                if answer[-1].kind == b"G":
                    leg.send(*more)
                    answer.extend(_until(leg, b"Z", b"G"))
        told = answers[0][shown:]
        if self._reported:  # of settings, by what was run behind Louver's back
            answers[2] = [frame for frame in answers[2] if frame.kind != b"S"]
            answers[:2] = [[frame for frame in answer if frame.kind != b"S"] for answer in answers[:2]]
            self._reported = False
        for leg, answer in zip(self._legs[1:], answers[1:], strict=True):
            leg.oids.learn(answers[0], answer)
        direct, again, louver = (
            Answer.of(leg.oids.incoming(answer)) for leg, answer in zip(self._legs, answers, strict=True)
        )
        refused = self._back is not None and self._back.refused
        outcome, kind = judge(direct, again, louver, refused=refused)
        self._sink(Found(_text(frames), outcome, kind, direct, louver))
        if self._back is not None:
            self._bring_into_step(self._back, frames, data, (answers[0][-1].body, answers[2][-1].body))
        self._client.send(*told)

    def _bring_into_step(
        self, back: Session, frames: list[Frame], data: list[Frame], states: tuple[bytes, bytes]
    ) -> None:
        """Run what Louver has refused, whether or not it fails: that uses up OIDs, too. Fail what has failed direct only."""
        back.idle.wait(timeout=10)
        if back.refused and states[1] != b"E":
            back.run(*(self._legs[2].oids.outgoing(frame) for frame in frames), data=data)
            self._reported = True
            if states[0] != b"E" and not _text(frames).lstrip().lower().startswith(_KNOWN_AFTERWARDS):
                self._legs[2].send(_NUDGE)
                _until(self._legs[2], b"Z")
        elif states[0] == b"E" and states[1] != b"E":
            back.run(Frame(b"Q", b"louver.kept_in_step\0"))

    def _copied(self) -> list[Frame]:
        frames = [self._client.read()]
        while frames[-1].kind not in {b"c", b"f"}:
            frames.append(self._client.read())
        return frames


def _until(peer: Peer, *kinds: bytes) -> list[Frame]:
    """Read up to and including the first frame of these kinds."""
    frames = [peer.read()]
    while frames[-1].kind not in kinds:
        frames.append(peer.read())
    return frames


def _text(frames: list[Frame]) -> str:
    first = next((frame for frame in frames if frame.kind in {b"Q", b"P"}), frames[0])
    body = first.body if first.kind == b"Q" else first.body.split(b"\0", 1)[-1]
    return body.split(b"\0", 1)[0].decode("utf-8", "replace")
