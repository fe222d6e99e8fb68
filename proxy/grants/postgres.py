"""Grants in a schema of a PostgreSQL, shared by proxies on several machines and the command line.

Owns the schema's tables and their versions, and hearing that somebody has changed them. May not do: know what the tables mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import asyncpg

from proxy.grants.records import GrantsUnavailable
from proxy.grants.store import GrantStore

_T = TypeVar("_T")

_MIGRATIONS: Final = (
    """
    CREATE TABLE grants (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        principal text NOT NULL, columns text NOT NULL, labels text NOT NULL, rows text, declared text NOT NULL,
        database text, purpose text, reason text NOT NULL, requested_by text NOT NULL, requested_at text COLLATE "C" NOT NULL,
        minutes bigint NOT NULL CHECK (minutes > 0), statements bigint CHECK (statements > 0), row_limit bigint CHECK (row_limit > 0),
        break_glass bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('requested', 'active', 'denied', 'revoked', 'expired', 'used up')),
        starts text COLLATE "C", ends text COLLATE "C", reviewed bigint NOT NULL DEFAULT 0,
        statements_used bigint NOT NULL DEFAULT 0, rows_used bigint NOT NULL DEFAULT 0,
        holder text, held_until text COLLATE "C",
        CHECK (state <> 'active' OR (starts IS NOT NULL AND ends IS NOT NULL))
    );
    CREATE INDEX grants_by_state ON grants (state);
    CREATE TABLE events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, grant_id bigint NOT NULL REFERENCES grants,
        what text NOT NULL, person text, at text COLLATE "C" NOT NULL, note text, needs bigint
    );
    CREATE INDEX events_by_grant ON events (grant_id);
    CREATE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'events are only added' USING ERRCODE = 'integrity_constraint_violation'; END $$;
    CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON events EXECUTE FUNCTION events_stay();
    CREATE TABLE audited (trail text PRIMARY KEY, event bigint NOT NULL);
    CREATE TABLE served (protocol text NOT NULL);
    CREATE TABLE revision (number bigint NOT NULL);
    INSERT INTO revision VALUES (0);
    """,
)
"""What makes each version of the tables from the one before; the table `versions` counts them."""

_SECONDS: Final = 3.0
"""How long one statement may take: what cannot be asked is not in force some moments later."""

_LONGEST_PAUSE: Final = 5.0

_FAULTS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_FOREIGN: Final = """
    SELECT format('%s %s', CASE WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END, c.relname) AS what
    FROM pg_class c
    WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND (
        c.relowner <> current_user::regrole OR EXISTS (
            SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'))
    UNION ALL
    SELECT format('schema %s', n.nspname) FROM pg_namespace n
    WHERE n.oid = $1::regnamespace AND (
        n.nspowner <> current_user::regrole OR EXISTS (
            SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee <> n.nspowner AND a.privilege_type = 'CREATE'))
    LIMIT 1
"""
"""What others than the account of the grants could write: whoever can write grants can show themselves everything."""


@dataclass(frozen=True, slots=True)
class GrantSchema:
    """Where the schema is: the arguments of asyncpg.connect, and its name, of lower-case letters, digits and `_`."""

    connect: Mapping[str, Any] = field(repr=False)
    schema: str

    def __str__(self) -> str:
        where = f"{self.connect['host']}:{self.connect['port']}/{self.connect['database']}"
        return f"the grants in schema {self.schema} of {where}"

    async def connection(self) -> asyncpg.Connection:
        """Connect. Raises what asyncpg does."""
        settings = {
            "application_name": "louver grants",
            "search_path": self.schema,
            "lock_timeout": f"{_SECONDS:g}s",
            "statement_timeout": f"{_SECONDS:g}s",
            "idle_in_transaction_session_timeout": f"{_SECONDS:g}s",  # who stops within a transaction holds up nobody
        }
        return await asyncpg.connect(**{**self.connect, "server_settings": settings, "command_timeout": _SECONDS})


def open_database(database: GrantSchema) -> GrantStore:
    """Open the schema, which is made when it is not there; its tables are brought up to date. Raises GrantsUnavailable.

    Not within a running event loop: what it gives has one of its own.
    """
    tables = PostgresTables(database)
    try:
        tables.migrate()
    except BaseException:
        tables.close()
        raise
    return GrantStore(tables)


class PostgresTables:
    """The tables in a schema; as `proxy.grants.store.Tables` has it."""

    def __init__(self, database: GrantSchema) -> None:
        self.where = str(database)
        self._schema = database.schema
        # no two schemas with the same, but for one chance in 2 ** 64, which would make them wait for each other
        digest = hashlib.sha256(f"louver grants {database.schema}".encode()).digest()
        self._lock = int.from_bytes(digest[:8], "big", signed=True)
        self._texts: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        try:
            self._connection: asyncpg.Connection = self._done(database.connection())
        except BaseException:
            self._loop.close()
            raise

    @property
    def version(self) -> int:
        """Grows with every change of a grant."""
        return int(self.rows("SELECT number FROM revision")[0]["number"])

    def rows(self, text: str, *values: object) -> list[dict[str, Any]]:
        """Run a statement."""
        numbered = self._texts.get(text)
        if numbered is None:
            numbered = self._texts[text] = _numbered(text)
        return [dict(row) for row in self._done(self._connection.fetch(numbered, *values))]

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction that writes; nobody else writes meanwhile, so that events are committed in their order."""
        self._run(f"BEGIN; SELECT pg_advisory_xact_lock({self._lock})")
        try:
            yield
        except BaseException:
            with contextlib.suppress(GrantsUnavailable):
                self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def changed(self) -> None:
        """Let those who listen know, once the transaction is over."""
        self.rows("UPDATE revision SET number = number + 1")
        self.rows("SELECT pg_notify(?, '')", self._schema)

    def close(self) -> None:
        """Close the connection, in order when the server answers."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(GrantsUnavailable, AttributeError):
            self._done(self._connection.close(timeout=1.0))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets the transport go
        self._loop.close()

    def migrate(self) -> None:
        """Bring the tables to the version of this program."""
        with self.changing():
            if not self.rows("SELECT FROM pg_namespace WHERE nspname = ?", self._schema):
                self._run(f"CREATE SCHEMA {self._schema}")
            foreign = self.rows(_FOREIGN, self._schema)
            if foreign:
                raise GrantsUnavailable(
                    f"{self.where} could be written by others than its account ({foreign[0]['what']}); make that account "
                    "the owner of the schema and all in it, and revoke what others may do there"
                )
            self._run("CREATE TABLE IF NOT EXISTS versions (number integer PRIMARY KEY, at timestamptz DEFAULT now())")
            have = int(self.rows("SELECT coalesce(max(number), 0) AS number FROM versions")[0]["number"])
            if have > len(_MIGRATIONS):
                raise GrantsUnavailable(f"{self.where} are of version {have}, made by a later Louver than this")
            for number, migration in enumerate(_MIGRATIONS[have:], have + 1):
                self._run(migration)
                self.rows("INSERT INTO versions (number) VALUES (?)", number)

    def _run(self, script: str) -> None:
        """Run statements that give nothing."""
        self._done(self._connection.execute(script))

    def _done(self, awaited: Awaitable[_T]) -> _T:
        """Wait for the database, in this thread, and say what goes wrong in our words."""
        try:
            return self._loop.run_until_complete(_settled(awaited))
        except _FAULTS as error:
            raise GrantsUnavailable(f"{self.where} cannot be used: {_said(error)}") from error


async def hear(database: GrantSchema, heard: Callable[[], None]) -> None:
    """Call `heard` whenever somebody has changed a grant, until cancelled.

    It may miss what happens while it connects again: whoever has to know looks by themselves, too.
    """
    pause = 0.5
    while True:
        connection: asyncpg.Connection | None = None
        try:
            connection = await database.connection()
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _, gone=lost: gone.set())
            await connection.add_listener(database.schema, lambda *_: heard())
            pause = 0.5
            heard()
            await lost.wait()
        except _FAULTS:  # whoever looks finds out, too, and says so
            pass
        finally:
            if connection is not None:
                connection.terminate()
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _settled(awaited: Awaitable[_T]) -> _T:
    return await awaited


def _numbered(text: str) -> str:
    """A statement with `$1`, `$2` ... for its question marks; none stands in a literal of ours."""
    parts = text.split("?")
    return "".join(f"{part}${number}" for number, part in enumerate(parts[:-1], 1)) + parts[-1]


def _said(error: BaseException) -> str:
    return str(error) or ("it does not answer" if isinstance(error, TimeoutError) else type(error).__name__)
