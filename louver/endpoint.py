"""The endpoint for those who watch: `/metrics`, `/healthz` and `/readyz` over HTTP.

Owns a listener and threads of its own, so that who asks slowly holds up nobody's statement, and it can be told when the event loop
does not turn. Answers GET and HEAD of three paths, to a few at a time, each for a few seconds.
May not do: know what a metric means, change anything.
"""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from louver.readiness import Readiness

_AT_A_TIME: Final = 8
"""Connections that are answered at a time; more are closed. Two Prometheus and two probes take four."""

_SECONDS: Final = 5.0
"""How long a connection may send or take nothing."""

_TURN_SECONDS: Final = 2.0
"""How long the event loop may be held up and count as alive; a catalog of 100,000 columns takes it less."""


class _Handler(BaseHTTPRequestHandler):
    """One request; the connection is closed behind it."""

    server: _Server
    timeout = _SECONDS
    server_version = "louver"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, kind, encode(self.server.registry))
        elif path == "/healthz":
            alive = self.server.readiness.turns(_TURN_SECONDS)
            self._say(alive, "ok\n" if alive else f"the event loop has not turned for {_TURN_SECONDS:g} s\n")
        elif path == "/readyz":
            checks = self.server.readiness.checks()
            self._say(
                all(checks.values()), "".join(f"{name}: {'ok' if good else 'no'}\n" for name, good in checks.items())
            )
        else:
            self._answer(404, _TEXT, b"there are /metrics, /healthz and /readyz\n")

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self.do_GET()

    def _say(self, good: bool, text: str) -> None:
        self._answer(200 if good else 503, _TEXT, text.encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the base class
        """Say nothing: a scrape each few seconds is no news."""


_TEXT: Final = "text/plain; charset=utf-8"


class _Server(ThreadingTCPServer):
    """The listener, which takes some connections at a time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, readiness: Readiness) -> None:
        self.registry = registry
        self.readiness = readiness
        self._places = threading.Semaphore(_AT_A_TIME)
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((address[0], address[1]), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Answer in a thread, when there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away or dawdles is no news."""


class Endpoint:
    """A running endpoint; `port` is where it listens."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, readiness: Readiness) -> None:
        """Listen and answer from now on. Raises OSError."""
        self._server = _Server((host, port), registry, readiness)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; who is being answered is not waited for."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
