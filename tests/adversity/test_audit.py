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


def test_a_trail_that_cannot_grow_lets_statements_pass_where_that_is_wanted(
    louver_factory: Callable[..., Any], stage: Any
) -> None:
    """With `audit.unavailable: pass` statements and logins go on, under the same masks, and the log tells of the gap."""
    command = ("/bin/sh", "-c", 'ulimit -f 40; exec "$@"', "sh")
    users = {"bob": {"role": "boss"}, "tina": {"role": "teller"}}
    with louver_factory(users=users, policies=stage.policies, command=command, audit={"unavailable": "pass"}) as louver:
        with psycopg.connect(louver.dsn("bob", database=stage.database), autocommit=True) as client:
            for number in range(300):
                client.execute(f"select {number}")
        with psycopg.connect(louver.dsn("tina", database=stage.database), autocommit=True) as client:
            (shown,) = client.execute("select phone from people where id = 1").fetchone() or ("",)
            assert set(shown) == {"*"}
        recorded = b"".join(path.read_bytes() for path in sorted(louver.audit_directory.glob("*.jsonl")))
        assert 0 < recorded.count(b'"event":"statement"') < 300
        louver.wait_for_said("statements pass without a record")
        assert "Traceback" not in louver.log


@pytest.mark.parametrize("unavailable", ["refuse", "pass"])
def test_a_trail_whose_segment_is_gone(louver_factory: Callable[..., Any], stage: Any, unavailable: str) -> None:
    """Refused until the next start, or passed without a record and said in the log, masked all the same; the trail goes on then."""
    users = {"tina": {"role": "teller"}}
    with louver_factory(users=users, policies=stage.policies, audit={"unavailable": unavailable}) as louver:
        with psycopg.connect(louver.dsn("tina", database=stage.database), autocommit=True) as client:
            query = "select phone from people where id = 1"
            assert set(client.execute(query).fetchone()[0]) == {"*"}
            for path in louver.audit_directory.glob("*.jsonl"):
                path.unlink()
            louver.wait_for_said("its open segment was removed")
            if unavailable == "refuse":
                with pytest.raises(psycopg.OperationalError, match="audit"):
                    client.execute(query)
            else:
                for _ in range(20):
                    assert set(client.execute(query).fetchone()[0]) == {"*"}
        assert not list(louver.audit_directory.glob("*.jsonl"))
        assert "Traceback" not in louver.log
