"""ClickHouse's own engine (chdb, in this process) behind HTTP as ClickHouse speaks it, for the tests: queries, inserts, parameters, settings, users.

python clickhouse_server.py DIRECTORY PORT [CERTIFICATE KEY]   serves until it is ended; the data stays in the directory
"""

from __future__ import annotations

import base64
import gzip
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb import session

USER, PASSWORD = "shipper", "shipper secret"
_OURS = {"query", "database", "user", "password", "default_format", "session_id", "query_id", "compress", "decompress", "wait_end_of_query",
         "client_protocol_version", "enable_http_compression", "role", "session_timeout", "session_check", "quota_key", "buffer_size",
         "send_progress_in_http_headers", "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close"}  # fmt: skip
_LOCK = threading.Lock()


class Engine:
    """The engine, one statement at a time."""

    def __init__(self, directory: Path) -> None:
        self._session = session.Session(str(directory))
        self._session.query("CREATE DATABASE IF NOT EXISTS louver")
        # the small build of the engine has no ICU, where this function is from: here it knows the letters of the tests
        self._session.query("CREATE FUNCTION IF NOT EXISTS lowerUTF8 AS x -> translateUTF8(lower(x), 'ÄÖÜ', 'äöü')")

    def run(self, query: str, database: str, form: str, settings: dict[str, str], parameters: dict[str, str]) -> bytes:
        """Run one statement with settings of its own."""
        with _LOCK:
            self._session.query(f"USE `{database}`")
            for name, value in settings.items():
                self._session.query(f"SET {name} = '{value}'")
            try:
                return bytes(self._session.query(query, form, params=parameters).bytes() or b"")
            finally:
                for name in settings:
                    self._session.query(f"SET {name} = DEFAULT")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    engine: Engine
    directory: Path

    def do_GET(self) -> None:
        """Answer a query in the address."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a query in the body, or insert the body."""
        body = (
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "Content-Length" in self.headers
            else self._chunks()
        )
        self._answer(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _answer(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self._user() != (USER, PASSWORD):
            return self._send(
                403,
                b"Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)",
                {"X-ClickHouse-Exception-Code": "516"},
            )
        query = asked.get("query", "")
        query = f"{query}\n{body.decode()}" if query and body else query or body.decode()
        settings = {name: value for name, value in asked.items() if name not in _OURS and not name.startswith("param_")}
        parameters = {name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")}
        if not query.startswith("INSERT"):
            return self._do(query, asked, settings, parameters)
        self._note("begun")
        try:
            return self._do(query, asked, settings, parameters)
        finally:
            self._note("ended")

    def _note(self, what: str) -> None:
        with (self.directory / what).open("a") as file:
            file.write("one\n")

    def _do(self, query: str, asked: dict[str, str], settings: dict[str, str], parameters: dict[str, str]) -> None:
        form = asked.get("default_format", "TabSeparated")
        if (
            found := re.search(r"\sFORMAT\s+(\w+)\s*;?\s*$", query)
            if not query.lstrip().upper().startswith("INSERT")
            else None
        ):
            form, query = found[1], query[: found.start()]
        pause = self.directory / "pause"
        if query.startswith("INSERT") and pause.exists():  # as a server that is slow: the client may be gone by then
            time.sleep(float(pause.read_text()))
        hold = self.directory / "hold"
        if query.startswith("INSERT") and hold.exists():
            self._note("held")
            while hold.exists():
                time.sleep(0.02)
        try:
            answer = self.engine.run(query, asked.get("database", "default"), form, settings, parameters)
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            return self._send(500, str(error).encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "1000"})
        if query.startswith("INSERT"):
            with (self.directory / "inserts").open("a") as file:
                file.write(settings.get("insert_deduplication_token", "-") + "\n")
        return self._send(200, answer, {"X-ClickHouse-Format": form, "X-ClickHouse-Summary": "{}"})

    def _user(self) -> tuple[str, str]:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if given:
            name, _, password = base64.b64decode(given).decode().partition(":")
            return name, password
        return self.headers.get("X-ClickHouse-User", ""), self.headers.get("X-ClickHouse-Key", "")

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: addresses hold queries."""


def main() -> None:
    """Serve."""
    directory, port, *tls = sys.argv[1:]
    Handler.directory = Path(directory)
    Handler.engine = Engine(Path(directory) / "data")
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
