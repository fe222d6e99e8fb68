"""A relay between Louver and its server that can run a statement on the server's session behind Louver's back.

Louver refuses statements that the suite's later ones rest on. To keep the session in step with the direct ones, the
refusal is kept from the server, so that no transaction is aborted by it, and the statement is run from here.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from conformance.regress.frames import Frame, Peer, startup_parameters
from proxy.postgres.wire.requests import REFUSED

_REFUSAL = Frame(b"Q", REFUSED + b"\0")
_PROVOKED = b'"louver: '
"""In the error of a statement that refuses by itself what it would tell, see `proxy.postgres.wire.reports`."""

_ERROR = Frame(b"E", b"SERROR\0VERROR\0C42501\0Mrefused\0\0")


class Session:
    """One connection of Louver to its server.

    `idle` holds while the server waits for a statement. `refused` is set when Louver refuses one, or has it refuse itself; clear
    it before each.
    """

    def __init__(self, louver: Peer, server: Peer) -> None:
        self._louver = louver
        self._server = server
        self._status = b"I"
        self.idle = threading.Event()
        self.refused = False
        self._injecting: list[Frame] | None = None
        self._answered = threading.Condition()

    def run(self, *frames: Frame, data: list[Frame] | None = None) -> list[Frame]:
        """Send frames to the server in Louver's place, `data` when it asks for some; return its answer.

        Only while `idle`. Louver hears of changed parameters alone.
        """
        self._injecting = []
        with self._answered:
            self._server.send(*frames, *(data or ()))
            self._answered.wait_for(lambda: self._injecting and self._injecting[-1].kind == b"Z", timeout=300)
        answer, self._injecting = self._injecting, None
        return answer

    def from_louver(self) -> None:
        """Pass on what Louver sends, refusals apart, until either side ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                frame = self._louver.read()
                self.refused = self.refused or REFUSED in frame.body
                if frame == _REFUSAL:
                    self._louver.send(_ERROR, Frame(b"Z", self._status))
                    continue
                self.idle.clear()
                self._server.send(frame)
        self.close()

    def from_server(self) -> None:
        """Pass on what the server sends, answers to injected statements apart, until either side ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                frame = self._server.read()
                if frame.kind == b"Z":
                    self._status = frame.body
                    self.idle.set()
                if self._injecting is None and frame.kind == b"E" and _PROVOKED in frame.body:
                    self.refused = True
                if self._injecting is None or frame.kind == b"S":
                    self._louver.send(frame)
                else:
                    with self._answered:
                        self._injecting.append(frame)
                        self._answered.notify_all()
        self.close()

    def close(self) -> None:
        """End both sides."""
        self._louver.close()
        self._server.close()


class Backdoor:
    """Listens for Louver's upstream connections. `service` is the user by whom Louver reads the catalog."""

    def __init__(self, server_port: int, service: str) -> None:
        self._server_port = server_port
        self._service = service
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.latest: Session | None = None
        """The session of the client that came in last."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, connection: socket.socket) -> None:
        louver = Peer(connection)
        try:
            startup = louver.read_startup()
        except EOFError:
            louver.close()
            return
        server = Peer.connect(self._server_port)
        server.send_raw(startup)
        session = Session(louver, server)
        if startup_parameters(startup).get("user") != self._service:
            self.latest = session
        threading.Thread(target=session.from_louver, daemon=True).start()
        session.from_server()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
