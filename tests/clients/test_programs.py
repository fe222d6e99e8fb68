"""PostgreSQL's own programs through Louver: pgbench in all its modes, dumps and what restores them, maintenance."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from louver.demo.postgres import LocalPostgres

MODES = ("simple", "extended", "prepared")


@pytest.fixture(scope="module")
def program(shop: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs one of PostgreSQL's programs."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [f"{shop.bin}/{name}", *arguments],
            capture_output=True,
            text=True,
            env=shop.environment,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def accounts(shop: Any, program: Callable[..., Any]) -> None:
    """The tables of pgbench, made through Louver."""
    made = program("pgbench", "-i", "-q", "-s", "1", shop.owner.dsn)
    assert made.returncode == 0, made.stderr


def _bench(program: Callable[..., Any], *arguments: str) -> None:
    done = program("pgbench", "-n", "-c", "4", "-j", "2", *arguments)
    assert done.returncode == 0, done.stderr
    assert "number of failed transactions: 0" in done.stdout


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("mode", MODES)
def test_pgbench_writes(shop: Any, program: Callable[..., Any], mode: str) -> None:
    """The owner's transactions of several statements all succeed, each client's in its own session."""
    _bench(program, "-M", mode, "-t", "25", shop.owner.dsn)


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("mode", MODES)
def test_pgbench_reads(person: Any, program: Callable[..., Any], mode: str) -> None:
    """Point queries succeed for the owner, and for the clerk, whose statements are rewritten."""
    _bench(program, "-S", "-M", mode, "-t", "50", person.dsn)


@pytest.mark.usefixtures("accounts")
def test_pgbench_connects_for_every_transaction(person: Any, program: Callable[..., Any]) -> None:
    """A login for each transaction works as well."""
    _bench(program, "-S", "-C", "-t", "5", person.dsn)


@pytest.mark.usefixtures("accounts")
def test_pgbench_pipelines(person: Any, program: Callable[..., Any], tmp_path: Any) -> None:
    """Pipelines of pgbench get each of their answers."""
    script = tmp_path / "script"
    seen = person.phone(7)
    script.write_text(
        "\\startpipeline\nSELECT 1;\nSELECT phone FROM people WHERE id = 7;\nSELECT 2;\n\\endpipeline\n"
        f"SELECT 1 / (phone = '{seen}')::int FROM people WHERE id = 7;\n"  # fails for whoever sees another
    )
    _bench(program, "-M", "extended", "-t", "10", "-f", str(script), person.dsn)


def _dump(program: Callable[..., Any], dsn: str, *arguments: str) -> str:
    key = () if "-Fc" in arguments else ("--restrict-key=tests",)  # else each script has a random one
    done = program("pg_dump", *key, "--exclude-table=pgbench_*", *arguments, dsn)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.mark.parametrize("options", [(), ("--inserts", "--rows-per-insert=100"), ("--schema-only",)])
def test_a_dump_is_that_of_the_database(shop: Any, program: Callable[..., Any], options: tuple[str, ...]) -> None:
    """For who sees everything a dump through Louver is the same to the byte as one made direct."""
    dump = _dump(program, shop.owner.dsn, *options)
    assert "CREATE TABLE public.people" in dump
    assert dump == _dump(program, shop.direct, *options)


@pytest.mark.parametrize("how", ["psql", "pg_restore"])
def test_a_dump_is_restored(
    shop: Any, program: Callable[..., Any], postgres: LocalPostgres, tmp_path: Any, how: str
) -> None:
    """What was dumped through Louver is restored through it, by psql or by pg_restore, and is the same."""
    restored = f"restored_by_{how}"
    postgres.create_database(restored)
    target = re.sub("boutique$", restored, shop.owner.dsn)
    file = str(tmp_path / "dump")
    if how == "psql":
        _dump(program, shop.owner.dsn, "-f", file)
        done = program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file, target)
    else:
        _dump(program, shop.owner.dsn, "-Fc", "-f", file)
        done = program("pg_restore", "--exit-on-error", "-d", target, file)
    assert done.returncode == 0, done.stderr
    assert _dump(program, target) == _dump(program, shop.direct)


@pytest.mark.parametrize("options", [(), ("--inserts",), ("-Fc",), ("-t", "people")])
def test_a_dump_of_the_clerk_is_refused(shop: Any, program: Callable[..., Any], options: tuple[str, ...]) -> None:
    """Who does not see everything cannot dump: pg_dump ends with the reason, and with no row."""
    done = program("pg_dump", *options, shop.clerk.dsn)
    assert done.returncode == 1
    assert re.search("ERROR: .* is not allowed", done.stderr)
    assert "13800000" not in done.stdout


def test_maintenance(shop: Any, program: Callable[..., Any]) -> None:
    """VACUUM, ANALYZE and REINDEX are statements like others, for the clerk on protected tables, too: they tell nothing."""
    for name in ("vacuumdb", "reindexdb"):
        done = program(name, "-d", shop.owner.dsn, "-t", "notes")
        assert done.returncode == 0, done.stderr
        done = program(name, "-d", shop.clerk.dsn, "-t", "people")
        assert done.returncode == 0, done.stderr
    assert program("pg_isready", "-d", shop.clerk.dsn).returncode == 0
