"""ClickHouse as a destination: one table of all trails, each record in it exactly once.

Owns the table, the views beside it, and the order of things. How far a trail has got is what the table itself holds. A batch is inserted
as one part with a token made of its range; one that was begun is sent again as it was, so that ClickHouse drops what it has. May not do:
know a record (rows), ask anything else (asking).
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
from clickhouse_connect import get_client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from audit import chain, tables
from shipping.dialect import translated_view
from shipping.following import DestinationError
from shipping.rows import row, type_of
from shipping.trail import Place, Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clickhouse_connect.driver.client import Client

    from shipping.trail import Batch

FAILURES: Final = (ClickHouseError, HTTPError, OSError)
"""What its client raises."""

_INSERTING: Final[Mapping[str, Any]] = {
    "insert_deduplicate": 1,
    "async_insert": 0,  # it would answer before the records are there, and make its own blocks
    "input_format_parallel_parsing": 0,  # one batch, one block, one part: there as a whole or not at all
    "max_insert_block_size": 1_048_576,
}
_WINDOW: Final = 1000
"""How many batches a table remembers, to drop one that comes again."""

_GZIP_LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class Account:
    """A database in a ClickHouse, reached by HTTP, and who comes in there. `url`: https://host:8443/database."""

    url: str
    user: str
    password: str = field(repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    seconds: float = 60.0

    @property
    def database(self) -> str:
        """The database's name."""
        return urlsplit(self.url).path.strip("/") or "default"


def connected(account: Account) -> Client:
    """Connect. Raises what FAILURES lists."""
    url = urlsplit(account.url)
    secure = url.scheme == "https"
    return get_client(
        host=url.hostname or "",
        port=url.port or (8443 if secure else 8123),
        interface=url.scheme,
        username=account.user,
        password=account.password,
        database=account.database,
        ca_cert=str(account.ca) if account.ca else None,
        client_cert=str(account.certificate) if account.certificate else None,
        client_cert_key=str(account.key) if account.key else None,
        verify=True,
        connect_timeout=int(account.seconds) or 1,
        send_receive_timeout=int(account.seconds) or 1,
        autogenerate_session_id=False,
        client_name="louver",
    )


def said(error: Exception) -> str:
    """Return what a failure says, on one line, without the query that it was about."""
    return " ".join(str(error).split())[:500]


def _named(error: Exception) -> str:
    """Return what a failure is called: its words may quote the records that were sent, which are not for a log."""
    code = re.search(r"Code: ([0-9]+)\.", str(error))
    name = re.search(r"\(([A-Z][A-Z0-9_]{3,})\)", str(error))
    if code is None:
        return type(error).__name__
    return f"code {code[1]}" + (f" ({name[1]})" if name else "")


def definitions(*, known: set[str]) -> list[str]:
    """Return the statements that make the table and the views, or add the columns that a table of an older Louver has not."""
    columns = {
        "trail": "LowCardinality(String)",
        "segment": "UInt32",
        **{name: type_of(name) for name in tables.COLUMNS},
        "line": "String",
    }
    if "seq" not in known:
        written = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
        made = [
            (
                f"CREATE TABLE IF NOT EXISTS records ({written}, INDEX moments time TYPE minmax, INDEX sessions session TYPE bloom_filter) "
                "ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY (trail, seq) "
                f"SETTINGS non_replicated_deduplication_window = {_WINDOW}"
            )
        ]
    else:
        made = [
            f"ALTER TABLE records ADD COLUMN IF NOT EXISTS `{name}` {kind}"
            for name, kind in columns.items()
            if name not in known
        ]
    if made:
        made += [translated_view(view, anew=True) for view in tables.views(())[-2:]]
    return made


class ClickHouse:
    """A database in ClickHouse as a destination."""

    sizes = Sizes(records=50_000, octets=16 * 2**20)
    pause = 2.0
    exact = True

    def __init__(self, account: Account, trail: str) -> None:
        self._account = account
        self._trail = trail
        self._client: Client | None = None

    def start(self, noted: Place) -> Place:  # noqa: ARG002  what the table holds counts
        """Connect, see that the table is there, and return the last record in it. Raises DestinationError."""
        try:
            self._client = connected(self._account)
            asked = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'records'"
            for definition in definitions(known={name for (name,) in self._client.query(asked).result_rows}):
                self._client.command(definition)
            last = self._client.query(
                "SELECT seq, line FROM records WHERE trail = {trail:String} ORDER BY seq DESC LIMIT 1",
                parameters={"trail": self._trail},
                settings={"select_sequential_consistency": 1},
            ).result_rows
        except FAILURES as error:
            raise DestinationError(f"ClickHouse: {said(error)}") from None
        if not last:
            return Place()
        seq, line = last[0]
        found = chain.parse(line.encode())
        if found is None or found.hash is None:
            raise DestinationError(
                f"ClickHouse: record {seq} of {self._trail} is not as it was shipped: it ends no block"
            )
        return Place(seq, found.hash.decode())

    def send(self, batch: Batch) -> None:
        """Insert a batch. Raises DestinationError."""
        assert self._client is not None
        lines = b"\n".join(msgspec.json.encode(row(self._trail, read)) for read in batch.records)
        token = f"{self._trail}:{batch.first}-{batch.last}:{batch.after.hash}"
        try:
            self._client.raw_insert(
                "records",
                insert_block=gzip.compress(lines, _GZIP_LEVEL),
                settings={**_INSERTING, "insert_deduplication_token": token},
                fmt="JSONEachRow",
                compression="gzip",
            )
        except FAILURES as error:
            raise DestinationError(
                f"ClickHouse has not taken records {batch.first} to {batch.last}: {_named(error)}"
            ) from None

    def close(self) -> None:
        """Leave."""
        if self._client is not None:
            self._client.close()
            self._client = None
