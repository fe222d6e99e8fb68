"""What a client sees through a session is what it would see direct, whatever it sends and however bytes travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.postgres.wire.frames import HEADER_SIZE, read_header

if TYPE_CHECKING:
    from collections.abc import Callable


class Server:
    """A PostgreSQL of a few texts: `select N` has N rows, `copy` reads, `fail` does not parse, `boom` fails when run.

    It keeps to the order of answers, skips to Sync after an error, and ignores Sync and Flush in COPY.
    """

    def __init__(self, wire: Any) -> None:
        self.answer = wire.server
        self.statements: dict[bytes, bytes] = {}
        self.portals: dict[bytes, list[Any]] = {}
        self.skipping = False
        self.copying = ""
        self.rest = b""

    def receive(self, data: bytes) -> bytes:
        """Take bytes, give the answers."""
        data = self.rest + data
        position, out = 0, b""
        while position + HEADER_SIZE <= len(data):
            kind, length = read_header(data, position)
            stop = position + 1 + length
            if stop > len(data):
                break
            out += self.message(chr(kind), data[position + HEADER_SIZE : stop])
            position = stop
        self.rest = data[position:]
        return out

    def message(self, kind: str, payload: bytes) -> bytes:
        """One message's answer."""
        if self.copying:
            return self.copied(kind, payload)
        if kind == "S":
            self.skipping = False
            self.portals.clear()
            return self.answer("Z(I)")
        if self.skipping or kind in "Hdcf":
            return b""
        if kind == "Q":
            return self.query(payload[:-1])
        answer: bytes | None = getattr(self, f"on_{kind.lower()}")(*payload.split(b"\0")[:2], payload)
        if answer is None:
            self.skipping = True
            return self.answer("E(42000,refused)")
        return answer

    def query(self, text: bytes) -> bytes:
        """The simple protocol."""
        if text == b"copy":
            self.copying = "simple"
            return self.answer("G")
        if not text.startswith(b"select"):
            return self.answer("E(42000,refused) Z(I)")
        rows = int(text.split()[1])
        return self.answer("T(a) " + "D(x) " * rows + f"C(SELECT {rows}) Z(I)")

    def copied(self, kind: str, payload: bytes) -> bytes:
        """A message in the midst of COPY."""
        simple = self.copying == "simple"
        end = " Z(I)" if simple else ""
        if kind in "SH" or (kind == "d" and payload != b"bad"):
            return b""
        self.copying = ""
        if kind == "c":
            return self.answer("C(COPY 1)" + end)
        self.skipping = not simple
        return self.answer("E(22000,refused)" + end)

    def on_p(self, name: bytes, text: bytes, _payload: bytes) -> bytes | None:
        """Parse."""
        if not name:
            self.statements.pop(name, None)
        if name in self.statements or not text.startswith((b"select", b"copy", b"boom")):
            return None
        self.statements[name] = text
        return self.answer("1")

    def on_b(self, portal: bytes, name: bytes, _payload: bytes) -> bytes | None:
        """Bind."""
        text = self.statements.get(name)
        if text is None or (portal and portal in self.portals):
            return None
        self.portals[portal] = [text, int(text.split()[1]) if text.startswith(b"select") else 0]
        return self.answer("2")

    def on_d(self, name: bytes, _rest: bytes, _payload: bytes) -> bytes | None:
        """Describe."""
        table: Any = self.statements if name[:1] == b"S" else self.portals
        if name[1:] not in table:
            return None
        found = table[name[1:]]
        text = found if isinstance(found, bytes) else found[0]
        return self.answer(("t " if name[:1] == b"S" else "") + ("T(a)" if text.startswith(b"select") else "n"))

    def on_e(self, name: bytes, _rest: bytes, payload: bytes) -> bytes | None:
        """Execute."""
        portal = self.portals.get(name)
        if portal is None or portal[0] == b"boom":
            return None
        if portal[0] == b"copy":
            self.copying = "extended"
            return self.answer("G")
        limit = int.from_bytes(payload[-4:], "big")
        if limit and portal[1] > limit:
            portal[1] -= limit
            return self.answer("D(x) " * limit + "s")
        rows, portal[1] = portal[1], 0
        return self.answer("D(x) " * rows + f"C(SELECT {rows})")

    def on_c(self, name: bytes, _rest: bytes, _payload: bytes) -> bytes:
        """Close."""
        (self.statements if name[:1] == b"S" else self.portals).pop(name[1:], None)
        return self.answer("3")


NAMES = st.sampled_from(["", "a", "b"])
TEXTS = st.sampled_from(["select 0", "select 2", "select 5", "select 3 phone", "fail", "boom", "secret"])
REQUESTS = st.one_of(
    st.builds("P({},{})".format, NAMES, TEXTS),
    st.builds("B({},{})".format, NAMES, NAMES),
    st.builds("E({},{})".format, NAMES, st.sampled_from([0, 2])),
    st.builds("D({}{})".format, st.sampled_from("SP"), NAMES),
    st.builds("C({}{})".format, st.sampled_from("SP"), NAMES),
    st.just("H"),
)
PIPELINES = st.builds(lambda requests: " ".join([*requests, "S"]), st.lists(REQUESTS, max_size=8))
USUAL = st.builds("P(,{0}) B(,) D(P) E(,{1}) S".format, TEXTS, st.sampled_from([0, 2]))
QUERIES = st.builds("Q({})".format, TEXTS)
COPIED = st.sampled_from(["d(1) c", "d(1) d(2) c", "c", "d(bad) d(1) c", "d(1) f(no)", "d(1) S d(2) H c"])
COPIES = st.builds("Q(copy) {}".format, st.sampled_from(["d(1) c", "d(1) d(2) c", "c", "d(1) f(no)", "d(bad) d(1) c"]))
# The statement is taken away again, or a later Bind would begin a COPY that nobody ends.
EXTENDED_COPIES = st.builds("P(,copy) B(,) D(P) E(,) {} {} S P(,select 0) S".format, st.sampled_from(["", "S"]), COPIED)
PROGRAMS = st.lists(st.one_of(PIPELINES, PIPELINES, USUAL, QUERIES, COPIES, EXTENDED_COPIES), max_size=8)


def kinds(data: bytes) -> list[tuple[int, bytes]]:
    """The messages of the server; of errors only that they are, for a refusal has a text of its own."""
    found, position = [], 0
    while position < len(data):
        kind, length = read_header(data, position)
        payload = data[position + HEADER_SIZE : position + 1 + length]
        found.append((kind, b"" if kind == ord("E") else payload))
        position += 1 + length
    return found


@given(PROGRAMS, st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None)
def test_a_client_sees_what_it_would_see_direct(
    player: Callable[..., Any], wire: Any, program: list[str], random: Any
) -> None:
    """Pipelines, errors, cursors and COPY give the same messages through a session, however the bytes are delivered."""
    sent = wire.client(" ".join(program))
    direct = kinds(Server(wire).receive(sent))
    server, played = Server(wire), player()
    answers, through = b"", b""
    while sent or played.to_server or answers:
        choice = random.randrange(3)
        size = random.choice([1, 7, 40, 1000])
        if choice == 0 and sent:
            played.client(sent[:size])
            sent = sent[size:]
        elif choice == 1:
            answers += server.receive(played.to_server[:size])
            played.to_server = played.to_server[size:]
        else:
            played.server(answers[:size])
            answers = answers[size:]
        assert played.violation is None
        through += played.to_client
        played.to_client = b""
    assert kinds(through) == direct
    assert played.session.quiet
