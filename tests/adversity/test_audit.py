"""No record, no statement: what happens when the audit trail cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def insert_until_refused(client: psycopg.Connection[Any]) -> None:
    """Run statements, each with its record."""
    for number in range(10_000):
        client.execute(f"insert into big values ({number}, 'audited')")


def test_a_trail_that_cannot_grow_refuses_statements_and_the_proxy_lives(
    louver_factory: Callable[..., Any], stage: Any
) -> None:
    """Past a file size limit every statement and login is refused with 58030, nothing runs, nothing crashes."""
    command = ("/bin/sh", "-c", 'ulimit -f 40; exec "$@"', "sh")  # blocks of 512 bytes in sh: 20 kB
    with louver_factory(users={"bob": {"role": "boss"}}, policies=stage.policies, command=command) as louver:
        dsn = louver.dsn("bob", database=stage.database)
        with psycopg.connect(dsn, autocommit=True) as client:
            with pytest.raises(psycopg.OperationalError) as told:
                insert_until_refused(client)
            assert told.value.sqlstate == "58030"
        ran = int(stage.postgres.run_sql("select count(*) from big where filler = 'audited'", stage.database))
        recorded = b"".join(path.read_bytes() for path in sorted(louver.audit_directory.glob("*.jsonl")))
        assert 0 < ran <= recorded.count(b'"event":"statement"')
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError, match="audit"):
                psycopg.connect(dsn)
        assert louver.process.poll() is None
        assert "Traceback" not in louver.log
