"""A relay between Louver and its server that can run a statement on the server's session behind Louver's back.

Louver refuses statements that later ones rest on. To keep its session in step with the direct ones, they are run from here.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import Final

from conformance.mysqltest.wire import QUERY, Answer, Packets, capabilities, deprecates_eof, packet, read_answer

_PATIENCE: Final = 60.0
_REFUSAL: Final = b"'louver: refused'"
"""In the statement by which Louver has the server refuse."""
_USER: Final = 36
"""Where the user's name begins in a client's answer to the greeting, header included."""


class Session:
    """One connection of Louver to its server. `refused` is set when Louver refuses a statement; clear it before each."""

    def __init__(self, backdoor: Backdoor, louver: socket.socket, server: socket.socket) -> None:
        self._backdoor = backdoor
        self._louver = louver
        self._server = server
        self._injecting = False
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._rest = b""
        self._ends_in_ok = False
        self.refused = False

    def run(self, text: str) -> Answer:
        """Send a statement to the server in Louver's place; only while nothing else is under way. Raises EOFError."""
        self._injecting = True
        try:
            self._server.sendall(packet(QUERY + text.encode()))
            return read_answer(
                Packets(self._read), ends_in_ok=self._ends_in_ok, decline=lambda n: self._server.sendall(packet(b"", n))
            )
        finally:
            self._injecting = False

    def _read(self, length: int) -> bytes:
        while len(self._rest) < length:
            try:
                self._rest += self._answers.get(timeout=_PATIENCE)
            except queue.Empty:
                raise EOFError from None
        found, self._rest = self._rest[:length], self._rest[length:]
        return found

    def from_louver(self) -> None:
        """Pass on what Louver sends until either side ends."""
        first = True
        with contextlib.suppress(OSError):
            while data := self._louver.recv(1 << 16):
                if first:
                    self._ends_in_ok = deprecates_eof(capabilities(data[4:]))
                    first = False
                    if data[_USER:].split(b"\0", 1)[0] != self._backdoor.service:
                        self._backdoor.latest = self
                self.refused = self.refused or _REFUSAL in data
                self._server.sendall(data)
        self.close()

    def from_server(self) -> None:
        """Pass on what the server sends, answers to statements of our own apart, until either side ends."""
        with contextlib.suppress(OSError):
            while data := self._server.recv(1 << 16):
                if self._injecting:
                    self._answers.put(data)
                else:
                    self._louver.sendall(data)
        self.close()

    def close(self) -> None:
        """End both sides."""
        for each in (self._louver, self._server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class Backdoor:
    """Listens for Louver's upstream connections. `service` is the user by whom Louver reads the catalog."""

    def __init__(self, server_port: int, service: str) -> None:
        self._server_port = server_port
        self.service = service.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.latest: Session | None = None
        """The session of the client that came in last."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                louver, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                for each in (louver, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                session = Session(self, louver, server)
                threading.Thread(target=session.from_louver, daemon=True).start()
                threading.Thread(target=session.from_server, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
