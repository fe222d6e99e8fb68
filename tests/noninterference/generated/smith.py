"""sqlsmith as a source of statements: its queries over the bank, replayed.

Owns the running of sqlsmith and the choice of those queries whose answer is determined. They end with LIMIT without an
order, so only the twins are compared.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
from noninterference.generated.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from louver.demo.postgres import LocalPostgres

MISSING = "sqlsmith is not installed; install it: apt install sqlsmith (Debian and Ubuntu), or build it from its source"
_CALL = re.compile(r"(?:pg_catalog\.)?\"?([a-z_0-9]+)\"?\s*\(")
_CHANGING = """
SELECT p.proname FROM pg_proc p WHERE p.provolatile = 'v'
UNION SELECT p.proname FROM pg_proc p WHERE p.provolatile = 's' AND p.proname ~ '^(pg_|has_|current_|inet_|to_reg|txid|shobj|obj|col_desc|table_to|schema_to|database_to|query_to|cursor_to)'
UNION VALUES ('current_database'), ('hash_array_extended')
"""
"""Functions whose result differs from call to call, or from database to database."""


def installed() -> bool:
    """Whether there is a sqlsmith."""
    return shutil.which("sqlsmith") is not None


def statements(server: LocalPostgres, database: str, seed: int) -> Iterator[Statement]:
    """Queries without end; the same seed gives the same ones. Ends sqlsmith when it is closed."""
    with psycopg.connect(server.dsn(database)) as connection:
        changing = {name for (name,) in connection.execute(_CHANGING)}
    target = f"host={server.host} port={server.port} user={server.user} password={server.password} dbname={database}"
    command = ["sqlsmith", f"--target={target}", "--dry-run", "--exclude-catalog", f"--seed={seed}"]
    with subprocess.Popen(
        [*command, "--dump-all-queries"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip())
                if not line.rstrip().endswith(";"):
                    continue
                text = " ".join(" ".join(lines).rstrip(";").split())
                lines.clear()
                if changing.isdisjoint(_CALL.findall(text)):
                    yield Statement((text,), "twins", alone=text.startswith(("select", "with")), risky=True)
        finally:
            process.kill()
