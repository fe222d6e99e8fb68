"""The run: three servers, Louver before the third, psql through the suite's files in the order of its schedule.

Owns the processes and the results file. May not do: judge an answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import leg
from conformance.regress.backdoor import Backdoor
from conformance.regress.tee import Tee
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.regress.tee import Found

IDENTITY = """\
version: 1
dictionary:
  - {column: "*.*.*.*", category: everything, level: 1}
rules:
  - {name: every row is shown, columns: {category: everything}, rows: "true", treatment: clear}
"""
"""Every column is labelled and shown on the rows where TRUE holds: each reference is substituted, no value changes."""

_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"
_SERVICE = "louver_service"
_PASSWORD = "regression"
_DATABASE = "regression"
_SETTINGS = {
    "autovacuum": "off",  # what it does and when would differ from server to server
    "max_prepared_transactions": "2",
    "max_connections": "60",
    "lc_messages": "C",
    "timezone_abbreviations": "Default",
}
_ENVIRONMENT = {
    "PGTZ": "America/Los_Angeles",
    "PGDATESTYLE": "Postgres, MDY",
    "PGOPTIONS": "-c intervalstyle=postgres_verbose",
    "PGAPPNAME": "pg_regress",
}
"""What the suite expects of its sessions, as its own driver sets it."""

_FILE_SECONDS = 1800


def schedule(sources: Path) -> list[str]:
    """The names of the suite's files in their order."""
    lines = (sources / "parallel_schedule").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if line.startswith("test:") for name in line.removeprefix("test:").split()]


def run(sources: Path, results: Path, files: Iterable[str], library: Path | None = None) -> Counter[str]:
    """Run files of the suite and write one line of JSON for each statement; count the outcomes.

    `sources` is src/test/regress of PostgreSQL's source, `library` the directory of its regress.so.
    """
    counts: Counter[str] = Counter()
    current = [""]
    lock = threading.Lock()
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(results.open("w", encoding="utf-8"))

        def sink(found: Found) -> None:
            with lock:
                counts[found.outcome] += 1
                output.write(json.dumps(_line(current[0], found)) + "\n")

        servers = [stack.enter_context(LocalPostgres.start(settings=_SETTINGS, hba=_HBA)) for _ in range(3)]
        for server in servers:
            server.run_sql(f"ALTER ROLE {server.user} PASSWORD '{_PASSWORD}'")
            server.password = _PASSWORD
            server.run_sql(f"CREATE ROLE {_SERVICE} SUPERUSER LOGIN PASSWORD '{_PASSWORD}'")
            server.run_sql(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
        backdoor = Backdoor(servers[2].port, _SERVICE)
        stack.callback(backdoor.close)
        port = stack.enter_context(leg.louver(servers[2], IDENTITY, port=backdoor.port, service=_SERVICE))
        tee = Tee((servers[0].user, _PASSWORD), (servers[0].port, servers[1].port, port), backdoor, sink)
        stack.callback(tee.close)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (scratch / "results").mkdir()
        scratch.chmod(0o755)
        (scratch / "results").chmod(0o777)
        places = {"PG_ABS_SRCDIR": sources, "PG_ABS_BUILDDIR": scratch, "PG_LIBDIR": library or scratch}
        for name in files:
            current[0] = name
            _psql(servers[0], tee.port, sources / "sql" / f"{name}.sql", places)
            output.flush()
    return counts


def _psql(server: LocalPostgres, port: int, script: Path, places: Mapping[str, Path]) -> None:
    """Let psql run a script; what it says is of no interest."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    environment = {
        **clean,
        **_ENVIRONMENT,
        **{name: str(path) for name, path in places.items()},
        "PATH": f"{server.bin}{os.pathsep}{clean['PATH']}",
        "LANG": "C",
        "PG_DLSUFFIX": ".so",
    }
    command = [server.bin / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", server.user, "-d", _DATABASE]
    command += ["-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on", "-f", script]
    subprocess.run(
        command,
        cwd=places["PG_ABS_BUILDDIR"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=_FILE_SECONDS,
    )


def _line(file: str, found: Found) -> dict[str, object]:
    line: dict[str, object] = {"file": file, "outcome": found.outcome, "class": found.kind, "text": found.text[:2000]}
    if found.outcome in {"differs", "refused"} or (found.outcome == "failed" and found.kind != "alike"):
        line["direct"], line["louver"] = (repr(answer)[:1500] for answer in (found.direct, found.louver))
    return line
