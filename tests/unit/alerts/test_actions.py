"""Channels over real sockets: what is sent, how it is signed, and that failures are told and tried again."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from email import message_from_string, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fixtures.alerting import until

from alerts.actions import mail, syslog, webhook
from alerts.actions.delivery import ChannelUnusable, DeliveryFailed, Message
from alerts.sending import Sending, pause
from alerts.store import State
from alerts.watching import Watching
from louver.demo.host import free_port

if TYPE_CHECKING:
    from fixtures.alerting import Hook
    from unit.alerts.conftest import Stream

MESSAGE = Message(
    7, "high", "tina: saw clear values", "tina: saw clear values\n  columns: phone", {"incident": 3, "rule": "x"}
)


def test_a_webhook_gets_signed_json(hook: Hook, tmp_path: Path) -> None:
    """The signature can be checked by whoever has the secret; the number is that of the message."""
    (tmp_path / "secret").write_text("s3cret\n")
    webhook.sender({"url": hook.url, "secret_file": "secret"}, tmp_path, clock=lambda: 1000.5)(MESSAGE)
    ((headers, body),) = hook.got
    assert json.loads(body) == {"id": 7, "text": MESSAGE.text, "incident": 3, "rule": "x"}
    assert headers["Louver-Signature"] == "sha256=" + webhook.signature(b"s3cret", "1000", body)
    assert (headers["Louver-Delivery"], headers["Louver-Timestamp"]) == ("7", "1000")


def test_a_redirect_is_no_arrival(hook: Hook, tmp_path: Path) -> None:
    """Nothing goes where it was not meant to."""
    hook.answers = [302]
    with pytest.raises(DeliveryFailed, match="answers 302"):
        webhook.sender({"url": hook.url}, tmp_path)(MESSAGE)
    assert len(hook.got) == 1


def test_what_cannot_be_reached_or_used_says_why(tmp_path: Path) -> None:
    """Without a secret in the text."""
    port = free_port()
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        webhook.sender({"url": f"http://127.0.0.1:{port}/", "seconds": 2}, tmp_path)(MESSAGE)
    with pytest.raises(ChannelUnusable, match="the secret of the webhook"):
        webhook.sender({"url": "http://127.0.0.1/", "secret_file": "none"}, tmp_path)
    with pytest.raises(DeliveryFailed, match="the mail was not taken"):
        mail.sender({"host": "127.0.0.1", "port": port, "tls": "none", "from": "a@b", "to": ("c@d",)}, tmp_path, "m")(
            MESSAGE
        )
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        syslog.sender({"host": "127.0.0.1", "port": port, "protocol": "tcp"})(MESSAGE)


class _Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as it takes to take a mail."""

    mails: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        body: list[str] | None = None
        for line in self.rfile:
            text = line.decode().rstrip("\r\n")
            if body is not None and text != ".":
                body.append(text)
                continue
            verb = text[:4].upper() if body is None else "DONE"
            if verb == "DONE":
                assert body is not None
                self.mails.append("\n".join(body))
                body = None
            elif verb == "DATA":
                body = []
            self.wfile.write({"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(verb, b"250 fine\r\n"))


@contextlib.contextmanager
def _mail_server() -> Iterator[tuple[int, list[str]]]:
    handler = type("Handler", (_Smtp,), {"mails": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1], handler.mails  # type: ignore[attr-defined]  # made above
        finally:
            server.shutdown()
            thread.join()


def test_a_mail_is_taken_whole(tmp_path: Path) -> None:
    """Subject, addresses, a Message-ID that stays the same; a name with a line end makes no header."""
    with _mail_server() as (port, mails):
        options = {
            "host": "127.0.0.1",
            "port": port,
            "tls": "none",
            "from": "louver@bank.example",
            "to": ("soc@bank.example",),
        }
        send = mail.sender(options, tmp_path, "soc")
        send(MESSAGE)
        send(MESSAGE)
        with pytest.raises(DeliveryFailed):
            send(Message(8, "low", "x\r\nBcc: evil@example.com", "", {}))
    first, second = (message_from_string(each, policy=policy.default) for each in mails)
    assert first["Subject"] == "[louver high] tina: saw clear values"
    assert (first["To"], first["Message-ID"]) == ("soc@bank.example", second["Message-ID"])
    assert first.get_content().startswith("tina: saw clear values\n  columns: phone")


def test_a_mail_server_without_tls_gets_nothing(tmp_path: Path) -> None:
    """Where STARTTLS is asked for and not offered, nothing is sent."""
    with _mail_server() as (port, mails):
        options = {"host": "127.0.0.1", "port": port, "from": "a@b", "to": ("c@d",)}
        with pytest.raises(DeliveryFailed):
            mail.sender(options, tmp_path, "m")(MESSAGE)
    assert mails == []


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_line_for_syslog(protocol: str) -> None:
    """Facility and severity as numbers, the message, and its fields as JSON, on one line."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        if protocol == "tcp":
            server.listen()
        syslog.sender({"host": "127.0.0.1", "port": server.getsockname()[1], "protocol": protocol})(MESSAGE)
        if protocol == "udp":
            line = server.recv(9000)
        else:
            with server.accept()[0] as taken:
                line = b"".join(iter(lambda: taken.recv(9000), b""))
    assert line.startswith(b"<35>louver: tina: saw clear values {")  # auth (4) and error (3)
    assert line.endswith(b"\n") is (protocol == "tcp")
    assert json.loads(line[line.index(b"{") :])["incident"] == 3


def test_a_channel_that_fails_is_tried_again_and_holds_up_no_other(
    tmp_path: Path, stream: Stream, make_book: Callable[[str], Any]
) -> None:
    """The first try fails, the second arrives; meanwhile the other channel has had its message."""
    channels = "notify:\n  - {name: bad, syslog: {host: x}}\n  - {name: good, syslog: {host: x}}\nrules:\n"
    book = make_book("  - {name: x, events: [session_opened]}\n" + channels.partition("rules:")[0])
    state = State.open(tmp_path / "state.db")
    state.begin(0)
    watching = Watching(book)
    state.save(watching, watching.feed(stream.opened(0)))
    good, bad, acted = [], [], []
    clock = [watching.engine.now / 1_000_000]

    def failing(message: Message) -> None:
        bad.append(message.id)
        if len(bad) == 1:
            raise DeliveryFailed("busy")

    sending = Sending(
        tmp_path / "state.db",
        {"bad": failing, "good": lambda m: good.append(m.id)},
        acted.append,
        lambda *_: None,
        lambda: clock[0],
    )
    sending.start()
    try:
        until(lambda: len(bad) == 1 and good and acted)
        (row,) = until(lambda: [each for each in state.deliveries(1) if each[0] == "bad" and each[3] == 1])
        assert (row[2], row[4]) == ("waiting", "busy")
        clock[0] += pause(0) + 1
        sending.wake()
        until(lambda: all(how == "arrived" for _, _, how, _, _ in state.deliveries(1)))
    finally:
        sending.stop()
        state.close()
    assert (len(bad), len(good), len(acted)) == (2, 1, 1)


def test_what_does_not_arrive_in_a_day_is_given_up_and_told(
    tmp_path: Path, stream: Stream, make_book: Callable[[str], Any]
) -> None:
    """So that somebody can see that a channel is gone."""
    book = make_book("  - {name: x, events: [session_opened]}\nnotify:\n  - {name: bad, syslog: {host: x}}")
    state = State.open(tmp_path / "state.db")
    state.begin(0)
    watching = Watching(book)
    state.save(watching, watching.feed(stream.opened(0)))
    clock = [watching.engine.now / 1_000_000 + 100_000]
    lost: list[str] = []

    def failing(_: Message) -> None:
        raise DeliveryFailed("gone")

    sending = Sending(
        tmp_path / "state.db",
        {"bad": failing},
        lambda _: None,
        lambda each, why: lost.append(f"{each.channel} {why}"),
        lambda: clock[0],
    )
    sending.start()
    try:
        until(lambda: any(each[3] == 1 for each in state.deliveries(1)))
        clock[0] += 1000
        until(lambda: lost)
    finally:
        sending.stop()
        state.close()
    assert lost == ["bad gone"]
