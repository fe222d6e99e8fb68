"""What a session is in, as the server itself reports it: default schema, sql_mode, character sets.

Owns the value, how changes reported in OK packets move it, and the two questions that put it right from the start. May not do:
I/O, decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rewriter.mysql.lexer import telling

if TYPE_CHECKING:
    from collections.abc import Sequence

_UTF8: Final = frozenset(("utf8mb4", "utf8mb3", "utf8"))
_NOT_ASCII: Final = frozenset(("swe7",))  # where { is a letter, and a table's name can hold it
_LIST: Final = "session_track_system_variables"
_FIELDS: Final = {
    "": "schema",
    "sql_mode": "sql_mode",
    "character_set_client": "client",
    "character_set_connection": "connection",
    "character_set_results": "results",
}
_STATE_WORDS: Final = (b"sql_mode", b"character", b"charset", b"names", b"collation", b"execute", b"call")
_WATCHED: Final = tuple(filter(None, _FIELDS))

_NOW: Final = f"REPLACE(COALESCE(@@SESSION.{_LIST}, ''), ' ', '')"
_ADDED: Final = ", ".join(f"IF(FIND_IN_SET('{name}', {_NOW}), '', ',{name}')" for name in _WATCHED)
START_TRACKING: Final = (
    f"SET SESSION session_track_schema = 1, {_LIST} = "
    f"IF({_NOW} = '*', '*', TRIM(LEADING ',' FROM CONCAT({_NOW}, {_ADDED})))"
)
"""Has the server report what matters here, besides what it reports already; MySQL takes no name twice."""

READ_TRACKED: Final = "SELECT " + ", ".join(
    f"HEX(CONVERT({what} USING utf8mb4))"
    for what in (
        "DATABASE()",
        "@@SESSION.sql_mode",
        "@@SESSION.character_set_client",
        "@@SESSION.character_set_connection",
        "@@SESSION.character_set_results",
        "CURRENT_USER()",
    )
)
"""Asks for what `read_tracked` takes: a row that is the same in every character set."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The state of a session that the reading of its statements rests on.

    `schema` is the default one, None without. `client`, `connection` and `results` are character sets; `results` is "" when
    the server converts nothing.
    """

    schema: str | None
    sql_mode: str
    client: str
    connection: str
    results: str

    @property
    def modes(self) -> frozenset[str]:
        """The words of sql_mode, in upper case."""
        return frozenset(word for word in self.sql_mode.upper().split(",") if word)

    @property
    def reading(self) -> tuple[frozenset[str], str]:
        """What the server reads texts by: what changes it lets one text say something else."""
        return telling(self.modes), "utf8mb4" if self.readable else self.client.lower()

    @property
    def readable(self) -> bool:
        """Whether the server reads texts as we do, in UTF-8."""
        return self.client in _UTF8 or self.client.lower() in _UTF8

    def reads(self, text: bytes) -> bool:
        """Whether the server reads this text as we do: in UTF-8, or in letters that mean the same in its character set."""
        return self.readable or (text.isascii() and self.client.lower() not in _NOT_ASCII)

    def decoded(self, text: bytes) -> str:
        """A text as the server reads it; as UTF-8 where its character set is not known here."""
        if not self.readable and not text.isascii():
            try:
                return text.decode(self.client)
            except (LookupError, UnicodeDecodeError):
                pass
        return text.decode(errors="surrogateescape")

    @property
    def utf8_results(self) -> bool:
        """Whether the names of columns come in UTF-8."""
        return self.results in _UTF8 or self.results in {"", "binary"} or self.results.lower() in _UTF8


def moved(before: Tracked, changes: Sequence[tuple[str, bytes]]) -> Tracked | None:
    """The state after reported changes; None when it is not reported whole any more, and has to be asked for."""
    new: dict[str, str | None] = {}
    for name, value in changes:
        field = _FIELDS.get(name.lower())
        if field is not None:
            text = value.decode("utf-8", "surrogateescape")
            new[field] = (text or None) if field == "schema" else text
        elif name.lower() == _LIST:
            listed = {word.strip() for word in value.decode("utf-8", "replace").lower().split(",")}
            if "*" not in listed and not listed.issuperset(_WATCHED):
                return None
    return replace(before, **new) if new else before  # type: ignore[arg-type]  # only the schema may be None


def read_tracked(row: Sequence[bytes | None]) -> tuple[Tracked, str]:
    """The state from the row that READ_TRACKED gives, and the account that the session runs as: its user name.

    The name is "" when the server has taken the client for nobody in particular. Raises ValueError for another row.
    """
    schema, sql_mode, client, connection, results, account = (_plain(value) for value in row)
    tracked = Tracked(schema, sql_mode or "", client or "", connection or "", results or "")
    return tracked, (account or "").rpartition("@")[0]


def _plain(value: bytes | None) -> str | None:
    return None if value is None else bytes.fromhex(value.replace(b"\0", b"").decode("ascii")).decode()


def may_change_state(text: bytes) -> bool:
    """Whether a statement that has failed may have changed what is tracked before it did."""
    lowered = text.lower()
    return any(word in lowered for word in _STATE_WORDS)
